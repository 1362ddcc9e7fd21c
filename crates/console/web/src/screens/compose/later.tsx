// When a message goes out: at a time that the clocks of a chosen zone show.

import { X } from "lucide-react";
import type { SubmissionInput } from "../../api/types";
import { Button } from "../../ui/basics";
import { fullTime } from "../../ui/format";
import { browserZone, instant, zones } from "../../ui/zones";

export interface Later {
  /** As the browser's field writes it: a local time of the zone; empty: not chosen yet. */
  at: string;
  zone: string;
}

/** Where the writer is. */
export const startLater = (): Later => ({ at: "", zone: browserZone() });

/** The same in the words of the API; nothing where no time was chosen. */
export function laterBody(later: Later | null): Pick<SubmissionInput, "send_at" | "time_zone"> {
  return later && instant(later.at, later.zone) ? { send_at: later.at, time_zone: later.zone } : {};
}

export function SendLater({ later, set, errors }: {
  later: Later; set: (later: Later | null) => void; errors: (string | undefined)[];
}) {
  const at = instant(later.at, later.zone);
  const error = errors.find(Boolean);
  return (
    <div className="compose-line">
      <label htmlFor="compose-at">Send at</label>
      <div className="grow">
        <div className="row wrap">
          <input id="compose-at" className="bare" type="datetime-local" autoFocus value={later.at} aria-invalid={error ? true : undefined} onChange={(e) => set({ ...later, at: e.target.value })} />
          <select className="bare" aria-label="Time zone" value={later.zone} onChange={(e) => set({ ...later, zone: e.target.value })}>
            {zones(later.zone).map((zone) => <option key={zone}>{zone}</option>)}
          </select>
        </div>
        {error ? <div className="error">{error}</div> : at && later.zone !== browserZone() && <div className="small quiet">That is {fullTime(at)} here.</div>}
      </div>
      <Button look="ghost" size="small" icon={X} aria-label="Send now instead" onClick={() => set(null)} />
    </div>
  );
}
