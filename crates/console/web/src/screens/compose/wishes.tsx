// What is asked of the servers that carry a message: notices of delivery, and TLS all the way.

import type { Dsn, SubmissionInput } from "../../api/types";

export interface Wishes {
  success: boolean;
  delay: boolean;
  failure: boolean;
  requireTls: boolean;
}

/** As a draft has them; without one nothing is asked for. */
export function wishesOf(content: Partial<SubmissionInput> | undefined): Wishes {
  const notify = content?.dsn?.notify ?? [];
  const asks = (event: (typeof NOTICES)[number][0]) => notify.includes(event);
  return { success: asks("success"), delay: asks("delay"), failure: asks("failure"), requireTls: content?.require_tls ?? false };
}

const NOTICES = [
  ["success", "When it was delivered"],
  ["delay", "When it is late"],
  ["failure", "When it cannot be delivered"],
] as const;

/** The same in the words of the API; what is not asked for is not said. */
export function wishesBody(wishes: Wishes): Pick<SubmissionInput, "dsn" | "require_tls"> {
  const notify = NOTICES.flatMap(([event]) => (wishes[event] ? [event] : []));
  return { ...(notify.length ? { dsn: { notify } } : {}), ...(wishes.requireTls ? { require_tls: true } : {}) };
}

/** "notices (success, delay) and TLS all the way"; empty where nothing was asked for. */
export function wishesText(asked: { dsn?: Dsn | null; require_tls?: boolean }): string {
  const notify = asked.dsn?.notify ?? [];
  return [notify.length ? `notices (${notify.join(", ")})` : "", asked.require_tls ? "TLS all the way" : ""].filter(Boolean).join(" and ");
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
          <span><input type="checkbox" checked={wishes.requireTls} onChange={(e) => set({ requireTls: e.target.checked })} /> Only over TLS all the way to the recipient. Where a server does not promise that, the message is not sent.</span>
        </label>
      </div>
    </details>
  );
}
