import { expect, it } from "vitest";
import { LIMITS, limitsOf, limitTexts } from "./limits";

it("limits go into the fields and come back as they were", () => {
  const limits = { max_connections: 3, poll_minutes: null, download_mb_per_day: 2_500, upload_mb_per_day: null, messages_per_day: 0, sends_per_minute: 30, recipients_per_day: null };
  expect(limitsOf(limitTexts(limits))).toEqual(limits);
  expect(Object.values(limitsOf(limitTexts()))).toEqual(LIMITS.map(() => null));
});
