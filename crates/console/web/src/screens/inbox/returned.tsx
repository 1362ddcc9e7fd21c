// What a machine says about another message: a bounce, a delay, a receipt, an automatic answer.
import { Link } from "@tanstack/react-router";
import type { MessageReport } from "../../api/types";
import { Note } from "../../ui/basics";

const TITLES: Record<MessageReport["kind"], string> = {
  bounce: "This message reports that mail could not be delivered",
  accepted: "This receipt says that certified mail was accepted",
  delayed: "This message reports that mail is delayed",
  delivered: "This message confirms a delivery",
  complaint: "This message reports a complaint about mail",
  read: "This message says that mail was displayed",
  auto_reply: "This is an automatic reply",
  out_of_office: "This is an automatic reply: its sender is away",
  challenge: "The mail is held back until its sender proves to be a person",
};

const RECEIPTS: Record<NonNullable<MessageReport["disposition"]>, string> = {
  displayed: "This message says that mail was displayed",
  deleted: "This message says that mail was deleted, maybe unread",
  denied: "This message says that its sender does not tell whether mail was read",
  processed: "This message says that mail was handled by a machine",
  failed: "This message says that mail arrived and could not be shown",
};

/** The title of a report, with how sure it is. */
export function reportTitle(report: MessageReport): string {
  const title = report.disposition ? RECEIPTS[report.disposition] : TITLES[report.kind];
  return report.confidence === "guess" ? `${title}, as it seems` : title;
}

export function ReportNote({ report }: { report: MessageReport }) {
  const bad = report.kind === "bounce" || report.kind === "complaint" || report.kind === "challenge";
  return (
    <Note tone={bad ? "warn" : "info"} title={reportTitle(report)}>
      {report.recipients.map((r) => (
        <div key={r.address} className="small">
          {r.address}{r.status && <> · <code>{r.status}</code></>} {r.permanent ? "· for good" : ""} {r.diagnostic && <div className="faint">{r.diagnostic}</div>}
        </div>
      ))}
      {report.submission_id && <Link to="/outbox" search={{ open: report.submission_id }} className="small">The message that it is about</Link>}
    </Note>
  );
}
