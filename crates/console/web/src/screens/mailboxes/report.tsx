// The connection report: what was done, what the server said, what it means, what to do.

import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import type { Problem } from "../../api/client";
import type { Remedy, Report, Step, StepCode } from "../../api/types";
import { CopyButton, Failed } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { Mark } from "../../ui/facts";
import { fullTime, millis, plural } from "../../ui/format";
import { STEP, STEP_ORDER, STEP_TERM, type Tone, VERDICT } from "../../ui/words";
import { deedOf } from "./deeds";
import { providerLetter, reportText, worst } from "./letters";
import { Around, Buttons, type Hands, RemedyView } from "./remedy-view";
import type { SideName } from "./settings-form";

const STEP_TONE: Record<Step["status"], Tone> = { pass: "good", warn: "warn", fail: "bad", skip: "mute", running: "info" };
const STEP_WORD: Record<Step["status"], string> = { pass: "good", warn: "with a warning", fail: "failed", skip: "skipped", running: "running" };

/** Steps 9 and 10 are about sending, the others about receiving. */
export const sideOf = (code: StepCode): SideName => (code === "smtp" || code === "send" ? "outgoing" : "incoming");

interface Props {
  steps: Step[];
  report: Report | null;
  running?: boolean;
  startedAt?: number;
  problem?: Problem | null;
  actions?: ReactNode;
  /** What the screen can do about a remedy; null: the report is only to be read. */
  hands: Hands | null;
}

export function ReportView({ steps, report, running = false, startedAt = 0, problem, actions, hands }: Props) {
  // One primary button: what failed comes before what only warns.
  const primary = worst(steps.filter((s) => s.status === "fail")) ?? worst(steps);
  const known = new Map(steps.map((s) => [s.code, s]));
  return (
    <Around value={{ hands: running ? null : hands, report, steps }}>
    <div className="report">
      <Verdict report={report} running={running} startedAt={startedAt} steps={steps} actions={actions} />
      {problem && <div className="form-section stack s"><Failed error={problem} /><Corrections problem={problem} /></div>}
      <ol className="steps" aria-label="Steps of the connection test">
        {STEP_ORDER.map((code, n) => {
          const step = known.get(code);
          if (step) return <StepLine key={code} step={step} side={sideOf(code)} primary={primary} />;
          // What has not begun stays listed while the test runs: one sees how far it is.
          return running || !report ? <Coming key={code} n={n + 1} code={code} /> : null;
        })}
      </ol>
    </div>
    </Around>
  );
}

function Verdict({ report, running, startedAt, steps, actions }: Pick<Props, "report" | "running" | "steps" | "actions"> & { startedAt: number }) {
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
  const { word, tone } = VERDICT[report.verdict];
  return (
    <div className={`verdict ${tone}`} role="status" data-verdict={report.verdict}>
      <Mark tone={tone} />
      <div className="grow stack xs">
        <h2>{report.summary || word}</h2>
        <div className="small quiet" title={fullTime(report.finished_at)}>
          {fullTime(report.finished_at)} · took {millis(Date.parse(report.finished_at) - Date.parse(report.started_at))}
        </div>
        {report.normalised && report.normalised.length > 0 && (
          <ul className="changed small">{report.normalised.map((each) => <li key={each.pointer}>{each.was && each.became ? `Read “${each.was}” as ${each.became}: ` : ""}{each.because}</li>)}</ul>
        )}
        {report.changed && report.changed.length > 0 && (
          <details className="small" open={tone === "bad"}>
            <summary>Since the last good report: {plural(report.changed.length, "change")}</summary>
            <ul className="changed">{report.changed.map((each) => <li key={`${each.side}-${each.text}`}>{each.side === "incoming" ? "Receiving" : "Sending"}: {each.text}</li>)}</ul>
          </details>
        )}
        <div className="row wrap">
          {actions}
          <CopyButton text={reportText(report)} label="Copy report" />
          {report.verdict !== "works" && <CopyButton text={providerLetter(worst(report.steps), report)} label="Write to your provider" />}
        </div>
      </div>
    </div>
  );
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

function StepLine({ step, side, primary }: { step: Step; side: SideName; primary: Step | undefined }) {
  const sub = step.steps ?? [];
  const bad = step.status === "fail" || step.status === "warn";
  return (
    <li className={`step ${step.status}`} data-step={step.code}>
      {step.status === "running" ? <LoaderCircle className="mark spin" aria-hidden /> : <Mark tone={STEP_TONE[step.status]} />}
      <span className="name">
        <span className="hide">Step {step.n}, {STEP_WORD[step.status]}: </span>
        {STEP[step.code]}
        <span className="term">{STEP_TERM[step.code]}</span>
      </span>
      <span className="ms num">{step.status === "skip" ? "skipped" : step.status === "running" ? "" : millis(step.ms)}</span>
      <div className="more">
        {step.did && <div className="did">{step.did}</div>}
        {step.means && <div className={bad ? "strong" : "quiet"}>{step.means}</div>}
        {step.remedy && <RemedyView remedy={step.remedy} side={side} step={step} primary={step === primary} />}
        {step.server_said && (
          <details>
            <summary>What the server said</summary>
            <div className="said">{step.server_said}</div>
          </details>
        )}
        {step.transcript && step.transcript.length > 0 && <Conversation lines={step.transcript} />}
        {step.others.length > 0 && (
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
          <details open={bad || undefined}>
            <summary>The steps of the sending side ({sub.length})</summary>
            <ol className="sub">
              {sub.map((each) => <StepLine key={each.code} step={each} side="outgoing" primary={primary} />)}
            </ol>
          </details>
        )}
      </div>
    </li>
  );
}

/** What Postroom and the server said to each other in this step; secrets were left out when it was noted. */
function Conversation({ lines }: { lines: string[] }) {
  return (
    <details>
      <summary>Show conversation ({plural(lines.length, "line")})</summary>
      <div className="stack xs">
        {/* In the tab order: it scrolls by keyboard. */}
        <ol className="said talk" tabIndex={0} aria-label="Conversation">
          {lines.map((line, n) => {
            const who = line.startsWith("C: ") ? "us" : line.startsWith("S: ") ? "them" : "";
            return <li key={n} className={who}>{who === "us" ? "→ " : who === "them" ? "← " : ""}<span className="hide">{who === "us" ? "Postroom: " : who === "them" ? "Server: " : ""}</span>{line.replace(/^(C|S|--): ?|^-- /, "")}</li>;
          })}
        </ol>
        <div className="row wrap small faint"><CopyButton text={lines.join("\n")} label="Copy conversation" /><span>→ Postroom, ← the server; passwords and tokens are left out.</span></div>
      </div>
    </details>
  );
}
