import { expect, test } from "vitest";
import { wishesBody, wishesOf, wishesText } from "./wishes";

test("what is asked for is said, and nothing else", () => {
  expect(wishesBody(wishesOf(undefined))).toEqual({});
  expect(wishesText({})).toBe("");
  const asked = wishesBody({ ...wishesOf({}), success: true, failure: true, requireTls: true });
  expect(asked).toEqual({ dsn: { notify: ["success", "failure"] }, require_tls: true });
  expect(wishesOf(asked)).toEqual({ ...wishesOf({}), success: true, failure: true, requireTls: true });
  expect(wishesText(asked)).toBe("notices (success, failure) and TLS all the way");
  expect(wishesText({ dsn: null, require_tls: false, priority: "normal" })).toBe("");
});

test("a reading receipt and a priority go out, come back from a draft, and are told", () => {
  const asked = wishesBody({ ...wishesOf({}), delay: true, readReceipt: true, priority: "high" });
  expect(asked).toEqual({ dsn: { notify: ["delay"] }, read_receipt: true, priority: "high" });
  expect(wishesBody(wishesOf(asked))).toEqual(asked);
  expect(wishesText(asked)).toBe("notices (delay), a reading receipt and high priority");
  expect(wishesText({ priority: "low" })).toBe("low priority");
});
