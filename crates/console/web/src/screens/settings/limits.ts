// What the provider of a profile allows each mailbox: the fields, and how they become numbers.

import type { ProfileLimits } from "../../api/types";

type Key = keyof ProfileLimits;
/** What is typed; empty: as usual. */
export type LimitTexts = Record<Key, string>;

export const LIMITS: { key: Key; label: string; hint?: string }[] = [
  { key: "max_connections", label: "Connections at once", hint: "From three on, a large first synchronisation uses several." },
  { key: "poll_minutes", label: "Minutes between two looks", hint: "Where the server does not tell of new mail." },
  { key: "download_mb_per_day", label: "Megabytes down in a day" },
  { key: "upload_mb_per_day", label: "Megabytes up in a day" },
  { key: "messages_per_day", label: "Messages in a day" },
  { key: "sends_per_minute", label: "Messages sent in a minute" },
  { key: "recipients_per_day", label: "Recipients in a day", hint: "Whoever is over the limit waits in the outbox." },
];

export const limitTexts = (limits?: ProfileLimits): LimitTexts =>
  Object.fromEntries(LIMITS.map(({ key }) => [key, String(limits?.[key] ?? "")])) as LimitTexts;

export const limitsOf = (texts: LimitTexts): ProfileLimits =>
  Object.fromEntries(LIMITS.map(({ key }) => [key, texts[key] === "" ? null : Number(texts[key])])) as ProfileLimits;
