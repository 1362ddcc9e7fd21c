// What a new message starts with, and what is typed into its fields.

import type { Address, AnswerStart, ServerDraft } from "../../api/types";
import { htmlOf } from "./clean";

export interface Draft {
  to: Address[];
  cc: Address[];
  bcc: Address[];
  subject: string;
  /** What is written, as HTML of the editor. */
  html: string;
  /** Whether the original is quoted below it. */
  quote: boolean;
  forwardAs: "inline" | "attachment";
  /** A stored template in the place of what is written. */
  template: { id: string; data: Record<string, unknown> } | null;
}

export const emptyDraft = (to: Address[] = []): Draft => ({ to, cc: [], bcc: [], subject: "", html: "", quote: true, forwardAs: "inline", template: null });

/** "Ann <ann@example.com>", "ann@example.com", or several with commas, semicolons or lines between. */
export function parseAddresses(text: string): Address[] {
  const parts = text.match(/(?:"[^"]*"|<[^>]*>|[^,;\n"<])+/g) ?? [];
  return parts
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const named = /^(.*?)\s*<([^>]*)>$/.exec(part);
      if (!named) return { name: null, address: part };
      return { name: named[1]?.replace(/^"(.*)"$/, "$1").trim() || null, address: (named[2] ?? "").trim() };
    });
}

/** A shape check for people's typing errors; the server has the last word. */
export const looksLikeAddress = (address: string) => /^[^\s@<>,;]+@[^\s@<>,;]+\.?[^\s@<>,;]*$/.test(address);

/** The start of an answer or a forward, as the server says: to whom, under which subject. */
export const draftFrom = (start: AnswerStart): Draft => ({ ...emptyDraft(start.to), cc: start.cc, subject: start.subject });

/** A draft that was kept, as it was. */
export const draftOf = ({ content }: ServerDraft): Draft => ({
  to: content.to ?? [], cc: content.cc ?? [], bcc: content.bcc ?? [], subject: content.subject ?? "",
  html: content.html ?? htmlOf(content.text ?? ""), quote: content.quote ?? true, forwardAs: content.forward_as ?? "inline",
  template: content.template_id ? { id: content.template_id, data: content.data ?? {} } : null,
});

/** What this form holds of a message. */
const HELD = [
  "mailbox_id", "identity_id", "signature", "to", "cc", "bcc", "subject", "text", "html", "template_id", "data", "attachments", "in_reply_to_message_id", "forward_message_id",
  "forward_as", "quote", "priority", "dsn", "require_tls", "read_receipt",
];

/** What a draft has that this form does not: an application wrote it, and it goes along. */
export const restOf = (content: object | undefined): object => Object.fromEntries(Object.entries(content ?? {}).filter(([name]) => !HELD.includes(name)));

/** What changes a kept draft into the new content: a field that is not there any more is taken away. */
export function changes(before: object, after: object): Record<string, unknown> {
  const gone = Object.keys(before).filter((name) => !(name in after));
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...after };
}
