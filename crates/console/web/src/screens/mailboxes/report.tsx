// The connection report: what was done, what the server said, what it means, what to do.

import { LoaderCircle, MessagesSquare } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Problem } from "../../api/client";
import type { Remedy, Report, Step, StepCode } from "../../api/types";
import { Button, CopyButton, Failed } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { Mark } from "../../ui/facts";
import { fullTime, millis, plural } from "../../ui/format";
import { STEP, STEP_ORDER, STEP_TERM, type Tone, VERDICT } from "../../ui/words";
import { deedOf } from "./deeds";
import { first, flat, innermost, providerLetter, reportText } from "./letters";
import { Around, Buttons, type Hands, RemedyView } from "./remedy-view";
import type { SideName } from "./settings-form";

const STEP_TONE: Record<Step["status"], Tone> = { pass: "good", warn: "warn", fail: "bad", skip: "mute", running: "info" };
const STEP_WORD: Record<Step["status"], string> = { pass: "good", warn: "with a warning", fail: "failed", skip: "skipped", running: "running" };

/** Steps 9 and 10 are about sending, the others about receiving. */
export const sideOf = (code: StepCode): SideName => (code === "smtp" || code === "send" ? "outgoing" : "incoming");

/** The verdict in words; what works with a warning does not look as if all were well. */
export function verdictOf({ verdict, steps }: Report): { word: string; tone: Tone } {
  return verdict === "works" && steps.some((step) => step.status === "warn") ? { word: "Works, with a warning.", tone: "warn" } : VERDICT[verdict];
}

interface Props {
  steps: Step[];
  report: Report | null;
  running?: boolean;
  startedAt?: number;
  problem?: Problem | null;
  /** What the screen can do about a remedy; null: the report is only to be read. */
  hands: Hands | null;
}

export function ReportView({ steps, report, running = false, startedAt = 0, problem, hands }: Props) {
  // One primary button: what failed comes before what only warns.
  const primary = first(steps);
  const [talk, setTalk] = useState(false);
  const talked = flat(steps).filter((step) => step.transcript?.length);
  const known = new Map(steps.map((s) => [s.code, s]));
  return (
    <Around value={{ hands: running ? null : hands, report }}>
    <div className="report">
      <Verdict report={report} running={running} startedAt={startedAt} steps={steps} actions={talked.length > 0 ? <Button size="small" icon={MessagesSquare} aria-pressed={talk} onClick={() => setTalk(!talk)}>{talk ? "Hide conversation" : "Show conversation"}</Button> : null} />
      {problem && <div className="form-section stack s"><Failed error={problem} /><Corrections problem={problem} /></div>}
      {talk && <div className="form-section"><Legend lines={talked.flatMap((step) => [`-- step ${step.n}, ${step.code}`, ...(step.transcript ?? [])])} /></div>}
      <ol className="steps" aria-label="Steps of the connection test">
        {STEP_ORDER.map((code, n) => {
          const step = known.get(code);
          if (step) return <StepLine key={code} step={step} side={sideOf(code)} primary={primary} talk={talk} />;
          // What has not begun stays listed while the test runs: one sees how far it is.
          return running || !report ? <Coming key={code} n={n + 1} code={code} /> : null;
        })}
      </ol>
    </div>
    </Around>
  );
}

function Verdict({ report, running, startedAt, steps, actions }: Pick<Props, "report" | "running" | "steps"> & { startedAt: number; actions: ReactNode }) {
  const now = useNow();
  if (running) {
    const at = steps.find((s) => s.status === "running");
    const age = Math.max(0, Math.round((now - startedAt) / 1000));
    return (
      <div className="verdict info" role="status">
        <LoaderCircle className="mark spin" aria-hidden />
        <div className="grow">
          <h2>{at ? `${STEP[at.code]} …` : "Starting …"}</h2>
          <div className="quiet small num">{age} s of at most 45 s</div>
        </div>
      </div>
    );
  }
  if (!report) {
    return (
      <div className="verdict mute">
        <Mark tone="mute" />
        <div className="grow">
          <h2>Not tested yet</h2>
          <div className="quiet small">The test reads one header and leaves it unread. It sends nothing.</div>
        </div>
      </div>
    );
  }
  const { word, tone } = verdictOf(report);
  const about = first(report.steps);
  return (
    <div className={`verdict ${tone}`} role="status" data-verdict={report.verdict}>
      <Mark tone={tone} />
      <div className="grow stack xs">
        <h2>{report.summary || word}</h2>
        <div className="small quiet" title={fullTime(report.finished_at)}>
          {fullTime(report.finished_at)} · took {millis(Date.parse(report.finished_at) - Date.parse(report.started_at))}
        </div>
        {report.normalised && report.normalised.length > 0 && (
          <ul className="changed small">{report.normalised.map((each) => <li key={each.pointer}>{understood(each)}</li>)}</ul>
        )}
        {report.changed && report.changed.length > 0 && (
          <details className="small" open={tone === "bad"}>
            <summary>Since the last good report: {plural(report.changed.length, "change")}</summary>
            <ul className="changed">{report.changed.map((each) => <li key={`${each.side}-${each.text}`}>{each.side === "incoming" ? "Receiving" : "Sending"}: {each.text}</li>)}</ul>
          </details>
        )}
        <div className="row wrap">
          <CopyButton text={reportText(report)} label="Copy report" />
          {report.verdict !== "works" && <CopyButton text={providerLetter(about && innermost(about), report)} label="Write to your provider" />}
          {actions}
        </div>
      </div>
    </div>
  );
}

/** What was typed in one way and understood in another; a password is never repeated. */
function understood({ pointer, was, became, because }: NonNullable<Report["normalised"]>[number]): string {
  if (was && became) return `Read “${was}” as ${became}: ${because}`;
  return pointer.endsWith("/password") ? `Blanks in the password were left out: ${because}` : because;
}

/** Settings that were refused before the test began, each with the button that corrects it. */
function Corrections({ problem }: { problem: Problem }) {
  const offered = problem.errors.filter((error) => deedOf(error.action ?? null));
  return offered.map((error, n) => {
    const remedy: Remedy = { text: error.remedy ?? error.detail, action: error.action ?? null, url: null };
    return <Buttons key={`${error.pointer}-${error.action}`} remedy={remedy} side={error.pointer.includes("outgoing") ? "outgoing" : "incoming"} step={null} primary={n === 0} />;
  });
}

function Coming({ n, code }: { n: number; code: StepCode }) {
  return (
    <li className="step coming">
      <Mark tone="mute" />
      <span className="name"><span className="hide">Step {n}: </span>{STEP[code]}<span className="term">{STEP_TERM[code]}</span></span>
      <span className="hide">not begun</span>
    </li>
  );
}

interface LineProps {
  step: Step;
  side: SideName;
  /** The step with the primary button. */
  primary: Step | undefined;
  /** Every conversation is shown. */
  talk: boolean;
  /** The step that this one is a part of. */
  whole?: Step;
}

function StepLine({ step, side, primary, talk, whole }: LineProps) {
  const sub = step.steps ?? [];
  const bad = step.status === "fail" || step.status === "warn";
  const reached = step.status !== "skip" || !step.did.startsWith("not reached");
  // The whole has said it already.
  const told = whole?.problem_id && whole.problem_id === step.problem_id;
  const lines = step.transcript ?? [];
  return (
    <li className={`step ${step.status}`} data-step={step.code}>
      {step.status === "running" ? <LoaderCircle className="mark spin" aria-hidden /> : <Mark tone={STEP_TONE[step.status]} />}
      <span className="name">
        <span className="hide">Step {step.n}, {STEP_WORD[step.status]}: </span>
        {STEP[step.code]}
        <span className="term">{STEP_TERM[step.code]}</span>
      </span>
      <span className="ms num">{step.status === "skip" ? (reached ? "skipped" : "not reached") : step.status === "running" ? "" : millis(step.ms)}</span>
      <div className="more">
        {step.did && reached && <div className="did">{step.did}</div>}
        {step.means && !told && <div className={bad ? "strong" : "quiet"}>{step.means}</div>}
        {step.remedy && !told && <RemedyView remedy={step.remedy} side={side} step={step} primary={step === primary} />}
        {step.server_said && !talk && !told && (
          <details>
            <summary>What the server said</summary>
            <div className="said">{step.server_said}</div>
          </details>
        )}
        {lines.length > 0 && (talk || step.status === "fail") && <Conversation key={String(talk)} lines={lines} open={talk} />}
        {step.others.length > 0 && !told && (
          <details>
            <summary>Other causes ({step.others.length})</summary>
            <ul className="others">
              {step.others.map((other) => (
                <li key={other.text}><RemedyView remedy={other} side={side} step={step} /></li>
              ))}
            </ul>
          </details>
        )}
        {sub.length > 0 && (
          <details key={String(talk)} open={bad || talk || undefined}>
            <summary>The steps of the sending side ({sub.length})</summary>
            <ol className="sub">
              {sub.map((each) => <StepLine key={each.code} step={each} side="outgoing" primary={primary} talk={talk} whole={step} />)}
            </ol>
          </details>
        )}
      </div>
    </li>
  );
}

/** What Postroom and the server said to each other in this step; secrets were left out when it was noted. */
function Conversation({ lines, open }: { lines: string[]; open: boolean }) {
  if (open) return <Lines lines={lines} />;
  return (
    <details>
      <summary>Show conversation ({plural(lines.length, "line")})</summary>
      <div className="stack xs"><Lines lines={lines} /><Legend lines={lines} /></div>
    </details>
  );
}

const SPEAKER: Record<string, [string, string, string]> = { "C: ": ["us", "→ ", "Postroom: "], "S: ": ["them", "← ", "Server: "] };

function Lines({ lines }: { lines: string[] }) {
  return (
    // In the tab order: it scrolls by keyboard.
    <ol className="said talk" tabIndex={0} aria-label="Conversation">
      {lines.map((line, n) => {
        const [look, arrow, name] = SPEAKER[line.slice(0, 3)] ?? ["", "", ""];
        return <li key={n} className={look}><span aria-hidden>{arrow}</span><span className="hide">{name}</span>{line.replace(/^(C:|S:|--) ?/, "")}</li>;
      })}
    </ol>
  );
}

function Legend({ lines }: { lines: string[] }) {
  return (
    <div className="row wrap small faint">
      <CopyButton text={lines.join("\n")} label="Copy conversation" />
      <span>→ Postroom, ← the server; passwords and tokens are left out.</span>
    </div>
  );
}
