import { describe, expect, it } from "vitest";
import { waitNamed, waitUntil } from "./waiting";

describe("the time to wait", () => {
  it("is read from the server's words", () => {
    expect(waitNamed("451 4.7.1 Greylisted, please try again in 300 seconds")).toBe(300_000);
    expect(waitNamed("Too many logins, wait 5 minutes.")).toBe(300_000);
    expect(waitNamed("try again after 2h")).toBe(7_200_000);
    expect(waitNamed("550 5.7.1 no")).toBeNull();
  });

  it("is the mailbox's own, then the server's, then five minutes after the test, and never longer than a day", () => {
    const now = Date.parse("2026-11-21T09:00:00Z");
    expect(waitUntil(null, "2026-11-21T09:20:00Z", null, now)).toBe(now + 20 * 60_000);
    expect(waitUntil({ server_said: "in 30 seconds" }, "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z", now)).toBe(now + 30_000);
    expect(waitUntil({ server_said: null }, null, null, now)).toBe(now + 300_000);
    expect(waitUntil(null, "2027-11-21T09:20:00Z", null, now)).toBe(now + 86_400_000);
  });
});
