// After a message was handed over: where it is, and a few seconds to take it back.

import { api, Problem } from "../../api/client";
import type { ServerDraft, Submission, SubmissionInput } from "../../api/types";
import { fullTime, plural } from "../../ui/format";
import { toast, toastProblem } from "../../ui/overlays";

/** How long a message waits in the outbox before it goes out, so that its writer can take it back. */
export const UNDO_SECONDS = 10;

/** Says so. `writeAgain` brings back what was written. */
export function handedOver(submission: Submission, writeAgain: () => Promise<void>) {
  const to = `To ${plural(submission.recipients.length, "recipient")}.`;
  const when = submission.send_at ? `It goes out ${fullTime(submission.send_at)}.` : `It goes out in ${UNDO_SECONDS} seconds.`;
  toast("In the outbox", {
    description: `${to} ${when}`,
    ms: UNDO_SECONDS * 1_000,
    action: {
      label: "Undo",
      run: () => {
        api
          .delete(`/v1/submissions/${submission.id}`)
          .then(writeAgain)
          .then(() => toast("Not sent", { description: "It is a draft again." }))
          .catch(toastProblem);
      },
    },
  });
}

/** What was taken back, as a draft. Files that are not there for this writer any more do not cost the text. */
export async function writtenAgain(content: SubmissionInput): Promise<ServerDraft> {
  try {
    return await api.post<ServerDraft>("/v1/drafts", content);
  } catch (error) {
    const isAboutFiles = error instanceof Problem && error.errors.some((one) => one.pointer.startsWith("/attachments"));
    if (!isAboutFiles) throw error;
    const { attachments: _, ...rest } = content;
    const draft = await api.post<ServerDraft>("/v1/drafts", rest);
    toast("The files are not attached", { description: "Attach them once more before you send." });
    return draft;
  }
}
