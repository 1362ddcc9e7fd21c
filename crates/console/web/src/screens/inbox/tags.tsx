// Own tags and folders on messages: each a chip; put on and taken off here, and no mail server hears of it.

import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { tags as tagsQuery } from "../../api/queries";
import type { Message, Tag } from "../../api/types";
import { Failed, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Dialog } from "../../ui/overlays";
import { usePut } from "./actions";
import { inOrder, KIND_ICON } from "./own";

export function Dot({ color }: { color: string | null }) {
  return color ? <span className="tag-dot" style={{ background: color }} aria-hidden /> : null;
}

export function Tags({ message }: { message: Message }) {
  const put = usePut();
  return message.tags.map((tag) => (
    <span key={tag.id} className="chip">
      <Dot color={tag.color} />
      <span className="cut">{tag.name}</span>
      <button type="button" aria-label={`Take off ${tag.name}`} disabled={put.isPending} onClick={() => put.mutate({ messages: [message], remove: [tag.id] })}><X className="i" aria-hidden /></button>
    </span>
  ));
}

/** Which of these a tag is on: all, some or none. */
export function onWhich(tag: Tag, messages: Message[]): "all" | "some" | "none" {
  const on = messages.filter((m) => m.tags.some((t) => t.id === tag.id)).length;
  return on === 0 ? "none" : on === messages.length ? "all" : "some";
}

/** All that can be put on these messages, each with a box: ticked where it is on all of them. */
export function TagsDialog({ messages, onClose }: { messages: Message[]; onClose: () => void }) {
  const query = useQuery(tagsQuery);
  const put = usePut();
  const fit = inOrder(query.data ?? []).filter((tag) => !tag.mailbox_id || messages.every((m) => m.mailbox_id === tag.mailbox_id));
  return (
    <Dialog open onClose={onClose} title={messages.length === 1 ? "Tags and own folders" : `Tags and own folders of ${plural(messages.length, "message")}`}>
      {query.isPending && <Waiting />}
      {query.isError && !query.data && <Failed error={query.error} retry={() => void query.refetch()} />}
      {query.data && fit.length === 0 && <p className="quiet">There is none yet. New ones are made in the list of mailboxes and folders.</p>}
      <ul className="tag-choice">
        {fit.map((tag) => {
          const on = onWhich(tag, messages);
          const Icon = KIND_ICON[tag.kind];
          return (
            <li key={tag.id}>
              <label className="row">
                <input
                  type="checkbox" checked={on === "all"} disabled={put.isPending} ref={(box) => { if (box) box.indeterminate = on === "some"; }}
                  onChange={() => put.mutate(on === "all" ? { messages, remove: [tag.id] } : { messages, add: [tag.id] })}
                />
                <Icon className="i" aria-hidden style={tag.color ? { color: tag.color } : undefined} />
                <span className="cut grow">{tag.name}</span>
              </label>
            </li>
          );
        })}
      </ul>
    </Dialog>
  );
}
