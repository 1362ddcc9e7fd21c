// A remedy with its buttons: one primary one for what to do, the others beside it.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Clock3, ExternalLink } from "lucide-react";
import { createContext, useContext, useEffect, useState } from "react";
import { session } from "../../api/queries";
import type { Remedy, Report, Step } from "../../api/types";
import { Button, CopyButton } from "../../ui/basics";
import { useNow } from "../../ui/clock";
import { clock } from "../../ui/format";
import { deedOf } from "./deeds";
import { administratorLetter, innermost, networkLetter, networksOf, providerLetter } from "./letters";
import type { SideName } from "./settings-form";
import { waitUntil } from "./waiting";

/** What the screen around a report can do with a remedy. */
export interface Hands {
  /** Changes the settings, or leads to the field, and tests again. `step` is what failed, where it was a step. */
  apply: (action: string, side: SideName, step: Step | null) => void;
  test: () => void;
  /** The time at which the mailbox is tried again anyway. */
  until?: string | null;
  address?: string;
}

interface Surroundings {
  hands: Hands | null;
  report: Report | null;
}

export const Around = createContext<Surroundings>({ hands: null, report: null });

export function RemedyView({ remedy, side, step, primary = false }: { remedy: Remedy; side: SideName; step: Step | null; primary?: boolean }) {
  return (
    <div className="stack xs">
      <div className="words"><Words text={remedy.text} /></div>
      <Buttons remedy={remedy} side={side} step={step && innermost(step)} primary={primary} />
    </div>
  );
}

/** A sentence in which names of settings stand between backticks. */
export function Words({ text }: { text: string }) {
  return text.split("`").map((part, n) => (n % 2 ? <code key={n}>{part}</code> : part));
}

export function Buttons({ remedy, side, step, primary = false }: { remedy: Remedy; side: SideName; step: Step | null; primary?: boolean }) {
  const { hands, report } = useContext(Around);
  const { data: user } = useQuery(session);
  const deed = deedOf(remedy.action);
  const look = primary ? ("primary" as const) : undefined;
  if (!hands || (!deed && !remedy.url)) return null;
  const page = (first: boolean) => remedy.url && <PageLink url={remedy.url} label={pageLabel(remedy, step)} primary={primary && first} />;
  const again = (label = "Done: test again") => <Button size="small" onClick={hands.test}>{label}</Button>;
  const act = (label: string, first = true) => (
    <Button size="small" look={first ? look : undefined} onClick={() => remedy.action && hands.apply(remedy.action, side, step)}>{label}</Button>
  );
  const letter = (label: string, text: string) => <>{page(false)}<CopyButton look={look} text={text} label={label} />{again()}</>;
  switch (deed?.kind) {
    case "apply":
      return <div className="row wrap">{act(deed.label)}{page(false)}</div>;
    case "field":
      return <div className="row wrap">{page(true)}{act(deed.label, !remedy.url)}</div>;
    case "trust":
      // Whom to trust is for those to say who answer for the installation.
      if (user?.role === "owner" || user?.role === "admin") return <div className="row wrap">{act(deed.label)}{page(false)}</div>;
      return (
        <div className="stack xs">
          <div className="quiet small">Only an administrator of Postroom can trust a certificate by its fingerprint.</div>
          {step && <div className="row wrap">{letter("Copy a message to the administrator", administratorLetter(step, report, hands.address))}</div>}
        </div>
      );
    case "open":
      return <div className="row wrap">{page(true)}{remedy.url ? again() : <Button size="small" look={look} onClick={hands.test}>Done: test again</Button>}</div>;
    case "letter":
      return <div className="row wrap">{letter(deed.label, deed.to === "provider" || !step ? providerLetter(step ?? undefined, report) : administratorLetter(step, report, hands.address))}</div>;
    case "network":
      return (
        <div className="stack xs">
          <code className="said">POSTROOM_NETWORK_ALLOW={networksOf(step).join(",") || "10.1.2.3/32"}</code>
          <div className="row wrap">{letter(deed.label, networkLetter(step))}</div>
        </div>
      );
    case "wait":
      return <Wait step={step} primary={primary} />;
    case "test":
      return <div className="row wrap">{page(false)}<Button size="small" look={look} onClick={hands.test}>{deed.label}</Button></div>;
    case "screen":
      return <div className="row wrap"><Link to={deed.to} className={`btn small ${look ?? ""}`}>{deed.label}</Link>{page(false)}</div>;
    default:
      return <div className="row wrap">{page(true)}</div>;
  }
}

const pageLabel = (remedy: Remedy, step: Step | null) =>
  /app.?password/i.test(`${step?.problem_id} ${remedy.text}`) ? "Make an app password" : "Open the provider's page";

export function PageLink({ url, label, primary }: { url: string; label: string; primary: boolean }) {
  return (
    <a href={url} target="_blank" rel="noreferrer" className={`btn small ${primary ? "primary" : ""}`}>
      {label}<ExternalLink className="i" aria-hidden /><span className="hide"> (opens a new tab)</span>
    </a>
  );
}

/** Waits in the person's place: shows the time, and tests when it has come. */
function Wait({ step, primary }: { step: Step | null; primary: boolean }) {
  const { hands, report } = useContext(Around);
  const now = useNow();
  const [until, setUntil] = useState<number | null>(null);
  const [proposed] = useState(() => waitUntil(step, hands?.until ?? null, report?.finished_at ?? null, Date.now()));
  const due = until !== null && now >= until;
  useEffect(() => {
    if (!due) return;
    setUntil(null);
    hands?.test();
    // The hands are new at each drawing; what counts is that the time has come.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [due]);
  if (!hands) return null;
  if (until === null) {
    const at = Math.max(proposed, now);
    return (
      <div className="row wrap">
        <Button size="small" icon={Clock3} look={primary ? "primary" : undefined} onClick={() => setUntil(Math.max(at, Date.now() + 1_000))}>
          {at > now ? `Wait and test at ${clock(new Date(at).toISOString())}` : "Test again"}
        </Button>
        {at > now && <Button size="small" onClick={hands.test}>Test now</Button>}
      </div>
    );
  }
  const left = Math.max(0, Math.round((until - now) / 1000));
  return (
    <div className="row wrap">
      <span className="num" role="timer">Tests again at {clock(new Date(until).toISOString())}, in {left >= 60 && `${Math.floor(left / 60)} min `}{left % 60} s.</span>
      <Button size="small" onClick={hands.test}>Test now</Button>
      <Button size="small" look="ghost" onClick={() => setUntil(null)}>Do not wait</Button>
    </div>
  );
}
