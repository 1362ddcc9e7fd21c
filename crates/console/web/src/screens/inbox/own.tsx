// Tags and folders of the application's own in the left pane: seen, made, renamed, deleted. Mail stays where it lies on its server.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ellipsis, FolderHeart, Pencil, Plus, Tag as TagIcon, Trash2 } from "lucide-react";
import { useState } from "react";
import { api } from "../../api/client";
import { mailboxes as mailboxesQuery, tags as tagsQuery } from "../../api/queries";
import type { Tag, TagKind } from "../../api/types";
import type { InboxSearch } from "../../addresses";
import { Button, Failed, Field } from "../../ui/basics";
import { count, plural } from "../../ui/format";
import { Confirm, Dialog, Menu, toastProblem } from "../../ui/overlays";
import { TreeItem } from "./tree-item";

export const KIND_ICON = { tag: TagIcon, folder: FolderHeart };
/** Easy to tell apart, on white and on black. */
const COLORS = ["#d1495b", "#e08e2b", "#3f9e5a", "#2f8fa8", "#4c6ef5", "#9b59b6"];

/** Folders before tags, each by name. */
export const inOrder = (tags: Tag[]) =>
  [...tags].sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));

/** Sends a change of tags, and looks again at whatever shows them. */
function useTagChange(done: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (send: () => Promise<unknown>) => send(),
    onSuccess: done,
    onError: toastProblem,
    onSettled: () => {
      for (const key of ["tags", "messages", "threads", "thread", "message"]) void client.invalidateQueries({ queryKey: [key] });
    },
  });
}

export function OwnItems({ search, keep, onGo }: { search: InboxSearch; keep: InboxSearch; onGo?: () => void }) {
  const query = useQuery(tagsQuery);
  const [asked, setAsked] = useState(false);
  return (
    <>
      <div className="row between">
        <h2 className="tree-title">Own folders and tags</h2>
        <Button look="ghost" size="small" icon={Plus} aria-label="New own folder or tag" onClick={() => setAsked(true)} />
      </div>
      {query.isError && !query.data && <div className="tree-pad"><Failed error={query.error} retry={() => void query.refetch()} /></div>}
      {query.data?.length === 0 && <p className="tree-pad small faint">None yet. They are yours alone: mail stays where it lies on its server.</p>}
      <ul>
        {inOrder(query.data ?? []).map((tag) => (
          <li key={tag.id} className="tree-mailbox own-item">
            <TreeItem
              icon={KIND_ICON[tag.kind]} color={tag.color} name={tag.name} current={search.tag === tag.id && !search.q} number={tag.unread ?? 0}
              title={`${plural(tag.messages ?? 0, "message")}, ${count(tag.unread ?? 0)} unread`} search={{ ...keep, tag: tag.id }} onGo={onGo}
            />
            <OwnMenu tag={tag} current={search.tag === tag.id} />
          </li>
        ))}
      </ul>
      {asked && <OwnDialog onClose={() => setAsked(false)} />}
    </>
  );
}

function OwnMenu({ tag, current }: { tag: Tag; current: boolean }) {
  const [asked, setAsked] = useState<"change" | "end" | null>(null);
  const navigate = useNavigate({ from: "/inbox" });
  const close = () => setAsked(null);
  const remove = useTagChange(() => {
    close();
    if (current) void navigate({ search: (s: InboxSearch) => ({ ...s, tag: undefined, m: undefined, t: undefined }) });
  });
  return (
    <>
      <Menu
        trigger={<Button look="ghost" size="small" icon={Ellipsis} aria-label={`Change ${tag.name}`} />}
        items={[
          { label: "Change", icon: Pencil, onSelect: () => setAsked("change") },
          { label: "Delete", icon: Trash2, danger: true, onSelect: () => setAsked("end") },
        ]}
      />
      {asked === "change" && <OwnDialog tag={tag} onClose={close} />}
      <Confirm
        open={asked === "end"} onClose={close} title={`Delete ${tag.name}?`} action={tag.kind === "tag" ? "Delete the tag" : "Delete the folder"} busy={remove.isPending}
        onConfirm={() => remove.mutate(() => api.delete(`/v1/tags/${tag.id}`))}
      >
        <p>It is taken off every message. The messages stay, here and on their servers.</p>
      </Confirm>
    </>
  );
}

/** A new one, or another name, colour and senders for an old one. */
function OwnDialog({ tag, onClose }: { tag?: Tag; onClose: () => void }) {
  const [kind, setKind] = useState<TagKind>(tag?.kind ?? "folder");
  const [name, setName] = useState(tag?.name ?? "");
  const [color, setColor] = useState<string | null>(tag?.color ?? null);
  const [from, setFrom] = useState<string[]>(tag?.receives_from ?? []);
  const { data: mailboxes } = useQuery(mailboxesQuery);
  const change = useTagChange(onClose);
  const body = { name: name.trim(), color, ...(kind === "folder" ? { receives_from: from } : {}) };
  const submit = () => change.mutate(() => (tag ? api.patch(`/v1/tags/${tag.id}`, body) : api.post("/v1/tags", { ...body, kind })));
  const receives = mailboxes?.filter((m) => m.incoming && (!tag?.mailbox_id || tag.mailbox_id === m.id)) ?? [];
  return (
    <Dialog open onClose={onClose} title={tag ? `Change ${tag.name}` : "New own folder or tag"}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); submit(); }}>
        {!tag && (
          <fieldset className="stack xs">
            <legend className="small quiet">What it is</legend>
            <label className="row small"><input type="radio" name="kind" checked={kind === "folder"} onChange={() => setKind("folder")} />A folder: a message lies in one at most</label>
            <label className="row small"><input type="radio" name="kind" checked={kind === "tag"} onChange={() => setKind("tag")} />A tag: a message has any number of them</label>
          </fieldset>
        )}
        <Field label="Name">
          {(ids) => <input {...ids} className="input" required autoFocus maxLength={100} value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <fieldset className="row wrap">
          <legend className="small quiet">Colour</legend>
          {[null, ...COLORS].map((each) => (
            <label key={each ?? "none"} className="row small">
              <input type="radio" name="color" checked={color === each} onChange={() => setColor(each)} aria-label={each ?? "No colour"} />
              {each ? <span className="tag-dot" style={{ background: each }} /> : "none"}
            </label>
          ))}
        </fieldset>
        {kind === "folder" && receives.length > 0 && (
          <fieldset className="stack xs">
            <legend className="small quiet">Incoming mail of these mailboxes is put in it</legend>
            <div className="own-senders stack xs">
              {receives.map((m) => (
                <label key={m.id} className="row small">
                  <input type="checkbox" checked={from.includes(m.id)} onChange={(e) => setFrom(e.target.checked ? [...from, m.id] : from.filter((id) => id !== m.id))} />
                  <span className="cut">{m.name} <span className="faint">{m.address}</span></span>
                </label>
              ))}
            </div>
          </fieldset>
        )}
        <div className="row end"><Button look="primary" type="submit" busy={change.isPending}>{tag ? "Save" : "Make it"}</Button></div>
      </form>
    </Dialog>
  );
}
