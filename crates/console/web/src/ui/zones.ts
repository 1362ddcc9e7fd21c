// Time zones, and times as the clocks of one show them.

/** The zone that this browser is in. */
export const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Every zone that can be chosen, with those in it that are `known` to be in use. */
export function zones(...known: string[]): string[] {
  return [...new Set([...known.filter(Boolean), "UTC", ...Intl.supportedValuesOf("timeZone")])].sort();
}

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

/** The moment at which the zone's clocks show this time; null: it is none. Of a time that they skip in spring, the one an hour later. */
export function instant(shown: string, zone: string): string | null {
  const wall = Date.parse(`${shown}Z`);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(shown) || Number.isNaN(wall)) return null;
  const ahead = (at: number) => Date.parse(`${local(new Date(at).toISOString(), zone)}Z`) - Math.floor(at / 60_000) * 60_000;
  // The offset of the day before is the one that holds, unless the clocks were changed meanwhile.
  const before = wall - ahead(wall - 86_400_000), after = wall - ahead(wall + 86_400_000);
  const fits = [before, after].find((at) => at + ahead(at) === wall);
  return new Date(fits ?? before).toISOString();
}
