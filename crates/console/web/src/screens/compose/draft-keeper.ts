// What is written is kept as a draft, here and in the server's Drafts folder, a while after the last change.

import { useEffect, useRef, useState } from "react";
import { api } from "../../api/client";
import type { ServerDraft, SubmissionInput } from "../../api/types";
import { changes } from "./draft";
import type { Saved } from "./kept";

/** So long after the last change. */
const AFTER = 6_000;

/** `content`: null while it cannot be kept (files are going up, an address is half typed). `typedOver`: `content` is not what
 * `going` says, but was typed before, over this version. What another window or program wrote since then is not written over:
 * then nothing is kept. `onSaved` hears of each version before whoever waits for `keep`. */
export function useDraftKeeper(content: SubmissionInput | null, going: ServerDraft | null, typedOver: Saved | null, active: boolean, onSaved: (saved: Saved) => void) {
  const known = going?.id ?? null;
  const [id, setId] = useState(known);
  const [state, setState] = useState<"none" | "saving" | "saved" | "failed">(known ? "saved" : "none");
  const stamp = content ? JSON.stringify(content) : null;
  const kept = useRef(known && !typedOver ? stamp : null);
  const before = useRef<object>(going?.content ?? {});
  const version = useRef(typedOver?.version ?? going?.version);
  const current = useRef({ id, content, stamp });
  current.current = { id, content, stamp };
  // One after the other: the first makes the draft that the next ones change.
  const line = useRef<Promise<string | null>>(Promise.resolve(known));
  const keep = () => {
    const next = line.current.catch(() => current.current.id).then(async (known) => {
      const { content, stamp } = current.current;
      if (!content || stamp === kept.current) return known;
      setState("saving");
      try {
        const draft = known ? await api.patch<ServerDraft>(`/v1/drafts/${known}`, { ...changes(before.current, content), version: version.current }) : await api.post<ServerDraft>("/v1/drafts", content);
        kept.current = stamp;
        before.current = draft.content;
        version.current = draft.version;
        current.current.id = draft.id;
        onSaved({ id: draft.id, version: draft.version });
        setId(draft.id);
        setState("saved");
        return draft.id;
      } catch (error) {
        setState("failed");
        throw error;
      }
    });
    line.current = next;
    return next;
  };
  useEffect(() => {
    if (!active || !stamp || stamp === kept.current) return;
    const timer = setTimeout(() => void keep().catch(() => undefined), AFTER);
    return () => clearTimeout(timer);
    // Nothing else begins the time anew: the page is drawn again whenever a mailbox says how far it is.
  }, [active, stamp, state]);
  const saved = (): Saved | null => (current.current.id && version.current ? { id: current.current.id, version: version.current } : null);
  return { id, state, keep, saved, isKept: () => current.current.stamp !== null && current.current.stamp === kept.current };
}
