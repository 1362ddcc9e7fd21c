// When to try again: what the mailbox or the server named, else a while that is polite.

import type { Step } from "../../api/types";

/** Where nobody names a time. */
const POLITE = 5 * 60_000;
/** A page does not wait for longer than this. */
const LONGEST = 24 * 3_600_000;

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** "try again in 300 seconds", "wait 5 minutes": in ms; null when the words name no time. */
export function waitNamed(words: string): number | null {
  const match = /\b(?:in|after|wait|for)\s+(\d{1,5})\s*(s|m|h)(?:ec|in|r|our)?(?:ond|ute)?s?\b/i.exec(words);
  return match ? Number(match[1]) * (UNITS[(match[2] ?? "").toLowerCase()] ?? 0) : null;
}

/** The time in ms at which a test makes sense again. */
export function waitUntil(step: Pick<Step, "server_said"> | null, until: string | null, ended: string | null, now: number): number {
  const told = until ? Date.parse(until) : NaN;
  if (told > now) return Math.min(told, now + LONGEST);
  const from = ended ? Date.parse(ended) : now;
  return Math.min(from + (waitNamed(step?.server_said ?? "") ?? POLITE), now + LONGEST);
}
