/** What the address of a page says about what it shows. */
import type { Role } from "./api/types";

export interface InboxSearch {
  mailbox?: string;
  role?: Role;
  folder?: string;
  /** An own tag or folder. */
  tag?: string;
  q?: string;
  unread?: boolean;
  /** What is marked, wherever it lies. */
  flagged?: boolean;
  /** Otherwise as the user chose. */
  view?: "messages" | "threads";
  /** The open message. */
  m?: string;
  /** The open thread. */
  t?: string;
}

export type ComposeMode = "reply" | "reply_all" | "forward";

export interface ComposeSearch {
  mode?: ComposeMode;
  message?: string;
  mailbox?: string;
  to?: string;
  /** A draft that is gone on with. */
  draft?: string;
}
