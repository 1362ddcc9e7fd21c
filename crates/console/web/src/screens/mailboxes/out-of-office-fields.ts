// An out of office as it is typed, and as the API takes it.

import type { AutoReply, Wording } from "../../api/auto-replies";
import { browserZone, local } from "../../ui/zones";

/** What is said, in the form in which it is written: as text, as formatted text, or as HTML by hand. */
export interface Words {
  form: "text" | "formatted" | "html";
  text: string;
  html: string;
}

export interface Typed {
  starts: string;
  ends: string;
  zone: string;
  subject: string;
  words: Words;
  insideSubject: string;
  inside: Words;
  domains: string;
  audience: AutoReply["audience"];
  never: string;
  days: string;
}

const START = "Thank you for your message. I am away and will answer when I am back.";

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** Stored HTML opens in the editor where the editor keeps all of it (`fits`); else as HTML by hand. */
function wordsOf(stored: Wording | null, start: string, fits: (html: string) => boolean): Words {
  const html = stored?.html ?? "";
  return { form: !html ? "text" : fits(html) ? "formatted" : "html", text: stored ? (stored.text ?? "") : start, html };
}

/** What is left alone stays as it was, in both forms; what is written anew has the one that it is written in. */
function wordingOf(words: Words, subject: string, stored: Wording | null): Wording {
  const said = { subject: subject.trim() || null };
  if (words.form === "text") return { ...said, text: words.text || null, html: null };
  return { ...said, text: stored && stored.html === words.html ? stored.text : null, html: words.html || null };
}

const isEmpty = (words: Words) => !(words.form === "text" ? words.text : words.html).trim();

export function typedOf(own: AutoReply | null, address: string, fits: (html: string) => boolean): Typed {
  const zone = own?.time_zone ?? browserZone();
  return {
    starts: local(own?.starts_at ?? null, zone), ends: local(own?.ends_at ?? null, zone), zone, subject: own?.subject ?? "", words: wordsOf(own, START, fits),
    insideSubject: own?.inside?.subject ?? "", inside: wordsOf(own?.inside ?? null, "", fits),
    domains: (own?.inside_domains ?? [address.slice(address.lastIndexOf("@") + 1)]).join("\n"), audience: own?.audience ?? "everyone",
    never: (own?.exclusions ?? []).join("\n"), days: String(own?.period_days ?? 7),
  };
}

export const bodyOf = (typed: Typed, own: AutoReply | null) => ({
  starts_at: typed.starts || null, ends_at: typed.ends || null, time_zone: typed.zone, ...wordingOf(typed.words, typed.subject, own),
  inside: isEmpty(typed.inside) ? null : wordingOf(typed.inside, typed.insideSubject, own?.inside ?? null), inside_domains: lines(typed.domains),
  audience: typed.audience, exclusions: lines(typed.never), period_days: Number(typed.days),
});
