// Settings > Layout: how mail is shown to this user, changeable at any time.

import { useLayout } from "../layout";

export function LayoutSettings() {
  const { layout, change } = useLayout();
  return (
    <section className="card" aria-label="Layout">
      <header><h2>Layout</h2></header>
      <div className="body stack">
        <Switch
          label="Show conversations" on={layout.threads} onChange={(threads) => change.mutate({ threads })}
          hint="Messages that answer each other are one line. Off: every message is a line of its own."
        />
        <Switch
          label="Merge the folders of all mailboxes" on={layout.merge_folders} onChange={(merge_folders) => change.mutate({ merge_folders })}
          hint="One inbox, one Sent, one Drafts and so on for all mailboxes, beside each mailbox with its folders. Off: each mailbox by itself."
        />
        <p className="small faint">Kept with your user: the same in every browser. Nothing changes on any mail server.</p>
      </div>
    </section>
  );
}

function Switch({ label, hint, on, onChange }: { label: string; hint: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label className="check">
      <input type="checkbox" role="switch" checked={on} onChange={(e) => onChange(e.target.checked)} />
      <span><span className="strong">{label}</span><span className="small quiet block">{hint}</span></span>
    </label>
  );
}
