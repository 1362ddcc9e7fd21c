// The reading receipt that a message asks for: given only when its reader says so.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import { api } from "../../api/client";
import type { MessageBody } from "../../api/types";
import { Button } from "../../ui/basics";
import { toast, toastProblem } from "../../ui/overlays";

export function ReceiptLine({ body }: { body: MessageBody }) {
  const client = useQueryClient();
  const give = useMutation({
    mutationFn: (disposition: "displayed" | "denied") => api.post(`/v1/messages/${body.id}/read-receipt`, { disposition }),
    onSuccess: () => toast("The receipt is on its way"),
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["message", body.id] }),
  });
  const to = body.receipt_to ?? [];
  const given = body.flags.keywords?.some((k) => k.toLowerCase() === "$mdnsent");
  if (to.length !== 1 || given || body.direction === "outgoing" || body.automatic || body.report || give.isSuccess) return null;
  return (
    <div className="images-line small">
      <MailCheck className="i" aria-hidden />
      <span className="grow">{to[0]?.address} asks to be told when you have read this. Nothing is told unless you say so.</span>
      <Button size="small" disabled={give.isPending} onClick={() => give.mutate("displayed")}>Send receipt</Button>
      <Button size="small" disabled={give.isPending} onClick={() => give.mutate("denied")}>Say no</Button>
    </div>
  );
}
