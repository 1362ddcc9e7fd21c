import { expect, it } from "vitest";
// @ts-expect-error -- a plain script without types
import { fileOf } from "../../scripts/types.mjs";

it("an OpenAPI document becomes TypeScript types", () => {
  const text = fileOf({
    components: {
      schemas: {
        Page: {
          type: "object",
          required: ["data", "next_cursor"],
          properties: {
            data: { type: "array", items: { oneOf: [{ $ref: "#/components/schemas/Kind" }, { type: "null" }] } },
            next_cursor: { type: ["string", "null"], description: "Where the next page begins." },
            "x-more": { type: "object", additionalProperties: { type: "integer" } },
          },
        },
        Kind: { type: "string", enum: ["personal", "group"] },
      },
    },
  });
  expect(text).toContain('export type Kind = "personal" | "group";');
  expect(text).toContain("data: (Kind | null)[];");
  expect(text).toContain("/** Where the next page begins. */\n  next_cursor: string | null;");
  expect(text).toContain('"x-more"?: Record<string, number>;');
});
