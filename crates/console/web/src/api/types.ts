// Shapes of the public API as the product's contract names them. One file, so that types generated
// from /openapi.json can take its place.

export type Time = string;

export type Kind = "personal" | "group" | "shared" | "certified" | "sandbox";
export type Lifecycle = "draft" | "awaiting_approval" | "enabled" | "paused" | "disabled";
export type Proof = "untested" | "works" | "works_with_warnings" | "fails";
export type ConnectionState = "live" | "polling" | "connecting" | "waiting" | "held" | "limited" | "off";
export type CoverageState = "none" | "filling" | "complete" | "holes";
export type Security = "tls" | "starttls" | "none";
export type Protocol = "imap" | "pop3";
export type Role = "inbox" | "drafts" | "sent" | "junk" | "trash" | "archive" | "all" | "flagged";
export type Origin = "live" | "catch_up" | "backfill";

export interface Incoming {
  protocol: Protocol;
  host: string;
  port: number;
  security: Security;
  username: string;
  auth: "password" | "oauth2";
  certificate_sha256?: string;
  /** Write-only. */
  password?: string;
  /** Write-only: lets the password travel unencrypted. */
  allow_plaintext?: boolean;
}

export interface Outgoing {
  host: string;
  port: number;
  security: Security;
  username: string;
  auth: "password" | "oauth2" | "none";
  certificate_sha256?: string;
  /** Write-only. */
  password?: string;
  /** Write-only: lets the password travel unencrypted. */
  allow_plaintext?: boolean;
}

export interface Owner {
  kind: "user" | "queue";
  name: string;
}

export interface Mailbox {
  id: string;
  address: string;
  name: string;
  kind: Kind;
  lifecycle: Lifecycle;
  receiving: Proof;
  sending: Proof;
  connection: {
    state: ConnectionState;
    proven_alive_at: Time | null;
    since: Time | null;
    until: Time | null;
    problem_id: string | null;
  };
  coverage: {
    state: CoverageState; done: number; total: number; since: Time | null; holes: number;
    waits_until?: Time | null; problem_id?: string | null; messages_per_minute?: number | null; bytes_per_second?: number | null; ends_at?: Time | null;
  };
  incoming: Incoming | null;
  outgoing: Outgoing | null;
  fetch_since: Time | null;
  /** Octets of the largest message that is stored whole; null: no limit. */
  size_limit?: number | null;
  monitored_folders?: string[] | null;
  /** POP3: days after which what is stored is deleted on the server, 0: at once; null: never. */
  pop3_delete_after_days?: number | null;
  /** Postroom changes nothing on the receiving server. */
  read_only?: boolean;
  /** Everyone may send through it, also who cannot see it. */
  send_shared?: boolean;
  /** The installation's own sender. */
  system_sender?: boolean;
  /** Who files the copy in Sent, as the mailbox has shown; null: it has not yet. */
  sent_copy_by?: "postroom" | "server" | null;
  server_profile_id?: string | null;
  /** The user or the queue that it belongs to. */
  owner: Owner | null;
  /** Limits of this mailbox alone; null in it: as its profile or provider says. */
  limits?: ProfileLimits;
  /** What is still missing until it works, in words. */
  missing?: { text: string }[];
  last_report_id: string | null;
  last_audit?: LastAudit | null;
  /** How full the mailbox is on its server. */
  quota?: { used: number; limit: number; told_at: Time } | null;
  created_at: Time;
}

/** What the last comparison of everything with the server found. */
export interface LastAudit {
  at: Time;
  outcome: "equal" | "repaired" | "differs" | "unfinished";
  differences: number;
  repaired: number;
}

export interface FolderAudit {
  folder_id: string;
  path: string;
  server: number;
  stored: number;
  missing: number;
  surplus: number;
  flags: number;
  sizes: number;
  miscounted: number;
  to_come: number;
  in_ledger: number;
  repaired: number;
  problem_id: string | null;
}

export interface Audit {
  mailbox_id: string;
  asked_at: Time | null;
  last: LastAudit | null;
  folders: FolderAudit[];
}

export interface MailboxInput {
  address: string;
  server_profile_id?: string;
  name?: string;
  kind?: Kind;
  incoming?: Incoming | null;
  outgoing?: Outgoing | null;
  password?: string;
  fetch_since?: string | null;
  size_limit?: number | null;
  monitored_folders?: string[] | null;
  pop3_delete_after_days?: number | null;
  read_only?: boolean;
  owner?: Owner | null;
  limits?: ProfileLimits;
  /** What folders are for, by path, where the server does not say or says it wrong. */
  folder_roles?: Record<string, Role>;
  enable?: boolean;
}

/** What one source knows of an address: the answer of POST /v1/detect has several, best first. */
export type DetectionSource = "profile" | "provider_table" | "mx" | "srv" | "autoconfig" | "exchange" | "directory" | "probe";

export interface Candidate {
  source: DetectionSource;
  because: string;
  confidence: "high" | "medium" | "low";
  provider_id: string | null;
  server_profile_id: string | null;
  login_format: "email" | "local_part" | "custom";
  incoming: Incoming | null;
  outgoing: Outgoing | null;
  alternatives: Incoming[];
  /** Whether a password may go there without a person having looked at the names. */
  trusted: boolean;
}

export interface Preparation {
  id: "enable_imap" | "app_password" | "two_factor" | "oauth_only" | "shared_mailbox" | "no_imap" | "pop3_only" | "note";
  text: string;
  url: string | null;
  required: boolean;
  /** The month in which somebody last looked. */
  checked: string;
}

export interface Detection {
  address: string;
  domain: string;
  provider: { id: string; name: string; kind: string; status: string } | null;
  candidates: Candidate[];
  preparation: Preparation[];
  /** The address that was probably meant. */
  suggestion?: { address: string; provider: string } | null;
  searched: { source: DetectionSource; outcome: "found" | "nothing" | "failed" | "skipped"; ms: number; detail: string }[];
  ms: number;
}

export interface Server {
  host: string;
  port: number;
  security: Security;
}

/** Servers that many mailboxes share. */
export interface ServerProfile {
  id: string;
  name: string;
  incoming: (Server & { protocol: Protocol }) | null;
  outgoing: Server | null;
  login_format: "email" | "local_part" | "custom" | "auto";
  auth: "password" | "oauth2";
  domains: string[];
  limits: ProfileLimits;
  /** From when on new mailboxes fetch mail where they say nothing of their own. */
  fetch_since: Time | null;
  is_default: boolean;
  usage_count: number;
  version: number;
}

/** What a profile's provider allows one mailbox; null: as usual. */
export type ProfileLimits = Record<"max_connections" | "poll_minutes" | "download_mb_per_day" | "upload_mb_per_day" | "messages_per_day" | "sends_per_minute" | "recipients_per_day", number | null>;

export type ServerProfileInput = Partial<Omit<ServerProfile, "id" | "usage_count" | "version">>;

export interface Folder {
  id: string;
  mailbox_id: string;
  path: string;
  name: string;
  role: Role | null;
  mode: "off" | "watch" | "full";
  since: Time | null;
  /** Octets of the largest message that is stored whole; null: as the mailbox says. */
  size_limit?: number | null;
  messages: number;
  unread: number;
  progress: { state: CoverageState; done: number; total: number };
  /** Why it is left alone for now. */
  problem_id?: string | null;
  tried_again_at?: Time | null;
}

/** One folder of a plan; null: the server did not say yet. */
export interface PlanFolder {
  folder_id: string | null;
  path: string;
  role: Role | null;
  mode: Folder["mode"];
  messages: number | null;
  bytes: number | null;
  done: number;
  done_bytes: number;
}

/** What the copy of a mailbox means. */
export interface Plan {
  state: CoverageState;
  folders: PlanFolder[];
  messages: number;
  bytes: number;
  /** Folders of which messages or octets are not known. */
  unknown: number;
  done: number;
  done_bytes: number;
  allowed: Record<"bytes_down" | "bytes_up" | "messages" | "connections" | "poll_minutes", number | null>;
  used: { bytes_down: number; bytes_up: number; messages: number; opens_at: Time | null };
  messages_per_minute: number | null;
  bytes_per_second: number | null;
  waits_until: Time | null;
  /** The provider's limit by the day decides when it ends. */
  limited: boolean;
  ends_at: Time | null;
}

export interface Failure {
  id: string;
  mailbox_id: string;
  folder_id: string;
  uid: number;
  problem_id: string;
  reason: string;
  has_raw: boolean;
  attempts: number;
  next_attempt_at: Time | null;
  created_at: Time;
}

/** A change that the server has not confirmed. */
export interface Owed {
  id: string;
  mailbox_id: string;
  state: "pending" | "working" | "failed";
  kind: string;
  what: string;
  message_id: string | null;
  folder_id: string | null;
  attempts: number;
  next_attempt_at: Time | null;
  problem_id: string | null;
  reason: string | null;
  created_at: Time;
}

export interface Address {
  name: string | null;
  address: string;
}

export interface Flags {
  seen: boolean;
  answered: boolean;
  flagged: boolean;
  draft: boolean;
  keywords: string[];
}

export interface Attachment {
  id: string;
  filename: string | null;
  content_type: string;
  size: number;
  inline: boolean;
  content_id: string | null;
}

export interface Message {
  id: string;
  mailbox_id: string;
  thread_id: string;
  folders: { folder_id: string; path: string; role: Role | null }[];
  direction: "incoming" | "outgoing";
  internet_message_id: string | null;
  in_reply_to: string | null;
  references: string[];
  subject: string | null;
  from: Address[];
  to: Address[];
  cc: Address[];
  bcc: Address[];
  reply_to: Address[];
  date: Time | null;
  received_at: Time;
  size: number;
  flags: Flags;
  labels: string[];
  /** The application's own: no mail server hears of them. */
  tags: TagRef[];
  /** Its server has labels: they can be put on and taken off. */
  takes_labels: boolean;
  preview: string;
  has_attachments: boolean;
  automatic: boolean;
  /** The whole message is stored; otherwise only its header. */
  complete: boolean;
}

/** What a machine reported about another message. */
export interface MessageReport {
  kind: ReportKind;
  confidence: "certain" | "likely" | "guess";
  recipients: ReportRecipient[];
  disposition?: "displayed" | "deleted" | "denied" | "processed" | "failed";
  original_message_id: string | null;
  original_subject: string | null;
  /** The submission that it is about, where that is known. */
  submission_id?: string | null;
}

export type ReportKind = "accepted" | "bounce" | "delayed" | "delivered" | "complaint" | "read" | "auto_reply" | "out_of_office" | "challenge";

export interface ReportRecipient {
  address: string;
  kind: ReportKind;
  status: string | null;
  code: number | null;
  permanent: boolean;
  diagnostic: string | null;
}

export interface MessageBody extends Message {
  /** What it reports or answers. */
  answers?: { kind: string; confidence: string; submission_id: string | null; message_id: string | null } | null;
  text: string | null;
  html: string | null;
  reply_text: string | null;
  attachments: Attachment[];
  auth_results: unknown;
  /** What a provider of certified mail says. */
  certified?: {
    kind: "message" | "anomaly" | "acceptance" | "refusal" | "taken_over" | "delivery" | "failure" | "delay" | "virus";
    sender: string | null;
    subject: string | null;
    about: string | null;
    provider: string | null;
    error: string | null;
  } | null;
  /** Who asks for a reading receipt. */
  receipt_to?: Address[];
  blocked_remote_images?: number;
  report: MessageReport | null;
}

export type TagKind = "tag" | "folder";

export interface TagRef {
  id: string;
  name: string;
  color: string | null;
  kind: TagKind;
}

/** A tag or folder of the application's own. */
export interface Tag extends TagRef {
  mailbox_id: string | null;
  receives_from: string[];
  /** Of the newest 10,000. */
  messages: number | null;
  unread: number | null;
  created_at: Time;
}

/** The folders of one role over all mailboxes. */
export interface Unified {
  role: Role;
  folders: number;
  messages: number;
  unread: number;
}

export interface Thread {
  id: string;
  mailbox_id: string;
  subject: string | null;
  last_at: Time;
  messages: number;
  unread: number;
  participants: Address[];
  preview: string;
  has_attachments?: boolean;
  flagged?: boolean;
  tags?: TagRef[];
}

export interface ThreadDetail extends Omit<Thread, "messages"> {
  messages: Message[];
}

export type StepCode =
  | "dns" | "tcp" | "tls" | "greeting" | "capabilities" | "login" | "folders" | "read" | "smtp" | "send";
export type StepStatus = "pass" | "warn" | "fail" | "skip" | "running";
export type Verdict = "works" | "receives_only" | "sends_only" | "fails";

export interface Remedy {
  text: string;
  action: string | null;
  url: string | null;
}

export interface Step {
  n: number;
  code: StepCode;
  status: StepStatus;
  ms: number;
  did: string;
  server_said: string | null;
  means: string | null;
  remedy: Remedy | null;
  problem_id: string | null;
  retry: "backoff" | "after_change" | "pause_until" | "never" | null;
  others: Remedy[];
  details?: { name: string; values: string[] }[];
  steps?: Step[];
  /** The end of the conversation in this step, without secrets: `C: ` Postroom, `S: ` the server, `-- ` what happened. */
  transcript?: string[];
}

/** A folder as a connection test saw it. */
export interface ReportFolder {
  path: string;
  role: Role | null;
  /** The role was guessed from the name, not marked by the server. */
  guessed: boolean;
  /** Whether it is stored unless somebody says otherwise. */
  stored: boolean;
  /** Messages since the wanted day; null: the server did not say. */
  messages: number | null;
  /** Their bytes; null: the server did not say. */
  bytes: number | null;
}

export interface Report {
  id: string;
  mailbox_id: string | null;
  trigger: string;
  started_at: Time;
  finished_at: Time;
  verdict: Verdict;
  summary: string;
  steps: Step[];
  /** User names that were accepted instead of those that are set. */
  accepted?: { incoming: string | null; outgoing: string | null };
  /** What was typed in one way and understood in another. */
  normalised?: { pointer: string; was: string | null; became: string | null; because: string }[];
  /** What is different since the last good report. */
  changed?: { side: "incoming" | "outgoing"; text: string }[];
  folders?: ReportFolder[];
  /** What the provider allows to be fetched in a day. */
  megabytes_per_day?: number | null;
}

/** A problem in general, from the catalogue. */
export interface CatalogueEntry {
  id: string;
  step: StepCode | null;
  title: string;
  cause: string;
  remedy: string;
  action: string | null;
  url: string | null;
  retry: NonNullable<Step["retry"]>;
  others: string[];
}

/** What goes first where several wait for the same mailbox. */
export type Priority = "high" | "normal" | "low";

export type SubmissionState = "queued" | "sending" | "accepted" | "deferred" | "unclear" | "failed" | "cancelled";

/** What is said to an invitation. */
export type CalendarAnswer = "accepted" | "tentative" | "declined";

export interface Submission {
  id: string;
  mailbox_id: string;
  identity_id: string | null;
  state: SubmissionState;
  send_at: Time | null;
  undo_until?: Time | null;
  priority?: Priority;
  time_zone?: string | null;
  /** It answers an invitation, and says this. */
  calendar_reply?: CalendarAnswer | null;
  job_id?: string | null;
  message_id: string | null;
  internet_message_id: string;
  subject?: string;
  attempts: number;
  next_attempt_at: Time | null;
  recipients: {
    address: string;
    state: SubmissionState;
    code: number | null;
    enhanced_code: string | null;
    text: string | null;
    returned?: Returned | null;
    in_doubt?: boolean;
  }[];
  sent_copy: { state: string };
  possible_duplicate: boolean;
  problem_id?: string | null;
  dsn?: Dsn | null;
  require_tls?: boolean;
  read_receipt?: boolean;
  created_at: Time;
}

/** What came back for a recipient after the server had taken the message. */
export interface Returned {
  kind: ReportKind;
  status: string | null;
  diagnostic: string | null;
  permanent: boolean;
  confidence: "certain" | "likely" | "guess";
  message_id: string;
  at: Time;
}

/** Notices of delivery that the servers on the way are asked for. */
export interface Dsn {
  notify?: ("success" | "delay" | "failure" | "never")[];
  return?: "headers" | "full" | null;
}

export interface SubmissionInput {
  mailbox_id: string;
  /** Left out: the one that was written to, or the main one. */
  identity_id?: string;
  /** Null or `none`: none; left out: the identity's. */
  signature?: string | null;
  to: Address[];
  cc?: Address[];
  bcc?: Address[];
  /** Left out: that of the template, or of what is answered. */
  subject?: string;
  text?: string | null;
  html?: string | null;
  /** In the place of text and HTML. */
  template_id?: string;
  data?: Record<string, unknown>;
  attachments?: { blob_id: string; filename?: string }[];
  draft_id?: string;
  draft_version?: number;
  in_reply_to_message_id?: string;
  forward_message_id?: string;
  forward_as?: "inline" | "attachment";
  quote?: boolean;
  /** A local time where `time_zone` is given. */
  send_at?: string;
  time_zone?: string;
  undo_seconds?: number;
  priority?: Priority;
  dsn?: Dsn;
  require_tls?: boolean;
  read_receipt?: boolean;
}

/** A file that waits for its message. */
export interface Upload {
  blob_id: string;
  filename: string;
  content_type: string;
  size: number;
  expires_at: Time;
}

/** A message that is being written. */
export interface ServerDraft {
  id: string;
  mailbox_id: string;
  content: Partial<SubmissionInput>;
  version: number;
  message_id: string | null;
  on_server: "owed" | "stored" | "changed" | "gone" | "none";
  created_at: Time;
  updated_at: Time;
}

/** What an answer or a forward starts from. */
export interface AnswerStart {
  /** The mailbox that it goes through; null: one has to be named. */
  mailbox_id: string | null;
  to: Address[];
  cc: Address[];
  subject: string;
  quoted_text: string;
}

/** How the console shows mail to a user. */
export interface Layout {
  threads: boolean;
  merge_folders: boolean;
}

export interface User {
  id: string;
  name: string;
  email: string;
  role: "owner" | "admin" | "operator" | "member";
  layout: Layout;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  mailbox_ids?: string[];
  created_at: Time;
  last_used_at: Time | null;
  expires_at?: Time | null;
}

export interface Webhook {
  id: string;
  url: string;
  types: string[];
  mailbox_ids: string[];
  origins: Origin[];
  enabled: boolean;
  disabled_reason: string | null;
  created_at: Time;
}

export interface Delivery {
  id: string;
  webhook_id: string;
  event_id: string;
  event_type: string;
  state: "pending" | "delivered" | "dead";
  attempts: number;
  next_attempt_at: Time | null;
  last_status: number | null;
  last_error: string | null;
  created_at: Time;
  delivered_at: Time | null;
}

export interface Event {
  id: string;
  type: string;
  occurred_at: Time;
  cursor: string;
  mailbox_id: string | null;
  origin: Origin;
  data: Record<string, unknown>;
}

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

/** What is wrong with one field, and the correction that a button can make. */
export interface FieldError {
  pointer: string;
  detail: string;
  remedy?: string | null;
  action?: string | null;
}

export interface ProblemBody {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  code?: string;
  errors?: FieldError[];
  remedy?: string | Remedy | null;
  trace_id?: string;
}
