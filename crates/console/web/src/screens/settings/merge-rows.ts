// Recipients as they are pasted, CSV with a header or JSON, and as a merge takes them.

import { dataFrom } from "./template-data";

export interface Row {
  to: { name?: string; address: string };
  data: Record<string, unknown>;
}

/** What a merge takes. */
export const MOST = 10_000;

const ADDRESS = /^(e-?mail|mail|address|e-?mail.address|to)$/i;

/** The fields of CSV; a field in quotes can hold the separator, quotes and lines. */
export function fieldsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [[]];
  let field = "", quoted = false;
  const end = () => {
    rows.at(-1)?.push(field.trim());
    field = "";
  };
  for (let n = 0; n < text.length; n++) {
    const c = text[n] ?? "";
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[n + 1] === '"') field += text[n++] ?? "";
      else quoted = false;
    } else if (c === '"' && !field.trim()) {
      quoted = true;
      field = "";
    } else if (c === separator) end();
    else if (c === "\n") {
      end();
      rows.push([]);
    } else field += c;
  }
  end();
  return rows.filter((row) => row.some(Boolean));
}

function ofCsv(text: string): Row[] {
  const header = text.trimStart().split("\n", 1)[0] ?? "";
  const separator = [";", "\t", ","].reduce((best, one) => (header.split(one).length > header.split(best).length ? one : best), ",");
  const [names = [], ...rows] = fieldsOf(text, separator);
  const at = names.findIndex((name) => ADDRESS.test(name));
  if (at < 0) throw new Error("No column of the first line is called “address” or “email”.");
  return rows.map((row, n) => {
    if (row.length > names.length) throw new Error(`Line ${n + 2} has ${row.length} fields, and the first line names ${names.length}.`);
    return rowOf(row[at] ?? "", dataFrom(Object.fromEntries(names.flatMap((name, m) => (m === at || !name ? [] : [[name, row[m] ?? ""]])))), n + 2);
  });
}

function ofJson(text: string): Row[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error("This is no JSON.");
  }
  if (!Array.isArray(list)) throw new Error("The JSON is no list of recipients.");
  return list.map((one: unknown, n) => {
    if (!one || typeof one !== "object") throw new Error(`Recipient ${n + 1} is no object.`);
    const { to, data, ...flat } = one as { to?: unknown; data?: Record<string, unknown> };
    if (to && typeof to === "object") {
      const { address, name } = to as { address?: unknown; name?: unknown };
      return { to: { address: String(address ?? ""), ...(name ? { name: String(name) } : {}) }, data: data ?? {} };
    }
    const key = to === undefined ? Object.keys(flat).find((name) => ADDRESS.test(name)) : undefined;
    const { [key ?? ""]: address = to, ...rest } = flat as Record<string, unknown>;
    return rowOf(String(address ?? ""), rest, n + 1);
  });
}

function rowOf(address: string, data: Record<string, unknown>, n: number): Row {
  if (!address.includes("@")) throw new Error(`“${address}” (${n}) is no address.`);
  const name = typeof data.name === "string" && data.name ? { name: data.name } : {};
  return { to: { ...name, address }, data };
}

/** What was pasted, or what is wrong with it. Nothing is left out in silence. */
export function rowsOf(text: string): { rows: Row[]; problem: string | null } {
  if (!text.trim()) return { rows: [], problem: null };
  try {
    const rows = /^\s*\[/.test(text) ? ofJson(text) : ofCsv(text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n"));
    if (rows.length === 0) return { rows, problem: "There is a first line and no recipient." };
    if (rows.length > MOST) return { rows: [], problem: `There are ${rows.length} recipients; ${MOST} fit into one job.` };
    const reserved = rows.findIndex((row) => "recipient" in row.data);
    return { rows, problem: reserved < 0 ? null : "“recipient” is given by Postroom itself: use another name." };
  } catch (error) {
    return { rows: [], problem: error instanceof Error ? error.message : String(error) };
  }
}
