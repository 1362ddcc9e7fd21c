// Who of those who wrote lately would have got the answer: looked at before it is switched on.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/client";
import { type AutoReply, type AutoReplyPreview, autoReplyPreview } from "../../api/auto-replies";
import type { Mailbox } from "../../api/types";
import { Button, CopyLine, Failed, Note, Pill, Waiting } from "../../ui/basics";
import { plural } from "../../ui/format";
import { Dialog, toast } from "../../ui/overlays";

/** How far back it looks. */
export const PREVIEW_DAYS = 7;

/** The last step before an out of office answers anybody: what it would have done is on the screen first. */
export function SwitchOn({ mailbox, own, onClose }: { mailbox: Mailbox; own: AutoReply; onClose: () => void }) {
  const preview = useQuery(autoReplyPreview(own.id));
  const client = useQueryClient();
  const on = useMutation({
    mutationFn: () => api.patch(`/v1/auto-replies/${own.id}`, { enabled: true }),
    onSuccess: () => {
      toast("The out of office is on", { description: own.starts_at ? "It answers from the day that it names." : "Whoever writes from now on gets an answer." });
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["auto-replies"] }),
  });
  return (
    <Dialog open onClose={onClose} title="Who would get it?" wide>
      <p className="small quiet">Nothing is sent yet. This is what it would have done with the mail of the last {PREVIEW_DAYS} days. Old mail is not answered: only what comes after it is on.</p>
      {preview.isPending && <Waiting lines={4} label="Looking at the mail of the last days" />}
      {preview.isError && <Failed error={preview.error} retry={() => void preview.refetch()} />}
      {preview.data && <Previewed preview={preview.data} />}
      {on.error && <Failed error={on.error} />}
      <CopyLine label="command" text={`postroom auto-reply preview ${mailbox.address}`} />
      <div className="row end">
        <Button onClick={onClose}>Not yet</Button>
        <Button look="primary" busy={on.isPending} disabled={!preview.data} onClick={() => on.mutate()}>Switch on</Button>
      </div>
    </Dialog>
  );
}

export function Previewed({ preview }: { preview: AutoReplyPreview }) {
  if (preview.data.length === 0) return <Note tone="info">Nothing came in this time, so nobody would have been answered.</Note>;
  return (
    <>
      <p className="small">{preview.answered} of {plural(preview.data.length, "message")} would have been answered{preview.truncated && "; older ones are not shown"}.</p>
      <ul className="previewed" tabIndex={0} aria-label="Messages of the last days">
        {preview.data.map((one) => (
          <li key={one.message_id} className="ledger">
            <div className="grow stack xs">
              <span className="row wrap"><strong className="cut">{one.from ?? "nobody"}</strong>{one.answered ? <Pill tone="good">{one.inside ? "answered, inside" : "answered"}</Pill> : <Pill>not answered</Pill>}</span>
              <span className="small quiet cut">{one.subject ?? "without a subject"}{one.reason_text && <>: {one.reason_text}</>}</span>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}
