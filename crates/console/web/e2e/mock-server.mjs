// A stand-in for the API while the pages are made: in-memory, forgetful, without any mail behind it.
// It proves nothing about Postroom. Start: `npm run build && npm run mock [-- --fresh] [-- --port=8026]`.
// With --fresh nobody is set up and no mailbox exists; otherwise sign in with any email and password
// (or open with --signed-in).

import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as seed from "./mock/data.mjs";
import * as sending from "./mock/sending.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "dist");
const lib = readFileSync(join(here, "..", "..", "src", "lib.rs"), "utf8");
const policy = (name) => new RegExp(`const ${name}: &str =\\s*"([^"]*)"`).exec(lib)[1];
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };

export function startMock({ port = 0, fresh = false, signedIn = false, delay = 120, stepDelay = 260 } = {}) {
  const db = structuredClone({
    mailboxes: seed.mailboxes, folders: seed.folders, messages: seed.messages, submissions: seed.submissions, failures: seed.failures, drafts: seed.drafts,
    profiles: seed.profiles, tags: seed.tags, tokens: seed.tokens, identities: sending.identitiesOf(seed.mailboxes), signatures: sending.signatures, templates: sending.templates, jobs: sending.jobs, autoReplies: [], webhooks: seed.webhooks, deliveries: seed.deliveries,
  });
  const bodies = new Map(seed.bodies);
  const reports = new Map(seed.reports);
  const listeners = new Set();
  let user = fresh && !signedIn ? null : { id: "usr_1", name: "Ann Lindqvist", email: "ann@harbour-tools.example", role: "owner", layout: { threads: true, merge_folders: true } };
  let inside = signedIn;
  if (fresh) for (const key of ["profiles", "tags", "mailboxes", "folders", "messages", "submissions", "drafts", "identities", "signatures", "templates", "jobs", "tokens", "webhooks", "deliveries"]) db[key] = [];

  const emit = (type, data = {}, mailbox_id = null) => {
    const id = `evt_${randomUUID()}`;
    const event = { id, type, occurred_at: new Date().toISOString(), cursor: id, mailbox_id, origin: "live", data };
    for (const res of listeners) res.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  const timer = setInterval(() => {
    for (const m of db.mailboxes) {
      if (["live", "polling"].includes(m.connection.state)) m.connection.proven_alive_at = new Date(Date.now() - (m.connection.state === "live" ? 3_000 : 40_000)).toISOString();
      if (m.coverage.state === "filling" && m.coverage.done < m.coverage.total) m.coverage.done = Math.min(m.coverage.total, m.coverage.done + 9);
    }
  }, 1_000);

  const stepsFor = (input) => {
    const saved = input.mailbox_id && db.mailboxes.find((m) => m.id === input.mailbox_id);
    const { incoming, outgoing } = saved || input;
    const host = incoming?.host ?? outgoing?.host ?? "";
    if (saved ? saved.connection.state === "held" : false) return seed.badLogin(host);
    if (!saved && Object.hasOwn(seed.FAULTS, input.password ?? "") && !incoming?.certificate_sha256) return seed.FAULTS[input.password](host);
    if (incoming?.port === 143 && incoming.security === "tls") return seed.badTls(host);
    return seed.goodSteps(host, outgoing?.host ?? "");
  };

  const routes = [
    ["GET", "/v1/session", () => (inside ? { user } : problem(401, "Not signed in", "The session is missing or has ended."))],
    ["POST", "/v1/session", ({ body }) => (body.password === "nope" ? problem(401, "The email or the password is wrong", null, { remedy: "A new password can be set on the server: postroom user password EMAIL" }) : ((inside = true), { user }))],
    ["PATCH", "/v1/session", ({ body }) => (Object.assign(user.layout, body.layout), { user })],
    ["DELETE", "/v1/session", () => ((inside = false), 204)],
    ["GET", "/v1/setup", () => ({ needed: !user })],
    ["POST", "/v1/setup", ({ body }) => {
      if (body.token !== "mock") return problem(403, "The set-up link is not valid", "It was used, or it has expired.");
      user = { id: "usr_1", name: body.name, email: body.email, role: "owner", layout: { threads: true, merge_folders: true } };
      inside = true;
      return [201, { user }];
    }],
    ["GET", "/v1/server-profiles", () => page(db.profiles)],
    ["POST", "/v1/server-profiles", ({ body }) => {
      const profile = { login_format: "email", auth: "password", is_default: false, domains: [], ...body, id: `spr_${randomUUID().slice(0, 8)}`, usage_count: 0, version: 1 };
      for (const side of ["incoming", "outgoing"]) if (profile[side]) profile[side].port ??= side === "incoming" ? 993 : 465;
      db.profiles.push(profile);
      return [201, profile];
    }],
    ["PATCH", "/v1/server-profiles/:id", ({ id, body }) => edit(db.profiles, id, (b) => b, body)],
    ["DELETE", "/v1/server-profiles/:id", ({ id }) => drop(db, "profiles", id)],
    ["POST", "/v1/detect", ({ body }) => seed.detectionOf(body.address)],
    ["GET", "/v1/mailboxes", () => page(db.mailboxes)],
    ["POST", "/v1/mailboxes", ({ body }) => {
      if (db.mailboxes.some((m) => m.address === body.address)) return problem(409, "This address is connected already", `${body.address} is one of the mailboxes.`, { errors: [{ pointer: "/address", detail: "Connected already" }] });
      const steps = stepsFor(body);
      const report = { ...seed.reportOf(`rep_${randomUUID()}`, steps), finished_at: new Date().toISOString(), started_at: new Date(Date.now() - 900).toISOString() };
      const works = report.verdict !== "fails";
      const id = `mbx_${randomUUID().slice(0, 8)}`;
      const { enable, ...rest } = withoutPassword(body);
      const mailbox = {
        ...structuredClone(seed.mailboxes[0]), ...rest, id, lifecycle: enable && works ? "enabled" : "draft", receiving: !enable ? "untested" : works ? "works" : "fails", sending: !enable ? "untested" : works ? "works" : "fails",
        coverage: enable && works ? { state: "filling", done: 0, total: 4_000, since: null, holes: 0 } : { state: "none", done: 0, total: 0, since: null, holes: 0 },
        connection: { state: enable && works ? "live" : "off", proven_alive_at: enable && works ? new Date().toISOString() : null, since: new Date().toISOString(), until: null, problem_id: null },
        last_report_id: enable ? report.id : null, created_at: new Date().toISOString(),
      };
      reports.set(report.id, { ...report, mailbox_id: id });
      db.mailboxes.push(mailbox);
      emit("mailbox.created", {}, id);
      return [201, mailbox];
    }],
    ["GET", "/v1/mailboxes/:id", ({ id }) => find(db.mailboxes, id)],
    ["PATCH", "/v1/mailboxes/:id", ({ id, body }) => edit(db.mailboxes, id, withoutPassword, body)],
    ["DELETE", "/v1/mailboxes/:id", ({ id }) => drop(db, "mailboxes", id)],
    ["GET", "/v1/mailboxes/:id/folders", ({ id }) => page(db.folders.filter((f) => f.mailbox_id === id))],
    ["PATCH", "/v1/mailboxes/:id/folders/:fid", ({ fid, body }) => edit(db.folders, fid, (b) => b, body)],
    ["GET", "/v1/unified-folders", () => page(unified(db.folders))],
    ["GET", "/v1/tags", () => page(db.tags.map((t) => counted(t, db.messages)))],
    ["POST", "/v1/tags", ({ body }) => {
      if (db.tags.some((t) => t.kind === body.kind && t.name === body.name)) return problem(409, "There is another one", `There is a ${body.kind} of that name already.`);
      const tag = { color: null, mailbox_id: null, receives_from: [], ...body, id: `tag_${randomUUID().slice(0, 8)}`, created_at: new Date().toISOString() };
      db.tags.push(tag);
      emit("tag.created", { tag });
      return [201, tag];
    }],
    ["PATCH", "/v1/tags/:id", ({ id, body }) => {
      for (const t of db.messages.flatMap((m) => m.tags)) if (t.id === id) Object.assign(t, { name: body.name ?? t.name, color: body.color ?? null });
      return edit(db.tags, id, (b) => b, body);
    }],
    ["DELETE", "/v1/tags/:id", ({ id }) => {
      for (const m of db.messages) m.tags = m.tags.filter((t) => t.id !== id);
      return drop(db, "tags", id);
    }],
    ["GET", "/v1/mailboxes/:id/plan", ({ id }) => seed.planOf(db.mailboxes.find((m) => m.id === id), db.folders.filter((f) => f.mailbox_id === id))],
    ["GET", "/v1/mailboxes/:id/audit", ({ id }) => ({ mailbox_id: id, asked_at: null, last: null, folders: [] })],
    ["GET", "/v1/mailboxes/:id/failures", ({ id }) => page(db.failures[id] ?? [])],
    ["POST", "/v1/mailboxes/:id/failures/:fid/retry", () => 204],
    ["POST", "/v1/mailboxes/:id/:verb", ({ id, verb }) => {
      const m = db.mailboxes.find((each) => each.id === id);
      if (!m) return gone();
      m.lifecycle = { pause: "paused", resume: "enabled", enable: "enabled", disable: "disabled" }[verb] ?? m.lifecycle;
      m.connection.state = m.lifecycle === "enabled" ? "live" : "off";
      emit("mailbox.changed", {}, id);
      return m;
    }],
    ["GET", "/v1/problems/:id", ({ id }) => seed.catalogue[id] ?? gone()],
    ["GET", "/v1/connection-tests", ({ query }) => page([...reports.values()].filter((r) => r.mailbox_id === query.get("mailbox_id")).sort((a, b) => b.finished_at.localeCompare(a.finished_at)), query)],
    ["GET", "/v1/connection-tests/:id", ({ id }) => reports.get(id) ?? gone()],
    ["GET", "/v1/messages", ({ query }) => {
      const q = query.get("q");
      let rows = db.messages;
      if (query.get("mailbox_id")) rows = rows.filter((m) => m.mailbox_id === query.get("mailbox_id"));
      if (query.get("role")) rows = rows.filter((m) => m.folders.some((f) => f.role === query.get("role")));
      if (query.get("folder_id")) rows = rows.filter((m) => m.folders.some((f) => f.folder_id === query.get("folder_id")));
      if (query.get("tag_id")) rows = rows.filter((m) => m.tags.some((t) => t.id === query.get("tag_id")));
      if (query.get("unread")) rows = rows.filter((m) => !m.flags.seen);
      if (query.get("flagged")) rows = rows.filter((m) => m.flags.flagged);
      if (q) rows = rows.filter((m) => matches(m, q));
      return page(rows, query);
    }],
    ["POST", "/v1/messages", ({ body, key }) => [202, { id: `owe_${key}`, kind: "append", state: "pending", folder_id: body.folder_id, what: "store a message" }]],
    ["GET", "/v1/messages/:id", ({ id, query }) => {
      const m = db.messages.find((each) => each.id === id);
      if (!m) return gone();
      const body = structuredClone(bodies.get(id));
      body.blocked_remote_images = body.html?.split("data-blocked-src").length - 1 || 0;
      if (query.get("remote_images") === "allowed" && body.html) body.html = body.html.replaceAll("data-blocked-src=", "src=");
      return { ...m, ...body };
    }],
    ["GET", "/v1/messages/:id/answer", ({ id, query }) => {
      const m = db.messages.find((each) => each.id === id);
      if (!m) return gone();
      const own = db.mailboxes.find((b) => b.id === m.mailbox_id)?.address;
      const others = (list) => list.filter((a) => a.address !== own);
      const forward = query.get("kind") === "forward";
      const lines = (bodies.get(id)?.text ?? "Hello").split("\n");
      return {
        mailbox_id: (db.mailboxes.find((b) => b.id === m.mailbox_id && b.outgoing) ?? db.mailboxes.find((b) => b.system_sender))?.id ?? null,
        to: forward ? [] : m.from, cc: query.get("kind") === "reply_all" ? [...others(m.to), ...m.cc] : [],
        subject: `${forward ? "Fwd" : "Re"}: ${m.subject ?? ""}`,
        quoted_text: forward ? lines.join("\n") : [`On 2026-11-20 10:00 UTC, ${m.from[0]?.name ?? "somebody"} wrote:`, ...lines.map((l) => `> ${l}`)].join("\n"),
      };
    }],
    ["GET", "/v1/drafts", () => page(db.drafts)],
    ["GET", "/v1/drafts/:id", ({ id }) => db.drafts.find((d) => d.id === id) ?? gone()],
    ["POST", "/v1/drafts", ({ body }) => {
      const draft = { id: `drf_${randomUUID().slice(0, 8)}`, mailbox_id: body.mailbox_id, content: body, version: 1, message_id: null, on_server: "owed", created_at: new Date().toISOString(), updated_at: new Date().toISOString() };
      const { replaces_message_id: replaced, ...rest } = body;
      draft.content = rest;
      db.messages = db.messages.filter((m) => m.id !== replaced);
      db.drafts = [draft, ...db.drafts];
      return [201, draft];
    }],
    ["PATCH", "/v1/drafts/:id", ({ id, body }) => {
      const draft = db.drafts.find((d) => d.id === id);
      if (!draft) return gone();
      const { version, replaces_message_id: replaced, ...rest } = body;
      if ((version ?? draft.version) !== draft.version) return changedMeanwhile();
      if (draft.on_server === "changed" && replaced !== draft.message_id) return problem(409, "Another program has changed the draft", "Its text is another message.", { code: "draft_changed_elsewhere" });
      db.messages = db.messages.filter((m) => m.id !== replaced);
      Object.assign(draft, { on_server: "owed", message_id: null, content: Object.fromEntries(Object.entries({ ...draft.content, ...rest }).filter(([, value]) => value !== null)) });
      draft.version += 1;
      return draft;
    }],
    ["DELETE", "/v1/drafts/:id", ({ id }) => {
      db.drafts = db.drafts.filter((d) => d.id !== id);
      return 204;
    }],
    ["POST", "/v1/uploads", ({ query }) => [201, { blob_id: `upl_${randomUUID().slice(0, 8)}`, filename: query.get("filename"), content_type: "text/plain", size: 5, expires_at: new Date().toISOString() }]],
    ["PATCH", "/v1/messages/:id", ({ id, body }) => {
      const m = db.messages.find((each) => each.id === id);
      if (!m) return gone();
      Object.assign(m.flags, body.flags ?? {});
      if (body.tags) {
        const add = db.tags.filter((t) => body.tags.add?.includes(t.id));
        const leaves = (t) => body.tags.remove?.includes(t.id) || add.some((a) => a.id === t.id || (a.kind === "folder" && t.kind === "folder"));
        m.tags = [...m.tags.filter((t) => !leaves(t)), ...add.map(({ id, name, color, kind }) => ({ id, name, color, kind }))];
      }
      if (body.folder_id) {
        const f = db.folders.find((each) => each.id === body.folder_id);
        m.folders = [{ folder_id: f.id, path: f.path, role: f.role }];
      }
      return m;
    }],
    ["DELETE", "/v1/messages/:id", ({ id }) => {
      const m = db.messages.find((each) => each.id === id);
      const f = db.folders.find((each) => each.mailbox_id === m?.mailbox_id && each.role === "trash");
      if (m && f) m.folders = [{ folder_id: f.id, path: f.path, role: "trash" }];
      return 204;
    }],
    ["GET", "/v1/threads", ({ query }) => {
      const box = query.get("mailbox_id"), tag = query.get("tag_id"), role = query.get("role");
      const groups = new Map();
      for (const m of db.messages) if ((!box || m.mailbox_id === box)) groups.set(m.thread_id, [...(groups.get(m.thread_id) ?? []), m]);
      const rows = [...groups.values()].filter((ms) => ms.some((m) => (!role || m.folders.some((f) => f.role === role)) && (!tag || m.tags.some((t) => t.id === tag)))).map(threadOf).filter((t) => !query.get("unread") || t.unread);
      return page(rows.sort((a, b) => b.last_at.localeCompare(a.last_at)), query);
    }],
    ["GET", "/v1/threads/:id", ({ id }) => {
      const ms = db.messages.filter((m) => m.thread_id === id);
      return ms.length ? { ...threadOf(ms), messages: [...ms].sort((a, b) => a.received_at.localeCompare(b.received_at)) } : gone();
    }],
    ["GET", "/v1/submissions", ({ query }) => page(db.submissions.filter((s) => (!query.get("state") || s.state === query.get("state")) && (!query.get("in_reply_to_message_id") || s.answers === query.get("in_reply_to_message_id")) && (!query.get("scheduled") || (s.state === "queued" && Date.parse(s.send_at) > Date.now()))), query)],
    ["POST", "/v1/submissions", ({ body, key }) => {
      const known = db.submissions.find((s) => s.key === key);
      if (known) return [202, known];
      const draft = db.drafts.find((d) => d.id === body.draft_id);
      if (draft && (body.draft_version ?? draft.version) !== draft.version) return changedMeanwhile();
      db.drafts = db.drafts.filter((d) => d !== draft);
      const original = db.messages.find((m) => m.id === body.in_reply_to_message_id);
      if (body.calendar_reply) Object.assign(body, { mailbox_id: original.mailbox_id, to: original.from, subject: `${body.calendar_reply[0].toUpperCase()}${body.calendar_reply.slice(1)}: ${original.subject.replace("Invitation: i", "I")}` });
      const s = { ...structuredClone(seed.submissions[0]), id: `sub_${randomUUID().slice(0, 8)}`, key, dsn: body.dsn ?? null, require_tls: body.require_tls ?? false, read_receipt: body.read_receipt ?? false, calendar_reply: body.calendar_reply ?? null, answers: body.in_reply_to_message_id ?? null, priority: body.priority ?? "normal", mailbox_id: body.mailbox_id, subject: body.subject ?? shownOf(body, db).subject, state: "queued", send_at: body.send_at ? new Date(body.send_at).toISOString() : null, attempts: 0, created_at: new Date().toISOString(), recipients: [...body.to, ...(body.cc ?? []), ...(body.bcc ?? [])].map((a) => ({ address: a.address, state: "queued", code: null, enhanced_code: null, text: null })) };
      db.submissions.unshift(s);
      emit("submission.queued");
      if (body.send_at) return [202, s];
      setTimeout(() => {
        if (s.state === "cancelled") return;
        s.state = "accepted";
        for (const r of s.recipients) Object.assign(r, { state: "accepted", code: 250, enhanced_code: "2.0.0", text: "Ok: queued" });
        s.sent_copy.state = "filed";
        emit("submission.accepted");
        const to = db.mailboxes.find((m) => s.recipients.some((r) => r.address === m.address));
        const like = db.messages.find((m) => m.mailbox_id === to?.id);
        if (!like) return;
        const id = `msg_${randomUUID().slice(0, 8)}`;
        db.messages.unshift({ ...structuredClone(like), id, thread_id: `thr_${id}`, subject: s.subject, received_at: new Date().toISOString() });
        bodies.set(id, { ...structuredClone(bodies.get(like.id)), text: body.text });
        emit("message.received", { message_id: id }, to.id);
      }, 1_500);
      return [202, s];
    }],
    ["DELETE", "/v1/submissions/:id", ({ id }) => edit(db.submissions, id, (b) => b, { state: "cancelled" }) && 204],
    ["POST", "/v1/submissions/:id/retry", ({ id }) => edit(db.submissions, id, (b) => b, { state: "queued", next_attempt_at: null })],
    ["GET", "/v1/auto-replies", ({ query }) => page(db.autoReplies.filter((one) => one.mailbox_id === query.get("mailbox_id")))],
    ["POST", "/v1/auto-replies", ({ body }) => {
      const one = { ...sending.autoReply, ...body, id: `arp_${randomUUID().slice(0, 8)}` };
      db.autoReplies.push(one);
      return [201, one];
    }],
    ["POST", "/v1/auto-replies/ask-server", ({ body }) => {
      for (const one of db.autoReplies) if (one.mailbox_id === body.mailbox_id) one.server_offers = true;
      return { mailbox_id: body.mailbox_id, offers: true, port: 4190, program: "Dovecot Pigeonhole", active_script: null, at_work: false, reason: null };
    }],
    ["PATCH", "/v1/auto-replies/:id", ({ id, body }) => {
      const one = db.autoReplies.find((known) => known.id === id);
      const now = { ...one, ...body };
      return edit(db.autoReplies, id, (b) => b, { ...body, on_server: now.enabled && now.place === "server" ? "set" : null });
    }],
    ["DELETE", "/v1/auto-replies/:id", ({ id }) => drop(db, "autoReplies", id)],
    ["POST", "/v1/auto-replies/:id/preview", () => sending.autoReplyPreview],
    ["GET", "/v1/identities", () => page(db.identities)],
    ["POST", "/v1/identities", ({ body }) => {
      const made = { is_main: false, ...body, id: `idn_${randomUUID().slice(0, 8)}`, usable: true, created_at: new Date().toISOString() };
      db.identities.push(made);
      return [201, made];
    }],
    ["PATCH", "/v1/identities/:id", ({ id, body }) => edit(db.identities, id, (b) => b, body)],
    ["DELETE", "/v1/identities/:id", ({ id }) => drop(db, "identities", id)],
    ...["signatures", "templates"].flatMap((name) => [
      ["GET", `/v1/${name}`, () => page(db[name])],
      ["POST", `/v1/${name}/preview`, ({ body }) => shownOf(body, db)],
      ["POST", `/v1/${name}`, ({ body }) => {
        const made = { variables: variablesOf(body), owner_id: null, ...body, id: `new_${randomUUID().slice(0, 8)}`, created_at: new Date().toISOString() };
        db[name].push(made);
        return [201, made];
      }],
      ["PATCH", `/v1/${name}/:id`, ({ id, body }) => edit(db[name], id, (b) => b, body)],
      ["DELETE", `/v1/${name}/:id`, ({ id }) => drop(db, name, id)],
    ]),
    ["GET", "/v1/jobs", () => page(db.jobs)],
    ["POST", "/v1/merges", ({ body }) => {
      const job = { id: `job_${randomUUID().slice(0, 8)}`, kind: "merge", phase: "running", mailbox_id: body.mailbox_id, total: body.recipients.length, done: 0, failed: 0, rate: null, eta: null, last_error: null, created_at: new Date().toISOString(), finished_at: null };
      db.jobs.unshift(job);
      setTimeout(() => Object.assign(job, job.phase === "running" ? { phase: "done", done: job.total } : {}), 1_500);
      return [202, job];
    }],
    ...[["pause", "paused"], ["resume", "running"], ["cancel", "cancelled"]].map(([verb, phase]) => ["POST", `/v1/jobs/:id/${verb}`, ({ id }) => edit(db.jobs, id, (b) => b, { phase, rate: null, eta: null })]),
    ["GET", "/v1/tokens", () => page(db.tokens)],
    ["POST", "/v1/tokens", ({ body }) => {
      const t = { id: `tok_${randomUUID().slice(0, 8)}`, ...body, mailbox_ids: [], created_at: new Date().toISOString(), last_used_at: null };
      db.tokens.unshift(t);
      return [201, { ...t, token: `prt_${randomUUID().replaceAll("-", "")}` }];
    }],
    ["DELETE", "/v1/tokens/:id", ({ id }) => drop(db, "tokens", id)],
    ["GET", "/v1/webhooks", () => page(db.webhooks)],
    ["POST", "/v1/webhooks", ({ body }) => {
      if (!body.url.startsWith("https:")) return problem(422, "This address cannot be used", "Webhooks go to https addresses.", { errors: [{ pointer: "/url", detail: "It has to begin with https://" }] });
      const w = { id: `whk_${randomUUID().slice(0, 8)}`, mailbox_ids: [], enabled: true, disabled_reason: null, created_at: new Date().toISOString(), ...body };
      db.webhooks.unshift(w);
      return [201, { ...w, secret: `whsec_${randomUUID().replaceAll("-", "")}` }];
    }],
    ["PATCH", "/v1/webhooks/:id", ({ id, body }) => edit(db.webhooks, id, (b) => ({ ...b, disabled_reason: null }), body)],
    ["DELETE", "/v1/webhooks/:id", ({ id }) => drop(db, "webhooks", id)],
    ["GET", "/v1/webhooks/:id/deliveries", ({ id }) => page(db.deliveries.filter((d) => d.webhook_id === id))],
    ["POST", "/v1/webhooks/:id/test", () => 204],
    ["POST", "/v1/webhooks/:id/deliveries/:did/replay", () => 204],
  ].map(([method, path, run]) => ({ method, run, names: [...path.matchAll(/:(\w+)/g)].map((m) => m[1]), pattern: new RegExp(`^${path.replaceAll(/:\w+/g, "([^/]+)")}$`) }));

  const server = createServer(async (req, res) => {
    const url = new URL(req.url, "http://mock");
    if (!url.pathname.startsWith("/v1/")) return serveFile(url.pathname, res);
    let raw = "";
    for await (const chunk of req) raw += chunk;
    const body = raw && url.pathname !== "/v1/uploads" ? JSON.parse(raw) : {};
    if (req.method !== "GET" && req.headers["x-postroom-csrf"] !== "1") return answer(res, problem(403, "The CSRF header is missing"));
    const open = /^\/v1\/(session|setup)$/.test(url.pathname);
    if (!open && !inside) return answer(res, problem(401, "Not signed in"));
    if (url.pathname === "/v1/events") {
      res.writeHead(200, { "Content-Type": "text/event-stream" }).write(": hello\n\n");
      listeners.add(res);
      req.on("close", () => listeners.delete(res));
      return;
    }
    if (req.method === "POST" && url.pathname === "/v1/connection-tests") return streamTest(res, body);
    const file = /^\/v1\/messages\/([^/]+)\/attachments\/([^/]+)$/.exec(url.pathname);
    if (file && bodies.get(file[1])?.attachments.find((a) => a.id === file[2])?.content_type === "text/calendar") return res.writeHead(200, { "Content-Type": "text/calendar" }).end(seed.calendar);
    if (url.pathname.endsWith("/raw") || /\/attachments\//.test(url.pathname)) return res.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Disposition": "attachment" }).end("mock");
    const route = routes.find((r) => r.method === req.method && r.pattern.test(url.pathname));
    setTimeout(() => {
      if (!route) return answer(res, gone());
      const values = route.pattern.exec(url.pathname).slice(1);
      const params = Object.fromEntries(route.names.map((name, n) => [name, values[n]]));
      answer(res, route.run({ ...params, query: url.searchParams, body, key: req.headers["idempotency-key"] }));
    }, delay);
  });

  async function streamTest(res, input) {
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    const say = (event, data) => res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    const steps = stepsFor(input);
    const began = Date.now();
    for (const step of steps) {
      say("step", { ...step, status: "running", ms: 0, did: "", server_said: null, means: null, remedy: null, others: [], steps: [] });
      if (step.status !== "skip") await new Promise((done) => setTimeout(done, stepDelay));
      say("step", step);
    }
    const report = { ...seed.reportOf(`rep_${randomUUID()}`, steps, input.mailbox_id ?? null), started_at: new Date(began).toISOString(), finished_at: new Date().toISOString() };
    reports.set(report.id, report);
    const m = db.mailboxes.find((each) => each.id === input.mailbox_id);
    if (m) m.last_report_id = report.id;
    say("report", report);
    res.end();
  }

  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        emit,
        /** As if another mail program had written this in the place of a draft's copy; the id of that message. */
        changeElsewhere: (draftId, text) => {
          const draft = db.drafts.find((d) => d.id === draftId);
          const id = `msg_${randomUUID().slice(0, 8)}`;
          const like = seed.messages.find((m) => m.flags.draft);
          db.messages.unshift({ ...structuredClone(like), id, thread_id: `thr_${id}`, mailbox_id: draft.mailbox_id, from: [], to: draft.content.to ?? [], subject: draft.content.subject, received_at: new Date().toISOString() });
          bodies.set(id, { ...structuredClone(bodies.get(like.id)), text, html: null, attachments: [] });
          Object.assign(draft, { on_server: "changed", message_id: id });
          return id;
        },
        /** Fills the inbox of the first mailbox, as if its mail had been fetched. */
        seed: () => {
          const id = db.mailboxes[0].id;
          db.folders = seed.folders.filter((f) => f.mailbox_id === "mbx_sales").map((f) => ({ ...f, mailbox_id: id }));
          db.messages = structuredClone(seed.messages.filter((m) => m.mailbox_id === "mbx_sales")).map((m) => ({ ...m, mailbox_id: id }));
        },
        stop: () => {
          clearInterval(timer);
          server.closeAllConnections();
          return new Promise((done) => server.close(done));
        },
      });
    });
  });
}

const problem = (status, title, detail, more = {}) => [status, { type: "about:blank", title, status, ...(detail ? { detail } : {}), code: "mock", ...more }, "application/problem+json"];
const changedMeanwhile = () => problem(409, "Not as things are", "the draft was changed meanwhile: read it again");
const gone = () => problem(404, "There is nothing with this id");
const find = (rows, id) => rows.find((r) => r.id === id) ?? gone();
const edit = (rows, id, clean, body) => {
  const row = rows.find((r) => r.id === id);
  return row ? Object.assign(row, clean(body)) : gone();
};
const withoutPassword = (body) => {
  const rest = { ...body };
  delete rest.password;
  return rest;
};
/** What stands in the braces. */
const variablesOf = (body) => [...new Set([...`${body.subject ?? ""}${body.html ?? ""}${body.text ?? ""}`.matchAll(/\{\{ ([a-z.]+)/g)].map((m) => m[1]))];

/** What a signature or a template becomes. */
function shownOf(asked, db) {
  const body = { ...db.templates.find((one) => one.id === asked.template_id), ...asked };
  const missing = variablesOf(body).find((path) => asked.template_id && path.split(".").reduce((at, name) => at?.[name], { identity: {}, ...asked.data }) === undefined);
  if (missing) return problem(422, "The template cannot be filled", `/data: the text of the template: line 1: the data has no ${missing}`);
  const identity = db.identities.find((one) => one.id === body.identity_id) ?? db.identities[0];
  const data = { identity, user: { name: "Ann" }, ...body.data };
  const html = sending.filled(body.html, data);
  const text = body.text ? sending.filled(body.text, data) : sending.plain(html);
  return { subject: sending.filled(body.subject, data), html: html || null, text, variables: [], identity_id: identity?.id };
}

const drop = (db, key, id) => {
  db[key] = db[key].filter((r) => r.id !== id);
  return 204;
};

function page(rows, query) {
  const limit = Number(query?.get("limit") ?? 200), from = Number(query?.get("cursor") ?? 0);
  return { data: rows.slice(from, from + limit), next_cursor: from + limit < rows.length ? String(from + limit) : null };
}

/** The folders of each role as one. */
function unified(folders) {
  const roles = new Map();
  for (const f of folders) {
    if (!f.role || f.mode === "off") continue;
    const sum = roles.get(f.role) ?? { role: f.role, folders: 0, messages: 0, unread: 0 };
    roles.set(f.role, { ...sum, folders: sum.folders + 1, messages: sum.messages + f.messages, unread: sum.unread + f.unread });
  }
  return [...roles.values()];
}

function counted(tag, messages) {
  const on = messages.filter((m) => m.tags.some((t) => t.id === tag.id));
  return { ...tag, messages: on.length, unread: on.filter((m) => !m.flags.seen).length };
}

function threadOf(ms) {
  const last = ms.reduce((a, b) => (a.received_at > b.received_at ? a : b));
  const participants = [...new Map(ms.flatMap((m) => m.from).map((a) => [a.address, a])).values()];
  return {
    id: last.thread_id, mailbox_id: last.mailbox_id, subject: last.subject, last_at: last.received_at, messages: ms.length, unread: ms.filter((m) => !m.flags.seen).length,
    participants, preview: last.preview, has_attachments: ms.some((m) => m.has_attachments), flagged: ms.some((m) => m.flags.flagged),
    tags: [...new Map(ms.flatMap((m) => m.tags).map((t) => [t.id, t])).values()],
  };
}

function matches(m, q) {
  return (q.match(/\w+:"[^"]*"|"[^"]*"|\S+/g) ?? []).every((term) => {
    const [op, value] = term.includes(":") ? term.split(/:(.*)/) : [null, term.replaceAll('"', "")];
    const has = (text) => text.toLowerCase().includes(value.toLowerCase());
    if (op === "from") return m.from.some((a) => has(`${a.name} ${a.address}`));
    if (op === "subject") return has(m.subject);
    if (op === "label") return m.labels.some((l) => l.toLowerCase() === value.replaceAll('"', "").toLowerCase());
    if (op === "has") return m.has_attachments;
    if (op === "is") return value === "unread" ? !m.flags.seen : m.flags.flagged;
    return has(`${m.subject} ${m.preview} ${m.from[0].name}`);
  });
}

function answer(res, result) {
  if (result === 204) return res.writeHead(204).end();
  const [status, body, type] = Array.isArray(result) ? result : [200, result];
  res.writeHead(status, { "Content-Type": type ?? "application/json" }).end(JSON.stringify(body));
}

function serveFile(path, res) {
  const file = normalize(join(dist, path));
  const found = file.startsWith(dist) && extname(file) && existsSync(file) ? file : join(dist, "index.html");
  const csp = found.endsWith("message-frame.html") ? "FRAME_CSP" : found.endsWith("message-frame-images.html") ? "FRAME_IMAGES_CSP" : "CSP";
  res.writeHead(200, { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream", "Content-Security-Policy": policy(csp), "X-Content-Type-Options": "nosniff" }).end(readFileSync(found));
}

const option = (name) => process.argv.find((a) => a.startsWith(`--${name}`));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({ port: Number(option("port")?.split("=")[1] ?? 8026), fresh: Boolean(option("fresh")), signedIn: Boolean(option("signed-in")) });
  console.log(`${mock.url}${option("fresh") ? "/setup#token=mock" : ""}`);
}
