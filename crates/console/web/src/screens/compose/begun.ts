// The request that begins a draft. Its answer can be lost on the way, with a draft on the server: then the same request is
// made again under its key, until one is answered, and so there is one draft.

import { freshKey, Problem } from "../../api/client";
import type { ServerDraft, SubmissionInput } from "../../api/types";

/** A request that is not answered yet. */
export interface Begun {
  key: string;
  content: SubmissionInput;
}

/** Whether the server has made nothing, so that the next request may be another one. */
const isRefused = (error: unknown) => error instanceof Problem && error.status >= 400 && error.status < 500 && error.code !== "idempotency_in_progress";

/** Begins a draft, or learns which one was begun: `content` of the answer is what it was begun with. `note` hears of the request
 * before it leaves, and with null of its answer. */
export async function begin(
  before: Begun | null, content: SubmissionInput, post: (begun: Begun) => Promise<ServerDraft>, note: (begun: Begun | null) => void,
): Promise<{ draft: ServerDraft; content: SubmissionInput }> {
  const begun = before ?? { key: freshKey(), content };
  note(begun);
  try {
    const draft = await post(begun);
    note(null);
    return { draft, content: begun.content };
  } catch (error) {
    if (isRefused(error)) note(null);
    throw error;
  }
}
