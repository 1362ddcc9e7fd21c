// The end of the wizard: the mailbox is live, and this is how a program goes on with it.

import { Link } from "@tanstack/react-router";
import type { Mailbox } from "../../../api/types";
import { CopyLine, Note } from "../../../ui/basics";

export function Connected({ mailbox }: { mailbox: Mailbox }) {
  const { origin } = window.location;
  const token = '-H "Authorization: Bearer $POSTROOM_TOKEN"';
  const webhook = JSON.stringify({ url: "https://app.example.com/mail", types: ["message.received"], mailbox_ids: [mailbox.id] });
  return (
    <section aria-label="Connected">
      <Note tone="good" title={`${mailbox.address} is connected`} action={<><Link to="/inbox" search={{ mailbox: mailbox.id }} className="btn small">Open its inbox</Link><Link to="/settings/tokens" className="btn small">Make a token</Link></>}>
        Its mail is being fetched, newest first; what is there can be used at once. Your program reads it and is told of new mail like this.
        <div className="stack s same">
          <CopyLine text={`curl "${origin}/v1/messages?mailbox_id=${mailbox.id}&limit=10" ${token}`} label="command that lists messages" />
          <CopyLine text={`curl ${origin}/v1/webhooks ${token} -H "Content-Type: application/json" -d '${webhook}'`} label="command that makes a webhook" />
        </div>
      </Note>
    </section>
  );
}
