// Texts to copy: the report, and ready messages to whoever has to act. None of them holds a credential.

import type { Report, Step } from "../../api/types";
import { STEP, STEP_TERM } from "../../ui/words";

/** Lines of the conversation that a letter quotes. */
const QUOTED = 20;

const present = (text: string | null | undefined | false): text is string => Boolean(text);
const sentence = (text: string) => text.replace(/[^.!?]$/, "$&.");

/** Every step with its sub-steps. */
export const flat = (steps: Step[]): Step[] => steps.flatMap((step) => [step, ...flat(step.steps ?? [])]);

/** What a person should look at first: the first step that failed, else the first that warns. */
export const first = (steps: Step[]): Step | undefined => steps.find((step) => step.status === "fail") ?? steps.find((step) => step.status === "warn");

/** The step inside a step that says the most: it has the conversation and the facts. */
export function innermost(step: Step): Step {
  const inner = step.steps?.find((each) => each.status === step.status);
  return inner && (step.status === "fail" || step.status === "warn") ? innermost(inner) : step;
}

/** The report as plain text, for a support request. */
export function reportText(report: Report): string {
  const line = (s: Step, indent = ""): string[] => [
    `${indent}${s.n}. ${STEP[s.code]} (${STEP_TERM[s.code]}): ${s.status}, ${s.ms} ms`,
    ...[s.did, s.server_said && `Server: ${s.server_said}`, s.means, s.remedy && `To do: ${s.remedy.text}`].filter(present).map((text) => `${indent}   ${text}`),
    ...(s.steps ?? []).flatMap((each) => line(each, `${indent}   `)),
  ];
  return [`Postroom connection report ${report.id}, ${report.finished_at}`, report.summary, "", ...report.steps.flatMap((s) => line(s))].join("\n");
}

const facts = (step: Step, report: Report | null): string[] =>
  [
    `Step ${step.n}: ${STEP[step.code]} (${STEP_TERM[step.code]})`,
    step.problem_id && `Problem: ${step.problem_id}`,
    step.did && `What Postroom did: ${sentence(step.did)}`,
    step.server_said && `What the server said: ${step.server_said}`,
    step.means && `What it means: ${sentence(step.means)}`,
    step.remedy && `What is proposed: ${sentence(step.remedy.text)}`,
    report && `Report: ${report.id}, ${report.finished_at}`,
  ].filter(present);

const talk = (step: Step): string[] =>
  step.transcript?.length ? ["", "The last lines of the conversation (C: Postroom, S: the server; secrets are left out):", "", ...step.transcript.slice(-QUOTED)] : [];

/** To the mail provider's support: what happened in their server, and the question. */
export function providerLetter(step: Step | undefined, report: Report | null): string {
  return [
    "Hello,", "",
    "Postroom, a mail program that uses IMAP or POP3 and SMTP, cannot use my mailbox with you. This is where it stops:", "",
    ...(step ? [...facts(step, report), ...talk(step)] : report ? [reportText(report)] : []), "",
    "Which setting has to change, on your side or on mine?", "", "Kind regards",
  ].join("\n");
}

/** To the administrator of Postroom or of the company's mail. */
export function administratorLetter(step: Step, report: Report | null, address?: string): string {
  return [
    "Hello,", "",
    `the mailbox ${address ? `${address} ` : ""}does not work in Postroom until an administrator changes something:`, "",
    ...facts(step, report), ...(step.remedy?.url ? [`More about it: ${step.remedy.url}`] : []), ...talk(step), "", "Kind regards",
  ].join("\n");
}

/** The addresses to which the step may not connect, as networks of one address each; RFC 4632, RFC 4291. */
export function networksOf(step: Step | null): string[] {
  const found = step?.details?.find((detail) => detail.name === "addresses")?.values;
  const said = found ?? `${step?.did} ${step?.means}`.match(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g) ?? [];
  return [...new Set(said)].map((address) => `${address}/${address.includes(":") ? 128 : 32}`);
}

/** The setting that lets Postroom connect there, and what it means. */
export function networkLetter(step: Step | null): string {
  const known = networksOf(step);
  const networks = known.length ? known : ["10.1.2.3/32"];
  return [
    "Hello,", "",
    "Postroom does not connect to a mail server that I need, because its address is private or its port is not usual for mail. If you trust that server, please permit its network:", "",
    `in the configuration file, below [network]: allow = [${networks.map((each) => `"${each}"`).join(", ")}]`,
    `or in the environment: POSTROOM_NETWORK_ALLOW=${networks.join(",")}`,
    `or at the start: postroom serve --network-allow ${networks.join(",")}`,
    ...(known.length ? [] : ["", "10.1.2.3 stands for the mail server's own address."]), "",
    ...(step ? facts(step, null) : []), "", "What is permitted already has to stay in the list. Postroom has to be started again after that.", "", "Kind regards",
  ].join("\n");
}
