// One line of the message list, made from a message or a thread.

import type { Message, TagRef, Thread } from "../../api/types";
import { who } from "../../ui/format";

export interface Line {
  kind: "message" | "thread";
  id: string;
  mailboxId: string;
  people: string;
  subject: string;
  preview: string;
  time: string;
  unread: boolean;
  /** Messages in the thread; 1 for a message. */
  count: number;
  attachments: boolean;
  flagged: boolean;
  answered: boolean;
  /** Own tags and folders. */
  tags: TagRef[];
}

const NO_SUBJECT = "(no subject)";

export function lineOfMessage(m: Message): Line {
  const others = m.direction === "outgoing" ? m.to : m.from;
  const people = others.map(who).join(", ") || "(unknown)";
  return {
    kind: "message", id: m.id, mailboxId: m.mailbox_id, people: m.direction === "outgoing" ? `To: ${people}` : people,
    subject: m.subject || NO_SUBJECT, preview: m.preview, time: m.received_at, unread: !m.flags.seen, count: 1,
    attachments: m.has_attachments, flagged: m.flags.flagged, answered: m.flags.answered, tags: m.tags,
  };
}

const firstWord = (name: string) => name.split(/[\s@]/)[0] ?? name;

export function lineOfThread(t: Thread): Line {
  const names = [...new Set(t.participants.map(who))];
  const people = names.length <= 1 ? (names[0] ?? "(unknown)") : names.map(firstWord).join(", ");
  return {
    kind: "thread", id: t.id, mailboxId: t.mailbox_id, people, subject: t.subject || NO_SUBJECT, preview: t.preview, time: t.last_at,
    unread: t.unread > 0, count: t.messages, attachments: t.has_attachments ?? false, flagged: t.flagged ?? false, answered: false, tags: t.tags ?? [],
  };
}
