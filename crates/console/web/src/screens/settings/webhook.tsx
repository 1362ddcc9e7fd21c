// One webhook: its switch, its deliveries, replay and test.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft, FlaskConical, RotateCw, Trash2, Webhook as WebhookIcon } from "lucide-react";
import { useState } from "react";
import { api } from "../../api/client";
import { deliveries as deliveriesQuery, webhooks as webhooksQuery } from "../../api/queries";
import type { Delivery, Webhook } from "../../api/types";
import { Ago, Button, Empty, Failed, Note, Pill, Switch, Waiting } from "../../ui/basics";
import { Fact } from "../../ui/facts";
import { plural } from "../../ui/format";
import { Confirm, toast, toastProblem } from "../../ui/overlays";

export function WebhookPage() {
  const { id } = useParams({ from: "/inside/settings/webhooks/$id" });
  const query = useQuery(webhooksQuery);
  const webhook = query.data?.find((w) => w.id === id);
  return (
    <>
      <Link to="/settings/webhooks" className="crumb small row"><ChevronLeft className="i" aria-hidden />Webhooks</Link>
      {query.isPending && <Waiting />}
      {query.isError && <Failed error={query.error} retry={() => void query.refetch()} />}
      {query.data && !webhook && <Empty icon={WebhookIcon} title="This webhook is not here" />}
      {webhook && <Page webhook={webhook} />}
    </>
  );
}

function Page({ webhook }: { webhook: Webhook }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: ["webhooks"] });
  const enable = useMutation({
    mutationFn: (enabled: boolean) => api.patch(`/v1/webhooks/${webhook.id}`, { enabled }),
    onError: toastProblem,
    onSettled: refresh,
  });
  const test = useMutation({
    mutationFn: () => api.post(`/v1/webhooks/${webhook.id}/test`),
    onSuccess: () => toast("A test event is on its way", { description: "Its delivery appears below." }),
    onError: toastProblem,
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: () => api.delete(`/v1/webhooks/${webhook.id}`),
    onSuccess: () => navigate({ to: "/settings/webhooks" }),
    onError: toastProblem,
    onSettled: refresh,
  });
  return (
    <>
      <section className="card" aria-label="Webhook">
        <header>
          <h2 className="cut">{webhook.url}</h2>
          <label className="row small quiet">{webhook.enabled ? "On" : "Off"}<Switch checked={webhook.enabled} label="Events are posted" disabled={enable.isPending} onChange={(on) => enable.mutate(on)} /></label>
          <Button size="small" icon={FlaskConical} busy={test.isPending} onClick={() => test.mutate()}>Send a test</Button>
          <Button size="small" look="ghost" icon={Trash2} aria-label="Remove this webhook" onClick={() => setRemoving(true)} />
        </header>
        <div className="body stack s">
          {webhook.disabled_reason && <Note tone="bad" title="Postroom switched this webhook off">{webhook.disabled_reason}</Note>}
          <dl className="pairs">
            <dt>Events</dt><dd className="row wrap">{webhook.types.length ? webhook.types.map((t) => <Pill key={t}>{t}</Pill>) : "every event"}</dd>
            <dt>Origins</dt><dd>{webhook.origins.length ? webhook.origins.map((o) => o.replace("_", " ")).join(", ") : "live, catch-up and first filling"}</dd>
            <dt>Made</dt><dd><Ago time={webhook.created_at} step={10} /></dd>
          </dl>
        </div>
      </section>
      <Deliveries id={webhook.id} />
      <Confirm open={removing} onClose={() => setRemoving(false)} title="Remove this webhook?" action="Remove" busy={remove.isPending} onConfirm={() => remove.mutate()}>
        Deliveries that still wait are dropped. Events stay in the log and can be read there.
      </Confirm>
    </>
  );
}

const TONE = { pending: "info", delivered: "good", dead: "bad" } as const;
const WORD = { pending: "Waiting", delivered: "Delivered", dead: "Given up" } as const;

function Deliveries({ id }: { id: string }) {
  const query = useInfiniteQuery(deliveriesQuery(id));
  const client = useQueryClient();
  const rows = query.data?.pages.flatMap((p) => p.data) ?? [];
  const replay = useMutation({
    mutationFn: (d: Delivery) => api.post(`/v1/webhooks/${id}/deliveries/${d.id}/replay`),
    onSuccess: () => toast("It is posted again now"),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["webhooks", id] }),
  });
  return (
    <section className="card" aria-label="Deliveries">
      <header><h2>Deliveries</h2></header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data && rows.length === 0 && <p className="body quiet">Nothing was posted yet.</p>}
      {rows.length > 0 && (
        <div className="table-wrap">
          <table className="table cards-on-phone">
            <thead><tr><th scope="col">Event</th><th scope="col">State</th><th scope="col">Answer</th><th scope="col">When</th><th scope="col"><span className="hide">Actions</span></th></tr></thead>
            <tbody>
              {rows.map((d) => (
                <tr key={d.id}>
                  <td><code className="small">{d.event_type}</code></td>
                  <td><Fact tone={TONE[d.state]}>{WORD[d.state]}</Fact></td>
                  <td className="small full">
                    {d.last_status && <code>{d.last_status}</code>} {d.last_error}
                    <div className="faint">{plural(d.attempts, "try", "tries")}{d.state === "pending" && d.next_attempt_at && <>, next <Ago time={d.next_attempt_at} /></>}</div>
                  </td>
                  <td className="quiet small"><Ago time={d.delivered_at ?? d.created_at} step={5} /></td>
                  <td className="right"><Button size="small" icon={RotateCw} busy={replay.isPending && replay.variables.id === d.id} onClick={() => replay.mutate(d)}>Replay</Button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {query.hasNextPage && <div className="body"><Button size="small" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show older</Button></div>}
    </section>
  );
}
