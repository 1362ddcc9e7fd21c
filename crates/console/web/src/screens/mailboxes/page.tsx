// One mailbox: its facts, its last report, its folders, and the ledger of what could not be stored.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ChevronLeft, CirclePause, CirclePlay, Folder as FolderIcon, Inbox, Pencil, PlugZap, RotateCw } from "lucide-react";
import { useState } from "react";
import { api, Problem } from "../../api/client";
import { useConnectionTest } from "../../api/connection-test";
import { failures as failuresQuery, folders as foldersQuery, mailbox as mailboxQuery, report as reportQuery } from "../../api/queries";
import type { ConnectionState, Failure, Folder, Incoming, Mailbox, Outgoing, Role } from "../../api/types";
import { Ago, Bar, Button, Clock, CopyLine, Empty, Failed, Note, Pill, Waiting } from "../../ui/basics";
import { ConnectionFact, CoverageFact, LifecycleFact, ProofFact, Proven, QuotaFact } from "../../ui/facts";
import { bytes, count, day, percent, plural } from "../../ui/format";
import { Confirm, toast, toastProblem } from "../../ui/overlays";
import { SECURITY } from "../../ui/words";
import { useMailboxAction, useRemoveMailbox } from "./actions";
import { AuditCard } from "./audit";
import { ownerText } from "./belonging";
import { Connected } from "./add/connected";
import { FolderMenu, NewFolder } from "./folder-changes";
import { FolderNotes, inOrder, RoleSelect } from "./folder-parts";
import { MailboxMenu } from "./list";
import { OutOfOfficeCard } from "./out-of-office";
import { OwedCard } from "./owed";
import { PlanCard } from "./plan";
import { carry, isAboutRoles } from "./remedies";
import type { Hands } from "./remedy-view";
import { ReportCard, ReportList } from "./reports";
import { SendingCard } from "./sending";
import { Standing } from "./standing";

export function MailboxPage() {
  const { id } = useParams({ from: "/inside/mailboxes/$id" });
  const query = useQuery(mailboxQuery(id));
  if (query.data) return <Page mailbox={query.data} />;
  const gone = query.error instanceof Problem && query.error.status === 404;
  return (
    <div className="page">
      <div className="inner">
        <Link to="/mailboxes" search={{}} className="crumb"><ChevronLeft className="i" aria-hidden />Mailboxes</Link>
        {query.isPending && <div className="card"><div className="body"><Waiting lines={8} /></div></div>}
        {gone && <Empty icon={Inbox} title="This mailbox is not here"><p>It was removed, or it never existed.</p></Empty>}
        {query.isError && !gone && <Failed error={query.error} retry={() => void query.refetch()} />}
      </div>
    </div>
  );
}

/** States that are explained at the top of the page. */
const STANDS: ConnectionState[] = ["held", "waiting", "limited"];

/** When POP3 deletes on the server what is stored here. */
const deletion = (days: number) =>
  days === 0 ? "deleted from the server once it is stored here" : `deleted from the server ${days} ${days === 1 ? "day" : "days"} after it is stored here`;

function Page({ mailbox }: { mailbox: Mailbox }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const remove = useRemoveMailbox(() => void navigate({ to: "/mailboxes", search: {} }));
  const action = useMailboxAction();
  const { run, start } = useConnectionTest();
  const last = useQuery(reportQuery(mailbox.last_report_id));
  const edit = () => void navigate({ to: "/mailboxes/$id/settings", params: { id: mailbox.id } });
  const test = () => {
    void navigate({ to: "/mailboxes/$id", params: { id: mailbox.id }, search: {}, replace: true, resetScroll: false });
    void start({ mailbox_id: mailbox.id }).then(() => client.invalidateQueries({ queryKey: ["mailboxes"] }));
  };
  const idle = run.state === "idle";
  const { new: fresh, report: open } = useSearch({ from: "/inside/mailboxes/$id" });
  const hands: Hands = {
    apply: (remedy, side, step) => {
      if (isAboutRoles(remedy, step)) return document.querySelector<HTMLElement>("[aria-label=Folders] select")?.focus();
      carry(mailbox.id, remedy, side, step);
      edit();
    },
    test,
    until: mailbox.connection.until,
    address: mailbox.address,
  };

  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles">
            <Link to="/mailboxes" search={{}} className="crumb"><ChevronLeft className="i" aria-hidden />Mailboxes</Link>
            <h1 className="cut">{mailbox.name}</h1>
            <p className="quiet cut">{mailbox.address}{mailbox.kind !== "personal" && <> · {mailbox.kind}</>}{mailbox.owner && <> · {ownerText(mailbox.owner)}</>}</p>
          </div>
          <Link to="/inbox" search={{ mailbox: mailbox.id }} className="btn"><Inbox className="i" aria-hidden />Open inbox</Link>
          <Button icon={PlugZap} busy={run.state === "running"} onClick={test}>Test</Button>
          <Decision mailbox={mailbox} busy={action.isPending} onVerb={(verb) => action.mutate({ mailbox, verb })} />
          <MailboxMenu mailbox={mailbox} onRemove={() => setRemoving(true)} />
        </div>

        {fresh && <Connected mailbox={mailbox} />}
        {idle && (
          <Standing mailbox={mailbox} report={last.data ?? null} hands={hands} busy={action.isPending} onTryAgain={() => action.mutate({ mailbox, verb: "try-again" })} />
        )}
        {mailbox.lifecycle === "draft" && (
          <Note tone="info" title="This is a draft" action={<Button size="small" look="primary" busy={action.isPending} onClick={() => action.mutate({ mailbox, verb: "enable" })}>Test and enable</Button>}>
            Its settings are saved; nothing is fetched or sent until it is enabled.
          </Note>
        )}

        <Facts mailbox={mailbox} />
        {mailbox.missing && mailbox.missing.length > 0 && !STANDS.includes(mailbox.connection.state) && (
          <p className="quiet small" aria-label="What is missing">Until it works, it lacks: {mailbox.missing.map((each) => each.text).join("; ")}.</p>
        )}

        <div className="two">
          <ReportCard mailbox={mailbox} run={run} open={open} hands={hands} />
          <div className="stack">
            <SettingsCard mailbox={mailbox} onEdit={edit} />
            {mailbox.outgoing && <SendingCard mailbox={mailbox} />}
            {mailbox.outgoing && mailbox.incoming && <OutOfOfficeCard mailbox={mailbox} />}
            {mailbox.incoming && <PlanCard mailbox={mailbox} />}
            <OwedCard mailbox={mailbox} />
            <Failures mailbox={mailbox} />
            {mailbox.incoming && <AuditCard mailbox={mailbox} />}
            <ReportList mailbox={mailbox} open={open} />
          </div>
        </div>
        <Folders mailbox={mailbox} />
        <section className="stack s" aria-label="The same by API">
          <h3 className="faint small">The same by API</h3>
          <CopyLine text={`curl ${window.location.origin}/v1/mailboxes/${mailbox.id} -H "Authorization: Bearer $POSTROOM_TOKEN"`} label="command" />
        </section>
      </div>
      <Confirm open={removing} onClose={() => setRemoving(false)} title={`Remove ${mailbox.address}?`} action="Remove" busy={remove.isPending} onConfirm={() => remove.mutate(mailbox)}>
        Its settings, its password and the local copy of its mail are deleted here. On the mail server nothing changes.
      </Confirm>
    </div>
  );
}

function Decision({ mailbox, busy, onVerb }: { mailbox: Mailbox; busy: boolean; onVerb: (verb: "enable" | "pause" | "resume" | "approve") => void }) {
  switch (mailbox.lifecycle) {
    case "enabled":
      return <Button icon={CirclePause} busy={busy} onClick={() => onVerb("pause")}>Pause</Button>;
    case "paused":
      return <Button look="primary" icon={CirclePlay} busy={busy} onClick={() => onVerb("resume")}>Resume</Button>;
    case "awaiting_approval":
      return <Button look="primary" icon={CirclePlay} busy={busy} onClick={() => onVerb("approve")}>Approve</Button>;
    default:
      return <Button look="primary" icon={CirclePlay} busy={busy} onClick={() => onVerb("enable")}>Enable</Button>;
  }
}

function Facts({ mailbox }: { mailbox: Mailbox }) {
  const { connection } = mailbox;
  return (
    <dl className="card facts">
      <div>
        <dt>What people decided</dt>
        <dd><LifecycleFact mailbox={mailbox} /><span className="faint small">added {day(mailbox.created_at)}</span></dd>
      </div>
      <div>
        <dt>Settings, when last proven</dt>
        <dd>
          <span className="row"><span className="faint small side-word">Receiving</span><ProofFact proof={mailbox.receiving} set={mailbox.incoming !== null} /></span>
          <span className="row"><span className="faint small side-word">Sending</span><ProofFact proof={mailbox.sending} set={mailbox.outgoing !== null} /></span>
        </dd>
      </div>
      <div>
        <dt>Connection now</dt>
        <dd>
          <ConnectionFact connection={connection} />
          <Proven connection={connection} />
          {connection.since && <span className="faint small">in this state since <Ago time={connection.since} step={10} /></span>}
        </dd>
      </div>
      <div><dt>Coverage</dt><dd><CoverageFact coverage={mailbox.coverage} /><QuotaFact quota={mailbox.quota} /></dd></div>
    </dl>
  );
}

const line = (side: Incoming | Outgoing) => `${side.host}:${side.port}, ${SECURITY[side.security]}`;

function SettingsCard({ mailbox, onEdit }: { mailbox: Mailbox; onEdit: () => void }) {
  return (
    <section className="card" aria-label="Settings">
      <header><h2>Settings</h2><Button size="small" icon={Pencil} onClick={onEdit}>Change</Button></header>
      <dl className="body pairs">
        <dt>Receives from</dt>
        <dd>{mailbox.incoming ? <>{mailbox.incoming.protocol.toUpperCase()} {line(mailbox.incoming)}<div className="faint small">as {mailbox.incoming.username}</div></> : "nothing: send only"}</dd>
        <dt>Sends through</dt>
        <dd>{mailbox.outgoing ? <>{line(mailbox.outgoing)}<div className="faint small">{mailbox.outgoing.auth === "none" ? "without sign-in" : `as ${mailbox.outgoing.username}`}</div></> : "nothing: receive only"}</dd>
        {mailbox.incoming && (
          <>
            <dt>Fetches</dt>
            <dd>
              {mailbox.fetch_since ? `mail since ${day(mailbox.fetch_since)}` : "all mail"}
              {mailbox.incoming.protocol === "imap" && <>, {mailbox.monitored_folders ? mailbox.monitored_folders.join(", ") : "every folder but junk and trash"}</>}
              {mailbox.size_limit && <div className="faint small">whole messages up to {bytes(mailbox.size_limit)}, of larger ones the header</div>}
              {typeof mailbox.pop3_delete_after_days === "number" && <div className="faint small">{deletion(mailbox.pop3_delete_after_days)}</div>}
              {mailbox.read_only && <div className="faint small">read only: nothing is changed on the server</div>}
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function Failures({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery(failuresQuery(mailbox.id));
  const { data: folders } = useQuery({ ...foldersQuery(mailbox.id), enabled: Boolean(query.data?.data.length) });
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: (failure: Failure) => api.post(`/v1/mailboxes/${mailbox.id}/failures/${failure.id}/retry`),
    onSuccess: () => toast("It will be fetched again now"),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["failures", mailbox.id] }),
  });
  const rows = query.data?.data ?? [];
  return (
    <section className="card" aria-label="Messages that could not be stored">
      <header><h2>Could not be stored</h2>{rows.length > 0 && <Pill tone="warn">{plural(rows.length, "message")}</Pill>}</header>
      {query.isPending && <div className="body"><Waiting lines={2} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data && rows.length === 0 && <p className="body quiet">Nothing. Every message that the server showed is here.</p>}
      {rows.length > 0 && (
        <ul>
          {rows.map((f) => (
            <li key={f.id} className="ledger">
              <div className="grow">
                <div>{f.reason || f.problem_id}</div>
                <div className="faint small">
                  {folders?.find((each) => each.id === f.folder_id)?.path ?? "folder gone"} · UID {f.uid} · <Ago time={f.created_at} step={10} /> · {plural(f.attempts, "try", "tries")}
                  {f.has_raw && <> · <a href={`/v1/mailboxes/${mailbox.id}/failures/${f.id}/raw`} download={`${f.id}.eml`}>its bytes are kept</a></>}
                </div>
              </div>
              <Button size="small" icon={RotateCw} busy={retry.isPending && retry.variables.id === f.id} onClick={() => retry.mutate(f)}>Retry</Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const MODES = { full: "Whole messages", watch: "Headers only", off: "Not stored" } as const;

function Folders({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery({ ...foldersQuery(mailbox.id), refetchInterval: mailbox.coverage.state === "filling" ? 3_000 : false });
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: ({ folder, ...part }: { folder: Folder; mode?: Folder["mode"]; role?: Role | null }) =>
      api.patch(`/v1/mailboxes/${mailbox.id}/folders/${folder.id}`, part),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["folders", mailbox.id] }),
  });
  if (!mailbox.incoming) return null;
  return (
    <section className="card" aria-label="Folders">
      <header><h2>Folders</h2><span className="row">{query.data && <span className="faint small">{plural(query.data.length, "folder")}</span>}<NewFolder mailbox={mailbox} /></span></header>
      {query.isPending && <div className="body"><Waiting lines={5} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && <Empty icon={FolderIcon} title="No folders yet"><p>They appear when the mailbox was signed in to for the first time.</p></Empty>}
      {query.data && query.data.length > 0 && mailbox.incoming.protocol === "imap" && <div className="notes"><FolderNotes folders={query.data} sends={mailbox.outgoing !== null} /></div>}
      {query.data && query.data.length > 0 && (
        <div className="table-wrap">
          <table className="table cards-on-phone">
            <thead><tr><th scope="col">Folder</th><th scope="col">Role</th><th scope="col">Stored</th><th scope="col" className="right">Messages</th><th scope="col" className="right">Unread</th><th scope="col">Progress</th></tr></thead>
            <tbody>
              {inOrder(query.data).map((f) => (
                <tr key={f.id}>
                  <td><span className="row"><Link to="/inbox" search={{ mailbox: mailbox.id, folder: f.id }}>{f.path}</Link><FolderMenu mailbox={mailbox} folder={f} /></span></td>
                  <td data-label="Role"><RoleSelect path={f.path} role={f.role} disabled={change.isPending} onChange={(role) => change.mutate({ folder: f, role })} /></td>
                  <td data-label="Stored">
                    <select className="input mode" aria-label={`What is stored of ${f.path}`} value={f.mode} disabled={change.isPending} onChange={(e) => change.mutate({ folder: f, mode: e.target.value as Folder["mode"] })}>
                      {Object.entries(MODES).filter(([mode]) => mode !== "watch" || mailbox.incoming?.protocol === "imap").map(([mode, word]) => <option key={mode} value={mode}>{word}</option>)}
                    </select>
                    {f.mode !== "off" && (f.since || f.size_limit) && (
                      <div className="faint small">{[f.since && `since ${day(f.since)}`, f.size_limit && `up to ${bytes(f.size_limit)}`].filter(Boolean).join(", ")}</div>
                    )}
                  </td>
                  <td className="right num" data-label="Messages">{count(f.messages)}</td>
                  <td className="right num" data-label="Unread">{f.unread ? count(f.unread) : <span className="faint">0</span>}</td>
                  <td data-label="Progress" className="full progress-cell">
                    {f.problem_id ? (
                      <span className="small" title={f.problem_id}>left alone{f.tried_again_at && <>, tried again at <Clock time={f.tried_again_at} /></>}</span>
                    ) : f.mode === "off" ? <span className="faint small">off</span> : (
                      <div className="row">
                        <Bar value={f.progress.done} total={f.progress.total} tone={f.progress.state === "complete" ? "good" : f.progress.state === "holes" ? "warn" : ""} label={`Progress of ${f.path}`} />
                        <span className="faint small num">{f.progress.state === "complete" ? "complete" : `${percent(f.progress.done, f.progress.total)} %`}</span>
                      </div>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
