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
