// What an answer or a forward takes along of the original. The server quotes it, in both forms.

import type { AnswerStart } from "../../api/types";
import type { ComposeMode } from "../../addresses";
import { Button } from "../../ui/basics";
import type { Draft } from "./draft";

export function Original({ mode, begun, draft, hasFiles, set, edit }: {
  mode: ComposeMode; begun: AnswerStart; draft: Draft; hasFiles: boolean; set: (part: Partial<Draft>) => void; /** Left out: there is no editor to write in. */ edit?: () => void;
}) {
  const asFile = mode === "forward" && draft.forwardAs === "attachment";
  return (
    <div className="compose-files stack s">
      {mode === "forward" && (
        <fieldset className="compose-original">
          <legend className="small quiet">The original goes along</legend>
          <label><input type="radio" name="forward-as" checked={!asFile} onChange={() => set({ forwardAs: "inline" })} /> {hasFiles ? "With its text and attachments" : "With its text"}</label>
          <label><input type="radio" name="forward-as" checked={asFile} onChange={() => set({ forwardAs: "attachment" })} /> As an attachment, unchanged</label>
        </fieldset>
      )}
      {mode !== "forward" && (
        <label className="compose-original">
          <span><input type="checkbox" checked={draft.quote} onChange={(e) => set({ quote: e.target.checked })} /> Quote the original below</span>
        </label>
      )}
      {draft.quote && !asFile && (
        <details>
          <summary className="small quiet">Show what is quoted</summary>
          <pre className="compose-quoted" tabIndex={0} aria-label="Quotation">{begun.quoted_text}</pre>
          {edit && <Button size="small" onClick={edit}>Write inside it</Button>}
        </details>
      )}
    </div>
  );
}
