// API tokens: made here, shown once, revoked here.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../../api/client";
import { tokens as tokensQuery } from "../../api/queries";
import type { Token } from "../../api/types";
import { Ago, Button, CopyLine, Empty, Failed, Field, IconButton, Note, Pill, Waiting } from "../../ui/basics";
import { Confirm, Dialog, toast, toastProblem } from "../../ui/overlays";

const SCOPES: [string, string][] = [
  ["all", "Everything, also tokens"],
  ["read", "Read mailboxes, mail and events"],
  ["write", "Flag, move and delete mail"],
  ["send", "Send mail"],
  ["manage", "Add and change mailboxes and webhooks"],
];

export function Tokens() {
  const query = useQuery(tokensQuery);
  const client = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const revoke = useMutation({
    mutationFn: (token: Token) => api.delete(`/v1/tokens/${token.id}`),
    onSuccess: (_answer, token) => {
      toast(`Revoked “${token.name}”`);
      setRevoking(null);
    },
    onError: toastProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  return (
    <section className="card" aria-label="Tokens">
      <header>
        <h2>API tokens</h2>
        <Button look="primary" size="small" icon={Plus} onClick={() => setCreating(true)}>New token</Button>
      </header>
      {query.isPending && <div className="body"><Waiting /></div>}
      {query.isError && <div className="body"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && (
        <Empty icon={KeyRound} title="No token yet">
          <p className="small">An application signs in with a token. It is shown once and stored only as a hash.</p>
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <div className="table-wrap">
          <table className="table wide-table cards-on-phone">
            <thead><tr><th scope="col">Name</th><th scope="col">May</th><th scope="col">Last used</th><th scope="col">Made</th><th scope="col"><span className="hide">Actions</span></th></tr></thead>
            <tbody>
              {query.data.map((t) => (
                <tr key={t.id}>
                  <td className="strong head">{t.name}</td>
                  <td className="full"><span className="row wrap">{t.scopes.map((s) => <Pill key={s} tone={s === "all" ? "warn" : ""}>{s}</Pill>)}</span></td>
                  <td className="quiet small" data-label="Last used">{t.last_used_at ? <Ago time={t.last_used_at} step={10} /> : "never"}</td>
                  <td className="quiet small" data-label="Made"><Ago time={t.created_at} step={10} /></td>
                  <td className="right menu-cell"><IconButton label={`Revoke ${t.name}`} icon={Trash2} size="small" onClick={() => setRevoking(t)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {creating && <NewToken onClose={() => setCreating(false)} />}
      <Confirm open={revoking !== null} onClose={() => setRevoking(null)} title={`Revoke “${revoking?.name}”?`} action="Revoke" busy={revoke.isPending} onConfirm={() => revoking && revoke.mutate(revoking)}>
        Whatever uses it is refused from this moment on. It cannot be brought back.
      </Confirm>
    </section>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["all"]);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => api.post<{ token: string }>("/v1/tokens", { name: name.trim(), scopes }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const problem = create.error instanceof Problem ? create.error : null;
  const toggle = (scope: string) => {
    if (scope === "all") return setScopes(["all"]);
    const rest = scopes.filter((s) => s !== "all");
    setScopes(rest.includes(scope) ? rest.filter((s) => s !== scope) : [...rest, scope]);
  };
  if (create.data) {
    return (
      <Dialog open onClose={onClose} title="Copy the token now" wide>
        <Note tone="warn">It is shown this once. Postroom keeps only a hash of it.</Note>
        <CopyLine text={create.data.token} label="token" />
        <CopyLine text={`curl ${window.location.origin}/v1/mailboxes -H "Authorization: Bearer ${create.data.token}"`} label="command" />
        <div className="row end"><Button look="primary" onClick={onClose}>I have it</Button></div>
      </Dialog>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Dialog open onClose={onClose} title="New token">
      <form className="stack" onSubmit={submit}>
        {create.error && <Failed error={create.error} />}
        <Field label="Name" hint="Where it will be used." error={problem?.at("/name")}>
          {(ids) => <input {...ids} className="input" required autoFocus placeholder="CRM" value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <fieldset className="stack xs">
          <legend className="field-label">It may</legend>
          {SCOPES.map(([scope, words]) => (
            <label key={scope} className="check">
              <input type="checkbox" checked={scopes.includes(scope)} onChange={() => toggle(scope)} />
              <span>{words} <code className="faint small">{scope}</code></span>
            </label>
          ))}
        </fieldset>
        <div className="row end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={create.isPending} disabled={scopes.length === 0}>Make the token</Button>
        </div>
      </form>
    </Dialog>
  );
}
