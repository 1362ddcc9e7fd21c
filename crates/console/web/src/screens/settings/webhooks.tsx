// Webhooks: where events are posted to.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, Webhook as WebhookIcon } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import { webhooks as webhooksQuery } from "../../api/queries";
import type { Webhook } from "../../api/types";
import { Button, CopyLine, Empty, Failed, Field, Note, Pill, Waiting } from "../../ui/basics";
import { Fact } from "../../ui/facts";
import { Dialog } from "../../ui/overlays";

const FAMILIES: [string, string][] = [
  ["message.*", "Mail: received, sent, changed, moved, removed, bounced"],
  ["submission.*", "Sending: queued, accepted, deferred, failed, returned"],
  ["mailbox.*", "Mailboxes: live, interrupted, held, recovered, gaps filled"],
  ["folder.*", "Folders: created, renamed, removed, reset"],
  ["credential.*", "Sign-ins: expiring, expired, renewed"],
  ["alert.*", "Alerts: raised, resolved"],
  ["job.*", "Jobs: completed, failed"],
];

export function Webhooks() {
  const query = useQuery(webhooksQuery);
  const [creating, setCreating] = useState(false);
  return (
    <section className="card" aria-label="Webhooks">
      <header>
        <h2>Webhooks</h2>
        <Button look="primary" size="small" icon={Plus} onClick={() => setCreating(true)}>New webhook</Button>
      </header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && (
        <Empty icon={WebhookIcon} title="No webhook yet">
          <p className="small">Postroom posts each event to your address, signed by Standard Webhooks, and tries again until it is taken.</p>
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <ul>
          {query.data.map((w) => (
            <li key={w.id} className="ledger">
              <div className="grow stack xs">
                <Link to="/settings/webhooks/$id" params={{ id: w.id }} className="strong cut">{w.url}</Link>
                <span className="row wrap">{w.types.length ? w.types.map((t) => <Pill key={t}>{t}</Pill>) : <Pill>every event</Pill>}</span>
                {w.disabled_reason && <span className="small quiet">{w.disabled_reason}</span>}
              </div>
              <EnabledFact webhook={w} />
            </li>
          ))}
        </ul>
      )}
      {creating && <NewWebhook onClose={() => setCreating(false)} />}
    </section>
  );
}

export function EnabledFact({ webhook }: { webhook: Webhook }) {
  if (webhook.enabled) return <Fact tone="good">On</Fact>;
  return webhook.disabled_reason ? <Fact tone="bad">Switched off by Postroom</Fact> : <Fact tone="mute">Off</Fact>;
}

function NewWebhook({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState("");
  const [types, setTypes] = useState<string[]>(["message.*"]);
  const [liveOnly, setLiveOnly] = useState(false);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () =>
      api.post<Webhook & { secret: string }>("/v1/webhooks", { url: url.trim(), types, origins: liveOnly ? ["live", "catch_up"] : [] }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  const problem = create.error instanceof Problem ? create.error : null;
  if (create.data) {
    return (
      <Dialog open onClose={onClose} title="Copy the signing secret now" wide>
        <Note tone="warn">It is shown this once. Your endpoint checks the signature of each delivery with it.</Note>
        <CopyLine text={create.data.secret} label="secret" />
        <div className="row end"><Button look="primary" onClick={onClose}>I have it</Button></div>
      </Dialog>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Dialog open onClose={onClose} title="New webhook">
      <form className="stack" onSubmit={submit}>
        {create.error && <Failed error={create.error} />}
        <Field label="Address" error={problem?.at("/url")}>
          {(ids) => <input {...ids} className="input" type="url" required autoFocus placeholder="https://crm.example.com/hooks/postroom" value={url} onChange={(e) => setUrl(e.target.value)} />}
        </Field>
        <fieldset className="stack xs">
          <legend className="field-label">Events (none chosen: all)</legend>
          {FAMILIES.map(([type, words]) => (
            <label key={type} className="check">
              <input type="checkbox" checked={types.includes(type)} onChange={() => setTypes(types.includes(type) ? types.filter((t) => t !== type) : [...types, type])} />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
        <label className="check">
          <input type="checkbox" checked={liveOnly} onChange={() => setLiveOnly(!liveOnly)} />
          <span>Leave out the first filling of a mailbox<br /><span className="faint small">Old mail is then not posted; nobody answers it by mistake.</span></span>
        </label>
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={create.isPending}>Make the webhook</Button>
        </div>
      </form>
    </Dialog>
  );
}
