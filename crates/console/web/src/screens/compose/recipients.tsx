import { X } from "lucide-react";
import { type ClipboardEvent, type KeyboardEvent, useId, useState } from "react";
import type { Address } from "../../api/types";
import { whole, who } from "../../ui/format";
import { looksLikeAddress, parseAddresses } from "./draft";

/** Recipients as chips; what is typed becomes one at comma, Enter, Tab or when the field is left. */
export function Recipients({ label, list, onChange, error, autoFocus }: {
  label: string; list: Address[]; onChange: (list: Address[]) => void; error?: string; autoFocus?: boolean;
}) {
  const id = useId();
  const [text, setText] = useState("");
  const take = (typed: string) => {
    const found = parseAddresses(typed);
    if (found.length) onChange([...list, ...found]);
    setText("");
  };
  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (["Enter", ",", ";"].includes(event.key) && text.trim()) {
      event.preventDefault();
      take(text);
    } else if (event.key === "Enter") event.preventDefault();
    else if (event.key === "Backspace" && !text && list.length) {
      const last = list.at(-1);
      onChange(list.slice(0, -1));
      if (last) setText(whole(last));
      event.preventDefault();
    }
  };
  const paste = (event: ClipboardEvent<HTMLInputElement>) => {
    const pasted = event.clipboardData.getData("text");
    if (/[,;\n]/.test(pasted)) {
      event.preventDefault();
      take(text + pasted);
    }
  };
  return (
    <div className="compose-line">
      <label htmlFor={id}>{label}</label>
      <div className="grow">
        <div className="chips">
          {list.map((a, n) => (
            <span key={`${a.address}-${n}`} className={`chip ${looksLikeAddress(a.address) ? "" : "bad"}`} title={looksLikeAddress(a.address) ? whole(a) : "This is not an address"}>
              <span className="cut">{who(a)}</span>
              <button type="button" aria-label={`Remove ${whole(a)}`} onClick={() => onChange(list.filter((_, m) => m !== n))}><X className="i" aria-hidden /></button>
            </span>
          ))}
          <input
            id={id} className="bare" type="text" inputMode="email" autoComplete="off" spellCheck={false} autoFocus={autoFocus} aria-invalid={error ? true : undefined}
            value={text} onChange={(e) => setText(e.target.value)} onKeyDown={key} onPaste={paste} onBlur={() => take(text)}
          />
        </div>
        {error && <div className="error">{error}</div>}
      </div>
    </div>
  );
}
