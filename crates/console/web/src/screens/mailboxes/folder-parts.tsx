// What the plan of a new mailbox and the page of a saved one say about folders.

import type { Role } from "../../api/types";
import { Note } from "../../ui/basics";
import { ROLE } from "../../ui/words";

export function RoleSelect({ path, role, disabled, onChange }: { path: string; role: Role | null; disabled?: boolean; onChange: (role: Role | null) => void }) {
  return (
    <select className="input mode" aria-label={`Role of ${path}`} value={role ?? ""} disabled={disabled} onChange={(e) => onChange((e.target.value || null) as Role | null)}>
      <option value="">none</option>
      {Object.entries(ROLE).map(([value, word]) => <option key={value} value={value}>{word}</option>)}
    </select>
  );
}

const ROLES = Object.keys(ROLE);

/** Those with a role first, in the usual order; the others by name. */
export const inOrder = <T extends { role: Role | null; path: string }>(folders: T[]): T[] => {
  const rank = ({ role }: T) => (role ? ROLES.indexOf(role) : ROLES.length);
  return [...folders].sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
};

interface Known {
  role: Role | null;
  messages: number | null;
}

/** What is right with the server and yet not what most mailboxes look like. */
export function FolderNotes({ folders, sends, since }: { folders: Known[]; sends: boolean; /** The first day that is wanted; undefined: the plan was made long ago. */ since?: string }) {
  // Somebody may well file everything at once: only a mailbox without any mail is unusual.
  const empty = since !== undefined && folders.every((folder) => folder.messages === 0);
  const noSent = sends && !folders.some((folder) => folder.role === "sent");
  return (
    <>
      {empty && (
        <Note tone="warn" title={since ? "There is no mail since that day" : "The mailbox is empty"}>
          That is fine for a new mailbox. {since ? "Otherwise choose an earlier day." : "Otherwise check that this is the right mailbox: another user name may open another one."}
        </Note>
      )}
      {noSent && (
        <Note tone="warn" title="No folder is known for sent mail">
          Choose the role Sent for the folder where this mailbox keeps what it sent. Without one, Postroom keeps what it sends, and no other mail program sees it.
        </Note>
      )}
    </>
  );
}
