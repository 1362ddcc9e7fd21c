// The reports of a mailbox: the one that is open, and the last 50 to choose from.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { PlugZap } from "lucide-react";
import { useState } from "react";
import type { TestRun } from "../../api/connection-test";
import { report as reportQuery, reports as reportsQuery } from "../../api/queries";
import type { Mailbox, Report } from "../../api/types";
import { Ago, Button, Empty, Failed, Pill, Waiting } from "../../ui/basics";
import { Mark } from "../../ui/facts";
import { plural } from "../../ui/format";
import type { Hands } from "./remedy-view";
import { ReportView, verdictOf } from "./report";

/** Shown before one asks for all. */
const FEW = 6;

const TRIGGER: Record<string, string> = {
  wizard: "when it was added", button: "asked for", enable: "before it was enabled", runtime: "made by itself", command: "command line", profile: "with its server profile",
};

/** `open`: an earlier report that was chosen; else the last one, or the test that runs. */
export function ReportCard({ mailbox, run, open, hands }: { mailbox: Mailbox; run: TestRun; open: string | undefined; hands: Hands }) {
  const idle = run.state === "idle";
  const id = open ?? mailbox.last_report_id;
  const shown = useQuery(reportQuery(id));
  const fromRun = !idle && !open;
  const earlier = open !== undefined && open !== mailbox.last_report_id;
  return (
    <section className="card" aria-label="Connection report">
      <header>
        <h2>{earlier ? "An earlier report" : "Last report"}</h2>
        {earlier && <Link to="/mailboxes/$id" params={{ id: mailbox.id }} search={{}} className="small" resetScroll={false}>Show the last one</Link>}
      </header>
      {!id && idle && <Empty icon={PlugZap} title="Never tested"><Button look="primary" onClick={hands.test}>Test now</Button></Empty>}
      {!fromRun && shown.isPending && id && <div className="body"><Waiting lines={6} /></div>}
      {!fromRun && shown.isError && <div className="body"><Failed error={shown.error} retry={() => void shown.refetch()} /></div>}
      {(fromRun || shown.data) && (
        <ReportView
          key={fromRun ? "run" : id}
          steps={fromRun ? run.steps : (shown.data?.steps ?? [])} report={fromRun ? run.report : (shown.data ?? null)} running={fromRun && run.state === "running"}
          startedAt={run.startedAt} problem={fromRun ? run.problem : null} hands={earlier ? null : hands}
        />
      )}
    </section>
  );
}

export function ReportList({ mailbox, open }: { mailbox: Mailbox; open: string | undefined }) {
  const [all, setAll] = useState(false);
  const query = useQuery(reportsQuery(mailbox.id, mailbox.last_report_id));
  const rows = query.data?.data ?? [];
  const shown = all ? rows : rows.slice(0, FEW);
  if (query.data && rows.length === 0) return null;
  return (
    <section className="card" aria-label="Reports">
      <header><h2>Reports</h2><span className="faint small">{rows.length === 50 ? "the last 50" : plural(rows.length, "report")}</span></header>
      {query.isPending && <div className="body"><Waiting lines={3} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      <ul>
        {shown.map((report) => <Line key={report.id} report={report} mailbox={mailbox} now={report.id === (open ?? mailbox.last_report_id)} />)}
      </ul>
      {rows.length > FEW && (
        <div className="ledger"><Button size="small" look="ghost" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show fewer" : `Show all ${rows.length}`}</Button></div>
      )}
    </section>
  );
}

function Line({ report, mailbox, now }: { report: Report; mailbox: Mailbox; now: boolean }) {
  const { word, tone } = verdictOf(report);
  return (
    <li>
      <Link
        to="/mailboxes/$id" params={{ id: mailbox.id }} search={report.id === mailbox.last_report_id ? {} : { report: report.id }} resetScroll={false}
        className={`ledger report-line ${tone}`} aria-current={now ? "true" : undefined}
      >
        <Mark tone={tone} />
        <span className="grow stack xs">
          <span>{report.summary || word}</span>
          <span className="faint small row wrap">
            <span><Ago time={report.finished_at} />, {TRIGGER[report.trigger] ?? report.trigger}</span>
            {(report.changed?.length ?? 0) > 0 && <Pill tone="warn">{plural(report.changed?.length ?? 0, "change")}</Pill>}
          </span>
        </span>
      </Link>
    </li>
  );
}
