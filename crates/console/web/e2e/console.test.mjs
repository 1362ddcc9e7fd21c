// The console's main road in headless Chromium, keyboard and policy included.
//
// Against a real Postroom (what counts):
//   POSTROOM_URL         http://127.0.0.1:8025
//   POSTROOM_SETUP_URL   the one-time link that the server printed (http://…/setup#token=…)
//   POSTROOM_E2E_MAILBOX JSON as for POST /v1/mailboxes with address, password, incoming and outgoing of a
//                        mailbox that works, with at least two messages in its inbox
// Without them the mock answers, which tests these pages but nothing of Postroom.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const real = process.env.POSTROOM_URL;
const mailbox = process.env.POSTROOM_E2E_MAILBOX
  ? JSON.parse(process.env.POSTROOM_E2E_MAILBOX)
  : {
      address: "e2e@harbour-tools.example", password: "right",
      incoming: { protocol: "imap", host: "imap.harbour-tools.example", port: 993, security: "tls", username: "e2e@harbour-tools.example" },
      outgoing: { host: "smtp.harbour-tools.example", port: 465, security: "tls", username: "e2e@harbour-tools.example" },
    };
const owner = { name: "Olga Owner", email: "olga@example.com", password: "correct horse battery" };

let base, setupUrl, mock, browser, page, complaints;

before(async () => {
  if (real) {
    base = real.replace(/\/$/, "");
    setupUrl = process.env.POSTROOM_SETUP_URL;
    assert.ok(setupUrl, "POSTROOM_SETUP_URL is missing");
  } else {
    console.log("# NOTE: no POSTROOM_URL: the mock answers. This proves the pages, not Postroom.");
    const { startMock } = await import("./mock-server.mjs");
    mock = await startMock({ fresh: true, delay: 10, stepDelay: 30 });
    base = mock.url;
    setupUrl = `${base}/setup#token=mock`;
  }
  browser = await openBrowser();
  ({ page, complaints } = await openPage(browser));
});

after(async () => {
  await browser?.close();
  await mock?.stop();
});

afterEach(() => {
  assert.deepEqual(complaints.splice(0), [], "no script error and no policy violation");
});

async function accessible(what) {
  const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] })`);
  const list = found.violations.map((v) => `${what}: ${v.id} ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`);
  assert.deepEqual(list, []);
}

const button = (name) => page.getByRole("button", { name, exact: true });

test("the set-up link creates the owner and leaves no token in the address", async () => {
  await page.goto(setupUrl);
  await page.getByLabel("Your name").fill(owner.name);
  assert.ok(!page.url().includes("token"), page.url());
  await accessible("set-up");
  await page.getByLabel("Email").fill(owner.email);
  await page.getByLabel("Password").fill(owner.password);
  await page.getByLabel("Password").press("Enter");
  await page.getByText("Connect the first mailbox").waitFor();
  await accessible("no mailbox");
});

test("signing out and in again comes back to where one was", async () => {
  await page.getByRole("button", { name: /theme and sign-out/ }).click();
  await page.getByRole("menuitem", { name: /Sign out/ }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto(`${base}/settings/webhooks`);
  await page.getByLabel("Email").fill(owner.email);
  await accessible("sign in");
  await page.getByLabel("Password").fill(owner.password);
  await button("Sign in").click();
  await page.getByText("No webhook yet").waitFor();
  assert.match(page.url(), /\/settings\/webhooks$/);
});

async function fillSide(section, side) {
  const group = page.getByRole("group", { name: section });
  await group.getByLabel("Server").fill(side.host);
  await group.getByLabel("Security").selectOption(side.security);
  await group.getByLabel("Port").fill(String(side.port));
  await group.getByLabel("User name").fill(side.username);
}

test("an address alone leads to settings, with their source", async () => {
  await page.goto(`${base}/mailboxes/new`);
  await page.getByLabel("Mail address").fill(mailbox.address);
  await accessible("address");
  await button("Next").click();
  await button("Next: sign in").waitFor({ timeout: 15_000 });
  await accessible("settings");
  // Nothing is known about a test domain: the servers are typed. What was found can be changed, too.
  const change = button("Change these settings");
  if (await change.isVisible()) await change.click();
  await fillSide("Receive mail", mailbox.incoming);
  await fillSide("Send mail", mailbox.outgoing);
});

test("what was typed is still there after the page was left, but no password", async () => {
  await page.reload();
  await button("Next: sign in").click();
  await page.getByLabel(/assword/).first().fill("wrong");
  await accessible("sign in to the mailbox");
  assert.ok(!(await page.evaluate(() => JSON.stringify(window.sessionStorage))).includes("wrong"));
});

test("a wrong password gets a named step and a button that leads to the field", async () => {
  await button("Test the connection").click();
  await page.locator("[data-verdict=fails]").waitFor({ timeout: 50_000 });
  const step = page.locator("ol.steps > [data-step=login]");
  assert.match(await step.getAttribute("class"), /fail/);
  await step.getByRole("button").first().click();
  await page.waitForFunction(() => document.activeElement?.getAttribute("type") === "password");
  await accessible("failed report");
});

test("the right password works, step by step, and the mailbox starts after a plan", async () => {
  await page.getByLabel("Password, or app password").fill(mailbox.password);
  await button("Test again").click();
  await page.locator("[data-verdict=works]").waitFor({ timeout: 50_000 });
  assert.equal(await page.locator(".step.pass").count() >= 9, true);
  await button("Next: folders").click();
  await page.getByText(/^About \d/).waitFor();
  await page.getByLabel("Store INBOX").waitFor();
  await accessible("folders and plan");
  await button("Save and start").click();
  await page.waitForURL(/\/mailboxes\/mbx_/, { timeout: 50_000 });
  await page.getByText(`${mailbox.address} is connected`).waitFor();
  await page.locator(".facts").getByText("Enabled").waitFor();
  await accessible("mailbox");
  await page.goto(`${base}/mailboxes`);
  await page.getByRole("link", { name: mailbox.name ?? mailbox.address }).waitFor();
  await accessible("mailboxes");
});

test("the plan is on the mailbox's page, and a folder is stored from a day on", async () => {
  mock?.seed();
  await page.getByRole("link", { name: mailbox.name ?? mailbox.address }).click();
  await page.getByRole("region", { name: "What is fetched" }).getByText(/\d messages?/).first().waitFor();
  const row = page.getByRole("region", { name: "Folders" }).getByRole("row").filter({ hasText: "INBOX" });
  await row.getByRole("button", { name: "Change INBOX" }).click();
  await page.getByRole("menuitem", { name: "What is stored of it" }).click();
  await page.getByLabel("Mail since").fill("2020-01-31");
  await page.getByLabel("Whole messages up to").fill("25");
  await accessible("what is stored of a folder");
  await button("Save").click();
  await row.getByText("since 31 Jan 2020, up to 25 MB").waitFor();
});

test("mail is listed, read by keyboard, and stays unread until asked", async () => {
  await page.goto(`${base}/inbox?view=messages`);
  await page.locator("[data-line]").first().waitFor({ timeout: 60_000 });
  await accessible("inbox");
  await page.keyboard.press("j");
  await page.locator(".reader h1").waitFor();
  const first = new URL(page.url()).searchParams.get("m");
  await page.keyboard.press("j");
  await page.waitForFunction((id) => new URL(location.href).searchParams.get("m") !== id, first);
  await page.keyboard.press("k");
  await page.waitForFunction((id) => new URL(location.href).searchParams.get("m") === id, first);
  const line = page.locator(`[data-line="${first}"]`);
  await page.locator(".message .text-body, .message iframe, .message p.faint").first().waitFor();
  await accessible("reader");
  const wasUnread = /unread/.test(await line.getAttribute("class"));
  const saved = page.waitForResponse((response) => response.request().method() === "PATCH");
  await page.keyboard.press("u");
  await page.waitForFunction(([id, was]) => document.querySelector(`[data-line="${id}"]`)?.classList.contains("unread") !== was, [first, wasUnread]);
  assert.equal((await saved).status(), 200);
  await page.reload();
  await page.waitForFunction(([id, was]) => {
    const node = document.querySelector(`[data-line="${id}"]`);
    return node && node.classList.contains("unread") !== was;
  }, [first, wasUnread]);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !new URL(location.href).searchParams.get("m"));
});

test("a message's HTML can run nothing and load nothing, even where it were not sanitised", async () => {
  const hostile = `<p id="proof">seen</p><script>top.pwned = 1</script><img src="x" onerror="top.pwned = 2"><img src="https://tracker.example/a.gif">
    <a href="javascript:top.pwned=3">go</a><iframe src="https://tracker.example/f"></iframe><form action="https://tracker.example/p"><button>post</button></form>
    <link rel="stylesheet" href="https://tracker.example/s.css"><style>#proof { color: red; background: url(https://tracker.example/b.png) }</style>`;
  const state = await page.context().storageState();
  const other = await openPage(browser, { storageState: state });
  const loaded = [];
  other.page.on("request", (request) => request.url().includes("tracker.example") && loaded.push(request.url()));
  await other.page.route(/\/v1\/messages\/[^/?]+\?/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), html: hostile } });
  });
  await other.page.goto(`${base}/inbox?view=messages`);
  await other.page.locator("[data-line]").first().click();
  const frame = other.page.frameLocator("iframe.paper");
  await frame.getByText("seen").waitFor();
  await frame.getByText("go").click();
  await frame.getByText("post").click();
  await other.page.waitForTimeout(300);
  assert.equal(await other.page.evaluate(() => window.pwned), undefined);
  // The browser lists a request before its policy refuses it; none may have been answered or sent on.
  assert.deepEqual(loaded.filter((url) => !other.complaints.some((c) => c.includes(url))), []);
  assert.equal(await frame.locator("#proof").evaluate((node) => getComputedStyle(node).color), "rgb(255, 0, 0)");
  await other.context.close();
});

test("search narrows the list and has an address of its own", async () => {
  const subject = (await page.locator("[data-line] .line-subject").first().textContent()).trim();
  const word = subject.split(/\s+/).find((w) => /^[\p{L}\p{N}]{3,}$/u.test(w)) ?? subject;
  await page.keyboard.press("/");
  await page.keyboard.type(`subject:${word}`);
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=subject/);
  await page.locator("[data-line]").first().waitFor();
  for (const text of await page.locator("[data-line] .line-subject").allTextContents()) assert.match(text.toLowerCase(), new RegExp(word.toLowerCase()));
});

test("the user chooses how mail is shown, and it stays so", async () => {
  const change = async (name, on) => {
    await page.goto(`${base}/settings/layout`);
    const saved = page.waitForResponse((response) => response.request().method() === "PATCH");
    await page.getByRole("switch", { name, checked: !on }).click();
    assert.equal((await saved).status(), 200);
    await page.getByRole("switch", { name, checked: on }).waitFor();
  };
  await change(/Merge the folders/, false);
  await accessible("layout");
  await page.goto(`${base}/inbox`);
  const tree = page.locator(".inbox > .tree");
  await tree.getByRole("link", { name: /^Flagged/ }).waitFor();
  await page.locator("[data-line]").first().waitFor();
  assert.equal(await tree.locator("ul").first().getByRole("link").count(), 3, "what is flagged, scheduled and being written, and no folder of all mailboxes");
  await change(/Merge the folders/, true);
  await change(/Show conversations/, false);
  await page.goto(`${base}/inbox`);
  await page.getByRole("button", { name: "Show threads" }).waitFor();
  assert.ok((await tree.locator("ul").first().getByRole("link").count()) > 6);
  // The button beside the list is the same switch.
  const saved = page.waitForResponse((response) => response.request().method() === "PATCH");
  await page.getByRole("button", { name: "Show threads" }).click();
  assert.equal((await saved).status(), 200);
  await page.reload();
  await page.getByRole("button", { name: "Show single messages" }).waitFor();
});

test("what is flagged is found in one place, and what is scheduled in another", async () => {
  await page.goto(`${base}/inbox`);
  await page.locator(".inbox > .tree").getByRole("link", { name: /^Flagged/ }).click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("flagged") === "true");
  await page.getByRole("heading", { name: /^Flagged/ }).waitFor();
  await accessible("flagged");
  await page.locator(".inbox > .tree").getByRole("link", { name: /^Scheduled/ }).click();
  await page.getByRole("button", { name: "Scheduled", pressed: true }).waitFor();
});

test("message files are stored in a folder of the server", async () => {
  await page.goto(`${base}/mailboxes`);
  await page.getByRole("link", { name: mailbox.address }).or(page.locator("td.head a")).first().click();
  const menu = page.getByRole("button", { name: "Change INBOX" });
  await menu.click();
  await page.getByRole("menuitem", { name: "Store message files in it" }).click();
  await page.getByLabel("Message files", { exact: true }).setInputFiles([{ name: "old.eml", mimeType: "message/rfc822", buffer: Buffer.from("Subject: From the old system\r\n\r\nAs it was.\r\n") }]);
  await accessible("message files");
  const sent = page.waitForResponse((response) => response.url().endsWith("/v1/messages") && response.request().method() === "POST");
  await button("Store them").click();
  assert.equal((await sent).status(), 202);
  await page.getByText("1 message on the way to INBOX").waitFor();
});

test("an own folder is made, a message is put in and taken out, and it gets another name and an end", async () => {
  await page.goto(`${base}/inbox?view=messages`);
  const tree = page.getByRole("navigation", { name: "Mailboxes and folders" });
  await tree.getByRole("link", { name: /^Inbox/ }).first().and(page.locator("[title*=message]")).waitFor();
  await tree.getByRole("button", { name: "New own folder or tag" }).click();
  await page.getByLabel("Name").fill("Yard");
  await accessible("a new own folder");
  await button("Make it").click();
  await tree.getByRole("link", { name: /^Yard/ }).waitFor();
  const subject = (await page.locator("[data-line] .line-subject").first().textContent()).trim();
  await page.locator("[data-line]").first().click();
  await page.locator(".message-head").first().waitFor();
  await button("More").click();
  await page.getByRole("menuitem", { name: /Tags and own folders/ }).click();
  const choice = page.getByRole("dialog").getByRole("checkbox", { name: "Yard" });
  await choice.click();
  await page.locator(".message-head .chip", { hasText: "Yard" }).waitFor();
  assert.equal(await choice.isChecked(), true);
  await accessible("tags of a message");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await tree.getByRole("link", { name: /^Yard/ }).click();
  await page.waitForURL(/tag=tag_/);
  await page.locator("[data-line]", { hasText: subject }).waitFor();
  assert.equal(await page.locator("[data-line]").count(), 1);
  await tree.getByRole("button", { name: "Change Yard" }).click();
  await page.getByRole("menuitem", { name: "Change" }).click();
  await page.getByLabel("Name").fill("Old yard");
  await button("Save").click();
  await tree.getByRole("link", { name: /^Old yard/ }).waitFor();
  await page.locator("[data-line]").first().click();
  await page.locator(".message-head .chip", { hasText: "Old yard" }).getByRole("button").click();
  await page.getByText("No mail here").waitFor();
  await tree.getByRole("button", { name: "Change Old yard" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await button("Delete the folder").click();
  await tree.getByRole("link", { name: /^Old yard/ }).waitFor({ state: "detached" });
  await page.waitForURL((url) => !url.search.includes("tag="));
});

test("a message is written, sent once on a double click, and shown in the outbox", async () => {
  const subject = `From the console ${Date.now()}`;
  await page.goto(`${base}/compose`);
  await page.getByLabel("To", { exact: true }).fill(`${mailbox.address},`);
  await page.getByLabel("Subject").fill(subject);
  await page.getByLabel("Text", { exact: true }).fill("Hello from the end-to-end test.");
  await page.locator('input[type="file"]').setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") });
  await page.getByText("Delivery", { exact: true }).click();
  await page.getByLabel("When it cannot be delivered").check();
  await accessible("compose");
  // Another tab that lies open on the inbox: the message comes back to its sender, and is shown by itself.
  const other = await openPage(browser, { storageState: await page.context().storageState() });
  await other.page.goto(`${base}/inbox?view=messages`);
  await other.page.locator("[data-line]").first().waitFor();
  await button("Send").dblclick();
  await page.getByText("In the outbox").waitFor();
  await page.goto(`${base}/outbox`);
  const row = page.locator("[data-submission]", { hasText: subject });
  await row.getByText("Accepted").first().waitFor({ timeout: 30_000 });
  assert.equal(await row.count(), 1);
  await row.getByRole("button").first().click();
  await row.getByText(mailbox.address).last().waitFor();
  await row.getByText("asked for notices (failure)").waitFor();
  await accessible("outbox");
  await other.page.locator("[data-line]", { hasText: subject }).waitFor({ timeout: 30_000 });
  assert.deepEqual(other.complaints, []);
  await other.context.close();
});

test("the outbox is kept as a file, in both forms", async () => {
  await page.goto(`${base}/outbox`);
  const file = async (form) => {
    await button("Export").click();
    const [kept] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: form }).click()]);
    return { name: kept.suggestedFilename(), text: readFileSync(await kept.path(), "utf8") };
  };
  const csv = await file(/^As CSV/);
  assert.match(csv.name, /^outbox-all-.*\.csv$/);
  assert.match(csv.text, /^id,mailbox_id,state,subject,/);
  assert.ok(csv.text.includes(`,${mailbox.address},accepted,250,`), csv.text);
  const json = JSON.parse((await file(/^As JSON/)).text);
  assert.ok(json.every((s) => s.id.startsWith("sub_") && s.recipients.length));
});

test("a message is taken back for a few seconds, with its file and what was asked for it", async () => {
  const subject = `Too soon ${Date.now()}`;
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await page.getByLabel("Subject").fill(subject);
  await page.getByLabel("Text", { exact: true }).fill("Not finished.");
  await page.locator('input[type="file"]').setInputFiles({ name: "plan.txt", mimeType: "text/plain", buffer: Buffer.from("plan") });
  await page.getByText("Delivery", { exact: true }).click();
  await page.getByLabel("When it is late").check();
  await button("Send").click();
  await button("Undo").click();
  await page.waitForURL((url) => url.search.includes("draft="));
  assert.equal(await page.getByLabel("Subject").inputValue(), subject);
  await page.getByText("plan.txt").waitFor();
  await page.getByText("Delivery: notices (delay)").waitFor();
  await page.goto(`${base}/outbox`);
  const row = page.locator("[data-submission]", { hasText: subject });
  await row.getByText("Cancelled").first().waitFor();
});

test("what is pasted keeps its structure and loses what loads, runs and looks", async () => {
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  const text = page.getByLabel("Text", { exact: true });
  await text.click();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/html", "<p style='color:red' onclick='x()'>Dear <b>Ann</b><script>1</script><img src='https://tracker.example/p.png'><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='></p><a href='javascript:x()'>no</a><a href='https://example.com/'>yes</a>");
    document.querySelector("[aria-label=Text]").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  const html = await text.innerHTML();
  assert.match(html, /<b>Ann<\/b>/);
  assert.match(html, /href="https:\/\/example.com\/"/);
  assert.match(html, /data:image\/gif/);
  assert.doesNotMatch(html, /script|tracker|onclick|style=/);
  const subject = `Formatted ${Date.now()}`;
  await page.getByLabel("Subject").fill(subject);
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

test("what is left is kept as a draft, and gone on with", async () => {
  const subject = `Half written ${Date.now()}`;
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await page.getByLabel("Subject").fill(subject);
  await page.getByLabel("Text", { exact: true }).fill("The first half.");
  await button("Back").click();
  await page.getByText("Kept as a draft").waitFor();
  const drafts = await page.evaluate(async () => (await (await fetch("/v1/drafts")).json()).data);
  const draft = drafts.find((d) => d.content.subject === subject);
  await page.goto(`${base}/compose?draft=${draft.id}`);
  assert.equal(await page.getByLabel("Subject").inputValue(), subject);
  assert.match(await page.getByLabel("Text", { exact: true }).innerText(), /The first half\./);
  await accessible("draft");
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

/** The API, as the page that is open may use it. */
const ask = (method, path, body) => page.evaluate(async ([method, path, body]) => {
  const answer = await fetch(path, { method, headers: { "Content-Type": "application/json", "X-Postroom-CSRF": "1" }, body: body && JSON.stringify(body) });
  return answer.json();
}, [method, path, body]);
const begunDraft = async (subject) => {
  const box = (await ask("GET", "/v1/mailboxes")).data.find((m) => m.address === mailbox.address);
  return ask("POST", "/v1/drafts", { mailbox_id: box.id, to: [{ address: mailbox.address }], subject, text: "First." });
};
const changedElsewhere = () => page.getByRole("region", { name: "Changed elsewhere" });

test("what was typed over an older version of a draft is not written over a newer one after a reload, until a person says so", async () => {
  const draft = await begunDraft(`In two windows ${Date.now()}`);
  const path = `/v1/drafts/${draft.id}`;
  await page.goto(`${base}/compose?draft=${draft.id}`);
  const text = page.getByLabel("Text", { exact: true });
  await text.fill("Typed here.");
  await ask("PATCH", path, { text: "The newest.", html: null });
  await page.reload();
  const both = changedElsewhere();
  await both.getByText("Typed here.").waitFor();
  await both.getByText("The newest.").waitFor();
  assert.match(await text.innerText(), /Typed here\./);
  await accessible("draft that was changed elsewhere");
  assert.equal(await button("Send").isDisabled(), true);
  // Another reload decides nothing either.
  await page.reload();
  await both.getByText("Typed here.").waitFor();
  assert.equal((await ask("GET", path)).content.text, "The newest.");
  await button("Keep mine").click();
  await both.waitFor({ state: "detached" });
  await page.getByText("Kept as a draft").waitFor();
  const kept = await ask("GET", path);
  assert.deepEqual([kept.content.text, kept.version], ["Typed here.", 3]);
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

test("what another window kept while this one was open is shown beside what is typed here, and can be taken", async () => {
  const draft = await begunDraft(`In two windows at once ${Date.now()}`);
  const path = `/v1/drafts/${draft.id}`;
  await page.goto(`${base}/compose?draft=${draft.id}`);
  const text = page.getByLabel("Text", { exact: true });
  await text.waitFor();
  await ask("PATCH", path, { text: "The newest.", html: null });
  await text.fill("Typed here.");
  const both = changedElsewhere();
  await both.getByText("The newest.").waitFor();
  await button("Take theirs").click();
  await both.waitFor({ state: "detached" });
  assert.match(await text.innerText(), /The newest\./);
  assert.deepEqual((({ content, version }) => [content.text, version])(await ask("GET", path)), ["The newest.", 2]);
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

test("what another mail program made of a draft is shown beside it, and either stays", { skip: real && "it takes another mail program" }, async () => {
  for (const [choice, stays] of [["Take theirs", "Gone on with elsewhere."], ["Keep mine", "First."]]) {
    const draft = await begunDraft(`On a telephone ${Date.now()}`);
    const theirs = mock.changeElsewhere(draft.id, "Gone on with elsewhere.");
    await page.goto(`${base}/compose?draft=${draft.id}`);
    const both = changedElsewhere();
    await both.getByText("First.").waitFor();
    await both.getByText("Gone on with elsewhere.").waitFor();
    assert.equal(await button("Send").isDisabled(), true);
    const change = page.waitForRequest((request) => request.method() === "PATCH");
    await button(choice).click();
    assert.equal(JSON.parse((await change).postData()).replaces_message_id, theirs);
    await both.waitFor({ state: "detached" });
    assert.ok((await page.getByLabel("Text", { exact: true }).innerText()).includes(stays));
    assert.equal((await ask("GET", `/v1/drafts/${draft.id}`)).content.text, stays);
    await button("Send").click();
    await page.getByText("In the outbox").waitFor();
  }
});

test("what became a draft while it was written is the same draft after a reload", async () => {
  const subject = `Reloaded ${Date.now()}`;
  const count = () => page.evaluate(async (subject) => (await (await fetch("/v1/drafts")).json()).data.filter((d) => d.content.subject === subject).length, subject);
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await page.getByLabel("Subject").fill(subject);
  await page.getByText("Kept as a draft").waitFor();
  await page.reload();
  assert.equal(await page.getByLabel("Subject").inputValue(), subject);
  await page.getByLabel("Text", { exact: true }).fill("More.");
  await button("Back").click();
  await page.getByText("Kept as a draft").last().waitFor();
  await page.waitForURL((url) => url.pathname !== "/compose");
  assert.equal(await count(), 1);
  // What is left is among the drafts, and the next new message is empty.
  await page.goto(`${base}/compose`);
  assert.equal(await page.getByLabel("Subject").inputValue(), "");
});

test("a draft is begun again by the same request while nobody knows whether it was begun", async () => {
  const subject = `Begun once ${Date.now()}`;
  const asked = [];
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  // The server makes it, and its answer is lost.
  await page.route("**/v1/drafts", async (route) => {
    const request = route.request();
    if (request.method() !== "POST") return route.continue();
    asked.push({ key: request.headers()["idempotency-key"], body: request.postData() });
    if (asked.length > 1) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await page.getByLabel("Subject").fill(subject);
  await page.getByText("Not kept").waitFor();
  await page.getByLabel("Text", { exact: true }).fill("More than there was.");
  await page.getByText("Kept as a draft").waitFor();
  await page.unroute("**/v1/drafts");
  complaints.splice(0);
  assert.equal(asked.length, 2);
  assert.ok(asked[0].key);
  assert.deepEqual(asked[1], asked[0]);
  // What was typed since then is in it.
  const texts = await page.evaluate(async (subject) => (await (await fetch("/v1/drafts")).json()).data.filter((d) => d.content.subject === subject).map((d) => d.content.text), subject);
  assert.ok(texts.includes("More than there was."), texts);
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

test("drafts of all mailboxes are in one list, and one that another program began becomes ours", async () => {
  const subject = `Begun here ${Date.now()}`;
  const foreign = real ? `Begun elsewhere ${Date.now()}` : "Price list, begun elsewhere";
  if (real) {
    // As another program would have left it: text, a file, and the flag.
    const raw = ["From: <" + mailbox.address + ">", "To: Mira <mira@elsewhere.test>", "Reply-To: <desk@example.test>", "Subject: " + foreign, "Message-ID: <theirs-" + Date.now() + "@elsewhere.test>", "Date: Sat, 21 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0",
      "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "", "Dear Mira,", "here is the new price list.", "--b", "Content-Type: text/csv; name=prices.csv", "Content-Disposition: attachment; filename=prices.csv", "", "rope,12", "--b--", ""].join("\r\n");
    const status = await page.evaluate(async ([address, bytes]) => {
      const read = async (path) => (await (await fetch(path)).json()).data;
      const box = (await read("/v1/mailboxes")).find((m) => m.address === address);
      const folder = (await read(`/v1/mailboxes/${box.id}/folders`)).find((f) => f.role === "drafts");
      const body = { folder_id: folder.id, raw_base64: btoa(bytes), flags: { draft: true } };
      return (await fetch("/v1/messages", { method: "POST", headers: { "Content-Type": "application/json", "X-Postroom-CSRF": "1" }, body: JSON.stringify(body) })).status;
    }, [mailbox.address, raw]);
    assert.equal(status, 202);
  }
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await page.getByLabel("Subject").fill(subject);
  await button("Back").click();
  await page.getByText("Kept as a draft").waitFor();
  await page.goto(`${base}/inbox`);
  await page.locator(".inbox > .tree").getByRole("link", { name: /^Drafts/ }).first().click();
  await page.waitForURL(/\/drafts$/);
  const own = page.getByRole("list", { name: "Drafts" }).locator("[data-draft]", { hasText: subject });
  await own.waitFor();
  const theirs = page.getByRole("region", { name: "Begun in other programs" }).getByRole("listitem").filter({ hasText: foreign });
  await theirs.waitFor({ timeout: 30_000 });
  assert.equal(await page.getByRole("region", { name: "Begun in other programs" }).getByText(subject).count(), 0, "our own copy is no draft of another program");
  await accessible("drafts");
  await theirs.getByRole("button", { name: "Go on with it" }).click();
  await page.waitForURL((url) => url.pathname === "/compose" && url.search.includes("draft="));
  assert.equal(await page.getByLabel("Subject").inputValue(), foreign);
  assert.match(await page.getByLabel("Text", { exact: true }).innerText(), /here is the new price list/);
  await page.getByText("prices.csv").waitFor();
  await page.goto(`${base}/drafts`);
  await page.locator("[data-draft]", { hasText: foreign }).waitFor();
  await theirs.waitFor({ state: "detached", timeout: 30_000 });
  for (const one of [subject, foreign]) {
    await page.getByRole("button", { name: `Throw away ${one}` }).click();
    await button("Throw it away").click();
    await page.locator("[data-draft]", { hasText: one }).waitFor({ state: "detached" });
  }
});

test("a message that is to go out later waits among what is scheduled, and can be cancelled there", async () => {
  const subject = `End-to-end later ${Date.now()}`;
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await page.getByLabel("Subject").fill(subject);
  await page.getByLabel("Text", { exact: true }).fill("Not yet.");
  await button("Send later").click();
  // Tokyo's clocks are nine hours ahead of UTC all year.
  const tokyo = new Date(Date.now() + 86_400_000 + 9 * 3_600_000);
  await page.getByLabel("Send at").fill(tokyo.toISOString().slice(0, 16));
  await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
  await page.getByText(/^That is/).waitFor();
  await accessible("send later");
  await button("Schedule").click();
  await page.getByText(/It goes out/).waitFor();
  await page.goto(`${base}/outbox?scheduled=true`);
  const row = page.locator("[data-submission]", { hasText: subject });
  await row.getByText(/goes out in/).waitFor();
  await row.getByRole("button").first().click();
  await row.getByRole("button", { name: "Cancel" }).click();
  await row.waitFor({ state: "detached" });
});

test("a reply starts with recipient, subject and quotation", async () => {
  await page.goto(`${base}/inbox?view=messages`);
  await page.locator("[data-line]").first().waitFor();
  await page.keyboard.press("j");
  await page.locator(".message-head").first().waitFor();
  // The keys are for the message that is there: they work as soon as its buttons do.
  await page.locator("button[aria-label=Reply]:enabled").waitFor();
  await page.keyboard.press("r");
  await page.getByRole("heading", { name: "Reply" }).waitFor();
  assert.match(await page.getByLabel("Subject").inputValue(), /^(re|aw|sv)/i);
  await page.getByText("Show what is quoted").click();
  assert.match(await page.locator("pre[aria-label=Quotation]").innerText(), /wrote:\n>/);
  await accessible("reply");
  await button("Write inside it").click();
  assert.match(await page.getByLabel("Text", { exact: true }).innerText(), /wrote:\n>/);
  assert.equal(await page.locator(".chip").count() >= 1, true);
});

test("an invitation says what it is about, and is answered once", async () => {
  await page.goto(`${base}/inbox?view=messages`);
  await page.locator("[data-line]", { hasText: "inspection of crane 4" }).first().click();
  const card = page.getByRole("region", { name: "Invitation" });
  await card.getByText("Inspection of crane 4").waitFor();
  await card.getByText(/14 Jan 2027/).waitFor();
  await card.getByText(/Quay 4/).waitFor();
  await accessible("an invitation");
  await card.getByRole("button", { name: "Maybe" }).click();
  await page.getByText("The answer is in the outbox").waitFor();
  await button("Undo").click();
  await page.getByText("Not answered").waitFor();
  await card.getByRole("button", { name: "Accept" }).dblclick();
  await card.getByText("You said that you will come.").waitFor();
  await page.reload();
  await card.getByText("You said that you will come.").waitFor();
  assert.equal(await card.getByRole("button", { name: "Accept" }).isDisabled(), true);
  await page.goto(`${base}/outbox`);
  const row = page.locator("[data-submission]", { hasText: "Accepted: Inspection of crane 4" });
  await row.getByText("Accepted", { exact: true }).first().waitFor({ timeout: 30_000 });
  assert.equal(await row.count(), 1);
});

test("servers named once for a domain are found for its addresses", async () => {
  await page.goto(`${base}/settings/profiles`);
  await page.getByText("No server profile yet").waitFor();
  await button("New profile").click();
  await page.getByLabel("Name", { exact: true }).fill("Our own server");
  await page.getByLabel("Domains").fill("profiled.example");
  for (const [title, side] of [["Receiving server", mailbox.incoming], ["Sending server", mailbox.outgoing]]) {
    const group = page.getByRole("group", { name: title });
    await group.getByLabel("Server", { exact: true }).fill(side.host);
    await group.getByLabel("Port").fill(String(side.port));
  }
  await page.getByText("What the provider allows each mailbox").click();
  await page.getByLabel("Megabytes down in a day").fill("2500");
  await accessible("new profile");
  await button("Add the profile").click();
  await page.getByText("not used yet").waitFor();
  await page.getByRole("button", { name: "Change Our own server" }).click();
  assert.equal(await page.getByLabel("Megabytes down in a day").inputValue(), "2500");
  await button("Cancel").click();
  await accessible("profiles");
  if (real) {
    await page.goto(`${base}/mailboxes/new`);
    await page.getByLabel("Mail address").fill("ann@profiled.example");
    await button("Next").click();
    await page.getByText("Source: server profile.").waitFor();
    await page.goto(`${base}/settings/profiles`);
    await page.getByRole("button", { name: "Test Our own server" }).click();
    await page.locator("[data-verdict]").waitFor({ timeout: 50_000 });
    await page.getByText("Close", { exact: true }).click();
  }
  await page.getByRole("button", { name: "Remove Our own server" }).click();
  await button("Remove").click();
  await page.getByText("No server profile yet").waitFor();
});

test("a mailbox gets another address to send as, a signature shows what it becomes, and both are chosen where mail is written", async () => {
  await page.goto(`${base}/mailboxes`);
  await page.locator("main a[href^='/mailboxes/mbx_']").first().click();
  await button("Add an address").click();
  await page.getByLabel("Address", { exact: true }).fill("sales@harbour-tools.example");
  await page.getByLabel("Name", { exact: true }).fill("Sales of Harbour Tools");
  await page.getByLabel("What signatures can say of it").fill("phone +49 40 12");
  await page.getByText("has no name before a colon").waitFor();
  await page.getByLabel("What signatures can say of it").fill("Phone: +49 40 12");
  await page.getByText("Administrators, and these tokens").click();
  await accessible("the address");
  await button("Add").click();
  await page.getByText("for nobody").waitFor();
  await page.getByRole("switch", { name: /Everyone may send through it/ }).waitFor();
  await page.goto(`${base}/settings/signatures`);
  await button("New signature").click();
  await page.getByLabel("Name", { exact: true }).fill("Company");
  await page.getByLabel("HTML", { exact: true }).fill("<p>Harbour <b>Tools</b></p>");
  await page.frameLocator("iframe").getByText("Harbour Tools").waitFor();
  await page.locator("input[type=file]").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64") });
  await page.frameLocator("iframe").getByAltText("logo.png").waitFor();
  await accessible("the signature");
  await button("Make it").click();
  await page.getByText("yours alone").waitFor();
  await page.goto(`${base}/settings/templates`);
  await button("New template").click();
  await page.getByLabel("Name", { exact: true }).fill("Order");
  await page.getByLabel("Subject").fill("Order {{ number }}");
  await page.getByLabel("Data to try it with").fill("{");
  await page.getByText("This is no JSON object.").waitFor();
  await page.getByLabel("Data to try it with").fill('{"name": "Mira", "number": 7}');
  await page.getByText("Order 7").waitFor();
  await page.getByText("Dear Mira,").waitFor();
  await accessible("the template");
  await button("Store it").click();
  await page.getByRole("button", { name: "Change Order" }).waitFor();
  await page.goto(`${base}/compose`);
  await page.getByLabel("Signature").selectOption({ label: "Company" });
  await accessible("compose with a signature");
  await page.goto(`${base}/settings/signatures`);
  await page.getByRole("button", { name: "Remove Company" }).click();
  await button("Remove").click();
  await page.getByText("No signature yet").waitFor();
});

test("a template is chosen, filled and looked at, and goes out with a receipt and a turn of its own", async () => {
  const number = String(Date.now());
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await button("Use a template").click();
  await page.getByLabel("Template", { exact: true }).selectOption({ label: "Order" });
  await page.getByText("Not complete yet").waitFor();
  assert.equal(await button("Use it").isDisabled(), true);
  await page.getByLabel("name", { exact: true }).fill("Mira");
  await page.getByLabel("number", { exact: true }).fill(number);
  await page.getByText("Dear Mira,").waitFor();
  await accessible("the choice of a template");
  await button("Use it").click();
  await page.getByText(`Subject: Order ${number}`).waitFor();
  await button("Change").click();
  assert.equal(await page.getByLabel("name", { exact: true }).inputValue(), "Mira");
  await page.getByLabel("name", { exact: true }).fill("Lee");
  await page.getByRole("dialog").getByText("Dear Lee,").waitFor();
  await button("Use it").click();
  await page.getByText("Delivery", { exact: true }).click();
  await page.getByLabel(/reading receipt/).check();
  await page.getByLabel("Priority").selectOption("high");
  await page.getByText("Delivery: a reading receipt and high priority").waitFor();
  await accessible("compose with a template");
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
  await page.goto(`${base}/outbox`);
  const row = page.locator("[data-submission]", { hasText: `Order ${number}` });
  await row.getByText("high priority").waitFor();
  await row.getByRole("button").first().click();
  await row.getByText("asked for a reading receipt").waitFor();
  // And as a text to go on with.
  await page.goto(`${base}/compose?to=${mailbox.address}`);
  await button("Use a template").click();
  await page.getByLabel("Template", { exact: true }).selectOption({ label: "Order" });
  await button("Fill it with JSON, for lists").click();
  await page.getByLabel("Data", { exact: true }).fill('{"name": "Ann", "number": 8}');
  await page.getByText("Dear Ann,").waitFor();
  await button("Use it").click();
  await button("Write in it").click();
  assert.match(await page.getByLabel("Text", { exact: true }).innerText(), /Dear Ann,/);
  assert.equal(await page.getByLabel("Subject").inputValue(), "Order 8");
  await page.getByLabel("Subject").fill(`Order 8 of ${number}`);
  await button("Send").click();
  await page.getByText("In the outbox").waitFor();
});

test("a template goes out to many as a job, after a look at the first", async () => {
  await page.goto(`${base}/settings/templates`);
  await page.getByRole("button", { name: "Send Order to many" }).click();
  const list = page.getByLabel("Recipients", { exact: true });
  await list.fill("name,number\nMira,1");
  await page.getByText(/No column of the first line/).waitFor();
  await list.fill(`email;name;number\n${mailbox.address};Mira;1\nlee;Lee;2\n`);
  await page.getByText("Line 3, column 1 (“email”): “lee” is no address.").waitFor();
  await accessible("recipients with a mistake");
  await page.getByLabel("File of recipients").setInputFiles({ name: "all.csv", mimeType: "text/csv", buffer: Buffer.from(`"E-Mail";name;number\r\n${mailbox.address};"Mira";1\r\n${mailbox.address};"Lee; ""the other""";2\r\n`) });
  await page.getByText("2 recipients; each gets").waitFor();
  const rows = page.getByRole("region", { name: "Recipients, as understood" });
  await rows.getByRole("columnheader", { name: "number" }).waitFor();
  await rows.getByRole("cell", { name: 'Lee; "the other"' }).waitFor();
  await page.getByText("Dear Mira,").waitFor();
  await accessible("a template for many");
  await button("Send to 2").click();
  await page.getByText("The job has begun").waitFor();
  const jobs = page.getByRole("region", { name: "Jobs" });
  await jobs.getByText("2 of 2").waitFor({ timeout: 30_000 });
  await jobs.getByText("done", { exact: true }).first().waitFor();
});

test("an out of office is set up, shows who would have got it, and is switched off", async () => {
  await page.goto(`${base}/mailboxes`);
  await page.locator("main a[href^='/mailboxes/mbx_']").first().click();
  await button("Set up").click();
  await page.getByLabel("Answer", { exact: true }).fill("I am away until Monday.");
  await page.getByLabel("Time zone").selectOption("Europe/Rome");
  await page.getByLabel("Until", { exact: true }).fill("2036-08-20T12:00");
  const form = page.getByRole("group", { name: "Answer: form" });
  await form.getByRole("button", { name: "Formatted" }).click();
  await page.getByRole("textbox", { name: "Answer", exact: true }).press("Control+a");
  await page.getByRole("toolbar", { name: "Formatting" }).getByRole("button", { name: "Bold" }).click();
  await form.getByRole("button", { name: "HTML" }).click();
  assert.match(await page.getByLabel("Answer", { exact: true }).inputValue(), /<b>I am away until Monday\.<\/b>/);
  await form.getByRole("button", { name: "Formatted" }).click();
  await accessible("the out of office");
  // It is made switched off: what it would have done is on the screen before it can be switched on.
  await button("Next: who would get it").click();
  await page.getByText(real ? /of \d+ messages? would have been answered/ : "it came over a mailing list").waitFor();
  await accessible("who would get it");
  await button("Not yet").click();
  await page.getByText("Switched off").waitFor();
  await page.getByText("I am away until Monday.").waitFor();
  await page.getByRole("switch", { name: "Out of office" }).click();
  await page.getByText(/would have been answered/).waitFor();
  await button("Switch on").click();
  await page.getByText(/^Switched on until 20 Aug 2036/).waitFor();
  await page.getByRole("button", { name: "Change the out of office" }).click();
  await page.getByLabel("Subject", { exact: true }).fill("Away");
  await button("Show").click();
  await page.getByText(/would have been answered/).waitFor();
  await button("Save").click();
  if (!real) {
    await button("Ask the server").click();
    await button("Let the server answer").click();
    await page.getByText("answers by itself, also while Postroom is down").waitFor();
    await accessible("the out of office on the server");
    await button("Let Postroom answer").click();
    await button("Let the server answer").waitFor();
  }
  await page.getByRole("switch", { name: "Out of office" }).click();
  await page.getByText("Switched off").waitFor();
  await page.getByRole("button", { name: "Remove the out of office" }).click();
  await button("Remove").click();
  await button("Set up").waitFor();
});

test("a token is shown once and can be revoked", async () => {
  await page.goto(`${base}/settings/tokens`);
  await button("New token").click();
  await page.getByLabel("Name").fill("e2e");
  await button("Make the token").click();
  await page.getByText("Copy the token now").waitFor();
  await button("I have it").click();
  await page.getByRole("button", { name: "Revoke e2e" }).click();
  await button("Revoke").click();
  await page.getByText("Revoked “e2e”").waitFor();
  await accessible("tokens");
});

test("each kind of failure has one primary button that does what it says", { skip: real && "the mock plays the failures" }, async () => {
  const failWith = async (password) => {
    await page.goto(`${base}/mailboxes/new`);
    await page.getByRole("button", { name: "Start over" }).click({ timeout: 1_000 }).catch(() => {});
    await page.getByLabel("Mail address").fill("new@harbour-tools.example");
    await button("Next").click();
    await button("Next: sign in").click();
    await page.locator("[data-field=f-password]").fill(password);
    await button("Test the connection").click();
    await page.locator("[data-verdict=fails]").waitFor();
    assert.equal(await page.locator(".steps .btn.primary").count(), 1, `${password}: one primary button`);
    await accessible(password);
    return page.locator(".steps .btn.primary");
  };
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());

  await (await failWith("network")).click();
  assert.match(await copied(), /POSTROOM_NETWORK_ALLOW=10\.20\.4\.7\/32/);
  await (await failWith("administrator")).click();
  const letter = await copied();
  for (const part of ["imap_disabled", "Step 6", "IMAP access is disabled for your domain"]) assert.ok(letter.includes(part), part);
  assert.match(await (await failWith("app")).getAttribute("href"), /app-passwords/);

  await (await failWith("wait")).click();
  await page.getByRole("timer").waitFor();
  await button("Do not wait").click();
  await failWith("soon");
  const again = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/v1/connection-tests"));
  await page.getByRole("button", { name: /^Wait and test at/ }).click();
  await page.getByRole("timer").waitFor();
  await again;
  await page.locator("[data-verdict=fails]").waitFor();

  await (await failWith("certificate")).click();
  const dialog = page.getByRole("alertdialog");
  for (const part of ["mail.kestrel-freight.example", "2027-01-04", "9f86 d081"]) await dialog.getByText(part).waitFor();
  await accessible("certificate");
  await button("Trust it and test again").click();
  await page.locator("[data-verdict=works]").waitFor();

  await failWith("wrong");
  await button("Show conversation").click();
  await page.getByText("AUTHENTICATE PLAIN <hidden>").waitFor();
  await accessible("conversation");
});

test("a mailbox that is held tells why, shows its reports, and leads to the field", { skip: real && "the mock has one that is held" }, async () => {
  const { startMock } = await import("./mock-server.mjs");
  const full = await startMock({ signedIn: true, delay: 10, stepDelay: 10 });
  try {
    await page.goto(`${full.url}/mailboxes/mbx_books`);
    const note = page.locator(".note.bad").filter({ hasText: "Held" });
    await note.getByText("The server refused the user name or the password.").waitFor();
    await note.getByText(/none by itself/).waitFor();
    await page.getByText("Since the last good report").waitFor();
    await accessible("held");
    await page.getByRole("link", { name: /too many|connections at once/ }).click();
    await page.getByRole("heading", { name: "An earlier report" }).waitFor();
    assert.match(page.url(), /report=rep_book_3/);
    await page.getByRole("link", { name: "Show the last one" }).click();
    await note.getByRole("button", { name: "Enter the password again" }).click();
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-field") === "f-password");

    await page.goto(`${full.url}/mailboxes/mbx_orders`);
    await page.locator(".note.warn").filter({ hasText: "slow down" }).getByText(/by itself/).waitFor();
    await accessible("limited");
    for (const id of ["mbx_books", "mbx_orders"]) {
      await page.setViewportSize({ width: 360, height: 740 });
      await page.goto(`${full.url}/mailboxes/${id}`);
      await page.locator(".report").waitFor();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${id} is wider than a phone`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  } finally {
    await page.goto("about:blank");
    await full.stop();
  }
});

test("every screen fits a phone and both themes", async () => {
  const state = await page.context().storageState();
  for (const colorScheme of ["light", "dark"]) {
    const phone = await openPage(browser, { width: 360, height: 740, colorScheme, storageState: state });
    for (const path of ["/inbox", "/mailboxes", "/mailboxes/new", "/outbox", "/drafts", "/compose", "/settings/tokens", "/settings/webhooks", "/settings/signatures", "/settings/templates"]) {
      await phone.page.goto(base + path);
      await phone.page.locator("h1, .empty h2, .where").first().waitFor({ state: "attached" });
      const over = await phone.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.equal(over, 0, `${path} is ${over} px too wide`);
    }
    assert.deepEqual(phone.complaints, []);
    await phone.context.close();
  }
});
