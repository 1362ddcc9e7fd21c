// First run: the owner is created with the one-time token of the set-up link.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { api, Problem } from "../api/client";
import { session, setup } from "../api/queries";
import type { User } from "../api/types";
import { Button, CopyLine, Failed, Field, Waiting } from "../ui/basics";
import { Door } from "./door";

/** The token travels in the fragment, which no server and no log ever sees. */
function tokenOfAddress(): string {
  return new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
}

export function SetUp() {
  const state = useQuery(setup);
  const [token] = useState(tokenOfAddress);
  useEffect(() => {
    // Out of the address bar and the history as soon as it was read.
    if (window.location.hash) window.history.replaceState(window.history.state, "", window.location.pathname);
  }, []);

  if (state.isPending) return <Door><div className="card"><Waiting /></div></Door>;
  if (state.isError) return <Door><Failed error={state.error} retry={() => void state.refetch()} /></Door>;
  if (!state.data.needed) {
    return (
      <Door>
        <div className="card stack">
          <h1>Already set up</h1>
          <p className="quiet">This Postroom has an owner. The set-up link worked once and is spent.</p>
          <Link to="/sign-in" search={{}} className="btn primary">Sign in</Link>
        </div>
      </Door>
    );
  }
  return <Door>{token ? <Owner token={token} /> : <NoToken />}</Door>;
}

function NoToken() {
  return (
    <div className="card stack">
      <h1>Open the set-up link</h1>
      <p className="quiet">
        Postroom printed a one-time link when it started; it ends in <code>/setup#token=…</code>. It proves that you run this server.
      </p>
      <p className="quiet">The link is gone or was cut? Stop Postroom and start it again: it prints a new one as long as there is no owner.</p>
      <CopyLine text="postroom serve" label="command" />
    </div>
  );
}

const MIN_PASSWORD = 10;

function Owner({ token }: { token: string }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const create = useMutation({
    mutationFn: () => api.post<{ user: User }>("/v1/setup", { token, name: name.trim(), email: email.trim(), password }),
    onSuccess: async ({ user }) => {
      client.setQueryData(session.queryKey, user);
      client.setQueryData(setup.queryKey, { needed: false });
      await navigate({ to: "/mailboxes", search: {} });
    },
  });
  const problem = create.error instanceof Problem ? create.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <>
      <form className="card stack" onSubmit={submit}>
        <div className="stack xs">
          <h1>Welcome. Create the owner</h1>
          <p className="quiet">The owner signs in here and decides everything about this server.</p>
        </div>
        {create.error && <Failed error={create.error} />}
        <Field label="Your name" error={problem?.at("/name")}>
          {(ids) => <input {...ids} className="input" autoComplete="name" required autoFocus value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label="Email" hint="To sign in with. Postroom does not write to it." error={problem?.at("/email")}>
          {(ids) => (
            <input {...ids} className="input" type="email" autoComplete="username" required value={email} onChange={(e) => setEmail(e.target.value)} />
          )}
        </Field>
        <Field label="Password" hint={`At least ${MIN_PASSWORD} characters.`} error={problem?.at("/password")}>
          {(ids) => (
            <input
              {...ids} className="input" type="password" autoComplete="new-password" required minLength={MIN_PASSWORD}
              value={password} onChange={(e) => setPassword(e.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="primary" busy={create.isPending}>Create the owner and sign in</Button>
      </form>
      <Promise />
    </>
  );
}

/** What Postroom promises to every mailbox. */
export function Promise() {
  return (
    <ul className="promise small quiet" aria-label="What Postroom promises">
      <li><Check className="i" aria-hidden />Reads only: mail you have not read stays unread on the server.</li>
      <li><Check className="i" aria-hidden />Deletes nothing, moves nothing, unless you ask for it.</li>
      <li><Check className="i" aria-hidden />Answers nothing: no receipts, no automatic replies, no images loaded.</li>
    </ul>
  );
}
