// As whom a message goes out and with which signature, where there is something to choose.

import { useQuery } from "@tanstack/react-query";
import type { SubmissionInput } from "../../api/types";
import { identities as identitiesQuery, shown, signatures as signaturesQuery } from "../../api/sending";

export interface Author {
  identity_id?: string;
  /** `none`: none; left out: the identity's. */
  signature?: string;
}

/** As a draft has it. */
export function authorOf(content: Partial<SubmissionInput> | undefined): Author {
  const { identity_id, signature } = content ?? {};
  return { ...(identity_id ? { identity_id } : {}), ...(signature === undefined ? {} : { signature: signature ?? "none" }) };
}

interface Props {
  mailbox: string;
  isReply: boolean;
  author: Author;
  onChange: (author: Author) => void;
}

export function AuthorFields({ mailbox, isReply, author, onChange }: Props) {
  const identities = useQuery(identitiesQuery);
  const signatures = useQuery(signaturesQuery);
  const own = identities.data?.filter((one) => one.mailbox_id === mailbox && one.usable) ?? [];
  const main = own.find((one) => one.is_main) ?? own[0];
  const chosen = own.find((one) => one.id === author.identity_id);
  // Another mailbox was chosen meanwhile: its own identities are others.
  const gone = Boolean(author.identity_id) && !chosen && identities.isSuccess;
  if (gone) queueMicrotask(() => onChange({ signature: author.signature }));
  return (
    <>
      {own.length > 1 && (
        <div className="compose-line">
          <label htmlFor="compose-identity">As</label>
          <select
            id="compose-identity" className="bare" value={chosen?.id ?? ""}
            onChange={(e) => onChange({ ...author, identity_id: e.target.value || undefined })}
          >
            <option value="">{isReply ? "the address that was written to" : main ? shown(main) : "the main identity"}</option>
            {own.filter((one) => isReply || one !== main).map((one) => <option key={one.id} value={one.id}>{shown(one)}</option>)}
          </select>
        </div>
      )}
      {Boolean(signatures.data?.length) && (
        <div className="compose-line">
          <label htmlFor="compose-signature">Signature</label>
          <select
            id="compose-signature" className="bare" value={author.signature ?? ""}
            onChange={(e) => onChange({ ...author, signature: e.target.value || undefined })}
          >
            <option value="">as usual</option>
            <option value="none">none</option>
            {signatures.data?.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
          </select>
        </div>
      )}
    </>
  );
}
