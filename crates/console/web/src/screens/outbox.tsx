// The outbox: every message that was handed over, and its fate per recipient.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronDown, ChevronRight, CopyX, FileText, PenLine, RotateCw, Send, X } from "lucide-react";
import { api } from "../api/client";
import { mailboxes as mailboxesQuery, problem as problemQuery, submissions as submissionsQuery } from "../api/queries";
import type { Submission, SubmissionState } from "../api/types";
import { Ago, Button, Empty, Failed, Note, Pill, Waiting } from "../ui/basics";
import { Fact } from "../ui/facts";
import { fullTime, plural } from "../ui/format";
import { toast, toastProblem } from "../ui/overlays";
import { SUBMISSION } from "../ui/words";
import { wishesText } from "./compose/wishes";
import { ExportOutbox } from "./outbox-export";
import { ReturnedLine } from "./returned";

const FILTERS: (SubmissionState | undefined)[] = [undefined, "queued", "deferred", "unclear", "failed", "accepted"];
const UNDER_WAY: SubmissionState[] = ["queued", "sending", "deferred"];

/** Otherwise it is not known yet who files it. */
const SENT_COPY: Record<string, string> = { filed: "filed", owed: "on its way to the server", none: "not wanted" };

export function Outbox() {
  const { state, scheduled, open } = useSearch({ from: "/inside/outbox" });
  const navigate = useNavigate();
  const query = useInfiniteQuery({
    ...submissionsQuery(state, scheduled),
    // Events bring changes; this is the floor under them while something is under way.
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.data.some((s) => UNDER_WAY.includes(s.state))) ? 5_000 : false),
  });
  const rows = query.data?.pages.flatMap((p) => p.data) ?? [];

  return (
    <div className="page">
      <div className="inner">
        <div className="page-head">
          <div className="titles"><h1>Outbox</h1><p className="quiet">What was handed over for sending, and what the servers answered.</p></div>
          <ExportOutbox state={state} scheduled={scheduled} />
          <Link to="/drafts" className="btn"><FileText className="i" aria-hidden />Drafts</Link>
          <Link to="/compose" search={{}} className="btn primary"><PenLine className="i" aria-hidden />Write</Link>
        </div>
        <div className="toolbar">
          <div className="segmented wrap-phone">
            {FILTERS.map((each) => (
              <button key={each ?? "all"} type="button" aria-pressed={state === each && !scheduled} onClick={() => void navigate({ to: "/outbox", search: { state: each } })}>
                {each ? SUBMISSION[each].word : "All"}
              </button>
            ))}
            <button type="button" aria-pressed={Boolean(scheduled)} onClick={() => void navigate({ to: "/outbox", search: { scheduled: true } })}>Scheduled</button>
          </div>
        </div>
        {query.isPending && <div className="card"><div className="body"><Waiting lines={6} label="Loading the outbox" /></div></div>}
        {query.isError && <Failed error={query.error} retry={() => void query.refetch()} />}
        {query.data && rows.length === 0 && (
          <div className="card"><Empty icon={Send} title={scheduled ? "Nothing waits for its time" : state ? `Nothing ${SUBMISSION[state].word.toLowerCase()}` : "Nothing was sent from here yet"}><p className="small">Messages stay listed here with the answer of every server.</p></Empty></div>
        )}
        {rows.length > 0 && (
          <ul className="card" aria-label="Submissions">
            {rows.map((s) => (
              <Row key={s.id} submission={s} open={open === s.id} onToggle={() => void navigate({ to: "/outbox", search: { state, scheduled, open: open === s.id ? undefined : s.id }, replace: true })} />
            ))}
          </ul>
        )}
        {query.hasNextPage && <div className="row"><Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show older</Button></div>}
      </div>
    </div>
  );
}

function Row({ submission: s, open, onToggle }: { submission: Submission; open: boolean; onToggle: () => void }) {
  const { data: mailboxes } = useQuery(mailboxesQuery);
  const mailbox = mailboxes?.find((m) => m.id === s.mailbox_id);
  const { word, tone, title } = SUBMISSION[s.state];
  const first = s.recipients[0]?.address ?? "nobody";
  return (
    <li className="submission" data-submission={s.id}>
      <button type="button" className="submission-head" aria-expanded={open} onClick={onToggle}>
        {open ? <ChevronDown className="i faint" aria-hidden /> : <ChevronRight className="i faint" aria-hidden />}
        <span className="submission-state"><Fact tone={tone} title={title}>{word}</Fact></span>
        <span className="submission-what">
          <span className="strong cut">{s.subject || "(no subject)"}</span>
          <span className="faint small cut">to {first}{s.recipients.length > 1 && ` and ${plural(s.recipients.length - 1, "other")}`}{mailbox && ` · from ${mailbox.name}`}</span>
        </span>
        <span className="submission-marks">
          {s.possible_duplicate && <Pill tone="warn" title="The server's answer to an earlier try was lost, so this may have arrived twice"><CopyX className="i" aria-hidden />possible duplicate</Pill>}
          {s.priority && s.priority !== "normal" && <Pill tone="quiet">{s.priority} priority</Pill>}
          {s.state === "deferred" && !s.next_attempt_at && <Pill tone="bad" title="It is not tried again before somebody has acted">held</Pill>}
          {s.state === "queued" && s.send_at && s.attempts === 0 && <span className="small quiet" title={fullTime(s.send_at)}>goes out <Ago time={s.send_at} /></span>}
          {s.state === "deferred" && s.next_attempt_at && <span className="small quiet">next try <Ago time={s.next_attempt_at} /></span>}
        </span>
        <span className="faint small submission-age"><Ago time={s.created_at} step={5} /></span>
      </button>
      {open && <Detail submission={s} />}
    </li>
  );
}

/** What stands in the way, and what to do about it. */
function Reason({ submission: s }: { submission: Submission }) {
  const id = s.state === "unclear" ? null : (s.problem_id ?? null);
  const { data: entry } = useQuery({ ...problemQuery(id), enabled: id !== null });
  const waits = s.state === "deferred" && !s.next_attempt_at;
  if (!entry || s.state === "accepted" || s.state === "cancelled") return null;
  return (
    <Note
      tone={s.state === "failed" || waits ? "bad" : "warn"} title={entry.title}
      action={waits && <Link to="/mailboxes/$id" params={{ id: s.mailbox_id }} className="btn small">Open the mailbox</Link>}
    >
      {entry.remedy} {waits && "It is not tried again before somebody has acted: then it goes out by itself."}
    </Note>
  );
}

function Detail({ submission: s }: { submission: Submission }) {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: ["submissions"] });
  const retry = useMutation({
    mutationFn: () => api.post(`/v1/submissions/${s.id}/retry`),
    onSuccess: () => toast("Tried again now"),
    onError: toastProblem,
    onSettled: again,
  });
  const cancel = useMutation({
    mutationFn: () => api.delete(`/v1/submissions/${s.id}`),
    onSuccess: () => toast("Cancelled", { description: "What was not sent yet is not sent." }),
    onError: toastProblem,
    onSettled: again,
  });
  return (
    <div className="submission-detail stack s">
      <Reason submission={s} />
      {s.state === "unclear" && (
        <Note tone="warn" title="It is not known whether this was sent">
          The line broke after the message was handed over and before the server's answer arrived. Postroom looks for it in the mailbox before it sends again.
        </Note>
      )}
      <div className="table-wrap">
        <table className="table cards-on-phone">
          <thead><tr><th scope="col">Recipient</th><th scope="col">State</th><th scope="col">Server's answer</th></tr></thead>
          <tbody>
            {s.recipients.map((r) => (
              <tr key={r.address}>
                <td className="full">{r.address}</td>
                <td><Fact tone={SUBMISSION[r.state].tone}>{SUBMISSION[r.state].word}</Fact></td>
                <td className="small answer full">{r.code ? <code>{r.code}{r.enhanced_code && ` ${r.enhanced_code}`}</code> : null} {r.text ?? (r.code ? "" : <span className="faint">none yet</span>)}{r.returned && <ReturnedLine returned={r.returned} mailbox={s.mailbox_id} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="row wrap between">
        <div className="small faint">
          {plural(s.attempts, "try", "tries")}
          {s.next_attempt_at && <> · next <Ago time={s.next_attempt_at} /></>}
          {" · "}copy in Sent: {SENT_COPY[s.sent_copy.state] ?? "not filed yet"}
          {wishesText(s) && <> · asked for {wishesText(s)}</>}
          {" · "}<code>{s.id}</code>
        </div>
        <div className="row wrap">
          {s.message_id && <Link to="/inbox" search={{ mailbox: s.mailbox_id, role: "sent", m: s.message_id }} className="btn small">Open the copy</Link>}
          {["deferred", "unclear", "failed", "queued"].includes(s.state) && <Button size="small" icon={RotateCw} busy={retry.isPending} onClick={() => retry.mutate()}>Try now</Button>}
          {["queued", "deferred", "unclear"].includes(s.state) && <Button size="small" icon={X} busy={cancel.isPending} onClick={() => cancel.mutate()}>Cancel</Button>}
        </div>
      </div>
    </div>
  );
}
