// The four facts about a mailbox and the states of a submission, in words. The mark's shape says
// the same as its colour, so that neither is needed alone.

import type { ReactNode } from "react";
import type { Connection } from "./words";
import { Ago, Bar, Clock } from "./basics";
import { bytes, count, day, percent, plural } from "./format";
import { CONNECTION, LIFECYCLE, PROOF, type Tone } from "./words";
import type { Mailbox, Proof } from "../api/types";

/** good: filled disc; info: half disc; warn: triangle; bad: square with a cross; mute: ring. */
export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg className="mark" viewBox="0 0 14 14" aria-hidden>
      {tone === "good" && <circle cx="7" cy="7" r="4" fill="currentColor" />}
      {tone === "info" && (
        <>
          <circle cx="7" cy="7" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" />
          <path d="M7 3a4 4 0 0 1 0 8z" fill="currentColor" />
        </>
      )}
      {tone === "warn" && <path d="M7 1.8 12.8 12H1.2z" fill="currentColor" />}
      {tone === "bad" && (
        <>
          <rect x="1.5" y="1.5" width="11" height="11" rx="2.5" fill="currentColor" />
          <path d="M4.6 4.6l4.8 4.8M9.4 4.6L4.6 9.4" stroke="var(--surface)" strokeWidth="1.6" />
        </>
      )}
      {tone === "mute" && <circle cx="7" cy="7" r="3.6" fill="none" stroke="currentColor" strokeWidth="1.6" />}
    </svg>
  );
}

export function Fact({ tone, children, title }: { tone: Tone; children: ReactNode; title?: string }) {
  return (
    <span className={`fact ${tone}`} title={title}>
      <Mark tone={tone} />
      <span className="word">{children}</span>
    </span>
  );
}

export function LifecycleFact({ mailbox }: { mailbox: Mailbox }) {
  const { word, tone } = LIFECYCLE[mailbox.lifecycle];
  return <Fact tone={tone}>{word}</Fact>;
}

/** `proof` of one side, or that the side is not set up. */
export function ProofFact({ proof, set }: { proof: Proof; set: boolean }) {
  if (!set) return <Fact tone="mute">Not set up</Fact>;
  const { word, tone } = PROOF[proof];
  return <Fact tone={tone}>{word}</Fact>;
}

export function ConnectionFact({ connection }: { connection: Connection }) {
  const { word, tone, title } = CONNECTION[connection.state];
  const until = connection.until && (connection.state === "waiting" || connection.state === "limited");
  return (
    <Fact tone={tone} title={title}>
      {word}
      {until && connection.until && <> until <Clock time={connection.until} /></>}
    </Fact>
  );
}

/** "proven alive 12 s ago": the time of the last answer of the server. */
export function Proven({ connection }: { connection: Connection }) {
  if (!connection.proven_alive_at) return <span className="faint small">never proven yet</span>;
  return <span className="faint small">proven alive <Ago time={connection.proven_alive_at} /></span>;
}

/** How fast it fills and when it ends, or why it waits. */
function Pace({ coverage }: { coverage: Mailbox["coverage"] }) {
  const { waits_until: waits, ends_at: ends, messages_per_minute: perMinute, bytes_per_second: perSecond } = coverage;
  if (waits) return <span className="faint small">The provider allows no more today: goes on <Clock time={waits} />. New mail comes all the same.</span>;
  if (!perMinute && !perSecond) return null;
  return (
    <span className="faint small num">
      {perMinute ? `${count(Math.round(perMinute / 60))} messages/s` : ""}{perMinute && perSecond ? ", " : ""}{perSecond ? `${bytes(perSecond)}/s` : ""}
      {ends && <>, ends about <Clock time={ends} /></>}
    </span>
  );
}

export function CoverageFact({ coverage, bar = true }: { coverage: Mailbox["coverage"]; bar?: boolean }) {
  const { state, done, total, holes } = coverage;
  if (state === "none") return <Fact tone="mute">Nothing yet</Fact>;
  const of = <span className="num faint small">{state === "complete" ? count(done) : `${count(done)} / ${count(total)}`}</span>;
  return (
    <div className="coverage">
      <div className="row between">
        {state === "filling" && <Fact tone="info">Filling {percent(done, total)} %</Fact>}
        {state === "complete" && <Fact tone="good">Complete{coverage.since && <> since {day(coverage.since)}</>}</Fact>}
        {state === "holes" && <Fact tone="warn">{plural(holes, "message")} missing</Fact>}
        {of}
      </div>
      {bar && <Bar value={done} total={total} tone={state === "complete" ? "good" : state === "holes" ? "warn" : ""} label="Messages stored" />}
      {state === "filling" && <Pace coverage={coverage} />}
    </div>
  );
}

/** From this part on it is said with a warning: a full mailbox takes no more mail. */
const NEARLY_FULL = 0.9;

export const quotaOf = ({ used, limit }: { used: number; limit: number }) => ({
  text: `${bytes(used)} of ${bytes(limit)} used on the server`,
  warns: limit > 0 && used / limit >= NEARLY_FULL,
});

/** How full the mailbox is on its server; nothing where the server does not tell. */
export function QuotaFact({ quota }: { quota: Mailbox["quota"] }) {
  if (!quota) return null;
  const { text, warns } = quotaOf(quota);
  return warns ? <Fact tone="warn" title="A full mailbox takes no more mail">{text}</Fact> : <span className="faint small">{text}</span>;
}
