// A message in the Drafts folder: what was begun here is gone on with here, and so is what another program began.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { PenLine } from "lucide-react";
import { drafts } from "../../api/queries";
import type { Message } from "../../api/types";
import { Button, Note } from "../../ui/basics";
import { isCopyOf } from "../compose/adopt";
import { useAdopt } from "../drafts";

export function DraftLine({ message }: { message: Message }) {
  const navigate = useNavigate();
  const go = useAdopt();
  const all = useQuery(drafts(message.mailbox_id));
  const own = all.data?.find((draft) => isCopyOf(message, [draft]));
  if (!all.data) return null;
  return (
    <Note tone="info">
      {own ? "This is not sent yet." : "This draft was begun in another program. Gone on with here, it becomes one of ours: its recipients, text and files are taken over, and it takes the other one's place in the folder."}{" "}
      {own ? <Button size="small" icon={PenLine} onClick={() => void navigate({ to: "/compose", search: { draft: own.id } })}>Go on writing</Button>
      : <Button size="small" icon={PenLine} busy={go.isPending} onClick={() => go.mutate(message.id)}>Go on with it here</Button>}
    </Note>
  );
}
