// Data for a template, as JSON that people type.

type Data = { [name: string]: string | Data };

/** Something for each variable, such as `order.number`, to begin with. */
export function sampleFor(variables: string[]): string {
  const data: Data = {};
  for (const path of variables) {
    const names = path.split(".");
    let at = data;
    names.forEach((name, n) => {
      const inner = at[name];
      if (n === names.length - 1) at[name] ??= name;
      else if (typeof inner === "object") at = inner;
      else at = at[name] = {};
    });
  }
  return JSON.stringify(data, null, 2);
}

/** The object that was typed; null: it is none. */
export function dataOf(text: string): Record<string, unknown> | null {
  try {
    const data: unknown = JSON.parse(text || "{}");
    return data && typeof data === "object" && !Array.isArray(data) ? (data as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What was typed for each variable, as data; what was left empty is left out. */
export function dataFrom(values: Record<string, string>): Record<string, unknown> {
  const data: Data = {};
  for (const [path, value] of Object.entries(values)) {
    if (!value) continue;
    const names = path.split(".");
    let at = data;
    for (const name of names.slice(0, -1)) {
      const inner = at[name];
      at = typeof inner === "object" ? inner : (at[name] = {});
    }
    at[names.at(-1) ?? ""] = value;
  }
  return data;
}

/** The values of the variables in data, for the fields that they are typed into; null: there is more in it than fields can hold. */
export function valuesOf(variables: string[], data: Record<string, unknown>): Record<string, string> | null {
  const values: Record<string, string> = {};
  for (const path of variables) {
    const found = path.split(".").reduce<unknown>((at, name) => (at && typeof at === "object" ? (at as Record<string, unknown>)[name] : undefined), data);
    if (found !== undefined && typeof found !== "string") return null;
    if (found) values[path] = found;
  }
  return leaves(data) === Object.keys(values).length ? values : null;
}

/** How many values there are in it, at any depth. */
const leaves = (data: unknown): number => (data && typeof data === "object" ? Object.values(data).reduce<number>((sum, inner) => sum + leaves(inner), 0) : 1);
