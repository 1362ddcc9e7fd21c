import { expect, it } from "vitest";
import { labelSearch, newLabel, shownLabel } from "./labels";

it("a label is put on once, whatever its case", () => {
  const on = ["Work", "\\Inbox"];
  expect(newLabel(" Later ", on)).toBe("Later");
  expect(newLabel("work", on)).toBeNull();
  expect(newLabel("inbox", on)).toBeNull();
  expect(newLabel("  ", on)).toBeNull();
});

it("the server's own labels are shown without their backslash", () => {
  expect(shownLabel("\\Starred")).toBe("Starred");
  expect(shownLabel("a\\b")).toBe("a\\b");
});

it("a label leads to a search for it", () => {
  expect(labelSearch("\\Important")).toBe("label:\\Important");
  expect(labelSearch("Customers/Acme, Inc.")).toBe('label:"Customers/Acme, Inc."');
  expect(labelSearch('a "b"')).toBeNull();
});
