// Invented mail for the mock: enough of it to see every state of every screen.

const MIN = 60_000, HOUR = 60 * MIN, DAY = 24 * HOUR;
const start = Date.now();
export const at = (ago) => new Date(start - ago).toISOString();

const side = (host, port, security, username) => ({ host, port, security, username, auth: "password" });
const imap = (host, username, port = 993, security = "tls") => ({ protocol: "imap", ...side(host, port, security, username) });
const smtp = (host, username) => side(host, 465, "tls", username);

function mailbox(id, name, address, part) {
  const domain = address.split("@")[1];
  return {
    id, address, name, kind: "personal", lifecycle: "enabled", receiving: "works", sending: "works",
    connection: { state: "live", proven_alive_at: at(4_000), since: at(3 * HOUR), until: null, problem_id: null },
    coverage: { state: "complete", done: 18_412, total: 18_412, since: at(320 * DAY), holes: 0 },
    incoming: imap(`imap.${domain}`, address), outgoing: smtp(`smtp.${domain}`, address),
    fetch_since: at(320 * DAY), monitored_folders: null, last_report_id: "rep_good", created_at: at(40 * DAY), version: 1, ...part,
  };
}

export const mailboxes = [
  mailbox("mbx_sales", "Sales", "sales@harbour-tools.example", { kind: "shared", system_sender: true }),
  mailbox("mbx_ann", "Ann Lindqvist", "ann@harbour-tools.example", {
    coverage: { state: "filling", done: 3_344, total: 18_420, since: at(30 * DAY), holes: 0 }, created_at: at(20 * MIN),
  }),
  mailbox("mbx_support", "Support", "support@harbour-tools.example", {
    kind: "group", owner: { kind: "queue", name: "Support, 2nd level" }, quota: { used: 5_368_709, limit: 10_485_760, told_at: at(20 * MIN) }, receiving: "works_with_warnings", coverage: { state: "holes", done: 52_118, total: 52_120, since: at(900 * DAY), holes: 2 },
    connection: { state: "polling", proven_alive_at: at(71_000), since: at(5 * HOUR), until: null, problem_id: null }, last_report_id: "rep_warn",
  }),
  mailbox("mbx_books", "Accounting", "books@kestrel-freight.example", {
    receiving: "fails", sending: "fails", connection: { state: "held", proven_alive_at: at(2 * DAY), since: at(2 * DAY), until: null, problem_id: "password_refused" },
    last_report_id: "rep_bad",
  }),
  mailbox("mbx_orders", "Orders", "orders@kestrel-freight.example", {
    connection: { state: "limited", proven_alive_at: at(11 * MIN), since: at(11 * MIN), until: at(-19 * MIN), problem_id: "too_many_connections" },
    outgoing: null, sending: "untested",
  }),
  mailbox("mbx_old", "Archive 2019", "archive@kestrel-freight.example", {
    lifecycle: "paused", connection: { state: "off", proven_alive_at: at(9 * DAY), since: at(9 * DAY), until: null, problem_id: null },
  }),
  mailbox("mbx_draft", "Newsletter", "news@harbour-tools.example", {
    lifecycle: "draft", receiving: "untested", sending: "untested", coverage: { state: "none", done: 0, total: 0, since: null, holes: 0 },
    connection: { state: "off", proven_alive_at: null, since: null, until: null, problem_id: null }, last_report_id: null,
  }),
];

const ROLES = [["INBOX", "inbox"], ["Sent", "sent"], ["Drafts", "drafts"], ["Archive", "archive"], ["Junk", "junk"], ["Trash", "trash"], ["Customers/Northern", null], ["Customers/Ports", null], ["Invoices", null]];
export const folders = mailboxes.flatMap((m) =>
  m.id === "mbx_draft" ? [] : ROLES.map(([path, role], n) => {
    const messages = [4_210, 1_902, 3, 8_120, 41, 66, 902, 311, 2_001][n];
    const done = m.coverage.state === "filling" ? [4_210, 1_100, 3, 1_500, 0, 0, 300, 120, 111][n] : messages;
    return {
      id: `fld_${m.id}_${n}`, mailbox_id: m.id, path, name: path.split("/").at(-1), role, mode: role === "junk" || role === "trash" ? "off" : "full", since: null,
      messages, unread: [6, 0, 0, 0, 12, 0, 2, 0, 1][n], progress: { state: done === messages ? "complete" : "filling", done, total: messages },
    };
  }));

const people = {
  mira: { name: "Mira Okafor", address: "mira.okafor@northern-cranes.example" },
  jon: { name: "Jon Halvorsen", address: "jon@halvorsen-marine.example" },
  lee: { name: "Lee Park", address: "lee.park@portside.example" },
  ines: { name: "Inês Duarte", address: "ines@atlantico.example" },
  bank: { name: "Meridian Bank", address: "statements@meridian-bank.example" },
  news: { name: "Dockside Weekly", address: "editor@dockside-weekly.example" },
  daemon: { name: "Mail Delivery System", address: "mailer-daemon@mx1.harbour-tools.example" },
  zoe: { name: "Zoë Brandt", address: "zoe.brandt@hafenwerk.example" },
  sales: { name: "Sales", address: "sales@harbour-tools.example" },
  ann: { name: "Ann Lindqvist", address: "ann@harbour-tools.example" },
};

const html = (inner) => `<div style="font-family:Georgia,serif;max-width:620px;margin:0 auto">${inner}</div>`;
const newsletter = html(`
  <div style="background:#12344d;color:#fff;padding:22px 26px;border-radius:8px 8px 0 0"><div style="font-size:24px;font-weight:bold">Dockside Weekly</div><div style="opacity:.8">Issue 212 · what moved on the water this week</div></div>
  <img data-blocked-src="https://img.dockside-weekly.example/hero.jpg" alt="The new gantry at Portside" width="620" height="180">
  <h2 style="color:#12344d">The new gantry is up</h2><p style="font-size:16px;line-height:1.6">Portside raised its third gantry on Tuesday, two weeks ahead of plan. The first container moved at 06:40 the next morning.</p>
  <table style="width:100%;border-collapse:collapse;font-size:15px"><tr style="background:#e9f0f5"><td style="padding:8px">Container moves</td><td style="padding:8px;text-align:right">41,209</td></tr><tr><td style="padding:8px">Mean wait at anchor</td><td style="padding:8px;text-align:right">9 h 20 min</td></tr></table>
  <p><a href="https://dockside-weekly.example/212" style="display:inline-block;background:#c4452d;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none">Read the whole issue</a></p>
  <img data-blocked-src="https://t.dockside-weekly.example/open.gif" width="1" height="1" alt="">`);

const tag = (id, kind, name, color, receives_from = []) => ({ id, kind, name, color, mailbox_id: null, receives_from, created_at: at(90 * 24 * HOUR) });
export const tags = [
  tag("tag_1", "folder", "Cranes", "#2f8fa8", ["mbx_support"]),
  tag("tag_2", "folder", "Old yard", null),
  tag("tag_3", "tag", "Waits for parts", "#e08e2b"),
  tag("tag_4", "tag", "Legal", "#9b59b6"),
];
const [cranes, , parts] = tags.map(({ id, name, color, kind }) => ({ id, name, color, kind }));

const STORIES = [
  ["sales", "mira", "Quote for 40 rigging sets, delivery in March", "Hello Sales team,\n\nthank you for the quick call. Could you send a quote for 40 rigging sets (type R-12), delivered to Gdańsk in the first half of March? We would also need the load certificates with each set.\n\nOur yard is closed from 23 December to 4 January, so an answer before that would help.\n\nBest regards\nMira Okafor\nNorthern Cranes", { files: [["Specification R-12.pdf", "application/pdf", 214_208], ["Yard plan.png", "image/png", 88_114]], thread: 3 }],
  ["support", "jon", "Hoist stops at half height again", "Hi,\n\nsame as in June: the hoist on crane 4 stops at half height and needs a restart. Serial HT-2291-07.\n\n> Please check the limit switch first,\n> then read the log of the drive\n> (menu 4, entry 2) and tell us\n> the last three codes. If the code\n> E41 is among them, the brake needs\n> a new sensor.\n\nThe codes are E41, E41, E07.\n\nJon", { thread: 2, answered: true, tags: [cranes, parts] }],
  ["ann", "news", "Dockside Weekly 212: the new gantry is up", "Portside raised its third gantry on Tuesday.\n\nhttps://dockside-weekly.example/212", { html: newsletter, automatic: true }],
  ["sales", "daemon", "Undelivered Mail Returned to Sender", "This is the mail system at host mx1.harbour-tools.example.\n\nYour message could not be delivered to one or more recipients.", { automatic: true, report: { kind: "bounce", confidence: "certain", original_message_id: null, original_subject: null, recipients: [{ address: "purchasing@old-yard.example", kind: "bounce", status: "5.1.1", code: 550, permanent: true, diagnostic: "550 5.1.1 The address does not exist" }] } }],
  ["ann", "zoe", "Besichtigung am Donnerstag?", "Liebe Ann,\n\npasst Donnerstag um 10 Uhr für die Besichtigung in Halle 3? Parkplätze sind am Tor B reserviert.\n\nViele Grüße\nZoë", { labels: ["\\Inbox", "Yard/Hall 3"] }],
  ["sales", "lee", "Re: Framework contract 2027", "Both signed copies are attached. We start on 1 January.\n\nLee", { files: [["Framework contract 2027 signed.pdf", "application/pdf", 1_402_118]], thread: 4 }],
  ["support", "ines", "Peças de reposição para o guincho", "Bom dia,\n\nprecisamos de duas polias (ref. P-88) até sexta-feira. É possível?\n\nInês", { flagged: true }],
  ["ann", "bank", "Your statement for October is ready", "Your statement is ready in the portal. We never ask for your password by mail.", { html: html("<p style='font-size:16px'>Your statement for <b>October</b> is ready in the portal.</p><p style='color:#666'>We never ask for your password by mail.</p>"), automatic: true }],
  ["orders", "mira", "Purchase order 4471-B", "Please find order 4471-B attached. Confirmation by Monday, please.", { box: "mbx_orders", files: [["PO 4471-B.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 48_511]] }],
  ["support", "lee", "Training dates for the new drive", "We could send six people in week 6 or week 8. Which suits you better?", {}],
];

export const messages = [];
export const bodies = new Map();
let serial = 0;

function put(boxId, threadId, from, to, subject, text, ago, part = {}) {
  const id = `msg_${String(++serial).padStart(4, "0")}`;
  const outgoing = part.outgoing ?? false;
  const folder = folders.find((f) => f.mailbox_id === boxId && f.role === (part.draft ? "drafts" : outgoing ? "sent" : "inbox"));
  const message = {
    id, mailbox_id: boxId, thread_id: threadId, folders: [{ folder_id: folder.id, path: folder.path, role: folder.role }], direction: outgoing ? "outgoing" : "incoming",
    internet_message_id: `<${id}@mail.example>`, in_reply_to: null, references: [], subject, from: [from], to, cc: part.cc ?? [], bcc: [], reply_to: [],
    date: at(ago), received_at: at(ago - 2_000), size: 4_000 + text.length, flags: { seen: part.seen ?? false, answered: part.answered ?? false, flagged: part.flagged ?? false, draft: part.draft ?? false, keywords: [] },
    labels: part.labels ?? [], takes_labels: Boolean(part.labels), tags: part.tags ?? [], preview: text.replaceAll(/\s+/g, " ").slice(0, 160), has_attachments: Boolean(part.files?.length), automatic: part.automatic ?? false, complete: true,
  };
  messages.push(message);
  bodies.set(id, {
    text, html: part.html ?? null, reply_text: null, auth_results: null, report: part.report ?? null,
    attachments: (part.files ?? []).map(([filename, content_type, size], n) => ({ id: `att_${id}_${n}`, filename, content_type, size, inline: false, content_id: null })),
  });
}

let ago = 3 * MIN;
for (let round = 0; round < 24; round++) {
  for (const [box, who, subject, text, part] of STORIES) {
    const boxId = part.box ?? `mbx_${box}`;
    const own = people[box] ?? { name: box, address: `${box}@harbour-tools.example` };
    const thread = `thr_${round}_${box}_${who}`;
    const title = round ? `${subject} (${round + 1})` : subject;
    for (let n = (part.thread ?? 1) - 1; n > 0; n--) {
      const mine = n % 2 === 1;
      put(boxId, thread, mine ? own : people[who], [mine ? people[who] : own], title.replace(/^(Re: )?/, n === (part.thread ?? 1) - 1 ? "" : "Re: "), mine ? "Thank you, we look into it and come back to you today.\n\nKind regards" : `Earlier in this matter:\n\n${text.slice(0, 120)}`, ago + n * 5 * HOUR, { outgoing: mine, seen: true });
    }
    put(boxId, thread, people[who], [own], title, text, ago, { ...part, seen: round > 0 || (part.answered ?? false) || who === "bank" || who === "lee", cc: who === "mira" ? [people.lee] : [] });
    ago += round === 0 ? 37 * MIN : 9 * HOUR;
  }
}
put("mbx_sales", "thr_invitation", people.mira, [people.sales ?? { name: "Sales", address: "sales@harbour-tools.example" }], "Invitation: inspection of crane 4", "Mira invites you.", 5 * HOUR, { files: [["invite.ics", "text/calendar", 420]] });
export const calendar = ["BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:crane-4", "SUMMARY:Inspection of crane 4", "ORGANIZER;CN=Mira Okafor:mailto:mira.okafor@northern-cranes.example", "DTSTART;TZID=Europe/Berlin:20270114T090000", "DTEND;TZID=Europe/Berlin:20270114T103000", "LOCATION:Quay 4, Hamburg", "END:VEVENT", "END:VCALENDAR"].join("\r\n");
put("mbx_sales", "thr_draft", people.sales ?? { name: "Sales", address: "sales@harbour-tools.example" }, [people.mira], "Price list, begun elsewhere", "Dear Mira,\n\nhere is the new price list.", 3 * HOUR, { draft: true, outgoing: true, seen: true, files: [["prices.csv", "text/csv", 420]] });
messages.sort((a, b) => b.received_at.localeCompare(a.received_at));

const ok = { server_said: null, means: null, remedy: null, problem_id: null, retry: null, others: [] };
export const goodSteps = (host = "imap.harbour-tools.example", smtpHost = "smtp.harbour-tools.example") => [
  { n: 1, code: "dns", status: "pass", ms: 12, ...ok, did: `${host} has 2 addresses.` },
  { n: 2, code: "tcp", status: "pass", ms: 38, ...ok, did: "Connected to port 993 over IPv6." },
  { n: 3, code: "tls", status: "pass", ms: 41, ...ok, did: "TLS 1.3; the certificate fits the name and is valid for 61 more days." },
  { n: 4, code: "greeting", status: "pass", ms: 19, ...ok, did: "The server greeted as IMAP.", server_said: "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AUTH=LOGIN] Dovecot ready." },
  { n: 5, code: "capabilities", status: "pass", ms: 20, ...ok, did: "Push yes, fast resync yes, move yes, folder marks yes." },
  { n: 6, code: "login", status: "pass", ms: 84, ...ok, did: "Signed in with PLAIN." },
  { n: 7, code: "folders", status: "pass", ms: 33, ...ok, did: "9 folders; Inbox, Sent, Drafts, Junk, Trash recognised." },
  { n: 8, code: "read", status: "pass", ms: 27, ...ok, did: "Opened INBOX with 4,210 messages; read the newest header and left it unread." },
  { n: 9, code: "smtp", status: "pass", ms: 190, ...ok, did: `${smtpHost} took the sign-in; up to 35 MB.`, steps: [
    { n: 1, code: "dns", status: "pass", ms: 9, ...ok, did: `${smtpHost} has 1 address.` }, { n: 2, code: "tcp", status: "pass", ms: 40, ...ok, did: "Connected to port 465." },
    { n: 3, code: "tls", status: "pass", ms: 44, ...ok, did: "TLS 1.3; certificate fits." }, { n: 6, code: "login", status: "pass", ms: 77, ...ok, did: "Signed in with PLAIN." },
  ] },
  { n: 10, code: "send", status: "skip", ms: 0, ...ok, did: "Not asked for." },
];
const skip = (steps, from) => steps.map((s) => (s.n > from ? { ...s, status: "skip", ms: 0, did: "", server_said: null, steps: [] } : s));

export const badLogin = (host) => skip(goodSteps(host), 6).map((s) => s.n === 6 ? {
  ...s, status: "fail", ms: 1_204, did: "Tried to sign in with PLAIN, once more to be sure, and stopped.", server_said: "NO [AUTHENTICATIONFAILED] Authentication failed.",
  means: "The server refused the user name or the password.", transcript: ["-- connected to " + host + " port 993", "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN] Dovecot ready.", "C: a1 AUTHENTICATE PLAIN <hidden>", "S: a1 NO [AUTHENTICATIONFAILED] Authentication failed."], remedy: { text: "Enter the password again.", action: "enter_password", url: null }, problem_id: "password_refused", retry: "after_change",
  others: [
    { text: "The provider wants an app password: make one in its security settings.", action: null, url: "https://provider.example/app-passwords" },
    { text: "The server knows the mailbox by a shorter name.", action: "use_username:books", url: null },
    { text: "IMAP is switched off for this mailbox.", action: null, url: null },
  ] } : s);
export const badTls = (host) => skip(goodSteps(host), 3).map((s) => s.n === 3 ? {
  ...s, status: "fail", ms: 22, did: "Began TLS on port 143.", server_said: "* OK Dovecot ready.", means: "The server answered in plain text: this port begins unencrypted.",
  remedy: { text: "Port 143 changes to encryption after its greeting.", action: "use:143:starttls", url: null }, problem_id: "tls_not_spoken", retry: "after_change",
  others: [{ text: "Port 993 is open and speaks TLS from the first byte.", action: "use:993:tls", url: null }] } : s);
export const badCertificate = (host) => skip(goodSteps(host), 3).map((s) => s.n === 3 ? {
  ...s, status: "fail", ms: 31, did: "Began TLS on port 993.", means: "The certificate of the server is signed by itself, so nobody vouches for it.",
  details: [
    { name: "certificate", values: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] }, { name: "issuer", values: [`CN=${host}`] },
    { name: "names", values: [host, "mail.kestrel-freight.example"] }, { name: "validity", values: ["2026-01-04 to 2027-01-04"] },
  ],
  remedy: { text: "If you know this server, trust exactly this certificate.", action: "trust_certificate:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", url: null }, problem_id: "certificate_self_signed", retry: "after_change",
  others: [{ text: "Somebody on the way answers in the server's place: compare the fingerprint with the administrator's.", action: null, url: null }] } : s);
const stopped = (n, part) => (host) => skip(goodSteps(host), n).map((s) => (s.n === n ? { ...s, status: "fail", ...part } : s));
export const badNetwork = stopped(1, {
  did: "Looked up the name: 10.20.4.7.", details: [{ name: "addresses", values: ["10.20.4.7"] }], means: "Postroom's administrator permits public addresses and mail ports only.",
  remedy: { text: "If this server is trusted, the administrator adds its network to `network.allow` in Postroom's configuration.", action: "allow_network", url: null }, problem_id: "address_blocked", retry: "after_change",
});
export const badWait = stopped(6, {
  did: "Tried to sign in.", server_said: "NO [LIMIT] Too many simultaneous connections, try again in 600 seconds.", means: "The provider lets a mailbox have 15 connections at once, and all are in use.",
  remedy: { text: "Close other mail programs, or wait.", action: "wait", url: null }, problem_id: "too_many_connections", retry: "pause_until",
});
export const badSoon = stopped(6, {
  did: "Tried to sign in.", server_said: "NO [UNAVAILABLE] try again in 6 seconds.", means: "The server has no time now.",
  remedy: { text: "Wait a little.", action: "wait", url: null }, problem_id: "server_unavailable", retry: "backoff",
});
export const badApp = stopped(6, {
  did: "Signed in as the whole address, once.", server_said: "NO [ALERT] Application-specific password required", means: "Harbour Mail wants an app password instead of the usual one.",
  remedy: { text: "Make an app password and enter it here.", action: "enter_password", url: "https://help.harbour-tools.example/app-passwords" }, problem_id: "app_password_required", retry: "after_change",
});
export const badAdministrator = stopped(6, {
  did: "Signed in.", server_said: "NO [ALERT] IMAP access is disabled for your domain", means: "The company's administrator has switched IMAP off.",
  remedy: { text: "Ask the administrator to allow IMAP for you.", action: "contact_administrator", url: "https://help.harbour-tools.example/imap" }, problem_id: "imap_disabled", retry: "after_change",
});
/** What the mock answers to these passwords. */
export const FAULTS = { wrong: badLogin, certificate: badCertificate, network: badNetwork, wait: badWait, soon: badSoon, app: badApp, administrator: badAdministrator };

export const catalogue = {
  password_refused: { id: "password_refused", step: "login", title: "The server refused the user name or the password", cause: "The server refused the user name or the password.", remedy: "Enter the password again.", retry: "after_change", action: "enter_password", url: null, others: [] },
  too_many_connections: { id: "too_many_connections", step: "login", title: "Too many connections", cause: "The provider counts more connections of this mailbox than it allows.", remedy: "Close other mail programs, or wait.", retry: "backoff", action: "wait", url: null, others: [] },
};

export const warnSteps = () => goodSteps().map((s) => s.n === 5 ? { ...s, status: "warn", did: "Push no, fast resync no, move yes, folder marks yes.", means: "The server has no push: Postroom looks every 2 minutes." } : s);

const reportFolders = [
  { path: "INBOX", role: "inbox", guessed: false, stored: true, messages: 12_412, bytes: 1_400_000_000 },
  { path: "Gesendet", role: "sent", guessed: true, stored: true, messages: 5_988, bytes: 700_000_000 },
  { path: "Archive/2025", role: null, guessed: false, stored: true, messages: 40, bytes: null },
  { path: "Spam", role: "junk", guessed: false, stored: false, messages: 212, bytes: 4_100_000 },
];

/** What detection says: harbour-tools.example is known, everything else is not. */
export function detectionOf(address) {
  const domain = address.split("@")[1];
  const known = domain === "harbour-tools.example";
  const candidate = {
    source: "provider_table", because: "harbour-tools.example is one of Harbour Mail's domains (provider table of 2026-11).", confidence: "high", provider_id: "harbour", server_profile_id: null,
    login_format: "email", alternatives: [], trusted: true,
    incoming: { protocol: "imap", host: "imap.harbour-tools.example", port: 993, security: "tls", username: address, auth: "password" },
    outgoing: { host: "smtp.harbour-tools.example", port: 465, security: "tls", username: address, auth: "password" },
  };
  return {
    address, domain, ms: known ? 1 : 840,
    provider: known ? { id: "harbour", name: "Harbour Mail", kind: "business", status: "active" } : null,
    candidates: known ? [candidate] : [],
    preparation: known ? [
      { id: "enable_imap", text: "IMAP is off at first: Settings, Mail programs, switch IMAP on, save.", url: "https://help.harbour-tools.example/imap", required: true, checked: "2026-11" },
      { id: "app_password", text: "Make an app password: Security, App passwords, New.", url: "https://help.harbour-tools.example/app-passwords", required: false, checked: "2026-11" },
    ] : [],
    searched: [
      { source: "provider_table", outcome: known ? "found" : "nothing", ms: 0, detail: "" },
      { source: "srv", outcome: known ? "skipped" : "nothing", ms: known ? 0 : 12, detail: known ? "" : "no records" },
    ],
  };
}

export function reportOf(id, steps, mailbox_id = null, trigger = "button") {
  const failed = steps.find((s) => s.status === "fail");
  const verdict = !failed ? "works" : failed.n >= 9 ? "receives_only" : "fails";
  const summary = !failed ? "Works: receives and sends." : `Does not work yet: step ${failed.n}, ${failed.means[0].toLowerCase()}${failed.means.slice(1)}`;
  return { id, mailbox_id, trigger, started_at: at(2 * HOUR + 1_900), finished_at: at(2 * HOUR), verdict, summary, steps, folders: failed ? [] : reportFolders, megabytes_per_day: null };
}
export const reports = new Map([
  ["rep_good", reportOf("rep_good", goodSteps())],
  ...[["rep_book_1", badLogin, "runtime", 3], ["rep_book_2", goodSteps, "enable", 30], ["rep_book_3", badWait, "button", 31], ["rep_book_4", goodSteps, "wizard", 40]].map(([id, make, trigger, days]) => [
    id, { ...reportOf(id, make("imap.kestrel-freight.example"), "mbx_books", trigger), started_at: at(days * DAY + 2_000), finished_at: at(days * DAY) },
  ]), ["rep_warn", reportOf("rep_warn", warnSteps())], ["rep_bad", { ...reportOf("rep_bad", badLogin("imap.kestrel-freight.example"), "mbx_books", "runtime"), changed: [{ side: "incoming", text: "the certificate is another one: it was signed by Harbour CA 1, now by Harbour CA 2" }] }],
]);

export const drafts = [
  {
    id: "drf_1", mailbox_id: "mbx_sales", version: 2, message_id: null, on_server: "none", created_at: at(2 * HOUR), updated_at: at(40 * MIN),
    content: { mailbox_id: "mbx_sales", to: [{ name: "Lee Park", address: "lee.park@portside.example" }], cc: [], bcc: [], subject: "Rigging plan, second version", text: "Dear Lee,\n\nthe second" },
  },
  { id: "drf_2", mailbox_id: "mbx_ann", version: 1, message_id: null, on_server: "stored", created_at: at(DAY), updated_at: at(DAY), content: { mailbox_id: "mbx_ann", to: [], subject: "", text: "Remember" } },
];

const recipient = (address, state, code = null, enhanced_code = null, text = null) => ({ address, state, code, enhanced_code, text });
const submission = (id, subject, state, ago, recipients, part = {}) => ({
  id, mailbox_id: "mbx_sales", identity_id: null, state, send_at: null, message_id: null, internet_message_id: `<${id}@harbour-tools.example>`, subject, attempts: 1, next_attempt_at: null,
  recipients, sent_copy: { state: state === "accepted" ? "filed" : "pending" }, possible_duplicate: false, problem_id: null, created_at: at(ago), ...part,
});
export const submissions = [
  submission("sub_5", "Season's greetings from the harbour", "queued", 2 * HOUR, [recipient("mira.okafor@northern-cranes.example", "queued")], { attempts: 0, send_at: at(-30 * HOUR), next_attempt_at: at(-30 * HOUR) }),
  submission("sub_4", "Quote 2026-1183, 40 rigging sets", "sending", 4_000, [recipient("mira.okafor@northern-cranes.example", "sending")], { attempts: 0 }),
  submission("sub_3", "Spare parts list, winter", "deferred", 26 * MIN, [recipient("yard@slow-mx.example", "deferred", 451, "4.7.1", "Greylisted, please try again in 300 seconds"), recipient("lee.park@portside.example", "accepted", 250, "2.0.0", "Ok: queued as 4XyPq21")], { attempts: 3, next_attempt_at: at(-4 * MIN) }),
  submission("sub_2b", "Delivery note 7741", "unclear", 50 * MIN, [recipient("store@atlantico.example", "unclear")], { possible_duplicate: true, attempts: 2, next_attempt_at: at(-9 * MIN) }),
  submission("sub_2", "Re: Framework contract 2027", "accepted", 5 * HOUR, [recipient("lee.park@portside.example", "accepted", 250, "2.0.0", "Ok: queued as 4XyPq1c")], { message_id: "msg_0002" }),
  submission("sub_1", "Invitation to the open day", "failed", 26 * HOUR, [recipient("purchasing@old-yard.example", "failed", 550, "5.1.1", "The address does not exist")]),
];

export const failures = {
  mbx_support: [
    { id: "flr_1", folder_id: "fld_mbx_support_0", uid: 48_211, problem_id: "body_cut", reason: "The server closed the line in the middle of this message, three times.", attempts: 3, has_raw: false, created_at: at(3 * HOUR) },
    { id: "flr_2", folder_id: "fld_mbx_support_3", uid: 911, problem_id: "nesting_too_deep", reason: "The message is nested 10,000 levels deep; its text could not be read.", attempts: 1, has_raw: true, created_at: at(2 * DAY) },
  ],
};

export const tokens = [
  { id: "tok_1", name: "CRM", scopes: ["read", "send"], mailbox_ids: [], created_at: at(20 * DAY), last_used_at: at(8_000) },
  { id: "tok_2", name: "Ansible", scopes: ["all"], mailbox_ids: [], created_at: at(40 * DAY), last_used_at: null },
];
export const webhooks = [
  { id: "whk_1", url: "https://crm.harbour-tools.example/hooks/postroom", types: ["message.*", "submission.*"], mailbox_ids: [], origins: ["live", "catch_up"], enabled: true, disabled_reason: null, created_at: at(20 * DAY) },
  { id: "whk_2", url: "https://old-helpdesk.example/in", types: [], mailbox_ids: [], origins: [], enabled: false, disabled_reason: "Every delivery failed for 3 days; the last answer was 410 Gone.", created_at: at(60 * DAY) },
];
const delivery = (n, type, state, ago, part) => ({ id: `dlv_${n}`, webhook_id: "whk_1", event_id: `evt_${n}`, event_type: type, state, attempts: 1, next_attempt_at: null, last_status: 200, last_error: null, created_at: at(ago), delivered_at: state === "delivered" ? at(ago - 400) : null, ...part });
export const deliveries = [
  delivery(5, "message.received", "delivered", 3 * MIN, {}),
  delivery(4, "submission.deferred", "pending", 26 * MIN, { last_status: 503, last_error: "The endpoint answered 503", attempts: 4, next_attempt_at: at(-6 * MIN) }),
  delivery(3, "message.received", "delivered", 40 * MIN, {}),
  delivery(2, "message.changed", "dead", 4 * DAY, { last_status: null, last_error: "The name could not be found", attempts: 14 }),
];

export const profiles = [
  {
    id: "spr_1", name: "Harbour's own server", domains: ["harbour-tools.example", "harbour.example"], login_format: "email", auth: "password", is_default: true, usage_count: 2, version: 1,
    incoming: { protocol: "imap", host: "imap.harbour-tools.example", port: 993, security: "tls" }, outgoing: { host: "smtp.harbour-tools.example", port: 465, security: "tls" },
  },
];

/** A plan as the server makes it: 60 KB a message, a provider that allows 2,500 MB a day. */
export const planOf = (mailbox, folders) => {
  const rows = folders.map((f) => ({
    folder_id: f.id, path: f.path, role: f.role, mode: f.mode, messages: f.progress.total, bytes: f.progress.total * 60_000, done: f.progress.done, done_bytes: f.progress.done * 60_000,
  }));
  const sum = (key) => rows.filter((r) => r.mode !== "off").reduce((total, r) => total + r[key], 0);
  const filling = mailbox.coverage.state === "filling";
  return {
    state: mailbox.coverage.state, folders: rows, messages: sum("messages"), bytes: sum("bytes"), unknown: 0, done: sum("done"), done_bytes: sum("done_bytes"),
    allowed: { bytes_down: 2_500_000_000, bytes_up: 500_000_000, messages: null, connections: 15, poll_minutes: null },
    used: { bytes_down: 812_000_000, bytes_up: 1_200_000, messages: 13_400, opens_at: null },
    messages_per_minute: filling ? 4_200 : null, bytes_per_second: filling ? 4_100_000 : null, waits_until: null, limited: false,
    ends_at: filling ? new Date(Date.now() + 900_000).toISOString() : null,
  };
};
