// What was typed outlives a reload, in this tab only.

import type { ComposeSearch } from "../../addresses";
import type { ServerDraft } from "../../api/types";
import type { Begun } from "./begun";
import type { Draft } from "./draft";

export interface Typed {
  key: string;
  from: string;
  draft: Draft;
}

/** A version of a draft. */
export type Saved = Pick<ServerDraft, "id" | "version">;

export interface Kept extends Typed {
  /** What the text goes on from; null: it is no draft yet. */
  saved: Saved | null;
  /** What is asked of the server to begin a draft, while it has not answered. */
  begun?: Begun | null;
}

export function storageKey(search: ComposeSearch) {
  return `postroom.compose.${search.draft ?? search.mode ?? "new"}.${search.message ?? ""}`;
}

export function keep(search: ComposeSearch, what: Kept) {
  try {
    sessionStorage.setItem(storageKey(search), JSON.stringify(what));
  } catch {
    // Without storage a reload loses the draft; the browser asks before it.
  }
}

export function forget(search: ComposeSearch) {
  try {
    sessionStorage.removeItem(storageKey(search));
  } catch {
    // Nothing was kept then.
  }
}

export function kept(search: ComposeSearch): Kept | null {
  try {
    const text = sessionStorage.getItem(storageKey(search));
    return text ? (JSON.parse(text) as Kept) : null;
  } catch {
    return null;
  }
}

/** What was typed has become this version, or is about to become a draft. */
export function note(search: ComposeSearch, part: Pick<Kept, "saved"> | Pick<Kept, "begun">) {
  const what = kept(search);
  if (what) keep(search, { ...what, ...part });
}

/** What was typed before a reload, where it belongs to the draft as it is now. It stays with the version that it was typed over:
 * another window may have written a newer one, and only the server knows which text is which. */
export function typedOver(what: Kept | null, going: Saved | null): Kept | null {
  if (!what) return null;
  if (!going) return { ...what, saved: null };
  return what.saved?.id === going.id && what.saved.version ? what : null;
}
