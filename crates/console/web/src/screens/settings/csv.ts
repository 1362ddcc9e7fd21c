// CSV as RFC 4180 has it: fields in quotes can hold the separator, lines and, written twice, quotes. Whatever is not clear is
// refused with its line and column.

export interface Line {
  /** Where it begins in the text, from 1. */
  line: number;
  fields: string[];
}

/** What is wrong, and where. `column`: its place in the line, from 0. */
export class CsvError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, what: string) {
    super(what);
    this.line = line;
    this.column = column;
  }
}

/** The lines that are not empty. Spaces around a field go, inside of quotes they stay. */
export function linesOf(text: string, separator: string): Line[] {
  const lines: Line[] = [];
  let at = 0, line = 1;
  const skip = () => {
    while (text[at] === " " || (text[at] === "\t" && separator !== "\t")) at++;
  };
  const endsField = () => at >= text.length || text[at] === separator || text[at] === "\n";
  /** The rest of a field whose quote was read. */
  const quoted = (begun: number, column: number) => {
    let field = "";
    for (;;) {
      const c = text[at++];
      if (c === undefined) throw new CsvError(begun, column, "the quote that begins here is never closed");
      if (c === "\n") line++;
      if (c !== '"') field += c;
      else if (text[at] === '"') {
        field += '"';
        at++;
      } else break;
    }
    skip();
    if (endsField()) return field;
    throw new CsvError(line, column, `after the closing quote comes “${rest()}”; a quote inside a field is written twice`);
  };
  const rest = () => {
    const from = at;
    while (!endsField()) at++;
    return text.slice(from, at).trim();
  };
  while (at < text.length) {
    const here: Line = { line, fields: [] };
    for (;;) {
      const column = here.fields.length;
      skip();
      if (text[at] === '"') {
        at++;
        here.fields.push(quoted(line, column));
      } else {
        const field = rest();
        if (field.includes('"')) throw new CsvError(line, column, `there is a quote in the middle of “${field}”; put the whole field in quotes, and write that one twice`);
        here.fields.push(field);
      }
      if (text[at] !== separator) break;
      at++;
    }
    at++;
    line++;
    if (here.fields.some(Boolean)) lines.push(here);
  }
  return lines;
}

/** What stands between the fields of the first line: what makes the most of them. */
export function separatorOf(text: string): string {
  const outside = (text.trimStart().split("\n", 1)[0] ?? "").replaceAll(/"[^"]*"/g, "");
  return [",", ";", "\t"].reduce((best, one) => (outside.split(one).length > outside.split(best).length ? one : best));
}
