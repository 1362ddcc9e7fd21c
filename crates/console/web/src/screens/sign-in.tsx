import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, Problem } from "../api/client";
import { session } from "../api/queries";
import type { User } from "../api/types";
import { Button, Failed, Field } from "../ui/basics";
import { Door } from "./door";

export function SignIn() {
  const { next } = useSearch({ from: "/sign-in" });
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const signIn = useMutation({
    mutationFn: () => api.post<{ user: User }>("/v1/session", { email: email.trim(), password }),
    onSuccess: async ({ user }) => {
      client.setQueryData(session.queryKey, user);
      // Only a path of this console, never another origin.
      if (next && /^\/(?!\/)/.test(next)) router.history.push(next);
      else await navigate({ to: "/" });
    },
  });
  const problem = signIn.error instanceof Problem ? signIn.error : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <Door>
      <form className="card stack" onSubmit={submit}>
        <h1>Sign in</h1>
        {signIn.error && <Failed error={signIn.error} />}
        <Field label="Email" error={problem?.at("/email")}>
          {(ids) => (
            <input {...ids} className="input" type="email" autoComplete="username" required autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
          )}
        </Field>
        <Field label="Password" error={problem?.at("/password")}>
          {(ids) => (
            <input {...ids} className="input" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
          )}
        </Field>
        <Button type="submit" look="primary" busy={signIn.isPending}>Sign in</Button>
      </form>
    </Door>
  );
}
