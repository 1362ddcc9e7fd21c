// A mailbox: who answers while nobody is there, Postroom or the mailbox's own mail server.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/client";
import type { AutoReply, AutoReplyServer } from "../../api/auto-replies";
import type { Mailbox } from "../../api/types";
import { Button, Failed } from "../../ui/basics";

export function WhoAnswers({ mailbox, own }: { mailbox: Mailbox; own: AutoReply }) {
  const client = useQueryClient();
  const settled = () => client.invalidateQueries({ queryKey: ["auto-replies"] });
  const ask = useMutation({
    mutationFn: () => api.post<AutoReplyServer>("/v1/auto-replies/ask-server", { mailbox_id: mailbox.id }),
    onSettled: settled,
  });
  // Nothing new is a change too: it is made on the server once more.
  const hand = useMutation({
    mutationFn: (part: { place?: AutoReply["place"] }) => api.patch(`/v1/auto-replies/${own.id}`, part),
    onSettled: settled,
  });
  const host = mailbox.incoming?.host ?? "The mail server";
  const error = hand.error ?? ask.error;
  const toPostroom = <Button size="small" busy={hand.isPending} onClick={() => hand.mutate({ place: "postroom" })}>Let Postroom answer</Button>;
  return (
    <div className="body stack s" role="group" aria-label="Who answers">
      {own.on_server === "unsure" ? (
        <Line text={`${host} did not say whether it took the last change. Until it does, Postroom answers nobody, so that nobody gets two answers.`}>
          <Button size="small" look="primary" busy={hand.isPending} onClick={() => hand.mutate({})}>Repeat the change</Button>{toPostroom}
        </Line>
      ) : own.place === "server" ? (
        <Line text={own.enabled ? `${host} answers by itself, also while Postroom is down.` : `${host} will answer by itself once this is switched on.`}>{toPostroom}</Line>
      ) : own.server_offers ? (
        <Line text={`Postroom answers. ${host} can do it by itself too, also while Postroom is down.`}>
          <Button size="small" busy={hand.isPending} onClick={() => hand.mutate({ place: "server" })}>Let the server answer</Button>
        </Line>
      ) : (
        <Line text={own.server_offers === false ? `Postroom answers. ${host} does not do it by itself.` : `Postroom answers. Perhaps ${host} can do it by itself, also while Postroom is down.`}>
          <Button size="small" busy={ask.isPending} onClick={() => ask.mutate()}>{own.server_offers === false ? "Ask again" : "Ask the server"}</Button>
        </Line>
      )}
      {error && <Failed error={error} />}
    </div>
  );
}

function Line({ text, children }: { text: string; children: React.ReactNode }) {
  return <div className="row wrap between"><span className="small grow">{text}</span><span className="row">{children}</span></div>;
}
