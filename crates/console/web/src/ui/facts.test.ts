import { expect, it } from "vitest";
import { quotaOf } from "./facts";

it("how full a mailbox is on its server is said, with a warning when it is nearly full", () => {
  expect(quotaOf({ used: 5_400_000, limit: 10_000_000 })).toEqual({ text: "5.4 MB of 10 MB used on the server", warns: false });
  expect(quotaOf({ used: 9_000_000, limit: 10_000_000 }).warns).toBe(true);
  expect(quotaOf({ used: 0, limit: 0 }).warns).toBe(false);
});
