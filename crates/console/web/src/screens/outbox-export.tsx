// The outbox as a file: all of what is chosen, not only what is on the screen.

import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { api, path } from "../api/client";
import type { Page, Submission, SubmissionState } from "../api/types";
import { Button } from "../ui/basics";
import { csvOf, download } from "../ui/download";
import { count } from "../ui/format";
import { Menu, toast, toastProblem } from "../ui/overlays";

/** A file with more would be of no use in a browser: the command line has no such bound. */
const MOST = 20_000;

const HEAD = [
  "id", "mailbox_id", "state", "subject", "created_at", "send_at", "next_attempt_at", "problem_id", "sent_copy", "message_id",
  "recipient", "recipient_state", "code", "enhanced_code", "text", "returned", "attempts", "possible_duplicate",
];

/** A line for each recipient, as `postroom outbox list --csv` writes it. */
export const outboxCsv = (list: Submission[]) =>
  csvOf(HEAD, list.flatMap((s) => s.recipients.map((r) => [
    s.id, s.mailbox_id, s.state, s.subject, s.created_at, s.send_at, s.next_attempt_at, s.problem_id, s.sent_copy.state, s.message_id,
    r.address, r.state, r.code, r.enhanced_code, r.text, r.returned?.kind, s.attempts, s.possible_duplicate,
  ])));

export function ExportOutbox({ state, scheduled }: { state?: SubmissionState; scheduled?: boolean }) {
  const get = useMutation({
    mutationFn: async (form: "csv" | "json") => {
      const rows: Submission[] = [];
      let cursor: string | null = null;
      do {
        const page: Page<Submission> = await api.get(path("/v1/submissions", { state, scheduled, limit: 500, cursor }));
        rows.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor && rows.length < MOST);
      const name = `outbox-${scheduled ? "scheduled" : (state ?? "all")}-${new Date().toISOString().slice(0, 10)}.${form}`;
      if (form === "csv") download(name, "text/csv", outboxCsv(rows));
      else download(name, "application/json", `${JSON.stringify(rows, null, 2)}\n`);
      if (cursor) toast(`The file ends after ${count(rows.length)}`, { description: "There are more: postroom outbox list --csv --limit 1000000 has all.", bad: true });
    },
    onError: toastProblem,
  });
  return (
    <Menu
      trigger={<Button icon={Download} busy={get.isPending}>Export</Button>}
      items={[
        { label: "As CSV, a line for each recipient", onSelect: () => get.mutate("csv") },
        { label: "As JSON, as the API has it", onSelect: () => get.mutate("json") },
      ]}
    />
  );
}
