// What the copy of a mailbox means: how much there is, how far it is, what the provider allows, and when it ends.

import { useQuery } from "@tanstack/react-query";
import { plan as planQuery } from "../../api/queries";
import type { Mailbox, Plan, PlanFolder } from "../../api/types";
import { Bar, Clock, Failed, Waiting } from "../../ui/basics";
import { bytes, count, percent, plural } from "../../ui/format";

export function PlanCard({ mailbox }: { mailbox: Mailbox }) {
  const query = useQuery(planQuery(mailbox.id, mailbox.coverage.state));
  return (
    <section className="card" aria-label="What is fetched">
      <header><h2>What is fetched</h2></header>
      {query.isPending && <div className="body"><Waiting lines={3} /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data && <Body plan={query.data} />}
    </section>
  );
}

function Body({ plan }: { plan: Plan }) {
  const stored = plan.folders.filter((folder) => folder.mode !== "off");
  return (
    <div className="body stack s">
      <div>
        <strong>{amount(plan)}</strong>
        {plan.state !== "none" && <span className="quiet">, {plan.state === "complete" ? "all of it stored" : `${count(plan.done)} stored`}</span>}
        {plan.unknown > 0 && <div className="faint small">The server did not tell the size of {plural(plan.unknown, "folder")} yet.</div>}
      </div>
      {plan.state === "filling" && <Bar value={plan.done} total={plan.messages} label="Progress of the copy" />}
      <When plan={plan} />
      <Allowance plan={plan} />
      {stored.length > 0 && (
        <details>
          <summary className="small">{plural(stored.length, "folder")}</summary>
          <table className="table small">
            <thead><tr><th scope="col">Folder</th><th scope="col" className="right">Messages</th><th scope="col" className="right">Size</th><th scope="col" className="right">Stored</th></tr></thead>
            <tbody>{stored.map((folder) => <Row key={folder.folder_id ?? folder.path} folder={folder} />)}</tbody>
          </table>
        </details>
      )}
    </div>
  );
}

/** How much there is, as far as the server said. */
export function amount({ messages, bytes: octets }: Pick<Plan, "messages" | "bytes">): string {
  return octets > 0 ? `${plural(messages, "message")}, about ${bytes(octets)}` : plural(messages, "message");
}

function When({ plan }: { plan: Plan }) {
  if (plan.waits_until) return <div>The provider's limit for a day is used up. It goes on at <Clock time={plan.waits_until} />.</div>;
  if (!plan.ends_at) return null;
  return (
    <div>
      Expected to be complete at <Clock time={plan.ends_at} />
      {plan.limited ? ", in daily parts, because the provider limits how much may be fetched in a day." : "."}
      {plan.bytes_per_second !== null && <span className="faint small block">{bytes(plan.bytes_per_second)}/s{plan.messages_per_minute !== null && <>, {count(plan.messages_per_minute)} messages a minute</>}</span>}
    </div>
  );
}

/** What the provider allows by the day, and what was used of it, in words; empty where nothing is limited. */
export function allowance({ allowed, used }: Pick<Plan, "allowed" | "used">): string[] {
  return [
    allowed.bytes_down !== null && `${bytes(used.bytes_down)} of ${bytes(allowed.bytes_down)} downloaded`,
    allowed.bytes_up !== null && `${bytes(used.bytes_up)} of ${bytes(allowed.bytes_up)} uploaded`,
    allowed.messages !== null && `${count(used.messages)} of ${plural(allowed.messages, "message")} fetched`,
  ].filter((each) => each !== false);
}

function Allowance({ plan }: { plan: Plan }) {
  const daily = allowance(plan);
  const { connections, poll_minutes: minutes } = plan.allowed;
  if (daily.length === 0 && connections === null && minutes === null) return null;
  return (
    <dl className="pairs small" aria-label="What the provider allows">
      {daily.length > 0 && <><dt>In 24 hours</dt><dd>{daily.map((each) => <div key={each}>{each}</div>)}</dd></>}
      {connections !== null && <><dt>At once</dt><dd>{plural(connections, "connection")} at most</dd></>}
      {minutes !== null && <><dt>Looks</dt><dd>every {plural(minutes, "minute")} where the server does not tell</dd></>}
    </dl>
  );
}

function Row({ folder }: { folder: PlanFolder }) {
  return (
    <tr>
      <td>{folder.path}{folder.mode === "watch" && <span className="faint"> (headers)</span>}</td>
      <td className="right num">{folder.messages === null ? "?" : count(folder.messages)}</td>
      <td className="right num">{folder.bytes === null ? "?" : bytes(folder.bytes)}</td>
      <td className="right num">{folder.messages === null ? count(folder.done) : `${percent(folder.done, folder.messages)} %`}</td>
    </tr>
  );
}
