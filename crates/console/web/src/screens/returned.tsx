// What came back for a recipient after its server had taken the message: a fact of its own beside the state.
import { Link } from "@tanstack/react-router";
import type { Returned } from "../api/types";
import { Fact } from "../ui/facts";
import { fullTime } from "../ui/format";

type Tone = "good" | "warn" | "bad" | "mute";

/** A word and a tone for what came back. */
export function returnedWord(returned: Returned): { word: string; tone: Tone } {
  const words: Record<Returned["kind"], [string, Tone]> = {
    bounce: [returned.permanent ? "Returned for good" : "Returned", "bad"],
    accepted: ["Accepted with a receipt", "good"],
    delayed: ["Delayed", "warn"],
    delivered: ["Delivered", "good"],
    read: ["Displayed", "good"],
    complaint: ["Complained about", "bad"],
    challenge: ["Asks whether you are a person", "warn"],
    auto_reply: ["Answered by a machine", "mute"],
    out_of_office: ["Away", "mute"],
  };
  const [word, tone] = words[returned.kind];
  return { word: returned.confidence === "guess" ? `${word}, as it seems` : word, tone };
}

export function ReturnedLine({ returned, mailbox }: { returned: Returned; mailbox: string }) {
  const { word, tone } = returnedWord(returned);
  return (
    <div className="small returned">
      <Fact tone={tone} title={`Since ${fullTime(returned.at)}`}>{word}</Fact>
      {returned.status && <> · <code>{returned.status}</code></>}
      {" · "}<Link to="/inbox" search={{ mailbox, m: returned.message_id }}>the message that says so</Link>
      {returned.diagnostic && <div className="faint">{returned.diagnostic}</div>}
    </div>
  );
}
