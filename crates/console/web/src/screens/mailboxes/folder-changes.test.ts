import { expect, it } from "vitest";
import type { Folder } from "../../api/types";
import { places } from "./folder-changes";

const folder = (path: string) => ({ id: path, path, name: path.split("/").at(-1) }) as Folder;

it("a folder is moved neither into itself nor where it is", () => {
  const all = ["INBOX", "Work", "Work/Old", "Work/Old/2020", "Work/Older"].map(folder);
  const to = (path: string) => places(all, folder(path)).map((f) => f.path);
  expect(to("Work/Old")).toEqual(["INBOX", "Work/Older"]);
  expect(to("Work")).toEqual(["INBOX"]);
  expect(to("Work/Older")).toEqual(["INBOX", "Work/Old", "Work/Old/2020"]);
});
