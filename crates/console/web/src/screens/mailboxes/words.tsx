// What is said by itself, written as text, as formatted text, or as HTML by hand.

import { useRef } from "react";
import { Field } from "../../ui/basics";
import { cleaned, htmlOf, textOf } from "../compose/clean";
import { Editor } from "../compose/editor";
import type { Words } from "./out-of-office-fields";

const FORMS = [["text", "Text"], ["formatted", "Formatted"], ["html", "HTML"]] as const;

/** Whether the editor keeps all of this HTML. */
export const fitsEditor = (html: string) => cleaned(html) === html;

/** The same words in another form. */
function inForm(words: Words, form: Words["form"]): Words {
  if (form === words.form) return words;
  if (form === "text") return { ...words, form, text: textOf(words.html) };
  const html = words.form === "text" ? htmlOf(words.text) : words.html;
  return { ...words, form, html: form === "formatted" ? cleaned(html) : html };
}

export function WordsField({ label, hint, words, onChange, error }: {
  label: string; hint?: string; words: Words; onChange: (words: Words) => void; error?: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  return (
    <div className="stack s">
      <div className="row between wrap">
        <span className="field-label" aria-hidden>{label}</span>
        <div className="segmented" role="group" aria-label={`${label}: form`}>
          {FORMS.map(([form, name]) => (
            <button key={form} type="button" aria-pressed={words.form === form} onClick={() => onChange(inForm(words, form))}>{name}</button>
          ))}
        </div>
      </div>
      {words.form === "formatted" ? (
        <div className="boxed-editor">
          <Editor box={box} label={label} placeholder={hint} start={words.html} onChange={(html) => onChange({ ...words, html: cleaned(html) })} />
        </div>
      ) : (
        <Field label={<span className="hide">{label}</span>} hint={hint} error={error}>
          {(ids) => (
            <textarea
              {...ids} className={`input ${words.form === "html" ? "mono" : ""}`} rows={5} spellCheck={words.form === "text"} value={words[words.form === "html" ? "html" : "text"]}
              onChange={(e) => onChange({ ...words, [words.form === "html" ? "html" : "text"]: e.target.value })}
            />
          )}
        </Field>
      )}
      {words.form === "formatted" && error && <div className="error small" role="alert">{error}</div>}
    </div>
  );
}
