import { expect, test } from "vitest";
import type { Candidate, Detection, ReportFolder } from "../../../api/types";
import { bodyOf, emptyWizard, planOf, withDetection } from "./state";

const candidate = (part: Partial<Candidate> = {}): Candidate => ({
  source: "provider_table", because: "example.com is one of Example's domains.", confidence: "high", provider_id: "example", server_profile_id: null,
  login_format: "email", alternatives: [], trusted: true,
  incoming: { protocol: "imap", host: "imap.example.com", port: 143, security: "starttls", username: "ann@example.com", auth: "password" },
  outgoing: null, ...part,
});
const detection = (candidates: Candidate[]): Detection => ({
  address: "ann@example.com", domain: "example.com", provider: null, candidates, preparation: [], searched: [], ms: 1,
});
const folder = (path: string, part: Partial<ReportFolder> = {}): ReportFolder => ({
  path, role: null, guessed: false, stored: true, messages: 10, bytes: 1_000_000, ...part,
});

test("the first candidate that names a server is taken over, and a side that it lacks is switched off", () => {
  const recognised = candidate({ source: "exchange", incoming: null });
  const wizard = withDetection({ ...emptyWizard(), form: { ...emptyWizard().form, address: "ann@example.com" } }, detection([recognised, candidate()]));
  expect(wizard.chosen).toBe(1);
  expect(wizard.step).toBe("settings");
  expect(wizard.form).toMatchObject({ address: "ann@example.com", receives: true, sends: false });
  expect(wizard.form.incoming).toMatchObject({ host: "imap.example.com", port: "143", security: "starttls" });
});

test("nothing found leaves an empty form to type in", () => {
  const wizard = withDetection(emptyWizard(), detection([]));
  expect(wizard.chosen).toBe(-1);
  expect(wizard.form.incoming.host).toBe("");
});

test("the plan counts what is stored and says what it does not know", () => {
  const folders = [folder("INBOX"), folder("Junk", { stored: false }), folder("Old", { bytes: null })];
  expect(planOf(folders, {}, null)).toEqual({ messages: 20, bytes: 1_000_000, unknown: 1, seconds: 1, limited: false });
  expect(planOf(folders, { Junk: { stored: true, role: null } }, null).messages).toBe(30);
});

test("a provider's daily limit stretches the plan over days", () => {
  const plan = planOf([folder("INBOX", { bytes: 5_000_000_000 })], {}, 2_500);
  expect(plan).toMatchObject({ limited: true, seconds: 172_800 });
});

test("folders and roles go along only where they differ from what was proposed", () => {
  const wizard = withDetection(emptyWizard(), detection([candidate()]));
  const folders = [folder("INBOX", { role: "inbox" }), folder("Gesendet", { role: "sent", guessed: true }), folder("Old")];
  expect(bodyOf(wizard, folders.slice(0, 1), true)).not.toHaveProperty("monitored_folders");
  const body = bodyOf({ ...wizard, choices: { Old: { stored: false, role: "archive" } } }, folders, true);
  expect(body.monitored_folders).toEqual(["INBOX", "Gesendet"]);
  expect(body.folder_roles).toEqual({ Gesendet: "sent", Old: "archive" });
});
