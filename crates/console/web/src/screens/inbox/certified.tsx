// Italian certified mail (PEC): what the provider says of the message in its envelope, or of one that was sent.
import { BadgeCheck } from "lucide-react";
import type { MessageBody } from "../../api/types";
import { Pill } from "../../ui/basics";

const WORDS: Record<NonNullable<NonNullable<MessageBody["certified"]>["kind"]>, string> = {
  message: "Certified mail",
  anomaly: "Ordinary mail, passed on by a certified provider",
  acceptance: "Receipt of acceptance",
  refusal: "Not accepted",
  taken_over: "Taken over by the recipient's provider",
  delivery: "Receipt of delivery",
  failure: "Not delivered",
  delay: "Not delivered yet",
  virus: "A virus was found",
};

export function CertifiedLine({ body }: { body: MessageBody }) {
  const certified = body.certified;
  if (!certified) return null;
  const bad = ["anomaly", "refusal", "failure", "delay", "virus"].includes(certified.kind);
  return (
    <p className="small row wrap">
      <Pill tone={bad ? "warn" : "good"}><BadgeCheck className="i" aria-hidden />{WORDS[certified.kind]}</Pill>
      {certified.sender && <span>from {certified.sender}</span>}
      {certified.about && <span>to {certified.about}</span>}
      {certified.provider && <span className="faint">{certified.provider}</span>}
      {certified.error && <span className="faint">{certified.error}</span>}
    </p>
  );
}
