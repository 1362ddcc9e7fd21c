// Limits as fields: of a profile, and of one mailbox.

import type { Problem } from "../../api/client";
import { Field } from "../../ui/basics";
import { LIMITS, type LimitTexts } from "./limits";

export function LimitFields({ title, empty, texts, onChange, problem }: {
  title: string; /** What holds where nothing is typed. */ empty: string; texts: LimitTexts; onChange: (texts: LimitTexts) => void; problem: Problem | null;
}) {
  return (
    <details open={LIMITS.some(({ key }) => texts[key] !== "" || problem?.at(`/limits/${key}`))}>
      <summary>{title}</summary>
      <div className="form-grid">
        {LIMITS.map(({ key, label, hint }) => (
          <Field key={key} label={label} hint={hint} className="c6" error={problem?.at(`/limits/${key}`)}>
            {(ids) => <input {...ids} className="input num" inputMode="numeric" placeholder={empty} value={texts[key]} onChange={(e) => onChange({ ...texts, [key]: e.target.value.replace(/\D/g, "") })} />}
          </Field>
        ))}
      </div>
    </details>
  );
}
