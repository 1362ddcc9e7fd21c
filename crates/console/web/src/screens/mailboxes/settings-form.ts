// The settings of a mailbox as they are typed: ports that follow the security, warnings about
// unlikely pairs, what a report's remedy changes, and the body for the API.

import type { Incoming, Kind, Mailbox, MailboxInput, Outgoing, Owner, Protocol, Report, Security } from "../../api/types";
import { limitsOf, type LimitTexts, limitTexts } from "../settings/limits";

export interface Side {
  host: string;
  port: string;
  security: Security;
  username: string;
  auth: "password" | "oauth2" | "none";
  certificate: string;
  /** Said so: the password may travel unencrypted. */
  plaintext: boolean;
}

export interface SettingsForm {
  address: string;
  name: string;
  kind: Kind;
  receives: boolean;
  sends: boolean;
  protocol: Protocol;
  incoming: Side;
  outgoing: Side;
  password: string;
  /** Empty: the same as for receiving. */
  outgoingPassword: string;
  ownOutgoingPassword: boolean;
  fetchSince: string;
  everyFolder: boolean;
  /** One folder path per line. */
  folders: string;
  /** POP3: days after which what is stored is deleted on the server, 0: at once; empty: never. */
  deleteAfter: string;
  /** Nothing is changed on the receiving server. */
  readOnly: boolean;
  /** Megabytes of the largest message that is stored whole; empty: no limit. */
  sizeLimit: string;
  /** Whose it is, in the application's own words; an empty name: nobody's. */
  owner: Owner;
  /** Of this mailbox alone. */
  limits: LimitTexts;
}

export type SideName = "incoming" | "outgoing";
type Service = Protocol | "smtp";

const PORTS: Record<Service, Record<Security, number>> = {
  imap: { tls: 993, starttls: 143, none: 143 },
  pop3: { tls: 995, starttls: 110, none: 110 },
  smtp: { tls: 465, starttls: 587, none: 587 },
};

/** What a well-known port is for; 25 and 2525 speak STARTTLS where they are used for sending. */
const KNOWN: Record<number, { service: Service; security: Security[]; name: string }> = {
  993: { service: "imap", security: ["tls"], name: "IMAP with TLS" },
  143: { service: "imap", security: ["starttls", "none"], name: "IMAP with STARTTLS" },
  995: { service: "pop3", security: ["tls"], name: "POP3 with TLS" },
  110: { service: "pop3", security: ["starttls", "none"], name: "POP3 with STARTTLS" },
  465: { service: "smtp", security: ["tls"], name: "SMTP with TLS" },
  587: { service: "smtp", security: ["starttls", "none"], name: "SMTP with STARTTLS" },
  25: { service: "smtp", security: ["starttls", "none"], name: "mail between servers" },
};

const side = (service: Service): Side => ({
  host: "", port: String(PORTS[service].tls), security: "tls", username: "", auth: "password", certificate: "", plaintext: false,
});

export const emptyForm = (): SettingsForm => ({
  address: "", name: "", kind: "personal", receives: true, sends: true, protocol: "imap",
  incoming: side("imap"), outgoing: side("smtp"), password: "", outgoingPassword: "", ownOutgoingPassword: false,
  fetchSince: "", everyFolder: true, folders: "INBOX", deleteAfter: "", readOnly: false, sizeLimit: "",
  owner: { kind: "user", name: "" }, limits: limitTexts(),
});

/** A saved mailbox back in the form; secrets stay where they are. */
export function formOf(mailbox: Mailbox): SettingsForm {
  const form = emptyForm();
  const fill = (from: Incoming | Outgoing): Side => ({
    host: from.host, port: String(from.port), security: from.security, username: from.username, auth: from.auth,
    certificate: from.certificate_sha256 ?? "", plaintext: from.security === "none",
  });
  return {
    ...form,
    address: mailbox.address,
    name: mailbox.name,
    kind: mailbox.kind,
    receives: mailbox.incoming !== null,
    sends: mailbox.outgoing !== null,
    protocol: mailbox.incoming?.protocol ?? "imap",
    incoming: mailbox.incoming ? fill(mailbox.incoming) : form.incoming,
    outgoing: mailbox.outgoing ? fill(mailbox.outgoing) : form.outgoing,
    fetchSince: mailbox.fetch_since?.slice(0, 10) ?? "",
    everyFolder: !mailbox.monitored_folders,
    folders: mailbox.monitored_folders?.join("\n") ?? form.folders,
    sizeLimit: mailbox.size_limit ? String(mailbox.size_limit / 1_000_000) : "",
    deleteAfter: mailbox.pop3_delete_after_days?.toString() ?? "",
    readOnly: mailbox.read_only ?? false,
    owner: mailbox.owner ?? form.owner,
    limits: limitTexts(mailbox.limits),
  };
}

export const serviceOf = (form: SettingsForm, name: SideName): Service => (name === "incoming" ? form.protocol : "smtp");

/** The form with another security; a port that was the old choice's own follows. */
export function withSecurity(form: SettingsForm, name: SideName, security: Security): SettingsForm {
  return { ...form, [name]: { ...form[name], security, port: String(PORTS[serviceOf(form, name)][security]) } };
}

export function withProtocol(form: SettingsForm, protocol: Protocol): SettingsForm {
  return { ...form, protocol, incoming: { ...form.incoming, port: String(PORTS[protocol][form.incoming.security]) } };
}

/** Why the port and the security do not look right together, if they do not. */
export function portWarning(form: SettingsForm, name: SideName): string | undefined {
  const { port, security } = form[name];
  const number = Number(port);
  if (!port) return undefined;
  if (!Number.isInteger(number) || number < 1 || number > 65535) return "A port is a number from 1 to 65535.";
  const known = KNOWN[number];
  if (!known) return undefined;
  const service = serviceOf(form, name);
  if (known.service !== service) return `${number} is usually ${known.name}, not ${service.toUpperCase()}.`;
  if (!known.security.includes(security)) {
    return `${number} is usually ${known.name}; for ${security === "tls" ? "TLS" : security.toUpperCase()} it is ${PORTS[service][security]}.`;
  }
  if (number === 25) return "25 is for mail between servers and is often blocked; 465 or 587 are for sending.";
  return undefined;
}

/** The host that an address makes likely, as a placeholder only. */
export function likelyHost(form: SettingsForm, name: SideName): string {
  const domain = form.address.split("@")[1]?.trim() || "example.com";
  return `${serviceOf(form, name) === "pop3" ? "pop" : serviceOf(form, name)}.${domain}`;
}

/** The body for POST /v1/mailboxes, PATCH and unsaved tests. */
export function inputOf(form: SettingsForm): MailboxInput {
  const address = form.address.trim();
  const common = (s: Side) => ({
    host: s.host.trim(),
    port: Number(s.port),
    security: s.security,
    username: s.username.trim() || address,
    ...(s.certificate ? { certificate_sha256: s.certificate } : {}),
    ...(s.security === "none" && s.plaintext ? { allow_plaintext: true } : {}),
  });
  const incoming: Incoming | null = form.receives
    ? { protocol: form.protocol, ...common(form.incoming), auth: form.incoming.auth === "oauth2" ? "oauth2" : "password" }
    : null;
  const outgoing: Outgoing | null = form.sends
    ? {
        ...common(form.outgoing),
        auth: form.outgoing.auth,
        ...(form.outgoing.auth === "none" ? { username: "" } : {}),
        ...(form.ownOutgoingPassword && form.outgoingPassword ? { password: form.outgoingPassword } : {}),
      }
    : null;
  const paths = form.folders.split("\n").map((line) => line.trim()).filter(Boolean);
  return {
    address,
    name: form.name.trim() || address,
    kind: form.kind,
    incoming,
    outgoing,
    ...(form.password ? { password: form.password } : {}),
    fetch_since: form.fetchSince || null,
    size_limit: form.sizeLimit === "" ? null : Math.round(Number(form.sizeLimit) * 1_000_000),
    ...(form.everyFolder || !form.receives ? {} : { monitored_folders: paths }),
    ...(form.receives ? { read_only: form.readOnly } : {}),
    owner: form.owner.name.trim() ? { kind: form.owner.kind, name: form.owner.name.trim() } : null,
    limits: limitsOf(form.limits),
    ...(form.receives && form.protocol === "pop3"
      ? { pop3_delete_after_days: form.deleteAfter === "" ? null : Number(form.deleteAfter) }
      : {}),
  };
}

/** The form with the user names that the server accepted instead of those that were set. */
export function withNames(form: SettingsForm, { accepted }: Pick<Report, "accepted">): SettingsForm {
  const side = (name: SideName): Side => ({ ...form[name], username: accepted?.[name] ?? form[name].username });
  return { ...form, incoming: side("incoming"), outgoing: side("outgoing") };
}

/** Fields that a remedy can lead to. */
export type Focus = "password" | "address" | "username" | "host" | "port" | "auth" | "folders";

/** What a remedy changes in the form; `focus` names the field that a person has to fill. */
export interface Applied {
  form: SettingsForm;
  focus?: Focus;
  /** The side of the field, where it is not the failed step's. */
  side?: SideName;
}

/** Carries out a remedy's action, `null` when it is not about the form. `at` is the failed step's side. */
export function applyAction(form: SettingsForm, action: string | null, at: SideName): Applied | null {
  if (!action) return null;
  const [verb, ...rest] = action.split(":");
  const change = (part: Partial<Side>): Applied => ({ form: { ...form, [at]: { ...form[at], ...part } } });
  const security = (value: string | undefined) =>
    value === "tls" || value === "starttls" || value === "none" ? value : undefined;
  switch (verb) {
    case "use":
    case "use_port": {
      const chosen = security(rest[1]) ?? KNOWN[Number(rest[0])]?.security[0];
      return rest[0] ? change({ port: rest[0], ...(chosen ? { security: chosen } : {}) }) : null;
    }
    case "use_security": {
      const chosen = security(rest[0]);
      return chosen ? { form: withSecurity(form, at, chosen) } : null;
    }
    case "swap_hosts":
      return {
        form: { ...form, incoming: { ...form.incoming, host: form.outgoing.host }, outgoing: { ...form.outgoing, host: form.incoming.host } },
      };
    case "use_host":
      return rest[0] ? change({ host: rest[0] }) : null;
    case "use_username":
      return rest.length ? change({ username: rest.join(":") }) : null;
    case "choose_protocol":
    case "use_protocol":
      return rest[0] === "imap" || rest[0] === "pop3" ? { form: withProtocol(form, rest[0]) } : null;
    case "use_folder":
      return rest.length ? { form: { ...form, everyFolder: false, folders: rest.join(":") } } : null;
    case "trust_certificate":
      return rest.length ? change({ certificate: rest.join(":") }) : null;
    case "enter_password":
    case "sign_in_again":
      return { form, focus: "password" };
    case "edit_identity":
    case "enter_username":
      return { form, focus: "username" };
    case "edit_host":
    case "enter_host":
      return { form, focus: "host" };
    case "edit_port":
      return { form, focus: "port" };
    case "edit_auth":
      return { form, focus: "auth" };
    case "edit_outgoing":
      return { form, focus: "host", side: "outgoing" };
    case "use_address":
      return rest.length ? { form: { ...form, address: rest.join(":") } } : null;
    case "edit_request":
      return { form, focus: "host" };
    case "choose_folders":
      return { form: { ...form, everyFolder: false }, focus: "folders" };
    default:
      return null;
  }
}
