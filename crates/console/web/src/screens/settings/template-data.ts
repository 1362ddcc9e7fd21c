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
