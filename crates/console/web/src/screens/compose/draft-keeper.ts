// What is written is kept as a draft, here and in the server's Drafts folder, a while after the last change.

import { useEffect, useRef, useState } from "react";
import { api, Problem } from "../../api/client";
import type { ServerDraft, SubmissionInput } from "../../api/types";
import { type Begun, begin } from "./begun";
import { changes } from "./draft";
import type { Saved } from "./kept";

/** So long after the last change. */
const AFTER = 6_000;

/** The answers to a change of another version than the newest. */
const NOT_THAT_VERSION = [409, 412];

/** Whether a draft is not what was written over this version: another window kept a newer one, or another program changed it on
 * the server. */
const isAnother = (draft: ServerDraft, version: number | undefined) => draft.version !== version || draft.on_server === "changed";

/** What the keeper tells, to be remembered over a reload. */
export interface Notes {
  /** A version is on the server. It is told before whoever waits for `keep` hears of it. */
  saved: (saved: Saved) => void;
  /** The request that begins the draft is about to leave; null: it was answered. */
  begun: (begun: Begun | null) => void;
}

/** `content`: null while it cannot be kept (files are going up, an address is half typed). `typed`: `content` is not what
 * `going` says, but was typed before a reload, over this version, or while the draft was being begun. What another window or
 * program wrote since then is not written over: it is `theirs`, and nothing is kept until `keepMine`. */
export function useDraftKeeper(content: SubmissionInput | null, going: ServerDraft | null, typed: { saved: Saved | null; begun?: Begun | null } | null, active: boolean, notes: Notes) {
  const known = going?.id ?? null;
  const [id, setId] = useState(known);
  const [state, setState] = useState<"none" | "saving" | "saved" | "failed">(known ? "saved" : "none");
  const other = useRef(going && isAnother(going, (typed?.saved ?? going).version) ? going : null);
  const [theirs, setTheirs] = useState(other.current);
  const found = (draft: ServerDraft | null) => {
    other.current = draft;
    setTheirs(draft);
  };
  const stamp = content ? JSON.stringify(content) : null;
  const typedOver = typed?.saved ?? null;
  const begun = useRef(typed?.begun ?? null);
  const kept = useRef(known && !typedOver ? stamp : null);
  const before = useRef<object>(going?.content ?? {});
  const version = useRef(typedOver?.version ?? going?.version);
  /** What another program made of the draft, and is written over. */
  const replaces = useRef<string | null>(null);
  const current = useRef({ id, content, stamp });
  current.current = { id, content, stamp };
  // One after the other: the first makes the draft that the next ones change.
  const line = useRef<Promise<string | null>>(Promise.resolve(known));
  const keep = () => {
    const next = line.current.catch(() => current.current.id).then(async (known) => {
      const { content, stamp } = current.current;
      if (other.current) throw new Error("which text stays is not decided");
      if (!content || stamp === kept.current) return known;
      setState("saving");
      const took = (draft: ServerDraft, stamp: string | null) => {
        kept.current = stamp;
        before.current = draft.content;
        version.current = draft.version;
        replaces.current = null;
        current.current.id = draft.id;
        notes.saved({ id: draft.id, version: draft.version });
        setId(draft.id);
        return draft.id;
      };
      try {
        let id = known;
        if (!id) {
          const first = await begin(begun.current, content, (one) => api.post<ServerDraft>("/v1/drafts", one.content, one.key), (one) => {
            begun.current = one;
            notes.begun(one);
          });
          id = took(first.draft, JSON.stringify(first.content));
        }
        if (stamp !== kept.current) id = took(await api.patch<ServerDraft>(`/v1/drafts/${id}`, {
          ...changes(before.current, content), version: version.current, ...(replaces.current ? { replaces_message_id: replaces.current } : {}),
        }), stamp);
        setState("saved");
        return id;
      } catch (error) {
        setState("failed");
        if (error instanceof Problem && NOT_THAT_VERSION.includes(error.status)) await look();
        throw error;
      }
    });
    line.current = next;
    return next;
  };
  /** Looks whether somebody else has written another text. */
  const look = async () => {
    const id = current.current.id;
    const newest = id ? await api.get<ServerDraft>(`/v1/drafts/${id}`).catch(() => null) : null;
    if (newest && isAnother(newest, version.current)) found(newest);
  };
  /** Writes this text over the other one, which has been seen. */
  const keepMine = () => {
    const over = other.current;
    if (over) {
      before.current = over.content;
      version.current = over.version;
      replaces.current = over.on_server === "changed" ? over.message_id : null;
      kept.current = null;
      found(null);
    }
    return keep();
  };
  useEffect(() => {
    if (!active || theirs || !stamp || stamp === kept.current) return;
    const timer = setTimeout(() => void keep().catch(() => undefined), AFTER);
    return () => clearTimeout(timer);
    // Nothing else begins the time anew: the page is drawn again whenever a mailbox says how far it is.
  }, [active, stamp, state, theirs]);
  const saved = (): Saved | null => (current.current.id && version.current ? { id: current.current.id, version: version.current } : null);
  return { id, state, keep, keepMine, look, theirs, saved, begun: () => begun.current, isKept: () => current.current.stamp !== null && current.current.stamp === kept.current };
}
