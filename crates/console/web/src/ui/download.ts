// What a screen shows as a file: CSV for spreadsheets, JSON for programs.

export type Cell = string | number | boolean | null | undefined;

/** A cell of CSV (RFC 4180), on one line. What a spreadsheet would take for a formula begins with an apostrophe. */
function cellOf(value: Cell): string {
  const line = String(value ?? "").replaceAll(/\s*[\r\n\t]+\s*/g, " ");
  const cell = typeof value === "string" && /^[=+\-@]/.test(line) ? `'${line}` : line;
  return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export const csvOf = (head: string[], rows: Cell[][]) => [head, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");

/** Gives the browser a file to keep. */
export function download(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
