// The frame around every screen behind the sign-in: the rail, the live line, the way out.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouter, useRouterState } from "@tanstack/react-router";
import { AtSign, Inbox, LogOut, MapPinOff, Monitor, Moon, PenLine, Send, Settings, Sun, UserRound, WifiOff } from "lucide-react";
import { useEffect, useState } from "react";
import { api } from "../api/client";
import { useLive } from "../api/live";
import { mailboxes, session } from "../api/queries";
import { Button, Empty, Failed } from "../ui/basics";
import { Menu, toastProblem } from "../ui/overlays";

export function Shell() {
  const { data: user } = useQuery(session);
  const { data: all } = useQuery(mailboxes);
  const live = useLive(Boolean(user));
  const needYou = all?.filter((m) => m.connection.state === "held").length ?? 0;
  useTitle();

  return (
    <div className="app">
      <a className="skip-link" href="#main">Skip to the content</a>
      <nav className="rail" aria-label="Main">
        <Link to="/" className="logo" aria-label="Postroom">
          <img src="/icon.svg" alt="" />
        </Link>
        <Link to="/compose" className="tab compose"><PenLine className="i" aria-hidden />Write</Link>
        <Link to="/inbox" className="tab o1"><Inbox className="i" aria-hidden />Inbox</Link>
        <Link to="/outbox" className="tab o1"><Send className="i" aria-hidden />Outbox</Link>
        <Link to="/mailboxes" className="tab o3">
          <AtSign className="i" aria-hidden />Mailboxes
          {needYou > 0 && <span className="badge" title={`${needYou} need you`}>{needYou}<span className="hide"> need you</span></span>}
        </Link>
        <Link to="/settings" className="tab o3"><Settings className="i" aria-hidden />Settings</Link>
        <span className="rest" />
        <UserMenu name={user?.name ?? ""} email={user?.email ?? ""} />
      </nav>
      <main id="main" className="main" tabIndex={-1}>
        {live === "broken" && (
          <div className="offline" role="status">
            <WifiOff className="i" aria-hidden />
            The line to Postroom is down. What you see may be old; the console keeps trying.
          </div>
        )}
        <Outlet />
      </main>
    </div>
  );
}

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function currentTheme(): Theme {
  return THEMES.find((t) => t === document.documentElement.dataset.theme) ?? "system";
}

function UserMenu({ name, email }: { name: string; email: string }) {
  const client = useQueryClient();
  const router = useRouter();
  const [theme, setTheme] = useState(currentTheme);
  const choose = (next: Theme) => {
    setTheme(next);
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("postroom.theme", next);
    } catch {
      // Without storage the choice lasts until the tab closes.
    }
  };
  const signOut = useMutation({
    mutationFn: () => api.delete("/v1/session"),
    onSuccess: async () => {
      client.clear();
      client.setQueryData(session.queryKey, null);
      await router.navigate({ to: "/sign-in", search: {} });
    },
    onError: toastProblem,
  });
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="tab o4" aria-label={`${name || email}: theme and sign-out`}>
          <UserRound className="i" aria-hidden />
          <span className="cut user-name">{name.split(" ")[0] || "You"}</span>
        </button>
      }
      items={[
        { label: `Theme: as the system${theme === "system" ? " ✓" : ""}`, icon: Monitor, onSelect: () => choose("system") },
        { label: `Theme: light${theme === "light" ? " ✓" : ""}`, icon: Sun, onSelect: () => choose("light") },
        { label: `Theme: dark${theme === "dark" ? " ✓" : ""}`, icon: Moon, onSelect: () => choose("dark") },
        "line",
        { label: `Sign out ${email}`, icon: LogOut, onSelect: () => signOut.mutate() },
      ]}
    />
  );
}

const TITLES: [RegExp, string][] = [
  [/^\/inbox/, "Inbox"],
  [/^\/compose/, "Write"],
  [/^\/outbox/, "Outbox"],
  [/^\/drafts/, "Drafts"],
  [/^\/mailboxes\/new/, "Add a mailbox"],
  [/^\/mailboxes/, "Mailboxes"],
  [/^\/settings\/webhooks/, "Webhooks"],
  [/^\/settings\/profiles/, "Server profiles"],
  [/^\/settings\/layout/, "Layout"],
  [/^\/settings/, "Tokens"],
];

function useTitle() {
  const path = useRouterState({ select: (s) => s.location.pathname });
  useEffect(() => {
    const name = TITLES.find(([at]) => at.test(path))?.[1];
    document.title = name ? `${name} · Postroom` : "Postroom";
  }, [path]);
}

export function Crashed({ error, reset }: { error: unknown; reset: () => void }) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <div className="door">
      <div className="panel"><Failed error={error} retry={retry} /></div>
    </div>
  );
}

export function NotFound() {
  const router = useRouter();
  return (
    <Empty icon={MapPinOff} title="There is no such page">
      <p>The address may be mistyped, or what it named was removed.</p>
      <Button onClick={() => void router.navigate({ to: "/" })}>To the start</Button>
    </Empty>
  );
}
