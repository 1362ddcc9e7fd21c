import { expect, test } from "vitest";
import { dataOf, sampleFor } from "./template-data";

test("a template's variables become data to try it with", () => {
  const sample = sampleFor(["name", "order.number", "order.lines", "order"]);
  expect(dataOf(sample)).toEqual({ name: "name", order: { number: "number", lines: "lines" } });
  expect(dataOf("")).toEqual({});
  for (const wrong of ["[]", "1", "{", "null"]) expect(dataOf(wrong)).toBeNull();
});
