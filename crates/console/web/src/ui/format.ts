// Times, sizes and names as people read them.

import type { Address } from "../api/types";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "12 s ago", "4 min ago", "3 h ago", "2 days ago", "in 40 s". `now` in ms. */
export function ago(time: string, now: number): string {
  const seconds = Math.round((now - Date.parse(time)) / 1000);
  const n = Math.abs(seconds);
  if (n < 2) return "just now";
  const words =
    n < 90 ? `${n} s`
    : n < 90 * MINUTE ? `${Math.round(n / MINUTE)} min`
    : n < 36 * HOUR ? `${Math.round(n / HOUR)} h`
    : `${Math.round(n / DAY)} days`;
  return seconds >= 0 ? `${words} ago` : `in ${words}`;
}

/** The short form of a message list: 14:02, Tue 14:02, 12 Nov, 12 Nov 2024. */
export function listTime(time: string, now: number): string {
  const date = new Date(time);
  const today = new Date(now);
  const days = (now - date.getTime()) / 1000 / DAY;
  const clock = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === today.toDateString()) return clock;
  if (days >= 0 && days < 6) return `${date.toLocaleDateString("en-GB", { weekday: "short" })} ${clock}`;
  const sameYear = date.getFullYear() === today.getFullYear();
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: sameYear ? undefined : "numeric" });
}

/** The absolute time, for hovering and headers. */
export function fullTime(time: string): string {
  return new Date(time).toLocaleString("en-GB", {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}

export function clock(time: string): string {
  return new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

export function day(time: string): string {
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = n;
  let unit = "B";
  for (const next of units) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

export const count = (n: number) => n.toLocaleString("en-GB");

export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function millis(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** A length of time in one round unit. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return plural(Math.round(seconds / 3_600), "hour");
  return plural(Math.ceil(seconds / 86_400), "day");
}

/** What to call a person in a list. */
export const who = (a: Address) => a.name?.trim() || a.address;

export const whole = (a: Address) => (a.name?.trim() ? `${a.name} <${a.address}>` : a.address);

export function percent(done: number, total: number): number {
  if (total <= 0) return 0;
  // 100 is said only when everything is there.
  return done >= total ? 100 : Math.min(99, Math.floor((done / total) * 100));
}
