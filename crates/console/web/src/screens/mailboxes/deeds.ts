// What the console does for each action that a remedy can carry: every one has a button.

/** `apply` changes a setting and tests again; `field` leads to the setting that a person has to fill in. */
export type Deed =
  | { kind: "apply" | "field" | "trust" | "open" | "test"; label: string }
  | { kind: "letter"; label: string; to: "provider" | "administrator" }
  | { kind: "network"; label: string }
  | { kind: "wait" }
  | { kind: "screen"; label: string; to: "/outbox" | "/settings/webhooks" | "/mailboxes" | "/inbox" | "/mailboxes/new" };

const word = (security: string | undefined) => security && (security === "none" ? "no encryption" : security.toUpperCase());
const apply = (what: string): Deed => ({ kind: "apply", label: `Apply and re-test: ${what}` });
const field = (label: string): Deed => ({ kind: "field", label });

/** What is done at the server, by its owner, and then looked at again. */
const DONE_THERE: Deed = { kind: "test", label: "Done: test again" };

const DEEDS: Record<string, (value: string) => Deed> = {
  use: port,
  use_port: port,
  use_security: (value) => apply(word(value) ?? value),
  use_host: apply,
  use_username: (value) => apply(`user name ${value}`),
  use_folder: (value) => apply(`folder ${value}`),
  use_address: apply,
  use_protocol: (value) => apply(value.toUpperCase()),
  choose_protocol: (value) => apply(value.toUpperCase()),
  swap_hosts: () => apply("swap the two servers"),
  trust_certificate: () => ({ kind: "trust", label: "Trust exactly this certificate …" }),
  enter_password: () => field("Enter the password again"),
  sign_in_again: () => field("Enter a new sign-in"),
  enter_username: () => field("Correct the user name"),
  edit_identity: () => field("Correct the user name"),
  choose_identity: () => ({ kind: "screen", label: "Go to the mailboxes", to: "/mailboxes" }),
  enter_host: () => field("Correct the server name"),
  edit_host: () => field("Correct the server name"),
  edit_port: () => field("Correct the port"),
  edit_auth: () => field("Choose another sign-in"),
  edit_outgoing: () => field("Correct the sending side"),
  edit_request: () => field("Correct the settings"),
  choose_folders: () => field("Choose the folders"),
  detect: () => ({ kind: "screen", label: "Let Postroom look for the servers", to: "/mailboxes/new" }),
  open_provider: () => ({ kind: "open", label: "Open the provider's page" }),
  contact_provider: () => ({ kind: "letter", label: "Copy a message to the provider", to: "provider" }),
  contact_administrator: () => ({ kind: "letter", label: "Copy a message to the administrator", to: "administrator" }),
  allow_network: () => ({ kind: "network", label: "Copy the setting for the administrator" }),
  wait: () => ({ kind: "wait" }),
  free_space: () => DONE_THERE,
  try_again: () => ({ kind: "test", label: "Try again" }),
  retry: () => ({ kind: "test", label: "Try again" }),
  edit_mailbox: () => ({ kind: "screen", label: "Go to the mailboxes", to: "/mailboxes" }),
  enable_mailbox: () => ({ kind: "screen", label: "Go to the mailboxes", to: "/mailboxes" }),
  edit_message: () => ({ kind: "screen", label: "Go to the outbox", to: "/outbox" }),
  edit_recipient: () => ({ kind: "screen", label: "Go to the outbox", to: "/outbox" }),
  edit_webhook: () => ({ kind: "screen", label: "Go to the webhooks", to: "/settings/webhooks" }),
  fetch_message: () => ({ kind: "screen", label: "Go to the message and fetch it", to: "/inbox" }),
  start_over: () => ({ kind: "screen", label: "Begin again", to: "/inbox" }),
};

function port(value: string): Deed {
  const [number, security] = value.split(":");
  return apply(`port ${number}${security ? ` with ${word(security)}` : ""}`);
}

/** The deed for an action such as `use:143:starttls`; null where there is nothing to do (`none`) or no action. */
export function deedOf(action: string | null): Deed | null {
  if (!action || action === "none") return null;
  const colon = action.indexOf(":");
  const verb = colon < 0 ? action : action.slice(0, colon);
  return DEEDS[verb]?.(colon < 0 ? "" : action.slice(colon + 1)) ?? null;
}
