import { expect, test } from "vitest";
import type { AutoReply } from "../../api/auto-replies";
import { bodyOf, local, typedOf } from "./out-of-office-fields";

const own: AutoReply = {
  id: "arp_1", mailbox_id: "mbx_1", enabled: true, starts_at: "2026-07-31T22:00:00.000Z", ends_at: null, time_zone: "Europe/Rome", subject: null, text: "Away", html: null,
  inside: { subject: null, text: "Ask Bob", html: null }, inside_domains: ["here.test"], audience: "outside", exclusions: ["a@x.test", "y.test"], period_days: 3, answered: 0,
  enabled_at: null, created_at: "2026-07-01T00:00:00.000Z",
};

test("an out of office goes into the form and comes out as it was", () => {
  expect(bodyOf(typedOf(own, "ann@here.test"), own)).toEqual({
    starts_at: "2026-08-01T00:00", ends_at: null, time_zone: "Europe/Rome", subject: null, text: "Away", html: null, inside: own.inside,
    inside_domains: ["here.test"], audience: "outside", exclusions: ["a@x.test", "y.test"], period_days: 3,
  });
});

test("a new one knows the mailbox's domain, and lists are taken line by line", () => {
  const typed = typedOf(null, "ann@here.test");
  expect(typed.domains).toBe("here.test");
  expect(bodyOf({ ...typed, never: " a@x.test \n\n b.test" }, null).exclusions).toEqual(["a@x.test", "b.test"]);
  expect(local("2026-01-01T12:00:00.000Z", "Nowhere/Atlantis")).toBe("2026-01-01T12:00");
});
