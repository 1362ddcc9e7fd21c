// An invitation above the message that it came with, and the answer that calendars understand.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarDays, Check, CircleHelp, X } from "lucide-react";
import { useState } from "react";
import { api, freshKey } from "../../api/client";
import { invitationAnswer, invitation as invitationQuery } from "../../api/queries";
import type { CalendarAnswer, MessageBody, Submission } from "../../api/types";
import { Button } from "../../ui/basics";
import { fullTime } from "../../ui/format";
import { toast, toastProblem } from "../../ui/overlays";
import { invitationOf, type When } from "./invitation";

const ANSWERS = [
  { answer: "accepted", label: "Accept", said: "You said that you will come.", icon: Check },
  { answer: "tentative", label: "Maybe", said: "You said that you may come.", icon: CircleHelp },
  { answer: "declined", label: "Decline", said: "You said that you will not come.", icon: X },
] as const;

/** So long an answer waits in the outbox, to be taken back. */
const UNDO_SECONDS = 10;

const isCalendar = (type: string) => /^(text\/calendar|application\/ics)\b/i.test(type);

const shown = (when: When) => (when.at ? fullTime(when.at).replace(/:\d\d$/, "") : when.written);

export function InvitationCard({ body }: { body: MessageBody }) {
  const file = body.direction === "incoming" ? body.attachments.find((a) => isCalendar(a.content_type)) : undefined;
  const { data: calendar } = useQuery({ ...invitationQuery(body.id, file?.id ?? ""), enabled: Boolean(file) });
  const found = calendar ? invitationOf(calendar) : null;
  const answer = invitationAnswer(body.id);
  const given = useQuery({ ...answer, enabled: Boolean(found) });
  const said = given.data ?? null;
  // One for each answer: a double click answers once.
  const [key, setKey] = useState(freshKey);
  const client = useQueryClient();
  const give = useMutation({
    mutationFn: (answer: CalendarAnswer) =>
      api.post<Submission>("/v1/submissions", { in_reply_to_message_id: body.id, calendar_reply: answer, undo_seconds: UNDO_SECONDS }, key),
    onSuccess: (submission, said) => {
      client.setQueryData(answer.queryKey, said);
      toast("The answer is in the outbox", {
        description: `It goes to ${submission.recipients[0]?.address ?? "whoever invites"} in ${UNDO_SECONDS} seconds.`,
        ms: UNDO_SECONDS * 1_000,
        action: {
          label: "Undo",
          run: () => void api.delete(`/v1/submissions/${submission.id}`).then(() => {
            toast("Not answered");
            return client.invalidateQueries({ queryKey: ["submissions"] });
          }).catch(toastProblem),
        },
      });
    },
    onError: toastProblem,
    onSettled: () => {
      setKey(freshKey());
      return client.invalidateQueries({ queryKey: ["submissions"] });
    },
  });
  if (!found) return null;
  return (
    <section className="invitation" aria-label="Invitation">
      <CalendarDays className="i" aria-hidden />
      <div className="grow stack xs">
        <strong>{found.summary || "An invitation"}</strong>
        {found.start && <span className="small">{shown(found.start)}{found.end && <> to {shown(found.end)}</>}{found.repeats && ", again and again"}</span>}
        {found.location && <span className="small quiet">{found.location}</span>}
        <span className="small quiet">{found.organizer} invites</span>
        <span className="row wrap">
          {ANSWERS.map(({ answer, label, icon }) => (
            <Button key={answer} size="small" icon={icon} aria-pressed={said === answer} busy={give.isPending && give.variables === answer} disabled={give.isPending || said === answer} onClick={() => give.mutate(answer)}>{label}</Button>
          ))}
        </span>
        {said ? <span className="small quiet" role="status">{ANSWERS.find((one) => one.answer === said)?.said}</span> : body.flags.answered && <span className="small quiet">It was answered before. Another answer takes its place.</span>}
      </div>
    </section>
  );
}
