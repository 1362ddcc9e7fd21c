import { expect, test } from "vitest";
import { laterBody } from "./later";

test("a time to send at is told as its zone's clocks show it, and only where one was chosen", () => {
  expect(laterBody({ at: "2026-12-24T18:00", zone: "Europe/Vienna" })).toEqual({ send_at: "2026-12-24T18:00", time_zone: "Europe/Vienna" });
  for (const none of [null, { at: "", zone: "UTC" }, { at: "soon", zone: "UTC" }]) expect(laterBody(none)).toEqual({});
});
