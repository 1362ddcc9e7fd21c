// Carries a report's remedies into the form: one button changes the setting and tests again.

import { useState } from "react";
import { flushSync } from "react-dom";
import type { Step } from "../../api/types";
import { Confirm } from "../../ui/overlays";
import { focusField } from "./form";
import { applyAction, type SettingsForm, type SideName } from "./settings-form";

interface Trust {
  sha256: string;
  side: SideName;
  step: Step | null;
}

/** A remedy that was chosen on another screen, to be carried out where the settings are. Never from the address bar: a link must not change settings. */
let carried: { mailbox: string; action: string; side: SideName; step: Step | null } | null = null;

export const carry = (mailbox: string, action: string, side: SideName, step: Step | null): void => {
  carried = { mailbox, action, side, step };
};

/** What folders are for is chosen in their table; a folder that failed is one of those that are wanted, which are settings. */
export const isAboutRoles = (action: string, step: Step | null): boolean => action === "choose_folders" && step?.status !== "fail";

/** The remedy that waits for this mailbox, once. */
export function takeCarried(mailbox: string) {
  const taken = carried?.mailbox === mailbox ? carried : null;
  carried = null;
  return taken;
}

export function useRemedies(form: SettingsForm, setForm: (f: SettingsForm) => void, test: (f: SettingsForm) => void) {
  const [trusting, setTrusting] = useState<Trust | null>(null);

  const carryOut = (action: string, side: SideName) => {
    const applied = applyAction(form, action, side);
    if (!applied) return test(form);
    flushSync(() => setForm(applied.form));
    if (applied.focus) focusField(applied.focus, applied.side ?? side);
    else test(applied.form);
  };

  return {
    hands: {
      apply: (action: string, side: SideName, step: Step | null) => {
        const sha256 = action.startsWith("trust_certificate:") && action.slice("trust_certificate:".length);
        if (sha256) setTrusting({ sha256, side, step });
        else carryOut(action, side);
      },
      test: () => test(form),
      address: form.address,
    },
    trust: {
      trusting,
      onClose: () => setTrusting(null),
      onTrust: () => {
        if (trusting) carryOut(`trust_certificate:${trusting.sha256}`, trusting.side);
        setTrusting(null);
      },
    },
  };
}

/** A pinned certificate is a decision of its own: it is asked for with all that is known of the certificate in sight. */
export function TrustDialog({ trusting, onClose, onTrust }: { trusting: Trust | null; onClose: () => void; onTrust: () => void }) {
  const told = (name: string) => trusting?.step?.details?.find((detail) => detail.name === name)?.values.join(", ");
  const facts = [["For", told("names")], ["Valid", told("validity")?.replace(", ", " to ")], ["Signed by", told("issuer")]].filter((fact) => fact[1]);
  return (
    <Confirm open={trusting !== null} onClose={onClose} title="Trust exactly this certificate?" action="Trust it and test again" danger={false} onConfirm={onTrust}>
      <div className="stack s">
        <p>For this mailbox Postroom will accept this one certificate and no other. Compare the fingerprint with what the server's operator tells you:</p>
        <dl className="pairs">
          {facts.map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd>{value}</dd></div>)}
          <div className="pair"><dt>SHA-256</dt><dd><code className="fingerprint">{trusting?.sha256.match(/.{1,4}/g)?.join(" ")}</code></dd></div>
        </dl>
        <p>When the server gets a new certificate, the mailbox stops until you decide again.</p>
      </div>
    </Confirm>
  );
}
