// Why a mailbox does not run now: held, waiting or limited, with the reason, the remedy, the next try, and a button.

import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { problem as problemQuery } from "../../api/queries";
import type { CatalogueEntry, Mailbox, Remedy, Report, Step } from "../../api/types";
import { Ago, Button, Clock, Note } from "../../ui/basics";
import { STEP } from "../../ui/words";
import { deedOf } from "./deeds";
import { flat } from "./letters";
import { Around, Buttons, type Hands, Words } from "./remedy-view";
import { sideOf } from "./report";

interface Props {
  mailbox: Mailbox;
  report: Report | null;
  hands: Hands;
  busy: boolean;
  onTryAgain: () => void;
}

export function Standing({ mailbox, report, hands, busy, onTryAgain }: Props) {
  const { state, until, problem_id: id } = mailbox.connection;
  const entry = useQuery(problemQuery(id));
  if (state !== "held" && state !== "waiting" && state !== "limited") return null;
  // The last report knows names and numbers; the catalogue knows the problem in general.
  const step = report ? flat(report.steps).find((each) => each.problem_id !== null && each.problem_id === id) : undefined;
  const remedy = step?.remedy ?? remedyOf(entry.data);
  const deed = deedOf(remedy?.action ?? null);
  // The mailbox waits and tries by itself already.
  const own = remedy !== null && deed !== null && deed.kind !== "wait" && deed.kind !== "test";
  return (
    <Note
      tone={state === "held" ? "bad" : "warn"} title={<Title mailbox={mailbox} />}
      action={
        <Around value={{ hands, report }}>
          {(own || remedy?.url) && remedy && <Buttons remedy={remedy} side={sideFor(step, remedy)} step={step ?? null} primary />}
          <Button size="small" icon={RefreshCw} look={own ? undefined : "primary"} busy={busy} onClick={onTryAgain}>Try again now</Button>
        </Around>
      }
    >
      <dl className="pairs standing">
        <dt>Reason</dt>
        <dd>
          {step?.means ?? entry.data?.cause ?? (id ? <code>{id}</code> : "The connection was lost.")}
          {step && <span className="faint small block">step {step.n}, {STEP[step.code].toLowerCase()}{step.server_said && <>; the server said: <q>{step.server_said}</q></>}</span>}
        </dd>
        {remedy && <><dt>To do</dt><dd><Words text={remedy.text} /></dd></>}
        <dt>Next try</dt>
        <dd>
          {state === "held"
            ? "none by itself: a refused sign-in is confirmed once and not repeated, so that the provider does not lock the account"
            : until ? <>at <Clock time={until} />, <Ago time={until} />, by itself</> : "soon, by itself"}
        </dd>
      </dl>
    </Note>
  );
}

function Title({ mailbox: { connection } }: { mailbox: Mailbox }) {
  const until = connection.until && <> until <Clock time={connection.until} /></>;
  if (connection.state === "held") return "Held: Postroom has stopped until something changes";
  if (connection.state === "limited") return <>Limited{until}: the provider wants Postroom to slow down</>;
  return <>Waiting{until}: something failed</>;
}

const remedyOf = (entry: CatalogueEntry | undefined): Remedy | null =>
  // A catalogue's action has words where an occurrence has values: only whole actions can be carried out.
  entry ? { text: entry.remedy, action: entry.action?.includes(":") ? null : entry.action, url: entry.url } : null;

const sideFor = (step: Step | undefined, remedy: Remedy) => (remedy.action === "edit_outgoing" ? "outgoing" : step ? sideOf(step.code) : "incoming");
