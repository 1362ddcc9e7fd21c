// Pictures of every screen, from the mock, to be looked at: `npm run build && npm run shots [-- name]`.

import { mkdirSync } from "node:fs";
import { openBrowser, openPage } from "./browser.mjs";
import { startMock } from "./mock-server.mjs";

const out = process.env.SHOTS_DIR ?? "/tmp/postroom-shots";
mkdirSync(out, { recursive: true });
const only = process.argv.slice(2);
const full = await startMock({ signedIn: true, delay: 20, stepDelay: 60 });
const fresh = await startMock({ fresh: true, delay: 20 });
const freshInside = await startMock({ fresh: true, signedIn: true, delay: 20 });

const next = (page, name) => page.getByRole("button", { name, exact: true }).click();
/** Through the wizard up to its test. */
const wizard = async (page, password) => {
  await page.getByLabel("Mail address").fill("news@harbour-tools.example");
  await next(page, "Next");
  await next(page, "Next: sign in");
  await page.getByLabel("App password", { exact: true }).fill(password);
  await next(page, "Test the connection");
};
const SCREENS = {
  setup: [fresh, "/setup#token=mock"],
  signin: [fresh, "/sign-in"],
  "mailboxes-empty": [freshInside, "/mailboxes"],
  mailboxes: [full, "/mailboxes"],
  mailbox: [full, "/mailboxes/mbx_support"],
  "mailbox-held": [full, "/mailboxes/mbx_books"],
  add: [full, "/mailboxes/new"],
  "add-found": [full, "/mailboxes/new", async (page) => {
    await page.getByLabel("Mail address").fill("news@harbour-tools.example");
    await next(page, "Next");
    await page.getByText("We recognised Harbour Mail").waitFor();
  }],
  "add-unknown": [full, "/mailboxes/new", async (page) => {
    await page.getByLabel("Mail address").fill("news@nowhere.example");
    await next(page, "Next");
    await page.getByText("No settings were found").waitFor();
  }],
  "add-sign-in": [full, "/mailboxes/new", async (page) => {
    await page.getByLabel("Mail address").fill("news@harbour-tools.example");
    await next(page, "Next");
    await next(page, "Next: sign in");
  }],
  "add-works": [full, "/mailboxes/new", async (page) => {
    await wizard(page, "right");
    await page.locator("[data-verdict=works]").waitFor();
  }],
  "add-fails": [full, "/mailboxes/new", async (page) => {
    await wizard(page, "wrong");
    await page.locator("[data-verdict=fails]").waitFor();
  }],
  "add-folders": [full, "/mailboxes/new", async (page) => {
    await wizard(page, "right");
    await next(page, "Next: folders");
    await page.getByText("About 18,440 messages").waitFor();
  }],
  inbox: [full, "/inbox", async (page) => {
    await page.locator("[data-line]").first().waitFor();
    await page.keyboard.press("j");
    await page.locator(".text-body, iframe").first().waitFor();
  }],
  "inbox-list": [full, "/inbox"],
  "inbox-html": [full, "/inbox?view=messages&mailbox=mbx_ann", async (page) => {
    await page.getByText("Dockside Weekly 212").first().click();
    await page.locator("iframe").waitFor();
  }],
  "inbox-labels": [full, "/inbox?view=messages&mailbox=mbx_ann", async (page) => {
    await page.getByText("Besichtigung am Donnerstag").first().click();
    await page.locator(".message-head .people").first().click();
  }],
  "folder-bring": [full, "/mailboxes/mbx_support", async (page) => {
    await page.getByRole("button", { name: "Change INBOX" }).click();
    await page.getByRole("menuitem", { name: /Store message files/ }).click();
    await page.locator("input[type=file]").setInputFiles([
      { name: "one.eml", mimeType: "message/rfc822", buffer: Buffer.from("Subject: a\r\n\r\nb\r\n") },
      { name: "two.eml", mimeType: "message/rfc822", buffer: Buffer.from("Subject: c\r\n\r\nd\r\n") },
    ]);
  }],
  "inbox-own": [full, "/inbox?tag=tag_1", async (page) => {
    await page.locator("[data-line]").first().click();
    await page.locator(".message-head").first().waitFor();
  }],
  "inbox-own-new": [full, "/inbox", async (page) => {
    if (page.viewportSize().width < 600) await page.locator(".where.only-phone-flex").click();
    await page.getByRole("button", { name: "New own folder or tag" }).last().click();
    await page.getByLabel("Name").fill("Cranes");
  }],
  "inbox-tags": [full, "/inbox?tag=tag_1", async (page) => {
    await page.locator("[data-line]").first().click();
    await page.locator(".message-head").first().waitFor();
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: /Tags and own folders/ }).click();
  }],
  search: [full, "/inbox?q=from%3Amira%20has%3Aattachment"],
  keys: [full, "/inbox", async (page) => {
    await page.locator("[data-line]").first().waitFor();
    await page.keyboard.press("?");
  }],
  "inbox-flagged": [full, "/inbox?flagged=true"],
  "inbox-apart": [full, "/inbox?mailbox=mbx_sales"],
  scheduled: [full, "/outbox?scheduled=true"],
  layout: [full, "/settings/layout"],
  "mailbox-settings": [full, "/mailboxes/mbx_support/settings", async (page) => {
    await page.getByText("Limits of this mailbox alone").click();
    await page.getByLabel("Belongs to").scrollIntoViewIfNeeded();
  }],
  "mailbox-sending": [full, "/mailboxes/mbx_support", async (page) => {
    await page.getByRole("button", { name: "Change service@harbour-tools.example" }).click();
    await page.getByText("Who may use it").scrollIntoViewIfNeeded();
  }],
  "out-of-office": [full, "/mailboxes/mbx_support", async (page) => {
    await page.getByRole("button", { name: "Set up" }).click();
    await page.getByRole("group", { name: "Answer: form" }).getByRole("button", { name: "Formatted" }).click();
    await page.getByLabel("Subject", { exact: true }).scrollIntoViewIfNeeded();
  }],
  "out-of-office-preview": [full, "/mailboxes/mbx_ann", async (page) => {
    const setUp = page.getByRole("button", { name: "Set up" });
    const off = page.getByRole("switch", { name: "Out of office" });
    await setUp.or(off).waitFor();
    if (await setUp.isVisible()) {
      await setUp.click();
      await next(page, "Next: who would get it");
    } else await off.click();
    await page.getByText("1 of 2 messages would have been answered").waitFor();
  }],
  signatures: [full, "/settings/signatures"],
  "signature-edit": [full, "/settings/signatures", async (page) => {
    await page.getByRole("button", { name: "Change Company" }).click();
    await page.locator("iframe").scrollIntoViewIfNeeded();
  }],
  templates: [full, "/settings/templates"],
  "template-edit": [full, "/settings/templates", async (page) => {
    await page.getByRole("button", { name: "Change Order confirmation" }).click();
    await page.locator("iframe").scrollIntoViewIfNeeded();
  }],
  merge: [full, "/settings/templates", async (page) => {
    await next(page, "Send Order confirmation to many");
    await page.getByLabel("Recipients", { exact: true }).fill("email,name,order.number\nmira.okafor@northern-cranes.example,Mira,7741\nlee.park@portside.example,Lee,7742\n");
    await page.frameLocator("iframe").getByText("Dear Mira").waitFor();
    await page.getByRole("region", { name: "Recipients, as understood" }).scrollIntoViewIfNeeded();
  }],
  "merge-mistake": [full, "/settings/templates", async (page) => {
    await next(page, "Send Order confirmation to many");
    await page.getByLabel("Recipients", { exact: true }).fill('email;name;order.number\nmira.okafor@northern-cranes.example;Mira;7741\nlee.park;"Lee";7742\n');
    await page.getByText(/^Line 3/).waitFor();
  }],
  compose: [full, "/compose?mode=reply_all&message=msg_0003"],
  "compose-rich": [full, "/compose?to=ann@harbour-tools.example", async (page) => {
    await page.getByLabel("Subject").fill("The new price list");
    await page.getByLabel("Text", { exact: true }).click();
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.setData("text/html", "<style>p{color:red}</style><p>Dear <b>Ann</b>,</p><p onclick='x()' style='color:red'>the <a href='https://example.com'>list</a> has changed:</p><ul><li>Ropes: 12 euros</li><li>Anchors: 80 euros</li></ul><script>1</script><blockquote>What about Friday?</blockquote>");
      const box = document.querySelector("[aria-label=Text]");
      box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await page.locator('input[type="file"]').setInputFiles([{ name: "price-list-2026.pdf", mimeType: "application/pdf", buffer: Buffer.from("x".repeat(90_000)) }]);
    await page.locator("progress").waitFor({ state: "detached" });
  }],
  "compose-forward": [full, "/compose?mode=forward&message=msg_0003", async (page) => {
    await page.getByText("Show what is quoted").click();
  }],
  "compose-later": [full, "/compose?to=ann@harbour-tools.example", async (page) => {
    await page.getByRole("button", { name: "Send later" }).click();
    await page.getByLabel("Send at").fill("2027-01-04T08:30");
    await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
    await page.getByText("Delivery", { exact: true }).click();
    await page.getByLabel(/reading receipt/).check();
    await page.getByText("Priority").scrollIntoViewIfNeeded();
  }],
  "compose-settle": [full, "/compose?draft=drf_1", async (page) => {
    await page.getByLabel("Text", { exact: true }).fill("Dear Lee,\n\nthe second plan is attached. The slings are 4 m now.");
    await page.evaluate(() => fetch("/v1/drafts/drf_1", { method: "PATCH", headers: { "Content-Type": "application/json", "X-Postroom-CSRF": "1" }, body: JSON.stringify({ text: "Dear Lee,\n\nthe second plan is attached, with the new crane.\n\nAnn" }) }));
    await page.getByRole("region", { name: "Changed elsewhere" }).waitFor();
    await page.mouse.move(0, 0);
  }],
  "compose-template": [full, "/compose?to=ann@harbour-tools.example", async (page) => {
    await next(page, "Use a template");
    await page.getByLabel("Template", { exact: true }).selectOption({ label: "Order confirmation" });
    await page.getByLabel("name", { exact: true }).fill("Mira");
    await page.getByLabel("order.number", { exact: true }).fill("7741");
    await page.frameLocator("iframe").getByText("Dear Mira").waitFor();
  }],
  "compose-template-used": [full, "/compose?to=ann@harbour-tools.example", async (page) => {
    await next(page, "Use a template");
    await page.getByLabel("Template", { exact: true }).selectOption({ label: "Order confirmation" });
    await page.getByLabel("name", { exact: true }).fill("Mira");
    await page.getByLabel("order.number", { exact: true }).fill("7741");
    await page.frameLocator("iframe").getByText("Dear Mira").waitFor();
    await next(page, "Use it");
    await page.frameLocator("iframe").getByText("Dear Mira").waitFor();
  }],
  "inbox-invitation": [full, "/inbox?view=messages&mailbox=mbx_sales", async (page) => {
    await page.locator("[data-line]", { hasText: "inspection of crane 4" }).first().click();
    await page.getByRole("region", { name: "Invitation" }).waitFor();
  }],
  drafts: [full, "/drafts"],
  "inbox-draft": [full, "/inbox?view=messages&mailbox=mbx_sales&role=drafts", async (page) => {
    await page.locator("[data-line]").first().click();
    await page.getByText(/begun in another program/).waitFor();
  }],
  outbox: [full, "/outbox?open=sub_3"],
  profiles: [full, "/settings/profiles"],
  "profile-edit": [full, "/settings/profiles", async (page) => {
    await page.getByRole("button", { name: "Change Harbour's own server" }).click();
  }],
  tokens: [full, "/settings/tokens"],
  webhook: [full, "/settings/webhooks/whk_1"],
  webhooks: [full, "/settings/webhooks"],
};
const SHAPES = {
  light: { width: 1280, height: 800 },
  dark: { width: 1280, height: 800, colorScheme: "dark" },
  phone: { width: 360, height: 740 },
};

const browser = await openBrowser();
let bad = 0;
for (const [name, [mock, path, act]] of Object.entries(SCREENS)) {
  if (only.length && !only.includes(name)) continue;
  for (const [shape, options] of Object.entries(SHAPES)) {
    const { context, page, complaints } = await openPage(browser, options);
    try {
      await page.goto(mock.url + path);
      await page.waitForTimeout(250);
      await act?.(page);
      await page.waitForTimeout(250);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) complaints.push(`${wide} px wider than the window`);
    } catch (error) {
      complaints.push(error.message.split("\n").slice(0, 3).join(" | "));
    }
    await page.screenshot({ path: `${out}/${name}-${shape}.png` });
    if (complaints.length) {
      bad++;
      console.log(`${name} ${shape}:`, complaints.join("\n  "));
    }
    await context.close();
  }
}
await browser.close();
await Promise.all([full.stop(), fresh.stop(), freshInside.stop()]);
console.log(`Pictures in ${out}; ${bad} with complaints.`);
