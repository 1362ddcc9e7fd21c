// Plain words for the contract's values.

import type { ConnectionState, Lifecycle, Mailbox, Proof, Role, StepCode, SubmissionState, Verdict } from "../api/types";

export type Tone = "good" | "info" | "warn" | "bad" | "mute";
export type Connection = Mailbox["connection"];

interface Word {
  word: string;
  tone: Tone;
  title?: string;
}

export const LIFECYCLE: Record<Lifecycle, Word> = {
  draft: { word: "Draft", tone: "mute" },
  awaiting_approval: { word: "Awaiting approval", tone: "warn" },
  enabled: { word: "Enabled", tone: "good" },
  paused: { word: "Paused", tone: "mute" },
  disabled: { word: "Disabled", tone: "mute" },
};

export const PROOF: Record<Proof, Word> = {
  untested: { word: "Untested", tone: "mute" },
  works: { word: "Works", tone: "good" },
  works_with_warnings: { word: "Works, with warnings", tone: "warn" },
  fails: { word: "Fails", tone: "bad" },
};

export const CONNECTION: Record<ConnectionState, Word> = {
  live: { word: "Live", tone: "good", title: "The server tells Postroom of changes at once" },
  polling: { word: "Polling", tone: "good", title: "The server has no push: Postroom looks at intervals" },
  connecting: { word: "Connecting", tone: "info", title: "A connection is being made" },
  waiting: { word: "Waiting", tone: "warn", title: "Something failed; the next try comes by itself" },
  held: { word: "Held: needs you", tone: "bad", title: "Trying again would not help until a person changes something" },
  limited: { word: "Limited", tone: "warn", title: "The provider asked Postroom to slow down" },
  off: { word: "Off", tone: "mute", title: "No connection is wanted now" },
};

export const SUBMISSION: Record<SubmissionState, Word> = {
  queued: { word: "Queued", tone: "info", title: "Waits for its turn" },
  sending: { word: "Sending", tone: "info", title: "The server is being talked to" },
  accepted: { word: "Accepted", tone: "good", title: "The server took it for every recipient" },
  deferred: { word: "Deferred", tone: "warn", title: "The server said: later. The next try comes by itself" },
  unclear: { word: "Unclear", tone: "warn", title: "The server's last answer was lost: it may or may not have been sent" },
  failed: { word: "Failed", tone: "bad", title: "The server refused it for good" },
  cancelled: { word: "Cancelled", tone: "mute", title: "Stopped before it was sent" },
};

export const STEP: Record<StepCode, string> = {
  dns: "Find the server",
  tcp: "Reach it",
  tls: "Secure the line",
  greeting: "Hear the greeting",
  capabilities: "Ask what it can do",
  login: "Sign in",
  folders: "List the folders",
  read: "Read one message",
  smtp: "Sign in for sending",
  send: "Send a test",
};

/** The protocol's own word, shown beside the plain one. */
export const STEP_TERM: Record<StepCode, string> = {
  dns: "DNS", tcp: "TCP", tls: "TLS", greeting: "greeting", capabilities: "capabilities",
  login: "login", folders: "folders", read: "read", smtp: "SMTP", send: "send",
};

export const STEP_ORDER: StepCode[] = ["dns", "tcp", "tls", "greeting", "capabilities", "login", "folders", "read", "smtp", "send"];

export const VERDICT: Record<Verdict, Word> = {
  works: { word: "Works.", tone: "good" },
  receives_only: { word: "Receives, but cannot send.", tone: "warn" },
  sends_only: { word: "Sends, but cannot receive.", tone: "warn" },
  fails: { word: "Does not work yet.", tone: "bad" },
};

export const ROLE: Record<Role, string> = {
  inbox: "Inbox", drafts: "Drafts", sent: "Sent", junk: "Junk", trash: "Trash", archive: "Archive", all: "All mail", flagged: "Flagged",
};

export const SECURITY = { tls: "TLS", starttls: "STARTTLS", none: "None (not encrypted)" } as const;
