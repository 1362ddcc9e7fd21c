import { expect, it } from "vitest";
import type { Mailbox } from "../api/types";
import { isThreaded, placed } from "./layout";

const boxes = [{ id: "mbx_out", incoming: null }, { id: "mbx_in", incoming: {} }] as Mailbox[];
const merged = { threads: true, merge_folders: true };
const apart = { threads: false, merge_folders: false };

it("where folders are not merged, an address without a mailbox shows the first one that receives", () => {
  expect(placed({}, merged, boxes)).toEqual({});
  expect(placed({}, apart, boxes)).toEqual({ mailbox: "mbx_in" });
  expect(placed({ mailbox: "mbx_x" }, apart, boxes)).toEqual({ mailbox: "mbx_x" });
});

it("searches, tags and flagged mail are of all mailboxes, merged or not", () => {
  for (const search of [{ q: "x" }, { tag: "tag_1" }, { flagged: true }]) expect(placed(search, apart, boxes)).toEqual(search);
});

it("the address decides before the user's choice", () => {
  expect(isThreaded({}, merged)).toBe(true);
  expect(isThreaded({}, apart)).toBe(false);
  expect(isThreaded({ view: "messages" }, merged)).toBe(false);
  expect(isThreaded({ view: "threads" }, apart)).toBe(true);
});
