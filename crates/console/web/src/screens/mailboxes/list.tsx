// All mailboxes with their four facts.

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { AtSign, CirclePause, CirclePlay, MoreHorizontal, Pencil, PlugZap, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { mailboxes } from "../../api/queries";
import type { Mailbox } from "../../api/types";
import { Button, CopyLine, Empty, Failed, Pill, Waiting } from "../../ui/basics";
import { ConnectionFact, CoverageFact, LifecycleFact, ProofFact, Proven } from "../../ui/facts";
import { plural } from "../../ui/format";
import { Confirm, Menu } from "../../ui/overlays";
import { useMailboxAction, useRemoveMailbox, verbsFor, type Verb } from "./actions";
import { ownerText } from "./belonging";
import { TestDialog } from "./test-dialog";

export const ADD_BY_CURL = `curl ${window.location.origin}/v1/mailboxes -H "Authorization: Bearer $POSTROOM_TOKEN" --json '{"address":"ann@example.com","password":"…","enable":true}'`;

/** A person has to act, or the data is not whole. */
const needsYou = (m: Mailbox) =>
  m.connection.state === "held" || m.lifecycle === "awaiting_approval" || m.receiving === "fails" || m.sending === "fails" || m.coverage.state === "holes";

/** The worst first. */
const RANK = { held: 0, waiting: 1, limited: 2, connecting: 3, polling: 5, live: 5, off: 6 } as const;

export function MailboxList() {
  const query = useQuery(mailboxes);
  const { need, find } = useSearch({ from: "/inside/mailboxes" });
  const navigate = useNavigate();
  const [testing, setTesting] = useState<Mailbox | null>(null);
  const [removing, setRemoving] = useState<Mailbox | null>(null);
  const remove = useRemoveMailbox(() => setRemoving(null));

  const all = query.data ?? [];
  const wanted = find?.toLowerCase() ?? "";
  const rows = all
    .filter((m) => (!need || needsYou(m)) && (!wanted || `${m.name} ${m.address} ${ownerText(m.owner)}`.toLowerCase().includes(wanted)))
    .sort((a, b) => RANK[a.connection.state] - RANK[b.connection.state] || a.name.localeCompare(b.name));
  const needing = all.filter(needsYou).length;

  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles">
            <h1>Mailboxes</h1>
            {all.length > 0 && (
              <p className="quiet">
                {plural(all.length, "mailbox", "mailboxes")}, {all.filter((m) => m.connection.state === "live").length} live
                {needing > 0 && <>, {needing} {needing === 1 ? "needs" : "need"} you</>}
              </p>
            )}
          </div>
          {all.length > 0 && <Link to="/mailboxes/new" className="btn primary"><Plus className="i" aria-hidden />Add a mailbox</Link>}
        </div>

        {query.isPending && <div className="card"><div className="body"><Waiting lines={6} label="Loading the mailboxes" /></div></div>}
        {query.isError && <Failed error={query.error} retry={() => void query.refetch()} />}
        {query.data && all.length === 0 && <NoMailbox />}
        {all.length > 0 && (
          <>
            <div className="toolbar" role="search">
              <input
                className="input" type="search" placeholder="Find by name, address or owner" aria-label="Find by name, address or owner" value={find ?? ""}
                onChange={(e) => void navigate({ to: "/mailboxes", search: { need, find: e.target.value || undefined }, replace: true })}
              />
              <div className="segmented">
                <button type="button" aria-pressed={!need} onClick={() => void navigate({ to: "/mailboxes", search: { find } })}>All</button>
                <button type="button" aria-pressed={Boolean(need)} onClick={() => void navigate({ to: "/mailboxes", search: { find, need: true } })}>
                  Need you{needing > 0 && <span className="num">{needing}</span>}
                </button>
              </div>
            </div>
            <div className="card table-wrap">
              <table className="table cards-on-phone">
                <thead>
                  <tr>
                    <th scope="col">Mailbox</th><th scope="col">Decided</th><th scope="col">Receiving</th><th scope="col">Sending</th>
                    <th scope="col">Connection</th><th scope="col">Coverage</th><th scope="col"><span className="hide">Actions</span></th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((m) => <Row key={m.id} mailbox={m} onTest={() => setTesting(m)} onRemove={() => setRemoving(m)} />)}
                  {rows.length === 0 && (
                    <tr><td colSpan={7} className="quiet full">{need ? "No mailbox needs you." : "No mailbox matches."}</td></tr>
                  )}
                </tbody>
              </table>
            </div>
          </>
        )}
      </div>
      {testing && <TestDialog mailbox={testing} onClose={() => setTesting(null)} />}
      <Confirm
        open={removing !== null} onClose={() => setRemoving(null)} title={`Remove ${removing?.address}?`} action="Remove" busy={remove.isPending}
        onConfirm={() => removing && remove.mutate(removing)}
      >
        Its settings, its password and the local copy of its mail are deleted here. On the mail server nothing changes.
      </Confirm>
    </div>
  );
}

const VERB_ENTRY: Record<Verb, { label: string; icon: typeof Plus }> = {
  enable: { label: "Test and enable", icon: CirclePlay },
  approve: { label: "Approve", icon: CirclePlay },
  pause: { label: "Pause", icon: CirclePause },
  resume: { label: "Resume", icon: CirclePlay },
  disable: { label: "Disable", icon: CirclePause },
  "try-again": { label: "Try again now", icon: RefreshCw },
  resync: { label: "Compare everything again", icon: RefreshCw },
};

export function MailboxMenu({ mailbox, onTest, onRemove }: { mailbox: Mailbox; onTest?: () => void; onRemove: () => void }) {
  const action = useMailboxAction();
  const navigate = useNavigate();
  return (
    <Menu
      trigger={<Button look="ghost" icon={MoreHorizontal} aria-label={`Actions for ${mailbox.address}`} busy={action.isPending} />}
      items={[
        onTest && { label: "Test the connection", icon: PlugZap, onSelect: onTest },
        ...verbsFor(mailbox).map((verb) => ({
          ...VERB_ENTRY[verb],
          onSelect: () => action.mutate({ mailbox, verb }),
        })),
        { label: "Change settings", icon: Pencil, onSelect: () => void navigate({ to: "/mailboxes/$id/settings", params: { id: mailbox.id } }) },
        "line",
        { label: "Remove …", icon: Trash2, danger: true, onSelect: onRemove },
      ]}
    />
  );
}

function Row({ mailbox: m, onTest, onRemove }: { mailbox: Mailbox; onTest: () => void; onRemove: () => void }) {
  const navigate = useNavigate();
  return (
    // A click anywhere in the row is a convenience; the link in it is what the keyboard uses.
    <tr
      className="go"
      onClick={(e) => {
        if (e.target instanceof Element && e.currentTarget.contains(e.target) && !e.target.closest("a, button")) {
          void navigate({ to: "/mailboxes/$id", params: { id: m.id } });
        }
      }}
    >
      <td className="head">
        <div className="mbx-name">
          <span className="row">
            <Link to="/mailboxes/$id" params={{ id: m.id }} className="cut">{m.name}</Link>
            {m.kind !== "personal" && <Pill>{m.kind}</Pill>}
          </span>
          <span className="faint small cut">{m.address}</span>
          {m.owner && <span className="faint small cut">{ownerText(m.owner)}</span>}
        </div>
      </td>
      <td data-label="Decided"><LifecycleFact mailbox={m} /></td>
      <td data-label="Receiving"><ProofFact proof={m.receiving} set={m.incoming !== null} /></td>
      <td data-label="Sending"><ProofFact proof={m.sending} set={m.outgoing !== null} /></td>
      <td data-label="Connection">
        <div className="stack connection-cell">
          <ConnectionFact connection={m.connection} />
          <Proven connection={m.connection} />
        </div>
      </td>
      <td data-label="Coverage" className="full"><CoverageFact coverage={m.coverage} /></td>
      <td className="right menu-cell"><MailboxMenu mailbox={m} onTest={onTest} onRemove={onRemove} /></td>
    </tr>
  );
}

function NoMailbox() {
  return (
    <div className="card">
      <Empty icon={AtSign} title="Connect the first mailbox">
        <p>Address, password, servers: Postroom proves each step before it says “connected”, and reads without marking anything read.</p>
        <Link to="/mailboxes/new" className="btn primary"><Plus className="i" aria-hidden />Add a mailbox</Link>
        <p className="small">or by API</p>
        <div className="wide-line"><CopyLine text={ADD_BY_CURL} label="command" /></div>
      </Empty>
    </div>
  );
}
