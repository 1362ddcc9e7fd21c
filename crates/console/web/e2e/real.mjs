// Runs the end-to-end tests against the real thing: `npm run build && npm run e2e:real`.
// Starts the testkit's mail servers (or takes those that POSTROOM_TESTKIT names), delivers some mail,
// starts the built `postroom serve` on a fresh data directory, and hands its set-up link to the tests.
// Everything ends with this process.

import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..", "..");
const program = process.env.POSTROOM_BINARY ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", "postroom");
/** A first start makes keys and a database. */
const READY_LIMIT = 20_000;

const endpoints = process.env.POSTROOM_TESTKIT ?? execFileSync(join(root, "scripts", "mail-servers"), [String(process.pid)], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
const servers = JSON.parse(readFileSync(endpoints, "utf8"));
const local = `u-console-${process.pid}`;
const address = `${local}@example.test`;

/** Delivers messages into the inbox by LMTP (RFC 2033), one line of dialogue after the other. */
async function deliver(messages) {
  const socket = createConnection(servers.lmtp_port, "127.0.0.1");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const say = async (text, expected) => {
    if (text) socket.write(text);
    for (;;) {
      const { value } = await lines.next();
      if (value?.[3] === "-") continue;
      if (!value?.startsWith(expected)) throw new Error(`LMTP ${text.slice(0, 40)}: ${value}`);
      return;
    }
  };
  await say("", "220");
  await say("LHLO console\r\n", "250");
  for (const message of messages) {
    await say("MAIL FROM:<mira@elsewhere.test>\r\n", "250");
    await say(`RCPT TO:<${address}>\r\n`, "250");
    await say("DATA\r\n", "354");
    await say(`${message.replaceAll("\n", "\r\n")}\r\n.\r\n`, "250");
  }
  await say("QUIT\r\n", "221");
  socket.destroy();
}

const mail = (n, subject, type, body) =>
  `From: Mira Okafor <mira@elsewhere.test>\nTo: ${address}\nSubject: ${subject}\nDate: Fri, 20 Nov 2026 1${n}:00:00 +0000\nMessage-ID: <console-${n}-${process.pid}@elsewhere.test>\nMIME-Version: 1.0\nContent-Type: ${type}; charset=utf-8\n\n${body}`;
const calendar = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:crane-4@example.test", "DTSTAMP:20261119T090000Z", "SUMMARY:Inspection of crane 4", "ORGANIZER;CN=Ann:mailto:ann@example.test",
  `ATTENDEE;RSVP=TRUE:mailto:${address}`, "DTSTART:20270114T080000Z", "DTEND:20270114T093000Z", "LOCATION:Quay 4", "END:VEVENT", "END:VCALENDAR"].join("\n");
await deliver([
  mail(0, "Invitation: inspection of crane 4", "multipart/alternative; boundary=inv", `--inv\nContent-Type: text/plain\n\nAnn invites you.\n--inv\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\n${calendar}\n--inv--\n`).replace("boundary=inv; charset=utf-8", "boundary=inv"),
  mail(1, "Quote for 40 rigging sets", "text/plain", "Hello,\n\ncould you send a quote for 40 rigging sets?\n\nMira\n"),
  mail(2, "Dockside Weekly 212", "text/html", '<h1 style="color:#12344d">The gantry is up</h1><p>Portside raised it.</p><img src="https://img.elsewhere.test/a.png">'),
  mail(3, "Training dates", "text/plain", "Week 6 or week 8?\n"),
]);

const data = mkdtempSync(join(tmpdir(), "postroom-console-"));
const server = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--network-allow", "127.0.0.0/8", "--tls-extra-ca-file", servers.ca_pem_path, "--data-dir", data], {
  stdio: ["ignore", "pipe", "pipe"],
});
let printed = "";
for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => (printed += chunk));

function setupLink() {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const look = setInterval(() => {
      const link = /http:\/\/\S+\/setup#token=\S+/.exec(printed)?.[0];
      if (link || server.exitCode !== null || Date.now() - began > READY_LIMIT) clearInterval(look);
      if (link) resolve(link);
      else if (server.exitCode !== null || Date.now() - began > READY_LIMIT) reject(new Error(`postroom printed no set-up link:\n${printed}`));
    }, 50);
  });
}

let status = 1;
try {
  const link = await setupLink();
  // The link names the configured address; with port 0 the ready line has the real one.
  const base = [...printed.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map((m) => m[0]).findLast((url) => !url.endsWith(":0"));
  const side = (port, security) => ({ host: "localhost", port, security, username: address });
  const tests = spawn(process.execPath, ["--test", "--test-concurrency=1", join(here, "console.test.mjs")], {
    stdio: "inherit",
    env: {
      ...process.env,
      POSTROOM_URL: base,
      POSTROOM_SETUP_URL: link.replace(/^http:\/\/[^/]+/, base),
      POSTROOM_E2E_MAILBOX: JSON.stringify({
        address, password: `secret-${local}`,
        incoming: { protocol: "imap", ...side(servers.imaps_port, "tls") },
        outgoing: side(servers.submissions_port, "tls"),
      }),
    },
  });
  status = await new Promise((done) => tests.on("exit", (code) => done(code ?? 1)));
} catch (error) {
  console.error(error.message);
} finally {
  if (status) console.error(`--- what postroom printed ---\n${printed}`);
  server.kill("SIGTERM");
  await new Promise((done) => (server.exitCode === null ? server.on("exit", done) : done()));
  rmSync(data, { recursive: true, force: true });
}
process.exit(status);
