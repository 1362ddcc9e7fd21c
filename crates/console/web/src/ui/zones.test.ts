import { expect, test } from "vitest";
import { browserZone, local, zones } from "./zones";

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
