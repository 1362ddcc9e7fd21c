// Every address of the console. What a screen shows is in its address, so that it can be linked to.

import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, Outlet, redirect } from "@tanstack/react-router";
import type { ComposeSearch, InboxSearch } from "./addresses";
import type { Role, SubmissionState } from "./api/types";
import { mailboxes, session, setup } from "./api/queries";
import { Compose } from "./screens/compose/compose";
import { Drafts } from "./screens/drafts";
import { Inbox } from "./screens/inbox/inbox";
import { AddMailbox } from "./screens/mailboxes/add/wizard";
import { EditMailbox } from "./screens/mailboxes/edit";
import { MailboxList } from "./screens/mailboxes/list";
import { MailboxPage } from "./screens/mailboxes/page";
import { Outbox } from "./screens/outbox";
import { LayoutSettings } from "./screens/settings/layout";
import { Settings } from "./screens/settings/settings";
import { Tokens } from "./screens/settings/tokens";
import { WebhookPage } from "./screens/settings/webhook";
import { Webhooks } from "./screens/settings/webhooks";
import { ServerProfiles } from "./screens/settings/profiles";
import { Signatures } from "./screens/settings/signatures";
import { Templates } from "./screens/settings/templates";
import { SetUp } from "./screens/set-up";
import { Crashed, NotFound, Shell } from "./screens/shell";
import { SignIn } from "./screens/sign-in";

interface Context {
  client: QueryClient;
}

const ROLES: Role[] = ["inbox", "drafts", "sent", "junk", "trash", "archive", "all", "flagged"];
const STATES: SubmissionState[] = ["queued", "sending", "accepted", "deferred", "unclear", "failed", "cancelled"];

const text = (value: unknown) => (typeof value === "string" && value ? value : undefined);
const flag = (value: unknown) => (value === true || value === "true" ? true : undefined);
const oneOf = <T extends string>(values: readonly T[], value: unknown) => values.find((v) => v === value);

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFound });

const setUp = createRoute({ getParentRoute: () => root, path: "/setup", component: SetUp });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (s: Record<string, unknown>): { next?: string } => ({ next: text(s.next) }),
  component: SignIn,
});

/** Everything behind the sign-in. */
const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  beforeLoad: async ({ context, location }) => {
    const user = await context.client.ensureQueryData(session);
    if (user) return;
    const { needed } = await context.client.fetchQuery(setup);
    if (needed) throw redirect({ to: "/setup" });
    throw redirect({ to: "/sign-in", search: { next: location.href === "/" ? undefined : location.href } });
  },
  component: Shell,
  errorComponent: Crashed,
  notFoundComponent: NotFound,
});

const home = createRoute({
  getParentRoute: () => inside,
  path: "/",
  beforeLoad: async ({ context }) => {
    const all = await context.client.ensureQueryData(mailboxes);
    throw redirect({ to: all.length ? "/inbox" : "/mailboxes" });
  },
});

const inbox = createRoute({
  getParentRoute: () => inside,
  path: "/inbox",
  validateSearch: (s: Record<string, unknown>): InboxSearch => ({
    mailbox: text(s.mailbox),
    role: oneOf(ROLES, s.role),
    folder: text(s.folder),
    tag: text(s.tag),
    q: text(s.q),
    unread: flag(s.unread),
    flagged: flag(s.flagged),
    view: oneOf(["messages", "threads"] as const, s.view),
    m: text(s.m),
    t: text(s.t),
  }),
  component: Inbox,
});

const compose = createRoute({
  getParentRoute: () => inside,
  path: "/compose",
  validateSearch: (s: Record<string, unknown>): ComposeSearch => ({
    mode: oneOf(["reply", "reply_all", "forward"] as const, s.mode),
    message: text(s.message),
    mailbox: text(s.mailbox),
    to: text(s.to),
    draft: text(s.draft),
  }),
  component: Compose,
});

const outbox = createRoute({
  getParentRoute: () => inside,
  path: "/outbox",
  validateSearch: (s: Record<string, unknown>): { state?: SubmissionState; scheduled?: boolean; open?: string } => ({
    state: oneOf(STATES, s.state),
    scheduled: flag(s.scheduled),
    open: text(s.open),
  }),
  component: Outbox,
});

const drafts = createRoute({ getParentRoute: () => inside, path: "/drafts", component: Drafts });

const mailboxList = createRoute({
  getParentRoute: () => inside,
  path: "/mailboxes",
  validateSearch: (s: Record<string, unknown>): { need?: boolean; find?: string } => ({ need: flag(s.need), find: text(s.find) }),
  component: MailboxList,
});
const addMailbox = createRoute({ getParentRoute: () => inside, path: "/mailboxes/new", component: AddMailbox });
const mailboxPage = createRoute({
  getParentRoute: () => inside,
  path: "/mailboxes/$id",
  validateSearch: (s: Record<string, unknown>): { new?: boolean; report?: string } => ({ new: flag(s.new), report: text(s.report) }),
  component: MailboxPage,
});
const editMailbox = createRoute({ getParentRoute: () => inside, path: "/mailboxes/$id/settings", component: EditMailbox });

const settings = createRoute({ getParentRoute: () => inside, path: "/settings", component: Settings });
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/tokens" });
  },
});
const tokens = createRoute({ getParentRoute: () => settings, path: "/tokens", component: Tokens });
const webhooks = createRoute({ getParentRoute: () => settings, path: "/webhooks", component: Webhooks });
const profiles = createRoute({ getParentRoute: () => settings, path: "/profiles", component: ServerProfiles });
const signatures = createRoute({ getParentRoute: () => settings, path: "/signatures", component: Signatures });
const templates = createRoute({ getParentRoute: () => settings, path: "/templates", component: Templates });
const layout = createRoute({ getParentRoute: () => settings, path: "/layout", component: LayoutSettings });
const webhook = createRoute({ getParentRoute: () => settings, path: "/webhooks/$id", component: WebhookPage });

export function makeRouter(client: QueryClient) {
  const tree = root.addChildren([
    setUp,
    signIn,
    inside.addChildren([
      home, inbox, compose, outbox, drafts, mailboxList, addMailbox, mailboxPage, editMailbox,
      settings.addChildren([settingsHome, tokens, webhooks, webhook, profiles, signatures, templates, layout]),
    ]),
  ]);
  return createRouter({ routeTree: tree, context: { client }, defaultPreload: false, scrollRestoration: false });
}
