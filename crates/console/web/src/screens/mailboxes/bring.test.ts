import { expect, it } from "vitest";
import { tooLarge } from "./bring";

it("a file that no request can hold is named before it is sent", () => {
  const file = (name: string, size: number) => ({ name, size });
  expect(tooLarge([file("small.eml", 10), file("most.eml", 48 * 1024 * 1024)])).toEqual([]);
  expect(tooLarge([file("huge.eml", 48 * 1024 * 1024 + 1)])).toEqual(["huge.eml"]);
});
