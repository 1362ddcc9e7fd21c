// An invitation as it stands in a message (RFC 5545, RFC 6047): what is needed to decide whether to come.

import { instant } from "../../ui/zones";

export interface When {
  /** The moment; null: the day alone, or a time of a zone that this browser does not know. */
  at: string | null;
  /** The day or the time as it was written, such as `2026-08-01 09:00 (Yard time)`. */
  written: string;
}

export interface Invitation {
  summary: string;
  start: When | null;
  end: When | null;
  location: string;
  /** Who invites. */
  organizer: string;
  /** It comes again and again. */
  repeats: boolean;
}

interface Line {
  name: string;
  params: Record<string, string>;
  value: string;
}

function lineOf(text: string): Line | null {
  const found = /^([A-Za-z0-9-]+)((?:;[^:;="]+=(?:"[^"]*"|[^:;"]*))*):(.*)$/s.exec(text);
  if (!found) return null;
  const params = Object.fromEntries([...(found[2] ?? "").matchAll(/;([^=]+)=("[^"]*"|[^;]*)/g)].map(([, name, value]) => [name?.toUpperCase() ?? "", value?.replaceAll('"', "") ?? ""]));
  return { name: found[1]?.toUpperCase() ?? "", params, value: found[3] ?? "" };
}

const plain = (value: string) => value.replaceAll(/\\([nN,;\\])/g, (_, c: string) => (c.toLowerCase() === "n" ? "\n" : c)).trim();

function isZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

function whenOf({ params, value }: Line): When | null {
  const found = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?$/.exec(value.trim());
  if (!found) return null;
  const [, year, month, day, hour, minute, utc] = found;
  const date = `${year}-${month}-${day}`;
  if (!hour) return { at: null, written: date };
  const zone = utc ? "UTC" : params.TZID;
  const known = zone !== undefined && isZone(zone);
  return { at: known ? instant(`${date}T${hour}:${minute}`, zone) : null, written: `${date} ${hour}:${minute}${zone ? ` (${zone})` : ""}` };
}

/** The invitation in a calendar; null: nobody is asked anything in it. */
export function invitationOf(calendar: string): Invitation | null {
  const lines = calendar.replaceAll(/\r?\n[ \t]/g, "").split(/\r?\n/).flatMap((text) => lineOf(text) ?? []);
  const open: string[] = [];
  let asks = false;
  let event: Invitation | null = null;
  for (const line of lines) {
    if (line.name === "BEGIN") {
      open.push(line.value.trim().toUpperCase());
      // Of several, the first is the whole series.
      if (open.length === 2 && open[1] === "VEVENT" && event) break;
      if (open.length === 2 && open[1] === "VEVENT") event = { summary: "", start: null, end: null, location: "", organizer: "", repeats: false };
    } else if (line.name === "END") open.pop();
    else if (open.length === 1 && line.name === "METHOD") asks = line.value.trim().toUpperCase() === "REQUEST";
    else if (event && open.length === 2 && open[1] === "VEVENT") take(event, line);
  }
  return asks && event?.organizer ? event : null;
}

function take(event: Invitation, line: Line) {
  switch (line.name) {
    case "SUMMARY": event.summary = plain(line.value); break;
    case "LOCATION": event.location = plain(line.value); break;
    case "DTSTART": event.start = whenOf(line); break;
    case "DTEND": event.end = whenOf(line); break;
    case "RRULE": event.repeats = true; break;
    case "ORGANIZER": {
      const address = line.value.trim().replace(/^mailto:/i, "");
      event.organizer = line.params.CN ? `${line.params.CN} <${address}>` : address;
    }
  }
}
