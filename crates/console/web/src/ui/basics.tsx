// The small parts that every screen is made of.

import { Switch as BaseSwitch } from "@base-ui/react/switch";
import { Tooltip } from "@base-ui/react/tooltip";
import { AlertTriangle, Check, CheckCircle2, Copy, Info, LoaderCircle, type LucideIcon, XCircle } from "lucide-react";
import { type ComponentProps, type ReactElement, type ReactNode, useId, useState } from "react";
import { Problem } from "../api/client";
import { useNow } from "./clock";
import { ago, clock, fullTime } from "./format";

type ButtonProps = ComponentProps<"button"> & {
  look?: "primary" | "danger" | "ghost";
  size?: "small";
  icon?: LucideIcon;
  busy?: boolean;
};

export function Button({ look, size, icon: Icon, busy, className, children, disabled, ...rest }: ButtonProps) {
  const classes = ["btn", look, size, !children && "icon", className].filter(Boolean).join(" ");
  return (
    <button type="button" className={classes} disabled={disabled || busy} aria-busy={busy || undefined} {...rest}>
      {busy ? <LoaderCircle className="i spin" aria-hidden /> : Icon && <Icon className="i" aria-hidden />}
      {children}
    </button>
  );
}

/** A button that is only an icon: its label is read aloud and shown on hover, with its key. */
export function IconButton({ label, hotkey, ...rest }: ButtonProps & { label: string; hotkey?: string }) {
  return (
    <Tip label={label} hotkey={hotkey}>
      <Button look="ghost" aria-label={label} {...rest} />
    </Tip>
  );
}

export function Tip({ label, hotkey, children }: { label: string; hotkey?: string; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} className="positioner">
          <Tooltip.Popup className="tip">
            {label}
            {hotkey && <span> · {hotkey}</span>}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export function Field(props: {
  label: ReactNode;
  hint?: ReactNode;
  warn?: ReactNode;
  error?: ReactNode;
  className?: string;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}) {
  const id = useId();
  const said = props.error ?? props.warn ?? props.hint;
  return (
    <div className={`field ${props.className ?? ""}`}>
      <label htmlFor={id}>{props.label}</label>
      {props.children({ id, "aria-describedby": said ? `${id}-said` : undefined, "aria-invalid": props.error ? true : undefined })}
      {said && (
        <div id={`${id}-said`} className={props.error ? "error" : props.warn ? "warn" : "hint"}>
          {said}
        </div>
      )}
    </div>
  );
}

export function Switch(props: { checked: boolean; onChange: (on: boolean) => void; label: string; disabled?: boolean }) {
  return (
    <BaseSwitch.Root
      className="switch" checked={props.checked} onCheckedChange={props.onChange} disabled={props.disabled} aria-label={props.label}
    >
      <BaseSwitch.Thumb />
    </BaseSwitch.Root>
  );
}

const NOTE_ICONS = { bad: XCircle, warn: AlertTriangle, good: CheckCircle2, info: Info };

export function Note({ tone = "info", title, children, action }: {
  tone?: keyof typeof NOTE_ICONS; title?: ReactNode; children?: ReactNode; action?: ReactNode;
}) {
  const Icon = NOTE_ICONS[tone];
  return (
    <div className={`note ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <Icon className="i" aria-hidden />
      <div className="grow stack xs">
        {title && <div className="title">{title}</div>}
        {children && <div>{children}</div>}
        {action && <div className="row wrap">{action}</div>}
      </div>
    </div>
  );
}

/** An error with what it means and what to do; `retry` adds the button. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  return (
    <Note
      tone="bad"
      title={problem?.title ?? "Something in the console broke"}
      action={
        (retry || problem?.remedy?.url) && (
          <>
            {retry && <Button size="small" onClick={retry}>Try again</Button>}
            {problem?.remedy?.url && <a href={problem.remedy.url} target="_blank" rel="noreferrer">More about it</a>}
          </>
        )
      }
    >
      {problem?.detail ?? (problem ? null : String(error))}
      {problem?.remedy?.text && <div className="quiet">{problem.remedy.text}</div>}
      {problem?.errors.map((e) => (
        <div key={e.pointer} className="small"><code>{e.pointer}</code> {e.detail}</div>
      ))}
      {problem?.traceId && <div className="small faint">Trace {problem.traceId}</div>}
    </Note>
  );
}

export function Empty({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon className="i" aria-hidden />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Grey lines in the place of what is coming. */
export function Waiting({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div className="stack s waiting" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, n) => (
        <div key={n} className="skeleton" style={{ height: 16, width: `${92 - ((n * 23) % 45)}%` }} />
      ))}
    </div>
  );
}

export function Bar({ value, total, tone = "", label }: { value: number; total: number; tone?: string; label: string }) {
  const width = total > 0 ? Math.min(100, (value / total) * 100) : 0;
  return (
    <div className={`bar ${tone}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={total} aria-valuenow={value}>
      <i style={{ width: `${width}%` }} />
    </div>
  );
}

/** A relative time that stays true; the absolute one on hover. */
export function Ago({ time, step = 1 }: { time: string; step?: number }) {
  const now = useNow(step);
  // The clock goes in steps: what happened since the last one is not to come.
  const shown = Math.max(now, Math.min(Date.parse(time), Date.now()));
  return <time dateTime={time} title={fullTime(time)} className="num">{ago(time, shown)}</time>;
}

export function Clock({ time }: { time: string }) {
  return <time dateTime={time} title={fullTime(time)} className="num">{clock(time)}</time>;
}

/** Copies and says so; without clipboard access the text is left selected for the person. */
export function useCopy() {
  const [done, setDone] = useState(false);
  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not a secure context: the old way still works.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return { done, copy };
}

export function CopyButton({ text, label = "Copy", ...rest }: { text: string; label?: string } & ButtonProps) {
  const { done, copy } = useCopy();
  return (
    <Button icon={done ? Check : Copy} size="small" onClick={() => void copy(text)} {...rest}>
      {done ? "Copied" : label}
    </Button>
  );
}

export function CopyLine({ text, label }: { text: string; label: string }) {
  const { done, copy } = useCopy();
  return (
    <div className="copyline">
      {/* In the tab order: it scrolls sideways by keyboard. */}
      <code tabIndex={0}>{text}</code>
      <Button icon={done ? Check : Copy} aria-label={done ? "Copied" : `Copy ${label}`} onClick={() => void copy(text)} />
    </div>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="kbd">{children}</kbd>;
}

export function Pill({ tone = "", children, title }: { tone?: string; children: ReactNode; title?: string }) {
  return <span className={`pill ${tone}`} title={title}>{children}</span>;
}
