// As whom mail is sent, signatures and templates, as the mock has them.

const made = "2026-03-01T09:00:00.000Z";
const everyone = { everyone: true, user_ids: [], token_ids: [] };

export const identitiesOf = (mailboxes) => [
  ...mailboxes.filter((m) => m.outgoing).map((m) => ({
    id: `idn_${m.id}`, mailbox_id: m.id, name: m.name, address: m.address, reply_to: null, is_main: true, is_alias: false, fields: { phone: "+49 40 1234-0" },
    signature_id: null, usable_by: everyone, usable: true, created_at: made,
  })),
  {
    id: "idn_tools", mailbox_id: "mbx_support", name: "Harbour Tools Service", address: "service@harbour-tools.example", reply_to: "support@harbour-tools.example", is_main: false,
    is_alias: true, fields: { phone: "+49 40 1234-77" }, signature_id: "sig_short", usable_by: { everyone: false, user_ids: [], token_ids: ["tok_1"] }, usable: true, created_at: made,
  },
];

export const autoReply = {
  enabled: true, place: "postroom", on_server: null, server_offers: null, starts_at: null, ends_at: null, time_zone: "Europe/Berlin", subject: null, text: null, html: null, inside: null, inside_domains: [], audience: "everyone",
  exclusions: [], period_days: 7, answered: 0, enabled_at: made, created_at: made,
};

export const autoReplyPreview = {
  data: [
    { message_id: "msg_a", from: "jo@example.org", subject: "Lunch", received_at: made, answered: true, to: "jo@example.org", inside: false, answer_subject: "Auto: Lunch", reason: null, reason_text: null },
    { message_id: "msg_b", from: "news@example.org", subject: "News", received_at: made, answered: false, to: null, inside: null, answer_subject: null, reason: "list", reason_text: "it came over a mailing list" },
  ],
  answered: 1, truncated: false,
};

export const signatures = [
  {
    id: "sig_company", name: "Company", kind: "central", owner_id: null, created_at: made, text: null,
    html: "<p style=\"border-top:2px solid #0b7285;padding-top:8px\"><b>{{ identity.name }}</b><br>\n{{ identity.address }}{% if identity.fields.phone %} &middot; {{ identity.fields.phone }}{% endif %}<br>\nHarbour Tools, Quay 4, Hamburg</p>",
  },
  { id: "sig_short", name: "Short", kind: "shared", owner_id: null, created_at: made, html: "<p>{{ identity.name }}</p>", text: null },
];

export const templates = [
  {
    id: "tpl_order", name: "Order confirmation", mailbox_id: null, subject: "Order {{ order.number }}", created_at: made, text: null,
    html: "<p>Dear {{ name }},</p>\n<p>your order <b>{{ order.number }}</b> is on its way: <a href=\"https://harbour-tools.example/track/{{ order.number }}\">where it is</a>.</p>",
    variables: ["name", "order.number"],
  },
];

export const jobs = [
  { id: "job_2", kind: "merge", phase: "running", mailbox_id: "mbx_sales", total: 1200, done: 431, failed: 2, rate: 60, eta: "2026-11-22T04:10:00.000Z", last_error: "/data: the text of the template: line 1: the data has no name", created_at: "2026-11-22T03:00:00.000Z", finished_at: null },
  { id: "job_1", kind: "merge", phase: "done", mailbox_id: "mbx_sales", total: 80, done: 80, failed: 0, rate: null, eta: null, last_error: null, created_at: "2026-11-20T09:00:00.000Z", finished_at: "2026-11-20T09:04:00.000Z" },
];

/** Not the real engine: it fills in and no more. */
export function filled(text, data) {
  const at = (path) => path.trim().split(".").reduce((value, name) => value?.[name], data);
  return (text ?? "").replaceAll(/\{%.*?%\}/g, "").replaceAll(/\{\{([^}]*)\}\}/g, (_, path) => String(at(path) ?? ""));
}

export const plain = (html) => html.replaceAll(/<br>\s*/g, "\n").replaceAll(/<[^>]*>/g, "").replaceAll("&middot;", "·").trim();
