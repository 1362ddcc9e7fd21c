import { expect, test } from "vitest";
import type { AutoReply } from "../../api/auto-replies";
import { bodyOf, typedOf } from "./out-of-office-fields";

const own: AutoReply = {
  id: "arp_1", mailbox_id: "mbx_1", enabled: true, place: "postroom", on_server: null, server_offers: null, starts_at: "2026-07-31T22:00:00.000Z", ends_at: null, time_zone: "Europe/Rome", subject: null, text: "Away", html: "<p>Away</p>",
  inside: { subject: "Ask", text: "Ask Bob", html: null }, inside_domains: ["here.test"], audience: "outside", exclusions: ["a@x.test", "y.test"], period_days: 3, answered: 0,
  enabled_at: null, created_at: "2026-07-01T00:00:00.000Z",
};
const anything = () => true;

test("an out of office goes into the form and comes out as it was", () => {
  expect(bodyOf(typedOf(own, "ann@here.test", anything), own)).toEqual({
    starts_at: "2026-08-01T00:00", ends_at: null, time_zone: "Europe/Rome", subject: null, text: "Away", html: "<p>Away</p>", inside: own.inside,
    inside_domains: ["here.test"], audience: "outside", exclusions: ["a@x.test", "y.test"], period_days: 3,
  });
});

test("a new one knows the mailbox's domain, and lists are taken line by line", () => {
  const typed = typedOf(null, "ann@here.test", anything);
  expect(typed.domains).toBe("here.test");
  expect(bodyOf({ ...typed, never: " a@x.test \n\n b.test" }, null)).toMatchObject({ exclusions: ["a@x.test", "b.test"], html: null, inside: null });
});

test("what is written anew has one form, and HTML that the editor would spoil is written by hand", () => {
  const typed = typedOf(own, "ann@here.test", () => false);
  expect(typed.words.form).toBe("html");
  expect(typedOf(own, "ann@here.test", anything).words.form).toBe("formatted");
  expect(bodyOf({ ...typed, words: { ...typed.words, html: "<p>Gone</p>" } }, own)).toMatchObject({ text: null, html: "<p>Gone</p>" });
  expect(bodyOf({ ...typed, words: { ...typed.words, form: "text" } }, own)).toMatchObject({ text: "Away", html: null });
  expect(bodyOf({ ...typed, inside: { form: "formatted", text: "old", html: "<b>Bob</b>" } }, own).inside).toEqual({ subject: "Ask", text: null, html: "<b>Bob</b>" });
  expect(bodyOf({ ...typed, inside: { form: "text", text: " ", html: "" } }, own).inside).toBeNull();
});
