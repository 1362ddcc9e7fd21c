import { expect, it } from "vitest";
import type { Message, Tag, TagRef } from "../../api/types";
import { inOrder } from "./own";
import { onWhich } from "./tags";
import { counted } from "./tree";

const tag = (id: string, name: string, kind: Tag["kind"] = "tag"): Tag => ({
  id, name, kind, color: null, mailbox_id: null, receives_from: [], messages: 0, unread: 0, created_at: "2026-01-01T00:00:00Z",
});
const message = (...tags: TagRef[]) => ({ tags }) as Message;

it("own folders come before tags, each by name", () => {
  const names = inOrder([tag("1", "b"), tag("2", "z", "folder"), tag("3", "a"), tag("4", "c", "folder")]).map((t) => t.name);
  expect(names).toEqual(["c", "z", "a", "b"]);
});

it("a tag is on all, some or none of the messages", () => {
  const legal = tag("1", "Legal");
  expect(onWhich(legal, [message(legal), message(legal)])).toBe("all");
  expect(onWhich(legal, [message(legal), message()])).toBe("some");
  expect(onWhich(legal, [message(tag("2", "Legal"))])).toBe("none");
});

it("of drafts all that wait are counted, of the rest what is unread", () => {
  expect(counted({ role: "drafts", folders: 2, messages: 5, unread: 0 })).toMatchObject({ number: 5, what: "waiting" });
  expect(counted({ role: "inbox", folders: 2, messages: 5, unread: 1 })).toEqual({ number: 1, what: "unread", title: "5 messages, 1 unread, in 2 folders" });
  expect(counted(undefined)).toEqual({});
});
