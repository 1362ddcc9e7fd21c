// The first question is the only one that everybody can answer: which address?

import { useMutation } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { api, Problem } from "../../../api/client";
import type { Detection } from "../../../api/types";
import { Button, Failed, Field, Note } from "../../../ui/basics";
import { Promise } from "../../set-up";
import { withDetection, type StepProps } from "./state";

export function AddressStep({ wizard, change }: StepProps) {
  const detect = useMutation({
    mutationFn: (address: string) => api.post<Detection>("/v1/detect", { address }),
    onSuccess: (found) => change(withDetection(wizard, found)),
  });
  const { form } = wizard;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    detect.mutate(form.address.trim());
  };
  const meant = detect.error instanceof Problem ? detect.error.errors.find((error) => error.action?.startsWith("use_address:")) : undefined;
  const use = (address: string) => {
    change({ form: { ...form, address } });
    detect.mutate(address);
  };
  return (
    <>
      <form className="card" aria-label="Address" onSubmit={submit}>
        <div className="form-section stack">
          {detect.error && <Failed error={detect.error} />}
          <Field
            label="Mail address" error={detect.error instanceof Problem ? detect.error.at("/address") : undefined}
            hint="Postroom looks for the settings: in the provider table, in DNS, and at the provider. No password is sent for this."
          >
            {(ids) => (
              <input
                {...ids} data-field="f-address" className="input big" type="email" required autoFocus placeholder="ann@example.com" autoComplete="off" spellCheck={false}
                value={form.address} onChange={(e) => change({ form: { ...form, address: e.target.value } })}
              />
            )}
          </Field>
          {meant?.action && <Meant text={meant.remedy ?? meant.detail} address={meant.action.slice("use_address:".length)} onUse={use} />}
          <div className="row wrap">
            <Button type="submit" look={meant ? undefined : "primary"} icon={ArrowRight} busy={detect.isPending}>{detect.isPending ? "Looking for the settings" : "Next"}</Button>
            {detect.isPending && <Searching />}
          </div>
        </div>
      </form>
      <Promise />
    </>
  );
}

/** A slip of the finger in a well-known domain. */
export function Meant({ text, address, onUse }: { text: string; address: string; onUse: (address: string) => void }) {
  return <Note tone="warn" title={text} action={<Button size="small" look="primary" onClick={() => onUse(address)}>Use {address}</Button>} />;
}

/** What is being done, and for how long: at most 8 seconds. */
function Searching() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <span className="quiet small num" role="status">Asking DNS and the provider, {seconds} s of at most 8 s</span>;
}
