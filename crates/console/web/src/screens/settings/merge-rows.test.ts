import { describe, expect, it } from "vitest";
import { cellOf, columnsOf, MOST, rowsOf } from "./merge-rows";

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
      ["name\nMira", "No column"], ["name,email\nLee,l@x.test\n\nMira,mira", "Line 4, column 2 (“email”): “mira” is no address"],
      ["email\na@x.test,b", "Line 2, column 2: “b” stands in a column that the first line does not name"], ["email,name\na@x.test", "Line 2, column 2 (“name”): the line ends before"],
      ['email,name\na@x.test,"two\nlines"\nb@x.test,"c', "Line 4, column 2 (“name”): the quote that begins here is never closed"], ["email,name,name\n", "Line 1, column 3 (“name”): another column has this name"],
      ["email,order,order.number\n", "Line 1, column 3 (“order.number”): it cannot stand beside the column “order”"], ["email", "no recipient"], ["[1]", "Recipient 1: it is no object"], ["[", "no JSON"],
      ['[{"email": "a@x.test"}, {"email": "mira"}]', "Recipient 2: “mira” is no address"], ["email,recipient\na@x.test,b", "Line 1, column 2 (“recipient”): “recipient” is given by Postroom"],
      ['[{"email": "a@x.test", "recipient": 1}]', "Recipient 1: “recipient” is given"], [`email\n${"a@x.test\n".repeat(MOST + 1)}`, "fit into one job"],
    ] as const) expect(rowsOf(text).problem).toContain(problem);
    expect(rowsOf(" ")).toEqual({ rows: [], problem: null });
  });

  it("are shown in columns, as a template names what is in them", () => {
    const rows = rowsOf('[{"email": "a@x.test", "order": {"number": 7, "lines": ["x"]}}, {"email": "b@x.test", "name": "Bo"}]').rows;
    expect(columnsOf(rows)).toEqual(["order.number", "order.lines", "name"]);
    expect(rows.map((row) => columnsOf(rows).map((column) => cellOf(row, column)))).toEqual([["7", '["x"]', ""], ["", "", "Bo"]]);
  });
});
