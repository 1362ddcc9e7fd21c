// A draft that was changed in two places: both texts are shown, and a person says which one stays.

import { useMutation, useQuery } from "@tanstack/react-query";
import { message as messageQuery } from "../../api/queries";
import type { Address, ServerDraft } from "../../api/types";
import { Ago, Button, Failed, Note, Waiting } from "../../ui/basics";
import { who } from "../../ui/format";
import { cleaned, textOf } from "./clean";
import { type Draft, draftOf } from "./draft";

/** As it is shown. */
interface Shown {
  to: Address[];
  subject: string;
  text: string;
}

const shownOf = (draft: Draft): Shown => ({
  to: [...draft.to, ...draft.cc, ...draft.bcc], subject: draft.subject, text: draft.template ? "(as its template says)" : textOf(draft.html),
});

export function Settle({ mine, theirs, keepMine, takeTheirs }: { mine: Draft; theirs: ServerDraft; keepMine: () => Promise<unknown>; takeTheirs: () => Promise<unknown> }) {
  // What another mail program made of the copy on the server is a message there.
  const elsewhere = theirs.on_server === "changed" ? theirs.message_id : null;
  const message = useQuery({ ...messageQuery(elsewhere ?? ""), enabled: Boolean(elsewhere) });
  const other: Shown | null = !elsewhere ? shownOf(draftOf(theirs)) : message.data ? {
    to: [...message.data.to, ...message.data.cc, ...message.data.bcc], subject: message.data.subject ?? "", text: message.data.html ? textOf(cleaned(message.data.html)) : (message.data.text ?? ""),
  } : null;
  const choose = useMutation({ mutationFn: (choice: "mine" | "theirs") => (choice === "mine" ? keepMine() : takeTheirs()) });
  const button = (choice: "mine" | "theirs", label: string, ready = true) => (
    <Button size="small" busy={choose.isPending && choose.variables === choice} disabled={!ready || choose.isPending} onClick={() => choose.mutate(choice)}>{label}</Button>
  );
  return (
    <section className="compose-files stack s" aria-label="Changed elsewhere">
      <Note tone="warn" title="This draft was changed elsewhere">
        <p className="small">{elsewhere ? "Another mail program wrote another text in the Drafts folder." : "Another window or program kept another text."} Nothing is kept or sent until you choose. The text that you do not choose is gone then.</p>
      </Note>
      {choose.error && <Failed error={choose.error} />}
      <div className="settle">
        <Side title="Mine, as it stands here" shown={shownOf(mine)}>{button("mine", "Keep mine")}</Side>
        <Side title={<>Theirs, <Ago time={message.data?.received_at ?? theirs.updated_at} /></>} shown={other}>{button("theirs", "Take theirs", other !== null)}</Side>
      </div>
      {message.error && <Failed error={message.error} retry={() => void message.refetch()} />}
    </section>
  );
}

function Side({ title, shown, children }: { title: React.ReactNode; shown: Shown | null; children: React.ReactNode }) {
  return (
    <div className="card settle-side stack s">
      <h3>{title}</h3>
      {shown ? (
        <>
          <span className="strong cut">{shown.subject || "(no subject)"}</span>
          <span className="faint small cut">{shown.to.length ? `to ${shown.to.map(who).join(", ")}` : "to nobody yet"}</span>
          <pre className="small" tabIndex={0}>{shown.text || "(no text)"}</pre>
        </>
      ) : <Waiting lines={4} label="Loading the other text" />}
      <div className="row end">{children}</div>
    </div>
  );
}
