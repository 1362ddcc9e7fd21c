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
}

export const emptyDraft = (to: Address[] = []): Draft => ({ to, cc: [], bcc: [], subject: "", html: "", quote: true, forwardAs: "inline" });

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
});

/** A local time as the browser's field writes it, for the API; nothing where none was chosen. */
export function timeOf(local: string | null): string | null {
  const time = local ? new Date(local) : null;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}
