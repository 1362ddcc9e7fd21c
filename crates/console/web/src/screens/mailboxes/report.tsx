// The connection report: what was done, what the server said, what it means, what to do.

import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import type { Problem } from "../../api/client";
import type { Remedy, Report, Step, StepCode } from "../../api/types";
import { Button, CopyButton, Failed } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { Mark } from "../../ui/facts";
import { fullTime, millis, plural } from "../../ui/format";
import { STEP, STEP_ORDER, STEP_TERM, type Tone, VERDICT } from "../../ui/words";
import type { SideName } from "./settings-form";

const STEP_TONE: Record<Step["status"], Tone> = { pass: "good", warn: "warn", fail: "bad", skip: "mute", running: "info" };
const STEP_WORD: Record<Step["status"], string> = { pass: "good", warn: "with a warning", fail: "failed", skip: "skipped", running: "running" };

/** Steps 9 and 10 are about sending, the others about receiving. */
export const sideOf = (code: StepCode): SideName => (code === "smtp" || code === "send" ? "outgoing" : "incoming");

interface RemedyHandler {
  /** The button's words for a remedy that the screen can carry out, else null. */
  canApply?: (remedy: Remedy, side: SideName) => string | null;
  onApply?: (remedy: Remedy, side: SideName) => void;
}

interface Props extends RemedyHandler {
  steps: Step[];
  report: Report | null;
  running?: boolean;
  startedAt?: number;
  problem?: Problem | null;
  actions?: ReactNode;
}

export function ReportView({ steps, report, running = false, startedAt = 0, problem, actions, canApply, onApply }: Props) {
  const known = new Map(steps.map((s) => [s.code, s]));
  return (
    <div className="report">
      <Verdict report={report} running={running} startedAt={startedAt} steps={steps} actions={actions} />
      {problem && <div className="form-section stack s"><Failed error={problem} /><Corrections problem={problem} canApply={canApply} onApply={onApply} /></div>}
      <ol className="steps" aria-label="Steps of the connection test">
        {STEP_ORDER.map((code, n) => {
          const step = known.get(code);
          if (step) return <StepLine key={code} step={step} side={sideOf(code)} canApply={canApply} onApply={onApply} />;
          // What has not begun stays listed while the test runs: one sees how far it is.
          return running || !report ? <Coming key={code} n={n + 1} code={code} /> : null;
        })}
      </ol>
    </div>
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
          {report.verdict !== "works" && <CopyButton text={providerLetter(report)} label="Write to your provider" />}
        </div>
      </div>
    </div>
  );
}

/** Settings that were refused before the test began, each with the button that corrects it. */
function Corrections({ problem, canApply, onApply }: { problem: Problem } & RemedyHandler) {
  const offered = problem.errors.flatMap((error) => {
    const remedy: Remedy = { text: error.remedy ?? error.detail, action: error.action ?? null, url: null };
    const side: SideName = error.pointer.includes("outgoing") ? "outgoing" : "incoming";
    const label = error.action ? canApply?.(remedy, side) : null;
    return label ? [{ label, remedy, side }] : [];
  });
  if (offered.length === 0) return null;
  return (
    <div className="row wrap">
      {offered.map(({ label, remedy, side }, n) => (
        <Button key={`${side}-${label}`} size="small" look={n === 0 ? "primary" : undefined} onClick={() => onApply?.(remedy, side)}>{label}</Button>
      ))}
    </div>
  );
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

function StepLine({ step, side, canApply, onApply }: { step: Step; side: SideName } & RemedyHandler) {
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
        {step.remedy && <RemedyView remedy={step.remedy} side={side} primary canApply={canApply} onApply={onApply} />}
        {step.server_said && (
          <details>
            <summary>What the server said</summary>
            <div className="said">{step.server_said}</div>
          </details>
        )}
        {step.others.length > 0 && (
          <details>
            <summary>Other causes ({step.others.length})</summary>
            <ul className="others">
              {step.others.map((other) => (
                <li key={other.text}><RemedyView remedy={other} side={side} canApply={canApply} onApply={onApply} /></li>
              ))}
            </ul>
          </details>
        )}
        {sub.length > 0 && (
          <details open={bad || undefined}>
            <summary>The steps of the sending side ({sub.length})</summary>
            <ol className="sub">
              {sub.map((each) => <StepLine key={each.code} step={each} side="outgoing" canApply={canApply} onApply={onApply} />)}
            </ol>
          </details>
        )}
      </div>
    </li>
  );
}

function RemedyView({ remedy, side, primary, canApply, onApply }: { remedy: Remedy; side: SideName; primary?: boolean } & RemedyHandler) {
  const label = canApply?.(remedy, side) ?? null;
  return (
    <div className="stack xs">
      {!label?.startsWith(remedy.text.replace(/\.$/, "")) && <div>{remedy.text}</div>}
      {(label || remedy.url) && (
        <div className="row wrap">
          {label && (
            <Button size="small" look={primary ? "primary" : undefined} onClick={() => onApply?.(remedy, side)}>{label}</Button>
          )}
          {remedy.url && <a className="small" href={remedy.url} target="_blank" rel="noreferrer">Open the provider's page</a>}
        </div>
      )}
    </div>
  );
}

/** The button for an action, or null when the console cannot carry it out. */
export function actionLabel(action: string | null): string | null {
  const [verb, ...rest] = (action ?? "").split(":");
  switch (verb) {
    case "use":
    case "use_port":
      return `Use port ${rest[0]}${rest[1] ? ` with ${rest[1].toUpperCase()}` : ""} and test again`;
    case "swap_hosts":
      return "Swap the two servers and test again";
    case "use_security":
      return `Use ${rest[0]?.toUpperCase()} and test again`;
    case "use_host":
      return `Use ${rest[0]} and test again`;
    case "use_username":
      return `Sign in as ${rest.join(":")} and test again`;
    case "choose_protocol":
    case "use_protocol":
      return `Use ${rest[0]?.toUpperCase()} and test again`;
    case "use_folder":
      return `Use ${rest.join(":")} and test again`;
    case "trust_certificate":
      return "Trust exactly this certificate …";
    case "enter_password":
      return "Enter the password again";
    case "sign_in_again":
      return "Enter a new sign-in";
    case "edit_identity":
    case "enter_username":
      return "Correct the user name";
    case "edit_outgoing":
      return "Correct the sending side";
    case "edit_host":
    case "enter_host":
      return "Correct the server name";
    case "edit_port":
      return "Correct the port";
    case "edit_auth":
      return "Choose another sign-in";
    case "choose_folders":
      return "Choose the folders";
    case "try_again":
    case "retry":
      return "Try again";
    default:
      return null;
  }
}

/** A ready message to the provider's support; the report in it holds no credentials. */
export function providerLetter(report: Report): string {
  return [
    "Hello,", "", "a mail program of mine (Postroom, by IMAP/POP3 and SMTP) cannot use my mailbox with you. This is what it found:", "",
    reportText(report), "", "Could you tell me which setting has to change, on your side or on mine?", "", "Kind regards",
  ].join("\n");
}

/** The report as plain text, for a support request. */
export function reportText(report: Report): string {
  const line = (s: Step, indent = ""): string[] => [
    `${indent}${s.n}. ${STEP[s.code]} (${STEP_TERM[s.code]}): ${s.status}, ${s.ms} ms`,
    ...[s.did, s.server_said && `Server: ${s.server_said}`, s.means, s.remedy && `To do: ${s.remedy.text}`]
      .filter((text): text is string => Boolean(text))
      .map((text) => `${indent}   ${text}`),
    ...(s.steps ?? []).flatMap((each) => line(each, `${indent}   `)),
  ];
  return [`Postroom connection report ${report.id}, ${report.finished_at}`, report.summary, "", ...report.steps.flatMap((s) => line(s))].join("\n");
}
