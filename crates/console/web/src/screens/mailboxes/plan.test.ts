import { expect, it } from "vitest";
import { allowance, amount } from "./plan";
import { storingOf } from "./storing";

const nothing = { bytes_down: null, bytes_up: null, messages: null, connections: null, poll_minutes: null };
const used = { bytes_down: 1_200_000_000, bytes_up: 0, messages: 1_500, opens_at: null };

it("a plan says how much there is, and no size where none is known", () => {
  expect(amount({ messages: 1, bytes: 0 })).toBe("1 message");
  expect(amount({ messages: 20_000, bytes: 818_000_000 })).toBe("20,000 messages, about 818 MB");
});

it("what a provider allows is named with what was used of it, and nothing where nothing is limited", () => {
  expect(allowance({ allowed: nothing, used })).toEqual([]);
  expect(allowance({ allowed: { ...nothing, bytes_down: 2_500_000_000, messages: 5_000 }, used })).toEqual([
    "1.2 GB of 2.5 GB downloaded", "1,500 of 5,000 messages fetched",
  ]);
});

it("an empty field of a folder means: as the mailbox says", () => {
  expect(storingOf("", "")).toEqual({ since: null, size_limit: null });
  expect(storingOf("2026-01-31", "0.5")).toEqual({ since: "2026-01-31T00:00:00Z", size_limit: 500_000 });
});
