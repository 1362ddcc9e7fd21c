// What a new message starts with: its recipients, its subject, the quoted original.

import type { Address, MessageBody } from "../../api/types";
import type { ComposeMode } from "../../addresses";
import { whole } from "../../ui/format";

export interface Draft {
  to: Address[];
  cc: Address[];
  bcc: Address[];
  subject: string;
  text: string;
}

export const emptyDraft = (to: Address[] = []): Draft => ({ to, cc: [], bcc: [], subject: "", text: "" });

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

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

function without(list: Address[], addresses: string[]): Address[] {
  const seen: string[] = [];
  return list.filter((a) => {
    if ([...addresses, ...seen].some((known) => same(known, a.address))) return false;
    seen.push(a.address);
    return true;
  });
}

/** `Re:` or `Fwd:` once, whatever was there before. */
export function subjectFor(mode: ComposeMode, subject: string | null): string {
  const plain = (subject ?? "").trim();
  if (mode === "forward") return /^(fwd?|wg):/i.test(plain) ? plain : `Fwd: ${plain}`;
  return /^(re|aw|sv)(\[\d+\])?:/i.test(plain) ? plain : `Re: ${plain}`;
}

export function quoted(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .trimEnd()
    .split("\n")
    .map((line) => (line.startsWith(">") ? `>${line}` : `> ${line}`))
    .join("\n");
}

function when(message: MessageBody): string {
  return new Date(message.date ?? message.received_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** The text of an HTML-only message, for quoting. Parsed into a document that is never shown. */
function textOf(message: MessageBody): string {
  if (message.text) return message.text;
  if (!message.html || typeof DOMParser === "undefined") return "";
  const doc = new DOMParser().parseFromString(message.html, "text/html");
  for (const node of doc.querySelectorAll("style, title")) node.remove();
  for (const br of doc.querySelectorAll("br, p, div, tr, li")) br.append("\n");
  return (doc.body.textContent ?? "").replaceAll(/\n{3,}/g, "\n\n").trim();
}

/** The start of a reply or forward. `own` is the mailbox's address, which is not written to. */
export function draftFrom(message: MessageBody, mode: ComposeMode, own: string): Draft {
  const subject = subjectFor(mode, message.subject);
  if (mode === "forward") {
    const head = [
      "---------- Forwarded message ----------",
      `From: ${message.from.map(whole).join(", ")}`,
      `Date: ${when(message)}`,
      `Subject: ${message.subject ?? ""}`,
      `To: ${message.to.map(whole).join(", ")}`,
    ];
    return { ...emptyDraft(), subject, text: `\n\n${head.join("\n")}\n\n${textOf(message)}` };
  }
  // A reply to one's own sent message goes on to whom it was sent.
  const mine = message.direction === "outgoing";
  const sender = mine ? message.to : message.reply_to.length ? message.reply_to : message.from;
  const to = mine ? without(sender, []) : without(sender, [own]);
  const first = to.length ? to : sender;
  const others = mode === "reply_all" ? without([...(mine ? [] : message.to), ...message.cc], [own, ...first.map((a) => a.address)]) : [];
  const writer = message.from[0];
  return {
    ...emptyDraft(first), cc: others, subject,
    text: `\n\nOn ${when(message)}, ${writer ? whole(writer) : "someone"} wrote:\n${quoted(textOf(message))}\n`,
  };
}

/** A local time as the browser's field writes it, for the API; nothing where none was chosen. */
export function timeOf(local: string | null): string | null {
  const time = local ? new Date(local) : null;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}
