// Recipients as they are pasted, CSV with a header or JSON, and as a merge takes them.

import { CsvError, linesOf, separatorOf } from "./csv";
import { dataFrom } from "./template-data";

export interface Row {
  to: { name?: string; address: string };
  data: Record<string, unknown>;
}

/** What a merge takes. */
export const MOST = 10_000;

const ADDRESS = /^(e-?mail|mail|address|e-?mail.address|to)$/i;
const isAddress = (address: string) => /^[^\s@]+@[^\s@]+$/.test(address);

function ofCsv(text: string): Row[] {
  const [header, ...lines] = linesOf(text, separatorOf(text));
  const names = header?.fields ?? [];
  const at = namesAreClear(header?.line ?? 1, names);
  return lines.map(({ line, fields }) => {
    const address = fields[at] ?? "";
    if (!isAddress(address)) throw new CsvError(line, at, address ? `“${address}” is no address` : "there is no address");
    const lost = fields.findIndex((field, n) => field && !names[n]);
    if (lost >= 0) throw new CsvError(line, lost, `“${fields[lost]}” stands in a column that the first line does not name; a field that holds the separator is put in quotes`);
    if (fields.length < names.length) throw new CsvError(line, fields.length, `the line ends before this column: it has ${fields.length} of ${names.length} fields`);
    return rowOf(address, dataFrom(Object.fromEntries(names.flatMap((name, n) => (n === at || !name ? [] : [[name, fields[n] ?? ""]])))));
  });
}

/** Which column has the addresses. */
function namesAreClear(line: number, names: string[]): number {
  const at = names.findIndex((name) => ADDRESS.test(name));
  if (at < 0) throw new Error("No column of the first line is called “address” or “email”.");
  names.forEach((name, n) => {
    if (name === "recipient" || name.startsWith("recipient.")) throw new CsvError(line, n, RESERVED);
    const before = names.slice(0, n).find((one) => one && (one === name || one.startsWith(`${name}.`) || name.startsWith(`${one}.`)));
    if (name && before) throw new CsvError(line, n, before === name ? "another column has this name too" : `it cannot stand beside the column “${before}”: the one would be inside the other`);
  });
  return at;
}

const RESERVED = "“recipient” is given by Postroom itself: use another name";

function ofJson(text: string): Row[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error("This is no JSON.");
  }
  if (!Array.isArray(list)) throw new Error("The JSON is no list of recipients.");
  return list.map((one: unknown, n) => {
    const wrong = (what: string) => new Error(`Recipient ${n + 1}: ${what}.`);
    if (!one || typeof one !== "object") throw wrong("it is no object");
    const { to, data, ...flat } = one as { to?: unknown; data?: Record<string, unknown> };
    const row = to && typeof to === "object" ? whole(to, data) : flatRow(to, flat);
    if (!isAddress(row.to.address)) throw wrong(row.to.address ? `“${row.to.address}” is no address` : "there is no address");
    if ("recipient" in row.data) throw wrong(RESERVED);
    return row;
  });
}

/** As the API takes it. */
function whole(to: { address?: unknown; name?: unknown }, data: Record<string, unknown> | undefined): Row {
  return { to: { address: String(to.address ?? ""), ...(to.name ? { name: String(to.name) } : {}) }, data: data ?? {} };
}

/** With the address among the data. */
function flatRow(to: unknown, flat: Record<string, unknown>): Row {
  const key = to === undefined ? Object.keys(flat).find((name) => ADDRESS.test(name)) : undefined;
  const { [key ?? ""]: address = to, ...rest } = flat;
  return rowOf(String(address ?? ""), rest);
}

function rowOf(address: string, data: Record<string, unknown>): Row {
  const name = typeof data.name === "string" && data.name ? { name: data.name } : {};
  return { to: { ...name, address }, data };
}

/** What was pasted, or what is wrong with it. Nothing is left out in silence. */
export function rowsOf(text: string): { rows: Row[]; problem: string | null } {
  if (!text.trim()) return { rows: [], problem: null };
  const plain = text.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n");
  try {
    const rows = /^\s*\[/.test(plain) ? ofJson(plain) : ofCsv(plain);
    if (rows.length === 0) return { rows, problem: "There is a first line and no recipient." };
    if (rows.length > MOST) return { rows: [], problem: `There are ${rows.length} recipients; ${MOST} fit into one job.` };
    return { rows, problem: null };
  } catch (error) {
    return { rows: [], problem: error instanceof CsvError ? where(plain, error) : error instanceof Error ? error.message : String(error) };
  }
}

/** The line, and the column by its number and its name. */
function where(text: string, { line, column, message }: CsvError): string {
  let name: string | undefined;
  try {
    name = linesOf(text.trimStart().split("\n", 1)[0] ?? "", separatorOf(text))[0]?.fields[column];
  } catch {
    // The first line itself is wrong.
  }
  return `Line ${line}, column ${column + 1}${name ? ` (“${name}”)` : ""}: ${message}.`;
}

/** The columns of these rows, each once, as a template names them. */
export const columnsOf = (rows: Row[]): string[] => [...new Set(rows.flatMap((row) => paths(row.data)))];

const paths = (data: object, before = ""): string[] =>
  Object.entries(data).flatMap(([name, value]) => (isObject(value) ? paths(value, `${before}${name}.`) : [before + name]));

/** What a row has in a column. */
export function cellOf(row: Row, column: string): string {
  const value = column.split(".").reduce<unknown>((at, name) => (isObject(at) ? (at as Record<string, unknown>)[name] : undefined), row.data);
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

const isObject = (value: unknown): value is object => Boolean(value) && typeof value === "object" && !Array.isArray(value);
