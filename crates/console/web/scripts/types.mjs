// TypeScript types from the schemas of an OpenAPI 3.1 document: `npm run types`.
// Small on purpose: it knows what Postroom's own document uses and names what it does not.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
const union = (parts) => [...new Set(parts)].join(" | ");
const wrap = (text) => (text.includes(" ") ? `(${text})` : text);

/** The type of one schema, as TypeScript. */
export function typeOf(schema, indent = "") {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return union(either.map((each) => typeOf(each, indent)));
  if (schema.allOf) return schema.allOf.map((each) => wrap(typeOf(each, indent))).join(" & ");
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type }, indent)));
  switch (schema.type) {
    case "null":
    case "string":
    case "boolean":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `${wrap(typeOf(schema.items, indent))}[]`;
    case "object":
    case undefined:
      return objectOf(schema, indent);
    default:
      throw new Error(`No type for a schema of type ${schema.type}`);
  }
}

function objectOf(schema, indent) {
  if (!schema.properties) {
    const values = schema.additionalProperties;
    return schema.type || values ? `Record<string, ${values ? typeOf(values, indent) : "unknown"}>` : "unknown";
  }
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, each]) => {
    const comment = each.description ? `${inner}/** ${each.description.replaceAll("*/", "* /").replaceAll(/\s+/g, " ")} */\n` : "";
    return `${comment}${inner}${key(name)}${schema.required?.includes(name) ? "" : "?"}: ${typeOf(each, inner)};`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** A whole file of types for the schemas of a document. */
export function fileOf(document) {
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([a], [b]) => a.localeCompare(b));
  return `// Made by \`npm run types\` from openapi.json. Not edited by hand.\n\n${schemas.map(([name, schema]) => `export type ${name} = ${typeOf(schema)};\n`).join("\n")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [from, to] = process.argv.slice(2);
  writeFileSync(to, fileOf(JSON.parse(readFileSync(from, "utf8"))));
}
