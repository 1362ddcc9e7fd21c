// Carries a report's remedies into the form: one button changes the setting and tests again.

import { useState } from "react";
import { flushSync } from "react-dom";
import type { Remedy } from "../../api/types";
import { Confirm } from "../../ui/overlays";
import { focusField } from "./form";
import { actionLabel } from "./report";
import { applyAction, type SettingsForm, type SideName } from "./settings-form";

interface Trust {
  sha256: string;
  side: SideName;
}

export function useRemedies(form: SettingsForm, setForm: (f: SettingsForm) => void, test: (f: SettingsForm) => void) {
  const [trusting, setTrusting] = useState<Trust | null>(null);

  const carryOut = (action: string | null, side: SideName) => {
    const applied = applyAction(form, action, side);
    if (!applied) return test(form);
    flushSync(() => setForm(applied.form));
    if (applied.focus) focusField(applied.focus, applied.side ?? side);
    else test(applied.form);
  };

  return {
    label: (remedy: Remedy) => actionLabel(remedy.action),
    apply: (remedy: Remedy, side: SideName) => {
      const sha256 = remedy.action?.startsWith("trust_certificate:") && remedy.action.slice("trust_certificate:".length);
      if (sha256) setTrusting({ sha256, side });
      else carryOut(remedy.action, side);
    },
    trust: {
      sha256: trusting?.sha256 ?? null,
      onClose: () => setTrusting(null),
      onTrust: () => {
        if (trusting) carryOut(`trust_certificate:${trusting.sha256}`, trusting.side);
        setTrusting(null);
      },
    },
  };
}

/** A pinned certificate is a decision of its own: it is asked for with the fingerprint in sight. */
export function TrustDialog({ sha256, onClose, onTrust }: { sha256: string | null; onClose: () => void; onTrust: () => void }) {
  return (
    <Confirm open={sha256 !== null} onClose={onClose} title="Trust exactly this certificate?" action="Trust it and test again" danger={false} onConfirm={onTrust}>
      <div className="stack s">
        <p>For this mailbox Postroom will accept this one certificate and no other. Compare the fingerprint with what the server's operator tells you:</p>
        <code className="said">{sha256?.match(/.{1,4}/g)?.join(" ")}</code>
        <p>When the server gets a new certificate, the mailbox stops until you decide again.</p>
      </div>
    </Confirm>
  );
}
