import { describe, expect, it } from "vitest";
import { CsvError, linesOf, separatorOf } from "./csv";

const fields = (text: string, separator = ",") => linesOf(text, separator).map((line) => line.fields);

describe("CSV", () => {
  it("has separators, lines and quotes inside of quotes (RFC 4180)", () => {
    expect(fields('a,"b, c","d ""e"" f","two\nlines",""\n')).toEqual([["a", "b, c", 'd "e" f', "two\nlines", ""]]);
    expect(fields('a;"b;c";d,e', ";")).toEqual([["a", "b;c", "d,e"]]);
    expect(fields('a\t"b\tc"\t\t', "\t")).toEqual([["a", "b\tc", "", ""]]);
  });

  it("loses spaces around a field and keeps those in quotes", () => {
    expect(fields('  a , " b " ,c ')).toEqual([["a", " b ", "c"]]);
  });

  it("counts lines as an editor does, also over empty ones and those in quotes", () => {
    expect(linesOf('a\n\n"b\nb"\n,\nc', ",").map(({ line, fields }) => [line, fields[0]])).toEqual([[1, "a"], [3, "b\nb"], [6, "c"]]);
  });

  it("says where it is not clear", () => {
    for (const [text, line, column, what] of [
      ['a,b\nc,"d', 2, 1, "never closed"], ['a\n"b\nb" c,d', 3, 0, "comes “c”"], ['a,b\nc,5" pipe', 2, 1, "in the middle of “5\" pipe”"],
    ] as const) {
      let error: unknown;
      try {
        linesOf(text, ",");
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(CsvError);
      expect(error).toMatchObject({ line, column });
      expect((error as Error).message).toContain(what);
    }
  });

  it("is separated by what makes the most fields of the first line, outside of quotes", () => {
    expect(separatorOf("email;name, first\n,,,")).toBe(",");
    expect(separatorOf('email;"name, first, last"\n')).toBe(";");
    expect(separatorOf("email\tname")).toBe("\t");
    expect(separatorOf("email")).toBe(",");
  });
});
