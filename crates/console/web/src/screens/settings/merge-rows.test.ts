import { describe, expect, it } from "vitest";
import { MOST, rowsOf } from "./merge-rows";

describe("recipients", () => {
  it("are read from CSV with a header, quotes and any usual separator", () => {
    const wanted = [{ to: { name: "Okafor, Mira", address: "mira@example.com" }, data: { name: "Okafor, Mira", order: { number: "7" } } }, { to: { address: "lee@example.com" }, data: { order: { number: 'the "8"' } } }];
    expect(rowsOf('\uFEFFemail,name,order.number\r\nmira@example.com,"Okafor, Mira",7\r\n\r\nlee@example.com,,"the ""8"""\r\n')).toEqual({ rows: wanted, problem: null });
    expect(rowsOf("name;E-Mail\nMira;mira@example.com").rows).toEqual([{ to: { name: "Mira", address: "mira@example.com" }, data: { name: "Mira" } }]);
    expect(rowsOf('address\tnote\na@x.test\t"two\nlines"').rows[0]?.data).toEqual({ note: "two\nlines" });
  });

  it("are read from JSON, as the API takes them or flat", () => {
    const rows = [{ to: { name: "Mira", address: "mira@example.com" }, data: { n: [1] } }];
    expect(rowsOf(JSON.stringify(rows))).toEqual({ rows, problem: null });
    expect(rowsOf('[{"email": "mira@example.com", "name": "Mira", "lines": ["a"]}]').rows).toEqual([{ to: { name: "Mira", address: "mira@example.com" }, data: { name: "Mira", lines: ["a"] } }]);
    expect(rowsOf('[{"to": "mira@example.com"}]').rows).toEqual([{ to: { address: "mira@example.com" }, data: {} }]);
  });

  it("are told what is wrong with them, and none is left out in silence", () => {
    for (const [text, problem] of [
      ["name\nMira", "No column"], ["email\nmira", "“mira” (2) is no address"], ["email\na@x.test,b", "Line 2 has 2 fields"], ["email", "no recipient"], ["[1]", "Recipient 1"], ["[", "no JSON"],
      ["email,recipient\na@x.test,b", "given by Postroom"], [`email\n${"a@x.test\n".repeat(MOST + 1)}`, "fit into one job"],
    ] as const) expect(rowsOf(text).problem).toContain(problem);
    expect(rowsOf(" ")).toEqual({ rows: [], problem: null });
  });
});
