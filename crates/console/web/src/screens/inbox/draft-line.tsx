// A message in the Drafts folder: what was begun here is gone on with here.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { PenLine } from "lucide-react";
import { drafts } from "../../api/queries";
import type { Message } from "../../api/types";
import { Button, Note } from "../../ui/basics";

export function DraftLine({ message }: { message: Message }) {
  const navigate = useNavigate();
  const all = useQuery(drafts(message.mailbox_id));
  const own = all.data?.find((draft) => draft.message_id === message.id);
  if (!all.data) return null;
  return (
    <Note tone="info">
      {own ? "This is not sent yet." : "This draft was begun in another program, and is gone on with there."}{" "}
      {own && <Button size="small" icon={PenLine} onClick={() => void navigate({ to: "/compose", search: { draft: own.id } })}>Go on writing</Button>}
    </Note>
  );
}
