// What was found, and from where. Everything can be changed before anything is signed in to.

import { useMutation } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api } from "../../../api/client";
import type { Candidate, Detection, Incoming, Outgoing, Preparation } from "../../../api/types";
import { Button, Note, Pill } from "../../../ui/basics";
import { millis } from "../../../ui/format";
import { toastProblem } from "../../../ui/overlays";
import { SECURITY } from "../../../ui/words";
import { SideFields } from "../form";
import { PageLink } from "../remedy-view";
import { Meant } from "./address";
import { sorted, withCandidate, withDetection, type StepProps } from "./state";

const SOURCE: Record<Candidate["source"], string> = {
  profile: "server profile", provider_table: "provider table", mx: "mail exchanger", srv: "DNS service records", autoconfig: "the provider's own file",
  exchange: "Exchange", directory: "public directory", probe: "tried usual names",
};
const SURE: Record<Candidate["confidence"], { tone: "good" | "info" | "warn"; word: string }> = {
  high: { tone: "good", word: "sure" }, medium: { tone: "info", word: "likely" }, low: { tone: "warn", word: "a guess: please check the names" },
};

export function SettingsStep({ wizard, change, go }: StepProps) {
  const { form, found, chosen } = wizard;
  const candidate = found?.candidates[chosen];
  const [byHand, setByHand] = useState(!candidate);
  const set = (next: typeof form) => change({ form: next });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    go("sign-in");
  };
  const meant = useMutation({
    mutationFn: (address: string) => api.post<Detection>("/v1/detect", { address }),
    onSuccess: (again) => change(withDetection({ ...wizard, form: { ...form, address: again.address } }, again)),
    onError: toastProblem,
  });
  const unusable = found?.preparation.find((p) => p.id === "no_imap");
  return (
    <div className="connect">
      <form className="card" aria-label="Settings" onSubmit={submit}>
        <div className="form-section stack s">
          {found?.suggestion && (
            <Meant text={`Did you mean ${found.suggestion.address} (${found.suggestion.provider})?`} address={found.suggestion.address} onUse={(address) => meant.mutate(address)} />
          )}
          <Found found={found} candidate={candidate} address={form.address} />
          {found && found.candidates.length > 1 && (
            <details>
              <summary className="small">Other settings that were found ({found.candidates.length - 1})</summary>
              <div role="radiogroup" aria-label="Settings that were found" className="stack s candidates">
                {found.candidates.map((each, n) => (each.incoming ?? each.outgoing) && (
                  <label key={`${each.source}-${n}`} className="check">
                    <input type="radio" name="candidate" checked={chosen === n} onChange={() => change({ chosen: n, form: withCandidate(form, each) })} />
                    <span>{each.because}<span className="faint small block">{[each.incoming, each.outgoing].map((side) => side && short(side)).filter(Boolean).join("; ")}</span></span>
                  </label>
                ))}
              </div>
            </details>
          )}
        </div>
        {!byHand && candidate && (
          <div className="form-section stack s">
            <dl className="pairs">
              {form.receives && <><dt>Receives</dt><dd>{form.protocol.toUpperCase()} {form.incoming.host}, port {form.incoming.port}, {SECURITY[form.incoming.security]}</dd></>}
              {form.sends && <><dt>Sends</dt><dd>SMTP {form.outgoing.host}, port {form.outgoing.port}, {SECURITY[form.outgoing.security]}</dd></>}
            </dl>
            <button type="button" className="link small" onClick={() => setByHand(true)}>Change these settings</button>
          </div>
        )}
        {byHand && (
          <>
            <SideFields title="Receive mail" name="incoming" on={form.receives} onSwitch={(receives) => set({ ...form, receives })} form={form} onChange={set} problem={null} />
            <SideFields title="Send mail" name="outgoing" on={form.sends} onSwitch={(sends) => set({ ...form, sends })} form={form} onChange={set} problem={null} />
          </>
        )}
        {byHand && !found?.provider && candidate?.source !== "profile" && (
          <div className="form-section">
            <label className="check">
              <input type="checkbox" checked={wizard.shared} onChange={(e) => change({ shared: e.target.checked })} />
              <span>Use these servers for everybody at {found?.domain ?? "this domain"}<br /><span className="faint small">They become a server profile: the next address needs no settings.</span></span>
            </label>
          </div>
        )}
        <div className="form-foot">
          <Button type="submit" look="primary" icon={ArrowRight} disabled={!form.receives && !form.sends}>Next: sign in</Button>
          <Button look="ghost" onClick={() => go("address")}>Back</Button>
        </div>
      </form>
      <aside className="stack" aria-label="Preparation">
        {unusable && <Note tone="bad" title="No program can read this mailbox by IMAP or POP3">{unusable.text}</Note>}
        {found && found.preparation.length > 0 ? <Preparations list={found.preparation.filter((each) => each !== unusable)} name={found.provider?.name} /> : <Ask />}
        {found && <Searched found={found} />}
      </aside>
    </div>
  );
}

const short = (side: Incoming | Outgoing) => `${side.host}:${side.port} ${SECURITY[side.security]}`;

function Found({ found, candidate, address }: { found: Detection | null; candidate: Candidate | undefined; address: string }) {
  if (!candidate) {
    return (
      <div className="stack xs">
        <h2>{found?.provider ? `This is ${found.provider.name}` : "No settings were found"}</h2>
        <p className="quiet">
          {found?.provider
            ? "There are no servers to fill in. Does the mail arrive at another server, too? Then type that one."
            : `Nothing is known about ${found?.domain ?? address.split("@")[1]}. Type the servers that your provider names; the test then says what is wrong, if anything is.`}
        </p>
      </div>
    );
  }
  const sure = SURE[candidate.confidence];
  return (
    <div className="stack xs">
      <h2 className="row wrap">
        {found?.provider ? `We recognised ${found.provider.name}` : "Settings were found"}
        <Pill tone={sure.tone}>{sure.word}</Pill>
      </h2>
      <p className="quiet">{candidate.because.replace(/\.?$/, ".")} <span className="faint">Source: {SOURCE[candidate.source]}.</span></p>
      {!candidate.trusted && <Note tone="warn">These names were not confirmed by {found?.domain} or its mail provider. Go on only if you know them: the password will be sent there.</Note>}
    </div>
  );
}

const PAGE: Record<Preparation["id"], string> = {
  enable_imap: "Switch IMAP on", app_password: "Make an app password", two_factor: "Switch two-factor sign-in on", oauth_only: "How the provider signs in", shared_mailbox: "About shared mailboxes",
  no_imap: "More about it", pop3_only: "More about it", note: "More about it",
};

/** What to do at the provider before the first sign-in, with the date on which somebody last looked. */
export function Preparations({ list, name }: { list: Preparation[]; name?: string | undefined }) {
  if (list.length === 0) return null;
  const main = sorted(list).find((each) => each.required && each.url);
  return (
    <section className="card" aria-label="Before you sign in">
      <header><h2>Before you sign in{name ? ` to ${name}` : ""}</h2></header>
      <ol className="body stack s preparation">
        {sorted(list).map((each) => (
          <li key={`${each.id}-${each.text}`} className="stack xs">
            <div>{each.required && <Pill tone="warn">needed</Pill>} {each.text}</div>
            <div className="row wrap small faint">
              {each.url && <PageLink url={each.url} label={PAGE[each.id]} primary={each === main} />}
              <span>last checked {each.checked}</span>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** For a provider that the table does not know: what has to be found out. */
function Ask() {
  return (
    <section className="card" aria-label="Before you sign in">
      <header><h2>Before you sign in</h2></header>
      <ul className="body stack s small quiet preparation">
        <li>Most failures come from rules of the provider, not from a typing error.</li>
        <li>Does the provider let mail programs in? Look in its settings for IMAP, SMTP, "mail client" or "third-party email".</li>
        <li>Is two-step verification on? Then make an app password there and use it instead of the usual one.</li>
        <li>The user name is mostly the whole address.</li>
      </ul>
    </section>
  );
}

function Searched({ found }: { found: Detection }) {
  return (
    <details className="small quiet">
      <summary>Where Postroom looked ({millis(found.ms)})</summary>
      <ul className="stack xs searched">
        {found.searched.map((each) => <li key={each.source}>{SOURCE[each.source]}: {each.outcome}{each.detail && `, ${each.detail}`}{each.ms > 0 && ` (${millis(each.ms)})`}</li>)}
      </ul>
    </details>
  );
}
