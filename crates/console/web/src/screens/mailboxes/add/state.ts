// What the wizard knows, as plain values: where it stands, what detection found, what was chosen.

import type { Candidate, Detection, Incoming, MailboxInput, Outgoing, Preparation, ReportFolder, Role, ServerProfileInput } from "../../../api/types";
import { emptyForm, inputOf, type SettingsForm, type Side } from "../settings-form";

export const STEPS = ["address", "settings", "sign-in", "test", "folders"] as const;
export type WizardStep = (typeof STEPS)[number];

export const STEP_NAMES: Record<WizardStep, string> = {
  address: "Address", settings: "Settings", "sign-in": "Sign in", test: "Test", folders: "Folders",
};

export interface Choice {
  stored: boolean;
  role: Role | null;
}

export interface Wizard {
  step: WizardStep;
  form: SettingsForm;
  found: Detection | null;
  /** Which of the candidates is in the form; -1: typed by hand. */
  chosen: number;
  /** These servers are for everybody at the domain: they become a server profile. */
  shared: boolean;
  /** By folder path, where it differs from what the test proposed. */
  choices: Record<string, Choice>;
}

/** What every step is given. */
export interface StepProps {
  wizard: Wizard;
  change: (part: Partial<Wizard>) => void;
  go: (step: WizardStep) => void;
}

export const emptyWizard = (): Wizard => ({ step: "address", form: emptyForm(), found: null, chosen: -1, shared: false, choices: {} });

const sideOf = (from: Incoming | Outgoing, old: Side): Side => ({
  ...old, host: from.host, port: String(from.port), security: from.security, username: from.username, auth: from.auth,
  certificate: from.certificate_sha256 ?? "", plaintext: false,
});

/** The form with a candidate's settings; what a person typed about themselves stays. */
export function withCandidate(form: SettingsForm, candidate: Candidate): SettingsForm {
  const { incoming, outgoing } = candidate;
  return {
    ...form,
    receives: incoming !== null,
    sends: outgoing !== null,
    protocol: incoming?.protocol ?? form.protocol,
    incoming: incoming ? sideOf(incoming, form.incoming) : form.incoming,
    outgoing: outgoing ? sideOf(outgoing, form.outgoing) : form.outgoing,
  };
}

/** The wizard after detection: the best candidate that names a server is taken over. */
export function withDetection(wizard: Wizard, found: Detection): Wizard {
  const chosen = found.candidates.findIndex((c) => c.incoming ?? c.outgoing);
  const fresh = { ...emptyForm(), address: wizard.form.address, name: wizard.form.name, kind: wizard.form.kind };
  const candidate = found.candidates[chosen];
  return { ...wizard, found, chosen, choices: {}, form: candidate ? withCandidate(fresh, candidate) : fresh, step: "settings" };
}

/** Sorts what a person has to do first: what nothing works without comes first. */
export const sorted = (list: Preparation[]): Preparation[] => [...list].sort((a, b) => Number(b.required) - Number(a.required));

/** Whether the provider takes no password at all. */
export const wantsOauth = ({ form }: Wizard): boolean => form.receives ? form.incoming.auth === "oauth2" : form.outgoing.auth === "oauth2";

/** A folder as it will be stored: the proposal, or what was chosen instead. */
export const choiceOf = (folder: ReportFolder, choices: Wizard["choices"]): Choice =>
  choices[folder.path] ?? { stored: folder.stored, role: folder.role };

export interface Plan {
  messages: number;
  bytes: number;
  /** Folders whose count the server did not tell. */
  unknown: number;
  /** How long it takes, in seconds; null: too little is known. */
  seconds: number | null;
  /** The provider's daily limit decides how long it takes. */
  limited: boolean;
}

/** Bytes in a second over an ordinary line; a slow one takes longer, and the mailbox's page then shows its true rate. */
const RATE = 4_000_000;
const DAY = 86_400;

/** What fetching the chosen folders means. */
export function planOf(folders: ReportFolder[], choices: Wizard["choices"], megabytesPerDay: number | null): Plan {
  const wanted = folders.filter((folder) => choiceOf(folder, choices).stored);
  const messages = wanted.reduce((sum, folder) => sum + (folder.messages ?? 0), 0);
  const bytes = wanted.reduce((sum, folder) => sum + (folder.bytes ?? 0), 0);
  const unknown = wanted.filter((folder) => folder.messages === null || (folder.bytes === null && folder.messages > 0)).length;
  const ceiling = megabytesPerDay === null ? Infinity : megabytesPerDay * 1_000_000;
  const limited = bytes > ceiling;
  // What is over the first day's share waits for the next day.
  const seconds = limited ? (bytes / ceiling) * DAY : bytes / RATE;
  return { messages, bytes, unknown, seconds: bytes > 0 || messages === 0 ? Math.ceil(seconds) : null, limited };
}

/** The typed servers as a server profile for everybody at the address's domain. */
export function profileOf({ form }: Wizard): ServerProfileInput {
  const domain = form.address.split("@")[1]?.trim().toLowerCase() ?? "";
  const { incoming, outgoing } = inputOf(form);
  const server = (side: Incoming | Outgoing) => ({
    host: side.host, port: side.port, security: side.security,
    ...(side.certificate_sha256 ? { certificate_sha256: side.certificate_sha256 } : {}), ...(side.allow_plaintext ? { allow_plaintext: true } : {}),
  });
  return {
    name: domain,
    domains: [domain],
    incoming: incoming ? { protocol: incoming.protocol, ...server(incoming) } : null,
    outgoing: outgoing ? server(outgoing) : null,
    auth: incoming?.auth ?? (outgoing?.auth === "oauth2" ? "oauth2" : "password"),
  };
}

/** The body for POST /v1/mailboxes. */
export function bodyOf(wizard: Wizard, folders: ReportFolder[], enable: boolean): MailboxInput {
  const profile = wizard.found?.candidates[wizard.chosen]?.server_profile_id;
  const changed = folders.some((folder) => choiceOf(folder, wizard.choices).stored !== folder.stored);
  const roles: [string, Role][] = folders.flatMap((folder) => {
    const { role } = choiceOf(folder, wizard.choices);
    return role && (role !== folder.role || folder.guessed) ? [[folder.path, role]] : [];
  });
  const { fetch_since, ...typed } = inputOf(wizard.form);
  return {
    ...typed,
    // Left out: as the server profile says, and else everything.
    ...(fetch_since ? { fetch_since } : {}),
    ...(profile ? { server_profile_id: profile } : {}),
    ...(changed ? { monitored_folders: folders.filter((folder) => choiceOf(folder, wizard.choices).stored).map((folder) => folder.path) } : {}),
    ...(roles.length > 0 ? { folder_roles: Object.fromEntries(roles) } : {}),
    enable,
  };
}

const KEPT = "postroom.add-mailbox";

/** Keeps the wizard in this tab, without any password, so that it can be left and resumed. */
export function keep(wizard: Wizard): void {
  const form = { ...wizard.form, password: "", outgoingPassword: "" };
  window.sessionStorage.setItem(KEPT, JSON.stringify({ ...wizard, form }));
}

export function resume(): Wizard {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(KEPT) ?? "null") as Wizard | null;
    if (kept && STEPS.includes(kept.step)) {
      // The password was not kept: what comes after it has to be done again.
      const step = STEPS.indexOf(kept.step) > STEPS.indexOf("sign-in") ? "sign-in" : kept.step;
      return { ...emptyWizard(), ...kept, step, form: { ...emptyForm(), ...kept.form } };
    }
  } catch {
    // Written by another version: begin anew.
  }
  return emptyWizard();
}

export const forget = (): void => window.sessionStorage.removeItem(KEPT);
