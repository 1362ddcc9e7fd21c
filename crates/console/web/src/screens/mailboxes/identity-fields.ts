// What signatures can say of an identity, as lines that people type: `phone: +49 30 1234`.

export interface Fields {
  fields: Record<string, string>;
  /** What is wrong with the lines, if something is. */
  wrong: string | null;
}

export const linesOf = (fields: Record<string, string>) =>
  Object.entries(fields).map(([name, text]) => `${name}: ${text}`).join("\n");

export function fieldsOf(lines: string): Fields {
  const fields: Record<string, string> = {};
  let wrong: string | null = null;
  for (const line of lines.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase().replaceAll(/[\s-]+/g, "_");
    if (!/^[a-z][a-z0-9_]*$/.test(name)) wrong ??= `“${line}” has no name before a colon.`;
    else fields[name] = line.slice(colon + 1).trim();
  }
  return { fields, wrong };
}
