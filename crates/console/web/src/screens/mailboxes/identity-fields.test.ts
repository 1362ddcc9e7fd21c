import { expect, test } from "vitest";
import { fieldsOf, linesOf } from "./identity-fields";

test("the fields of an identity are lines with a name and a colon", () => {
  const { fields, wrong } = fieldsOf("Phone: +49 30: 12\n\n Job title : Captain\n");
  expect(fields).toEqual({ phone: "+49 30: 12", job_title: "Captain" });
  expect(wrong).toBeNull();
  expect(linesOf(fields)).toBe("phone: +49 30: 12\njob_title: Captain");
  expect(fieldsOf("12345").wrong).toContain("12345");
});
