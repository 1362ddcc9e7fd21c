import { expect, it } from "vitest";
import { blocksOf } from "./text-body";

it("text is cut into own and quoted runs", () => {
  expect(blocksOf("Yes.\n\nOn Monday Ann wrote:\n> Shall we?\n> A.\nB.\n")).toEqual([
    { quoted: false, lines: ["Yes.", "", "On Monday Ann wrote:"] },
    { quoted: true, lines: ["> Shall we?", "> A."] },
    { quoted: false, lines: ["B."] },
  ]);
});
