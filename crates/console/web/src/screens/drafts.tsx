// What is being written, of all mailboxes: begun here, or left in a Drafts folder by another mail program.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { FileText, PenLine, Trash2 } from "lucide-react";
import { useState } from "react";
import { api } from "../api/client";
import { allDrafts, mailboxes as mailboxesQuery, messages as messagesQuery } from "../api/queries";
import type { Address, Message, ServerDraft } from "../api/types";
import { Ago, Button, Empty, Failed, IconButton, Pill, Waiting } from "../ui/basics";
import { who } from "../ui/format";
import { Confirm, toastProblem } from "../ui/overlays";
import { adopt, isCopyOf } from "./compose/adopt";

const ON_SERVER: Record<ServerDraft["on_server"], { words: string; title: string } | null> = {
  stored: null,
  owed: { words: "on its way to the server", title: "The copy in the server's Drafts folder is not there yet" },
  changed: { words: "changed elsewhere", title: "Another program wrote another text in the place of the copy in the server's Drafts folder: this one is neither kept nor sent over it" },
  gone: { words: "kept here alone", title: "Somebody took the copy away from the server's Drafts folder" },
  none: { words: "kept here alone", title: "The mailbox has no Drafts folder that can be written to" },
};

export function Drafts() {
  const own = useQuery(allDrafts);
  const others = useInfiniteQuery(messagesQuery({ role: "drafts" }));
  const found = others.data?.pages.flatMap((page) => page.data) ?? [];
  const foreign = own.data ? found.filter((message) => !isCopyOf(message, own.data)) : [];
  const failed = own.error ?? others.error;
  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles"><h1>Drafts</h1><p className="quiet">What is being written, of all mailboxes.</p></div>
          <Link to="/compose" search={{}} className="btn primary"><PenLine className="i" aria-hidden />Write</Link>
        </div>
        {(own.isPending || others.isPending) && !failed && <div className="card"><div className="body"><Waiting lines={5} label="Loading the drafts" /></div></div>}
        {failed && <Failed error={failed} retry={() => void Promise.all([own.refetch(), others.refetch()])} />}
        {own.data && others.data && own.data.length + foreign.length === 0 && (
          <div className="card"><Empty icon={FileText} title="Nothing is being written"><p className="small">What is begun and left is kept here, and in the Drafts folder of its mailbox.</p></Empty></div>
        )}
        {own.data && own.data.length > 0 && (
          <ul className="card" aria-label="Drafts">{own.data.map((draft) => <Own key={draft.id} draft={draft} />)}</ul>
        )}
        {foreign.length > 0 && (
          <section className="card" aria-label="Begun in other programs">
            <header><h2>Begun in other programs</h2></header>
            <ul>{foreign.map((message) => <Foreign key={message.id} message={message} />)}</ul>
          </section>
        )}
        {others.hasNextPage && <div className="row"><Button busy={others.isFetchingNextPage} onClick={() => void others.fetchNextPage()}>Show older</Button></div>}
      </div>
    </div>
  );
}

function What({ subject, to, mailbox }: { subject: string | null | undefined; to: Address[]; mailbox: string }) {
  const { data: mailboxes } = useQuery(mailboxesQuery);
  const from = mailboxes?.find((m) => m.id === mailbox);
  return (
    <>
      <span className="strong cut">{subject || "(no subject)"}</span>
      <span className="faint small cut">{to.length ? `to ${to.map(who).join(", ")}` : "to nobody yet"}{from && ` · from ${from.name}`}</span>
    </>
  );
}

function Own({ draft }: { draft: ServerDraft }) {
  const client = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const remove = useMutation({
    mutationFn: () => api.delete(`/v1/drafts/${draft.id}`),
    onSuccess: () => setRemoving(false),
    onError: toastProblem,
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ["drafts"] }), client.invalidateQueries({ queryKey: ["messages"] })]),
  });
  const where = ON_SERVER[draft.on_server];
  const { subject, to = [], template_id } = draft.content;
  return (
    <li className="ledger" data-draft={draft.id}>
      <Link to="/compose" search={{ draft: draft.id }} className="grow draft-what"><What subject={subject ?? (template_id ? "(as its template says)" : null)} to={to} mailbox={draft.mailbox_id} /></Link>
      {where && <Pill title={where.title}>{where.words}</Pill>}
      <span className="faint small"><Ago time={draft.updated_at} step={10} /></span>
      <IconButton label={`Throw away ${subject || "this draft"}`} icon={Trash2} size="small" onClick={() => setRemoving(true)} />
      <Confirm open={removing} onClose={() => setRemoving(false)} title={`Throw “${subject || "this draft"}” away?`} action="Throw it away" busy={remove.isPending} onConfirm={() => remove.mutate()}>
        It goes from the Drafts folder of its server, too.
      </Confirm>
    </li>
  );
}

/** Makes a draft of another program ours, and opens it. */
export function useAdopt() {
  const navigate = useNavigate();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => adopt(id),
    onSuccess: (draft) => navigate({ to: "/compose", search: { draft: draft.id } }),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["drafts"] }),
  });
}

function Foreign({ message }: { message: Message }) {
  const go = useAdopt();
  return (
    <li className="ledger">
      <Link to="/inbox" search={{ mailbox: message.mailbox_id, role: "drafts", view: "messages", m: message.id }} className="grow draft-what"><What subject={message.subject} to={message.to} mailbox={message.mailbox_id} /></Link>
      <span className="faint small"><Ago time={message.date ?? message.received_at} step={10} /></span>
      <Button size="small" icon={PenLine} busy={go.isPending} title="It becomes a draft of this program, in the other one's place" onClick={() => go.mutate(message.id)}>Go on with it</Button>
    </li>
  );
}
