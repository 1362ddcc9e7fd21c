// What is asked of the servers that carry a message, of its recipients, and of the outbox: notices of delivery, TLS all the way, a
// reading receipt, and its turn.

import type { Dsn, Priority, SubmissionInput } from "../../api/types";

export interface Wishes {
  success: boolean;
  delay: boolean;
  failure: boolean;
  requireTls: boolean;
  readReceipt: boolean;
  priority: Priority;
}

/** As a draft has them; without one nothing is asked for. */
export function wishesOf(content: Partial<SubmissionInput> | undefined): Wishes {
  const notify = content?.dsn?.notify ?? [];
  const asks = (event: (typeof NOTICES)[number][0]) => notify.includes(event);
  return {
    success: asks("success"), delay: asks("delay"), failure: asks("failure"), requireTls: content?.require_tls ?? false,
    readReceipt: content?.read_receipt ?? false, priority: content?.priority ?? "normal",
  };
}

const NOTICES = [
  ["success", "When it was delivered"],
  ["delay", "When it is late"],
  ["failure", "When it cannot be delivered"],
] as const;

const TURNS: [Priority, string][] = [
  ["high", "high: before what waits in the outbox"],
  ["normal", "as usual"],
  ["low", "low: after everything else"],
];

/** The same in the words of the API; what is not asked for is not said. */
export function wishesBody(wishes: Wishes): Pick<SubmissionInput, "dsn" | "require_tls" | "read_receipt" | "priority"> {
  const notify = NOTICES.flatMap(([event]) => (wishes[event] ? [event] : []));
  return {
    ...(notify.length ? { dsn: { notify } } : {}), ...(wishes.requireTls ? { require_tls: true } : {}), ...(wishes.readReceipt ? { read_receipt: true } : {}),
    ...(wishes.priority === "normal" ? {} : { priority: wishes.priority }),
  };
}

/** "notices (success, delay), TLS all the way and a reading receipt"; empty where nothing was asked for. */
export function wishesText(asked: { dsn?: Dsn | null; require_tls?: boolean; read_receipt?: boolean; priority?: Priority }): string {
  const notify = asked.dsn?.notify ?? [];
  const parts = [
    notify.length ? `notices (${notify.join(", ")})` : "", asked.require_tls ? "TLS all the way" : "", asked.read_receipt ? "a reading receipt" : "",
    asked.priority && asked.priority !== "normal" ? `${asked.priority} priority` : "",
  ].filter(Boolean);
  return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : (parts[0] ?? "");
}

export function DeliveryWishes({ wishes, set }: { wishes: Wishes; set: (part: Partial<Wishes>) => void }) {
  return (
    <details className="compose-files small">
      <summary className="quiet">Delivery{wishesText(wishesBody(wishes)) && `: ${wishesText(wishesBody(wishes))}`}</summary>
      <div className="stack s">
        <fieldset className="compose-original">
          <legend className="small quiet">Ask the servers on the way for a notice. Not every server sends one.</legend>
          {NOTICES.map(([event, label]) => (
            <label key={event}><input type="checkbox" checked={wishes[event]} onChange={(e) => set({ [event]: e.target.checked })} /> {label}</label>
          ))}
        </fieldset>
        <label className="compose-original">
          <span><input type="checkbox" checked={wishes.readReceipt} onChange={(e) => set({ readReceipt: e.target.checked })} /> Ask whoever gets it for a reading receipt. They may say no.</span>
        </label>
        <label className="compose-original">
          <span><input type="checkbox" checked={wishes.requireTls} onChange={(e) => set({ requireTls: e.target.checked })} /> Only over TLS all the way to the recipient. Where a server does not promise that, the message is not sent.</span>
        </label>
        <label className="row wrap">
          <span>Priority</span>
          <select className="input mode" value={wishes.priority} onChange={(e) => set({ priority: e.target.value as Priority })}>
            {TURNS.map(([priority, words]) => <option key={priority} value={priority}>{words}</option>)}
          </select>
        </label>
      </div>
    </details>
  );
}
