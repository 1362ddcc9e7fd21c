import { expect, test } from "vitest";
import { wishesBody, wishesOf, wishesText } from "./wishes";

test("what is asked for is said, and nothing else", () => {
  expect(wishesBody(wishesOf(undefined))).toEqual({});
  expect(wishesText({})).toBe("");
  const asked = wishesBody({ ...wishesOf({}), success: true, failure: true, requireTls: true });
  expect(asked).toEqual({ dsn: { notify: ["success", "failure"] }, require_tls: true });
  expect(wishesOf(asked)).toEqual({ success: true, delay: false, failure: true, requireTls: true });
  expect(wishesText(asked)).toBe("notices (success, failure) and TLS all the way");
  expect(wishesText({ dsn: null, require_tls: false })).toBe("");
});
