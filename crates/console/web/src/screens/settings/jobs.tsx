// Jobs: templates that go out to many, how far they are, and a hand on them.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CirclePause, CirclePlay, CircleX } from "lucide-react";
import { useState } from "react";
import { api } from "../../api/client";
import { type Job, jobs as jobsQuery } from "../../api/sending";
import { Ago, Bar, Failed, IconButton, Pill } from "../../ui/basics";
import { count, fullTime } from "../../ui/format";
import { Confirm, toastProblem } from "../../ui/overlays";

const TONES = { running: "info", paused: "warn", cancelled: "", done: "good" } as const;

export function Jobs() {
  const query = useQuery(jobsQuery);
  const client = useQueryClient();
  const [cancelling, setCancelling] = useState<Job | null>(null);
  const act = useMutation({
    mutationFn: ({ job, verb }: { job: Job; verb: "pause" | "resume" | "cancel" }) => api.post(`/v1/jobs/${job.id}/${verb}`, {}),
    onSuccess: () => setCancelling(null),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
  if (query.isError) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data?.length) return null;
  return (
    <section className="card" aria-label="Jobs">
      <header><h2>Sent to many</h2></header>
      <ul>
        {query.data.map((job) => (
          <li key={job.id} className="ledger">
            <div className="grow stack xs">
              <span className="row wrap">
                <Pill tone={TONES[job.phase]}>{job.phase}</Pill>
                <span className="num">{count(job.done)} of {count(job.total)}</span>
                {job.failed > 0 && <Pill tone="bad" title={job.last_error ?? undefined}>{count(job.failed)} failed</Pill>}
                <span className="small faint"><Ago time={job.created_at} step={10} /></span>
              </span>
              <Bar value={job.done} total={job.total} tone={job.phase === "done" ? "good" : ""} label={`Progress of ${job.id}`} />
              {job.eta && job.rate && <span className="small quiet">{count(job.rate)} a minute; done about {fullTime(job.eta)}</span>}
              {job.last_error && <span className="small quiet cut">{job.last_error}</span>}
            </div>
            {job.phase === "running" && <IconButton label={`Pause ${job.id}`} icon={CirclePause} onClick={() => act.mutate({ job, verb: "pause" })} />}
            {job.phase === "paused" && <IconButton label={`Resume ${job.id}`} icon={CirclePlay} onClick={() => act.mutate({ job, verb: "resume" })} />}
            {(job.phase === "running" || job.phase === "paused") && <IconButton label={`Cancel ${job.id}`} icon={CircleX} onClick={() => setCancelling(job)} />}
          </li>
        ))}
      </ul>
      <Confirm open={cancelling !== null} onClose={() => setCancelling(null)} title="Cancel this job?" action="Cancel it" busy={act.isPending} onConfirm={() => cancelling && act.mutate({ job: cancelling, verb: "cancel" })}>
        Who has the message keeps it. What waits in the outbox is cancelled, and nobody else gets one.
      </Confirm>
    </section>
  );
}
