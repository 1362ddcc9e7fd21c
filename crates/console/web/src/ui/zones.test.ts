import { expect, test } from "vitest";
import { browserZone, instant, local, zones } from "./zones";

test("every zone can be chosen once, with those that are in use", () => {
  const all = zones("Nowhere/Atlantis", browserZone(), "");
  expect(all).toEqual(expect.arrayContaining(["UTC", "Europe/Rome", "Nowhere/Atlantis", browserZone()]));
  expect(new Set(all).size).toBe(all.length);
  expect(all).not.toContain("");
});

test("a time is shown by the clocks of its zone", () => {
  expect(local("2026-07-01T12:00:00.000Z", "Europe/Rome")).toBe("2026-07-01T14:00");
  expect(local("2026-01-01T12:00:00.000Z", "Nowhere/Atlantis")).toBe("2026-01-01T12:00");
  expect(local(null, "UTC")).toBe("");
});

test("what a zone's clocks show is one moment, also on the days on which they are changed", () => {
  expect(instant("2026-12-24T18:00", "Europe/Vienna")).toBe("2026-12-24T17:00:00.000Z");
  expect(instant("2026-07-24T18:00", "Europe/Vienna")).toBe("2026-07-24T16:00:00.000Z");
  expect(instant("2026-03-29T01:30", "Europe/Vienna")).toBe("2026-03-29T00:30:00.000Z");
  expect(instant("2026-03-29T03:30", "Europe/Vienna")).toBe("2026-03-29T01:30:00.000Z");
  expect(instant("2026-03-29T02:30", "Europe/Vienna")).toBe("2026-03-29T01:30:00.000Z");
  expect(instant("2026-10-25T02:30", "Europe/Vienna")).toBe("2026-10-25T00:30:00.000Z");
  expect(instant("2026-10-25T03:30", "Europe/Vienna")).toBe("2026-10-25T02:30:00.000Z");
  expect(instant("2026-06-01T09:00", "Pacific/Auckland")).toBe("2026-05-31T21:00:00.000Z");
  for (const none of ["", "soon", "2026-13-01T00:00"]) expect(instant(none, "UTC")).toBeNull();
});
