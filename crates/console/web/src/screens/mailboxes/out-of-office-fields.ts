// An out of office as it is typed, and as the API takes it.

import type { AutoReply } from "../../api/auto-replies";

export interface Typed {
  starts: string;
  ends: string;
  zone: string;
  subject: string;
  text: string;
  html: string;
  inside: string;
  domains: string;
  audience: AutoReply["audience"];
  never: string;
  days: string;
}

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** A time as the zone's clocks show it, for an input field. */
export function local(time: string | null, zone: string): string {
  if (!time) return "";
  const format = (timeZone: string) => new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" }).format(new Date(time)).replace(" ", "T");
  try {
    return format(zone);
  } catch {
    // A zone that this browser does not know.
    return format("UTC");
  }
}

export function typedOf(own: AutoReply | null, address: string): Typed {
  const zone = own?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return {
    starts: local(own?.starts_at ?? null, zone), ends: local(own?.ends_at ?? null, zone), zone, subject: own?.subject ?? "",
    text: own?.text ?? (own ? "" : "Thank you for your message. I am away and will answer when I am back."), html: own?.html ?? "", inside: own?.inside?.text ?? "",
    domains: (own?.inside_domains ?? [address.slice(address.lastIndexOf("@") + 1)]).join("\n"), audience: own?.audience ?? "everyone",
    never: (own?.exclusions ?? []).join("\n"), days: String(own?.period_days ?? 7),
  };
}

/** What is left alone of the words for those inside stays as it was. */
const insideOf = (typed: Typed, own: AutoReply | null) =>
  !typed.inside ? null
  : own?.inside && own.inside.text === typed.inside ? own.inside
  : { subject: typed.subject.trim() || null, text: typed.inside };

export const bodyOf = (typed: Typed, own: AutoReply | null) => ({
  starts_at: typed.starts || null, ends_at: typed.ends || null, time_zone: typed.zone.trim(), subject: typed.subject.trim() || null, text: typed.text || null,
  html: typed.html || null, inside: insideOf(typed, own), inside_domains: lines(typed.domains),
  audience: typed.audience, exclusions: lines(typed.never), period_days: Number(typed.days),
});
