-- The first schema. {int} {blob} {serial} {strict} stand for what differs between SQLite and PostgreSQL.
-- Times are milliseconds since 1970, ids are made by us, booleans are 0 and 1, JSON is text.

CREATE TABLE counters (name TEXT PRIMARY KEY, value {int} NOT NULL) {strict};
INSERT INTO counters (name, value) VALUES ('events', 0), ('fan_out', 0), ('auto_replies', 0);

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) {strict};

-- Settings that mailboxes share: servers, login format, what the provider allows. No secrets.
CREATE TABLE server_profiles (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, incoming TEXT, outgoing TEXT, login_format TEXT NOT NULL,
  auth TEXT NOT NULL, domains TEXT NOT NULL, limits TEXT NOT NULL, fetch_since {int}, is_default {int} NOT NULL, version {int} NOT NULL,
  created_at {int} NOT NULL
) {strict};

-- `caught_up`: messages that had come while nobody looked, stored, and not yet told as a gap that was filled.
CREATE TABLE mailboxes (
  id TEXT PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  lifecycle TEXT NOT NULL CHECK (lifecycle IN ('draft','awaiting_approval','enabled','paused','disabled')),
  receiving TEXT NOT NULL, sending TEXT NOT NULL,
  connection_state TEXT NOT NULL, proven_alive_at {int}, connection_since {int}, connection_until {int}, connection_problem TEXT,
  incoming TEXT, outgoing TEXT, incoming_secret {blob}, outgoing_secret {blob},
  server_profile_id TEXT REFERENCES server_profiles (id), login_formats TEXT NOT NULL DEFAULT '{}',
  fetch_since {int}, monitored TEXT, folder_roles TEXT NOT NULL DEFAULT '{}', last_report_id TEXT, version {int} NOT NULL, created_at {int} NOT NULL,
  removed_at {int}, pop3_delete_after_days {int}, read_only {int} NOT NULL DEFAULT 0, size_limit {int}, fill_waits_until {int},
  fill_per_minute {int}, fill_bytes {int}, fill_measured_at {int},
  quota_used {int}, quota_limit {int}, quota_told_at {int}, caught_up {int} NOT NULL DEFAULT 0,
  owner_kind TEXT, owner_name TEXT, limits TEXT NOT NULL DEFAULT '{}', send_shared {int} NOT NULL DEFAULT 0,
  system_sender {int} NOT NULL DEFAULT 0, sent_copy_by TEXT, CHECK ((owner_kind IS NULL) = (owner_name IS NULL))
) {strict};
CREATE INDEX mailboxes_by_lifecycle ON mailboxes (lifecycle);
-- Removed, and not yet taken away with all that they had.
CREATE INDEX mailboxes_removed ON mailboxes (id) WHERE removed_at IS NOT NULL;
-- Mailboxes that others may send through, and the one that those send through who have none.
CREATE INDEX mailboxes_send_shared ON mailboxes (id) WHERE send_shared = 1;
CREATE UNIQUE INDEX mailboxes_system_sender ON mailboxes (system_sender) WHERE system_sender = 1;
CREATE INDEX mailboxes_by_profile ON mailboxes (server_profile_id) WHERE server_profile_id IS NOT NULL;

-- What a mailbox sends as. `address_key`: in lower case; `is_alias`: mail to it arrives in the mailbox too; `everyone`: each caller who may send through
-- the mailbox, otherwise only those named.
CREATE TABLE identities (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, name TEXT NOT NULL, address TEXT NOT NULL,
  address_key TEXT NOT NULL, reply_to TEXT, is_main {int} NOT NULL, is_alias {int} NOT NULL, fields TEXT NOT NULL, signature_id TEXT,
  everyone {int} NOT NULL, user_ids TEXT NOT NULL, token_ids TEXT NOT NULL, created_at {int} NOT NULL, limits TEXT NOT NULL
) {strict};
CREATE INDEX identities_by_mailbox ON identities (mailbox_id, id);
CREATE INDEX identities_by_address ON identities (address_key);
CREATE UNIQUE INDEX identities_main ON identities (mailbox_id) WHERE is_main = 1;

CREATE TABLE signatures (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('personal','shared','central')), owner TEXT, html TEXT NOT NULL,
  text TEXT, created_at {int} NOT NULL, CHECK ((kind = 'personal') = (owner IS NOT NULL))
) {strict};
CREATE UNIQUE INDEX signatures_central ON signatures (kind) WHERE kind = 'central';
CREATE INDEX identities_by_signature ON identities (signature_id) WHERE signature_id IS NOT NULL;
CREATE TABLE templates (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, mailbox_id TEXT REFERENCES mailboxes (id) ON DELETE CASCADE,
  subject TEXT NOT NULL, html TEXT, text TEXT, variables TEXT NOT NULL, created_at {int} NOT NULL
) {strict};
CREATE INDEX templates_by_mailbox ON templates (mailbox_id) WHERE mailbox_id IS NOT NULL;

-- Out of office. `enabled_at`: since when it answers; null: it is switched off. `on_server`: what is known of it on the mailbox's own
-- server (changing, set, unsure), and since when; `left_server_at`: when that server stopped answering.
CREATE TABLE auto_replies (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL UNIQUE REFERENCES mailboxes (id) ON DELETE CASCADE, enabled_at {int},
  settings TEXT NOT NULL, created_at {int} NOT NULL, on_server TEXT, on_server_at {int}, left_server_at {int}
) {strict};
-- Whether a mailbox's server answers by itself where it is told to (ManageSieve at this port, with vacation), and whether an out of
-- office that was removed here was left there.
CREATE TABLE auto_reply_servers (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE, port {int} NOT NULL, offers {int} NOT NULL,
  asked_at {int} NOT NULL, left_there {int} NOT NULL DEFAULT 0
) {strict};
-- Who got an answer, and when last.
CREATE TABLE auto_replied (
  auto_reply_id TEXT NOT NULL REFERENCES auto_replies (id) ON DELETE CASCADE, sender TEXT NOT NULL, replied_at {int} NOT NULL,
  submission_id TEXT NOT NULL, message_id TEXT NOT NULL, PRIMARY KEY (auto_reply_id, sender)
) {strict};

-- What went over the wire between us and a mailbox's receiving server, by hours since 1970, where a provider's limits by the
-- day have to be obeyed. What is about to be fetched is in it before it is fetched.
CREATE TABLE traffic (
  mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, hour {int} NOT NULL, bytes_down {int} NOT NULL,
  bytes_up {int} NOT NULL, messages {int} NOT NULL, PRIMARY KEY (mailbox_id, hour)
) {strict};

-- Who works on a mailbox. `epoch` fences: a write of an older epoch is refused.
CREATE TABLE leases (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE,
  node TEXT NOT NULL, epoch {int} NOT NULL, expires_at {int} NOT NULL
) {strict};
-- `leaving`: it takes no more work, and ends what it has.
CREATE TABLE nodes (node TEXT PRIMARY KEY, seen_at {int} NOT NULL, leaving {int} NOT NULL DEFAULT 0) {strict};

CREATE TABLE folders (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
  wire_name TEXT NOT NULL, path TEXT NOT NULL, delimiter TEXT, role TEXT, role_fixed {int} NOT NULL DEFAULT 0,
  mode TEXT NOT NULL, mode_fixed {int} NOT NULL DEFAULT 0, since {int}, object_id TEXT,
  uid_validity {int}, high_uid {int} NOT NULL DEFAULT 1, low_uid {int}, mod_seq {int}, server_messages {int},
  resets {int} NOT NULL DEFAULT 0, parked_until {int}, problem_id TEXT, asked {int} NOT NULL DEFAULT 0,
  messages {int} NOT NULL DEFAULT 0, unread {int} NOT NULL DEFAULT 0, total {int} NOT NULL DEFAULT 0,
  backfilled {int} NOT NULL DEFAULT 0, created_at {int} NOT NULL, size_limit {int},
  bytes_left {int}
) {strict};
-- Switched off by a person.
CREATE INDEX folders_switched_off ON folders (mailbox_id) WHERE mode = 'off' AND mode_fixed = 1;
CREATE UNIQUE INDEX folders_by_name ON folders (mailbox_id, wire_name);

-- Where bytes lie: a segment (file or object), an offset and a length.
CREATE TABLE blobs (
  digest TEXT PRIMARY KEY, segment TEXT NOT NULL, position {int} NOT NULL, length {int} NOT NULL, touched_at {int} NOT NULL
) {strict};
CREATE INDEX blobs_by_segment ON blobs (segment, length);
CREATE INDEX blobs_by_age ON blobs (touched_at, digest);
-- Segments that no blob lies in any more, and since when: somebody may still read from them.
CREATE TABLE retired_segments (segment TEXT PRIMARY KEY, since {int} NOT NULL) {strict};

-- `says`: what the subject says, as a number; `lone_answer`: it answers something that only its subject tells.
-- `body`: 'head': only the header is stored (its digest is the header's); 'asked': and the rest is to be fetched.
CREATE TABLE messages (
  n {serial}, id TEXT NOT NULL UNIQUE, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
  thread_id TEXT NOT NULL, digest TEXT NOT NULL, internet_message_id TEXT, direction TEXT NOT NULL,
  received_at {int} NOT NULL, size {int} NOT NULL, seen {int} NOT NULL, answered {int} NOT NULL,
  flagged {int} NOT NULL, draft {int} NOT NULL, keywords TEXT NOT NULL, has_attachments {int} NOT NULL,
  sender TEXT NOT NULL, head TEXT NOT NULL, vanished_at {int}, vanished_from TEXT,
  body TEXT NOT NULL DEFAULT 'whole' CHECK (body IN ('whole','head','asked')),
  object_id TEXT, labels TEXT, says {int}, lone_answer {int} NOT NULL DEFAULT 0
) {strict};
CREATE INDEX messages_by_time ON messages (received_at, id);
CREATE INDEX messages_by_mailbox ON messages (mailbox_id, received_at, id);
CREATE INDEX messages_by_thread ON messages (thread_id, received_at);
CREATE INDEX messages_by_sender ON messages (sender, received_at, id);
CREATE INDEX messages_by_digest ON messages (digest);
CREATE INDEX messages_by_subject ON messages (says, received_at) WHERE says IS NOT NULL;
CREATE INDEX messages_lone_answers ON messages (says, received_at) WHERE lone_answer = 1;
CREATE INDEX messages_by_object ON messages (mailbox_id, object_id) WHERE object_id IS NOT NULL;
CREATE INDEX messages_by_message_id ON messages (mailbox_id, internet_message_id);
CREATE INDEX messages_unread ON messages (mailbox_id, received_at, id) WHERE seen = 0;
CREATE INDEX messages_unread_all ON messages (received_at, id) WHERE seen = 0;
CREATE INDEX messages_flagged ON messages (received_at, id) WHERE flagged = 1;
-- SQLite takes it only where a statement says `body <> 'whole'` in these words.
CREATE INDEX messages_headers_only ON messages (mailbox_id, body) WHERE body <> 'whole';
CREATE INDEX messages_vanished ON messages (mailbox_id, vanished_at) WHERE vanished_at IS NOT NULL;

CREATE TABLE placements (
  folder_id TEXT NOT NULL REFERENCES folders (id) ON DELETE CASCADE, uid_validity {int} NOT NULL, uid {int} NOT NULL,
  message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE, mod_seq {int} NOT NULL, received_at {int} NOT NULL,
  PRIMARY KEY (folder_id, uid_validity, uid)
) {strict};
CREATE INDEX placements_by_message ON placements (message_id);
-- Messages with labels that lay in a folder when it began anew: there they come back without a word, if they come back.
CREATE TABLE expected_back (
  message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  folder_id TEXT NOT NULL REFERENCES folders (id) ON DELETE CASCADE, PRIMARY KEY (message_id, folder_id)
) {strict};
CREATE INDEX expected_back_by_folder ON expected_back (folder_id);
CREATE INDEX placements_by_time ON placements (folder_id, received_at, message_id);

-- The application's own tags and folders, beside the server's. `mailbox_id`: only its messages can have it.
CREATE TABLE tags (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('tag','folder')), name TEXT NOT NULL, name_key TEXT NOT NULL, color TEXT,
  mailbox_id TEXT REFERENCES mailboxes (id) ON DELETE CASCADE, created_at {int} NOT NULL
) {strict};
CREATE UNIQUE INDEX tags_by_name ON tags (kind, coalesce(mailbox_id, ''), name_key);
CREATE TABLE message_tags (
  tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE, message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  received_at {int} NOT NULL, PRIMARY KEY (message_id, tag_id)
) {strict};
CREATE INDEX message_tags_by_time ON message_tags (tag_id, received_at, message_id);
-- The own folder that a mailbox's incoming mail is put in (E-11).
CREATE TABLE put_in (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE,
  tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE
) {strict};
CREATE INDEX put_in_by_tag ON put_in (tag_id);
-- Messages whose reading receipt was given.
CREATE TABLE receipts (
  message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE, given_at {int} NOT NULL
) {strict};

-- Which conversation a name belongs to: a Message-ID, seen or only referred to, with what its subject says; or what the provider
-- calls the conversation.
CREATE TABLE thread_links (
  mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, internet_message_id TEXT NOT NULL,
  thread_id TEXT NOT NULL, PRIMARY KEY (mailbox_id, internet_message_id)
) {strict};
CREATE INDEX thread_links_by_thread ON thread_links (thread_id);
CREATE TABLE threads (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
  last_at {int} NOT NULL, messages {int} NOT NULL, unread {int} NOT NULL, last_message_id TEXT NOT NULL
) {strict};
CREATE INDEX threads_by_time ON threads (last_at, id);
CREATE INDEX threads_by_mailbox ON threads (mailbox_id, last_at, id);

-- Message-IDs of connection tests, noted before they are sent.
CREATE TABLE test_messages (internet_message_id TEXT PRIMARY KEY, met_at {int} NOT NULL) {strict};

-- The ledger: one row for each message that could not be fetched, parsed or stored. `ignored`: it is left out, being the
-- message of a connection test with this Message-ID.
CREATE TABLE failures (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
  folder_id TEXT NOT NULL REFERENCES folders (id) ON DELETE CASCADE, uid_validity {int} NOT NULL, uid {int} NOT NULL,
  problem_id TEXT NOT NULL, reason TEXT NOT NULL, digest TEXT, attempts {int} NOT NULL, next_attempt_at {int},
  ignored TEXT, created_at {int} NOT NULL
) {strict};
CREATE INDEX failures_ignored ON failures (ignored) WHERE ignored IS NOT NULL;
CREATE UNIQUE INDEX failures_by_uid ON failures (folder_id, uid_validity, uid);
CREATE INDEX failures_by_mailbox ON failures (mailbox_id, id);
CREATE INDEX failures_by_digest ON failures (digest) WHERE digest IS NOT NULL;

-- The completeness audit: the one that is asked for, and what the last one found.
CREATE TABLE completeness (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE, asked_at {int}, repair {int} NOT NULL DEFAULT 0,
  finished_at {int}, outcome TEXT, differences {int}, repaired {int}, folders TEXT
) {strict};

-- POP3: which unique id became which message (`uid`), or was left out for its `dated`; `strikes`: broken connections;
-- `octets`: its size as the server listed it; `noted_at`: since when the id is known.
CREATE TABLE pop3_uids (
  folder_id TEXT NOT NULL REFERENCES folders (id) ON DELETE CASCADE, unique_id TEXT NOT NULL, uid {int}, dated {int},
  strikes {int} NOT NULL DEFAULT 0, octets {int}, noted_at {int} NOT NULL, PRIMARY KEY (folder_id, unique_id)
) {strict};
CREATE INDEX pop3_uids_by_uid ON pop3_uids (folder_id, uid);

-- What we owe a server. `working`: whoever has the lease is at it; `failed`: for good. `copy_from`: where the target folder ended before the message was
-- copied or stored there. `digest`: of the bytes of a message that the application brought.
CREATE TABLE owed (
  n {serial}, id TEXT NOT NULL UNIQUE, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('flags','labels','move','copy','append','expunge','create','rename','delete')),
  message_id TEXT, folder_id TEXT, body TEXT NOT NULL, attempts {int} NOT NULL DEFAULT 0, next_attempt_at {int} NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','working','failed')),
  problem_id TEXT, reason TEXT, copy_from TEXT, digest TEXT, created_at {int} NOT NULL
) {strict};
CREATE INDEX owed_by_digest ON owed (digest) WHERE digest IS NOT NULL;
CREATE INDEX owed_by_mailbox ON owed (mailbox_id, n);
-- Messages that we stored ourselves (copies of `message_id`, or brought by the owed change of this id), for a day: seen in their folder they are no
-- foreign mail, and no other owed change takes them for its own. `digest`: until then, of what was brought.
CREATE TABLE own_copies (
  folder_id TEXT NOT NULL REFERENCES folders (id) ON DELETE CASCADE, uid_validity {int} NOT NULL, uid {int} NOT NULL,
  message_id TEXT NOT NULL, made_at {int} NOT NULL, digest TEXT, PRIMARY KEY (folder_id, uid_validity, uid)
) {strict};
CREATE INDEX owed_by_message ON owed (message_id);

-- `held`: no try by itself until a person changed something; then `next_attempt_at` is when it is given up.
-- `dot_attempt`: the last attempt whose final dot may have left; `dot_left_out`: whom that was not for, of those whose fate was open (JSON;
-- null: nobody was left out); `lost_answers`: how often no answer came to a final dot of those who are in doubt now;
-- `seen_at_dot`: `dot_attempt` when the copy in Sent was seen.
CREATE TABLE submissions (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, identity_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('queued','sending','accepted','deferred','unclear','failed','cancelled')),
  send_at {int}, digest TEXT NOT NULL, size {int} NOT NULL, envelope_from TEXT NOT NULL,
  internet_message_id TEXT NOT NULL, subject TEXT NOT NULL, recipients TEXT NOT NULL, attempts {int} NOT NULL,
  next_attempt_at {int}, give_up_at {int} NOT NULL, held {int} NOT NULL DEFAULT 0, claimed_by TEXT, claimed_until {int},
  sent_copy TEXT NOT NULL, message_id TEXT, possible_duplicate {int} NOT NULL, problem_id TEXT, answers_message_id TEXT,
  priority {int} NOT NULL, undo_until {int}, wishes TEXT NOT NULL, job_id TEXT, dot_attempt {int} NOT NULL DEFAULT 0,
  dot_left_out TEXT, seen_at_dot {int} NOT NULL DEFAULT 0, lost_answers {int} NOT NULL DEFAULT 0, settled_at {int}, sent_by TEXT, created_at {int} NOT NULL, CHECK ((state = 'sending') = (claimed_until IS NOT NULL))
) {strict};
CREATE INDEX submissions_due ON submissions (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX submissions_turn ON submissions (mailbox_id, priority, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX submissions_settled ON submissions (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX submissions_claimed ON submissions (claimed_until) WHERE claimed_until IS NOT NULL;
CREATE INDEX submissions_by_sender ON submissions (sent_by, id) WHERE sent_by IS NOT NULL;
CREATE INDEX submissions_by_mailbox ON submissions (mailbox_id, id);
-- Held for a person; unclear for the second time; sent, and no copy of it seen yet.
CREATE INDEX submissions_held ON submissions (mailbox_id, id) WHERE held = 1;
CREATE INDEX submissions_doubted ON submissions (next_attempt_at, id) WHERE state = 'unclear' AND lost_answers > 1;
CREATE INDEX submissions_unseen ON submissions (mailbox_id, (CASE WHEN send_at > created_at THEN send_at ELSE created_at END)) WHERE message_id IS NULL AND attempts > 0;
CREATE INDEX submissions_by_message_id ON submissions (mailbox_id, internet_message_id);
CREATE INDEX submissions_by_digest ON submissions (digest);
CREATE INDEX submissions_by_answered ON submissions (answers_message_id, id) WHERE answers_message_id IS NOT NULL;

-- How large a message a mailbox's sending server takes, as it said last.
CREATE TABLE sending_sizes (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE, host TEXT NOT NULL, size {int} NOT NULL
) {strict};

-- Messages that are being written. `content`: the newest, as a submission takes it; `caller`: who wrote that. `message_id`: what lies in the
-- server's Drafts folder, once it is known here: the copy, or what another program made of it ('changed'); `over`: further messages that go
-- when the next copy is made. `copied`: the version that the newest copy is of, `owed_id`: what stores it. `copy_due`: when the next one is
-- to be made, `changed_since`: the first change that has none; `claimed_by`: who makes it.
CREATE TABLE drafts (
  id TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, content TEXT NOT NULL, version {int} NOT NULL,
  message_id TEXT, on_server TEXT NOT NULL CHECK (on_server IN ('owed','stored','changed','gone','none')), created_at {int} NOT NULL, updated_at {int} NOT NULL,
  owed_id TEXT, caller TEXT NOT NULL, over TEXT NOT NULL, copied {int} NOT NULL, copy_due {int}, changed_since {int},
  claimed_by TEXT, claimed_until {int}
) {strict};
CREATE INDEX drafts_due ON drafts (copy_due) WHERE copy_due IS NOT NULL;
CREATE INDEX drafts_claimed ON drafts (claimed_by) WHERE claimed_by IS NOT NULL;
CREATE INDEX drafts_by_mailbox ON drafts (mailbox_id, updated_at);
-- Of which bytes the copies of drafts are, also of those that are over.
CREATE TABLE draft_copies (
  draft_id TEXT NOT NULL, version {int} NOT NULL, digest TEXT NOT NULL, made_at {int} NOT NULL, PRIMARY KEY (draft_id, version)
) {strict};
CREATE INDEX draft_copies_by_age ON draft_copies (made_at);
-- Drafts that were sent or thrown away: copies that turn up in this mailbox still are over too.
CREATE TABLE drafts_over (
  id TEXT NOT NULL, mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, over_at {int} NOT NULL,
  PRIMARY KEY (id, mailbox_id)
) {strict};
-- Uploads that a draft names: they live as long as it does.
CREATE TABLE draft_files (
  draft_id TEXT NOT NULL REFERENCES drafts (id) ON DELETE CASCADE, upload_id TEXT NOT NULL, PRIMARY KEY (draft_id, upload_id)
) {strict};
CREATE INDEX draft_files_by_upload ON draft_files (upload_id);

-- Files that wait to become part of a message: for a day, for the one who brought them.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, digest TEXT NOT NULL, size {int} NOT NULL, filename TEXT NOT NULL, content_type TEXT NOT NULL,
  created_at {int} NOT NULL
) {strict};
CREATE INDEX uploads_by_owner ON uploads (owner);
CREATE INDEX uploads_by_digest ON uploads (digest);
CREATE INDEX uploads_by_time ON uploads (created_at);

-- Message-IDs (and long tokens, ending in @) that others gave our messages on the way.
CREATE TABLE wire_ids (
  mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, internet_message_id TEXT NOT NULL,
  submission_id TEXT NOT NULL REFERENCES submissions (id) ON DELETE CASCADE, PRIMARY KEY (mailbox_id, internet_message_id)
) {strict};
CREATE INDEX wire_ids_by_submission ON wire_ids (submission_id);
-- What stored messages report of others, and what those that answer a submission answer. `kind`: that of the report, or `reply`.
CREATE TABLE returns (
  message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE, kind TEXT NOT NULL, confidence TEXT NOT NULL,
  submission_id TEXT, answers_message_id TEXT
) {strict};
CREATE INDEX returns_by_submission ON returns (submission_id) WHERE submission_id IS NOT NULL;

-- Jobs that make submissions. `caller`: who asked, with what they may; `claimed_until`: a node (`claimed_by`) is at it, or it rests until then.
-- `stopped`: why it cannot go on, and nobody paused it by hand; with the phase `cancelled`: why it was ended.
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, phase TEXT NOT NULL CHECK (phase IN ('running','paused','cancelled','done')),
  mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, owner TEXT NOT NULL, caller TEXT NOT NULL, request TEXT NOT NULL,
  total {int} NOT NULL, done {int} NOT NULL, failed {int} NOT NULL, last_error TEXT, claimed_until {int}, claimed_by TEXT, stopped TEXT,
  created_at {int} NOT NULL, finished_at {int}, ending {int} NOT NULL DEFAULT 0
) {strict};
CREATE INDEX jobs_open ON jobs (claimed_until) WHERE finished_at IS NULL;
CREATE TABLE job_rows (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, n {int} NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending','made','failed')), reason TEXT, PRIMARY KEY (job_id, n)
) {strict};
CREATE INDEX job_rows_pending ON job_rows (job_id, n) WHERE state = 'pending';
CREATE INDEX submissions_by_job ON submissions (job_id, state) WHERE job_id IS NOT NULL;

-- What a mailbox, or one of its identities (else ''), has sent: messages by slots of 5 seconds ('minute'), recipients by hours ('day'); and
-- until when the mailbox rests.
CREATE TABLE sending_used (
  mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, identity_id TEXT NOT NULL, kind TEXT NOT NULL, slot {int} NOT NULL,
  used {int} NOT NULL, PRIMARY KEY (mailbox_id, identity_id, kind, slot)
) {strict};
CREATE TABLE sending_rests (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE, until {int} NOT NULL
) {strict};

-- Which node has a mailbox's sending connection: one at a time, so that a bad password is tried once.
CREATE TABLE couriers (
  mailbox_id TEXT PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE, node TEXT NOT NULL, until {int} NOT NULL
) {strict};

CREATE TABLE events (
  position {int} PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, mailbox_id TEXT, origin TEXT NOT NULL,
  occurred_at {int} NOT NULL, data TEXT NOT NULL
) {strict};
CREATE INDEX events_by_mailbox ON events (mailbox_id, position);

CREATE TABLE webhooks (
  id TEXT PRIMARY KEY, url TEXT NOT NULL, secret {blob} NOT NULL, types TEXT NOT NULL, mailbox_ids TEXT NOT NULL,
  origins TEXT NOT NULL, enabled {int} NOT NULL, disabled_reason TEXT, failing_since {int}, created_at {int} NOT NULL
) {strict};
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE, event_id TEXT NOT NULL,
  position {int} NOT NULL, event_type TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending','delivered','dead')),
  attempts {int} NOT NULL, next_attempt_at {int}, give_up_at {int} NOT NULL, claimed_until {int}, last_status {int},
  last_error TEXT, created_at {int} NOT NULL, delivered_at {int}, CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
) {strict};
CREATE UNIQUE INDEX deliveries_by_event ON deliveries (webhook_id, event_id);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_attempt_at, position) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_time ON deliveries (created_at);

CREATE TABLE reports (
  id TEXT PRIMARY KEY, mailbox_id TEXT REFERENCES mailboxes (id) ON DELETE CASCADE, verdict TEXT NOT NULL,
  body TEXT NOT NULL, created_at {int} NOT NULL
) {strict};
CREATE INDEX reports_by_mailbox ON reports (mailbox_id, created_at);

CREATE TABLE users (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL, role TEXT NOT NULL,
  layout TEXT NOT NULL DEFAULT '{}', created_at {int} NOT NULL
) {strict};
CREATE TABLE sessions (
  digest TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, expires_at {int} NOT NULL
) {strict};
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, mailbox_ids TEXT NOT NULL,
  expires_at {int}, last_used_at {int}, created_at {int} NOT NULL
) {strict};
-- `process`: who is at work under the key; empty: nobody. `status`: 0 until what was asked for is made.
CREATE TABLE idempotency (
  key TEXT NOT NULL, owner TEXT NOT NULL, request_digest TEXT NOT NULL, process TEXT NOT NULL DEFAULT '', status {int} NOT NULL,
  body TEXT NOT NULL, created_at {int} NOT NULL, PRIMARY KEY (owner, key)
) {strict};
CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE TABLE audit (
  n {serial}, at {int} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
) {strict};
