// The server's labels of a message (Gmail): each a chip; put on and taken off on the server.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { api } from "../../api/client";
import { folders as foldersQuery } from "../../api/queries";
import type { Message } from "../../api/types";
import { toastProblem } from "../../ui/overlays";

/** Those of the server's own that follow from where a message came from: nobody takes them off. */
const FIXED = new Set(["\\Sent", "\\Draft"]);

export const shownLabel = (label: string) => label.replace(/^\\/, "");

/** What is typed, as a label to put on; nothing where it is on already. */
export function newLabel(typed: string, on: string[]): string | null {
  const label = typed.trim();
  const same = (other: string) => shownLabel(other).toLowerCase() === shownLabel(label).toLowerCase();
  return label && !on.some(same) ? label : null;
}

/** The search that shows the messages with a label; a name with a quote in it cannot be searched for. */
export const labelSearch = (label: string) => (label.includes('"') ? null : `label:${/\s/.test(label) ? `"${label}"` : label}`);

export function Labels({ message }: { message: Message }) {
  const id = useId();
  const [text, setText] = useState("");
  const [typing, setTyping] = useState(false);
  const client = useQueryClient();
  const known = useQuery({ ...foldersQuery(message.mailbox_id), enabled: typing });
  const change = useMutation({
    mutationFn: (labels: { add?: string[]; remove?: string[] }) => api.patch(`/v1/messages/${message.id}`, { labels }),
    onError: toastProblem,
    onSettled: () => {
      for (const key of ["messages", "threads", "thread", "message", "folders", "owed"]) void client.invalidateQueries({ queryKey: [key] });
    },
  });
  const take = () => {
    const label = newLabel(text, message.labels);
    if (label) change.mutate({ add: [label] });
    setText("");
  };
  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    take();
  };
  return (
    <div className="chips">
      {message.labels.map((label) => (
        <span key={label} className="chip">
          <LabelName label={label} mailbox={message.mailbox_id} />
          {message.takes_labels && !FIXED.has(label) && (
            <button type="button" aria-label={`Take off ${shownLabel(label)}`} disabled={change.isPending} onClick={() => change.mutate({ remove: [label] })}><X className="i" aria-hidden /></button>
          )}
        </span>
      ))}
      {message.takes_labels && (
        <>
          <input
            className="bare" type="text" aria-label="Put on a label" placeholder="Put on a label" maxLength={225} list={id} disabled={change.isPending}
            value={text} onChange={(e) => setText(e.target.value)} onKeyDown={key} onFocus={() => setTyping(true)} onBlur={() => setTyping(false)}
          />
          <datalist id={id}>{known.data?.filter((f) => !f.role).map((f) => <option key={f.id} value={f.path} />)}</datalist>
        </>
      )}
    </div>
  );
}

/** A label's name, which leads to its messages. */
function LabelName({ label, mailbox }: { label: string; mailbox: string }) {
  const q = labelSearch(label);
  const name = shownLabel(label);
  if (!q) return <span className="cut">{name}</span>;
  return <Link to="/inbox" search={{ mailbox, q }} className="cut" title={`Show what has the label ${name}`}>{name}</Link>;
}
