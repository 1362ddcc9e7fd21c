import { expect, test } from "vitest";
import { dataFrom, dataOf, sampleFor, valuesOf } from "./template-data";

test("a template's variables become data to try it with", () => {
  const sample = sampleFor(["name", "order.number", "order.lines", "order"]);
  expect(dataOf(sample)).toEqual({ name: "name", order: { number: "number", lines: "lines" } });
  expect(dataOf("")).toEqual({});
  for (const wrong of ["[]", "1", "{", "null"]) expect(dataOf(wrong)).toBeNull();
});

test("what is typed for each variable becomes data, and the other way round where fields can hold it", () => {
  const typed = { name: "Mira", "order.number": "7", "order.note": "", "order.by": "sea" };
  const data = { name: "Mira", order: { number: "7", by: "sea" } };
  expect(dataFrom(typed)).toEqual(data);
  expect(valuesOf(["order.by", "order.number", "order.note", "name"], data)).toEqual({ name: "Mira", "order.number": "7", "order.by": "sea" });
  expect(valuesOf(["name"], { name: ["a", "b"] })).toBeNull();
  expect(valuesOf(["name"], { name: "Mira", further: "x" })).toBeNull();
});
