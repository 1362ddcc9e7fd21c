//! Requests to Postroom's own API, and its webhooks.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff, Never};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "invalid_request",
        step: None,
        title: "The request has mistakes",
        cause: "The request does not have the form that this resource takes.",
        remedy: "Correct the fields that `errors` points to.",
        action: "edit_request",
        retry: Never,
        likely_others: &["The request was written for another version of the API."],
        ..Entry::BASE
    },
    Entry {
        id: "malformed_json",
        step: None,
        title: "The request is not JSON",
        cause: "The request's body cannot be read as JSON.",
        remedy: "Send JSON in UTF-8, with `Content-Type: application/json`.",
        action: "edit_request",
        retry: Never,
        likely_others: &["A proxy on the way cut the body."],
        ..Entry::BASE
    },
    Entry {
        id: "not_found",
        step: None,
        title: "There is nothing under this address",
        cause: "The request names something that does not exist or that the caller may not see.",
        remedy: "Check the id; a list of the resource shows what there is.",
        action: "edit_request",
        retry: Never,
        likely_others: &[
            "It was removed.",
            "The token is limited to other mailboxes.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "method_not_allowed",
        step: None,
        title: "This resource does not know the verb",
        cause: "The request uses a verb that this resource does not have.",
        remedy: "See the resource in the API reference (`/openapi.json`).",
        action: "edit_request",
        retry: Never,
        likely_others: &["The path has a part too many or too few."],
        ..Entry::BASE
    },
    Entry {
        id: "conflict",
        step: None,
        title: "The request does not fit the present state",
        cause: "The request asks for something that the present state does not allow.",
        remedy: "Read the resource again and decide anew.",
        action: "edit_request",
        retry: Never,
        likely_others: &["Another person or program changed it meanwhile."],
        ..Entry::BASE
    },
    Entry {
        id: "precondition_failed",
        step: None,
        title: "Somebody else changed it meanwhile",
        cause: "Another caller changed the resource after the version named in `If-Match`.",
        remedy: "Read the resource again, then repeat the change with its new ETag.",
        action: "edit_request",
        retry: Never,
        likely_others: &["The ETag belongs to another resource."],
        ..Entry::BASE
    },
    Entry {
        id: "in_use",
        step: None,
        title: "It is still in use",
        cause: "The request would remove something that other things still need.",
        remedy: "Remove or change what uses it first; the list is in the answer.",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["A mailbox that was paused still counts as a user."],
        ..Entry::BASE
    },
    Entry {
        id: "unauthorized",
        step: None,
        title: "Nobody signed in",
        cause: "The request carries no token or session that Postroom knows.",
        remedy: "Send `Authorization: Bearer` with a valid token, or sign in to the console.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &["The token was withdrawn or has expired."],
        ..Entry::BASE
    },
    Entry {
        id: "forbidden",
        step: None,
        title: "This is not allowed with this token",
        cause: "The token or the user may not do this.",
        remedy: "Use a token with the scope that `detail` names, or ask an administrator.",
        action: "contact_administrator",
        retry: AfterChange,
        likely_others: &["The token is limited to other mailboxes."],
        ..Entry::BASE
    },
    Entry {
        id: "rate_limited",
        step: None,
        title: "Too many requests",
        cause: "The caller sent more requests than Postroom takes in this time.",
        remedy: "Wait as long as `Retry-After` says.",
        action: "wait",
        retry: Backoff,
        likely_others: &["Several programs share one token."],
        ..Entry::BASE
    },
    Entry {
        id: "payload_too_large",
        step: None,
        title: "The request is too large",
        cause: "The request's body is larger than Postroom takes.",
        remedy: "Send less at once; attachments can be uploaded apart.",
        action: "edit_request",
        retry: Never,
        likely_others: &["Base64 makes attachments a third larger."],
        ..Entry::BASE
    },
    Entry {
        id: "attachment_out_of_reach",
        step: None,
        title: "The attachment cannot be taken out of so large a message",
        cause: "The message is larger than 64 MiB, and the attachment does not end within what Postroom decodes of it.",
        remedy: "Fetch the whole message (`GET /v1/messages/ID/raw`, byte ranges are possible) and take it out there.",
        action: "edit_request",
        retry: Never,
        likely_others: &["The message has no such attachment."],
        ..Entry::BASE
    },
    Entry {
        id: "headers_only",
        step: None,
        title: "Only the header of this message is stored",
        cause: "The folder is watched, or the message is larger than the mailbox stores, so Postroom left the text and the attachments on the mail server.",
        remedy: "Fetch the message (`POST /v1/messages/ID/fetch`, or `postroom message fetch ID`) and repeat the request when it is there.",
        action: "fetch_message",
        retry: AfterChange,
        likely_others: &["The message was asked for, and the mail server has not sent it yet."],
        ..Entry::BASE
    },
    Entry {
        id: "trash_missing",
        step: None,
        title: "No folder is known as the trash",
        cause: "The mail server marks no folder of this mailbox as the trash, and none has a usual name for it, so Postroom would have to remove the message for good.",
        remedy: "Say which folder is the trash (`postroom folder map`, or the role in the console's list of folders), or have the message removed for good (`permanent=true`, `postroom message delete --permanent`).",
        action: "choose_folders",
        retry: AfterChange,
        likely_others: &["The folder was made with another program and has a name of its own."],
        ..Entry::BASE
    },
    Entry {
        id: "unsupported_media_type",
        step: None,
        title: "The request has another content type",
        cause: "The request's content type is not one that this resource takes.",
        remedy: "Send `Content-Type: application/json`.",
        action: "edit_request",
        retry: Never,
        likely_others: &["A form was sent where JSON is wanted."],
        ..Entry::BASE
    },
    Entry {
        id: "idempotency_conflict",
        step: None,
        title: "The idempotency key was used for something else",
        cause: "The request repeats an `Idempotency-Key` of the last 24 hours with another body.",
        remedy: "Use a new key for a new request.",
        action: "edit_request",
        retry: Never,
        likely_others: &["A program uses a constant as key."],
        ..Entry::BASE
    },
    Entry {
        id: "idempotency_in_progress",
        step: None,
        title: "The first request with this key is still being worked on",
        cause: "The request repeats an `Idempotency-Key` whose first request has no answer yet.",
        remedy: "Wait a moment and repeat the request with the same key.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The first request was cut off; it ends by itself."],
        ..Entry::BASE
    },
    Entry {
        id: "cursor_expired",
        step: None,
        title: "The cursor is older than the event log",
        cause: "Postroom kept the events behind the cursor for 30 days, and they are gone: a reader that went on from it would miss them without knowing.",
        remedy: "Read what you need anew (mailboxes, messages, submissions), then begin with the oldest event that is kept (`from=start`) or with the next (`from=now`).",
        action: "start_over",
        retry: Never,
        likely_others: &["The program that keeps the cursor was switched off for a month."],
        ..Entry::BASE
    },
    Entry {
        id: "mailbox_not_enabled",
        step: None,
        title: "The mailbox is not enabled",
        cause: "The mailbox is a draft, paused or disabled, and this needs an enabled one.",
        remedy: "Enable the mailbox first.",
        action: "enable_mailbox",
        retry: AfterChange,
        likely_others: &["An administrator has still to approve the mailbox."],
        ..Entry::BASE
    },
    Entry {
        id: "mailbox_read_only",
        step: None,
        title: "The mailbox may only be read",
        cause: "The mailbox is set to be read only, so Postroom changes nothing on its server: no flag, no folder, no message.",
        remedy: "Switch \"read only\" off in the mailbox's settings (`postroom mailbox edit --read-only no`) if Postroom may change it.",
        action: "edit_mailbox",
        retry: AfterChange,
        likely_others: &["The change was meant for another mailbox."],
        ..Entry::BASE
    },
    Entry {
        id: "draft_changed_elsewhere",
        step: None,
        title: "Another program has changed the draft",
        cause: "Another mail program wrote another text in the place of the draft's copy in the server's Drafts folder. Postroom writes over nothing, and sends nothing, that whoever asks has not seen.",
        remedy: "Read the other text (the draft's `message_id`). To keep yours, change the draft with `replaces_message_id` naming that message; to keep theirs, take it over into the draft the same way.",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["The same person went on writing on a telephone."],
        ..Entry::BASE
    },
    Entry {
        id: "receipt_not_possible",
        step: None,
        title: "The message gets no reading receipt",
        cause: "The sender asked for none, or not for one to himself alone; or somebody gave it already, here or in another program; or a list, a machine or you sent the message. A sender gets one receipt for a message at most.",
        remedy: "Answer the message instead.",
        action: "none",
        retry: Never,
        likely_others: &["Another mail program gave the receipt by itself."],
        ..Entry::BASE
    },
    Entry {
        id: "folder_name_invalid",
        step: None,
        title: "A folder cannot have this name",
        cause: "The name is empty, too long, or has a character that means something else to the mail server.",
        remedy: "Choose a name of 1 to 100 characters without `*`, `%` and the server's separator; a folder inside another one is made with `parent_id`.",
        action: "edit_request",
        retry: Never,
        likely_others: &["The whole path was given where one level is wanted."],
        ..Entry::BASE
    },
    Entry {
        id: "folder_exists",
        step: None,
        title: "A folder of this name is there already",
        cause: "The mailbox has a folder of this name in the same place.",
        remedy: "Choose another name, or use the folder that is there.",
        action: "edit_request",
        retry: Never,
        likely_others: &["Another program made it meanwhile."],
        ..Entry::BASE
    },
    Entry {
        id: "labels_unsupported",
        step: None,
        title: "The mailbox's server has no labels",
        cause: "The request changes labels of a message, and the mailbox's server has folders, not labels: only Gmail has labels.",
        remedy: "Move the message to a folder, or give it a tag of your own, which no server hears of.",
        action: "edit_request",
        retry: Never,
        likely_others: &["The mailbox was asked for a keyword: those are flags."],
        ..Entry::BASE
    },
    Entry {
        id: "imap_only",
        step: None,
        title: "Only a mailbox that is read by IMAP can do this",
        cause: "The request changes folders on the mail server, or moves, copies, deletes or stores a message there, and the mailbox is read by POP3, which has no way to, or is only sent from.",
        remedy: "If the provider offers IMAP, change the mailbox to it (`postroom mailbox edit --imap-host HOST`): ids stay, and nothing is fetched twice.",
        action: "edit_mailbox",
        retry: AfterChange,
        likely_others: &["Another mailbox was meant."],
        ..Entry::BASE
    },
    Entry {
        id: "append_too_large",
        step: None,
        title: "The mail server does not take so large a message",
        cause: "{host} refused to store a message because of its size.",
        remedy: "Store a smaller message; large attachments can be kept elsewhere.",
        action: "edit_request",
        retry: Never,
        likely_others: &[
            "The message is larger than all that the provider allows to be uploaded in a day.",
            "The mailbox is nearly full: its quota is shown with the mailbox.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "folder_protected",
        step: None,
        title: "The folder is one that the mailbox needs",
        cause: "The folder is the inbox, or has a role: sent mail, drafts, junk, trash, archive, all or flagged mail.",
        remedy: "Leave it, or take the role from it first (`postroom folder map --role none`); the inbox stays in any case.",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["The role was guessed from the folder's name."],
        ..Entry::BASE
    },
    Entry {
        id: "folder_not_empty",
        step: None,
        title: "The folder is not empty",
        cause: "Messages or other folders are in the folder, and would be deleted with it.",
        remedy: "Move or delete what is in it; to delete the messages with it for good, say so (`with_messages=true`).",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["Mail arrived in it after it was looked at."],
        ..Entry::BASE
    },
    Entry {
        id: "receive_only",
        step: None,
        title: "The mailbox cannot send",
        cause: "The mailbox has no settings for sending.",
        remedy: "Add the settings for sending to the mailbox.",
        action: "edit_outgoing",
        retry: AfterChange,
        likely_others: &["Another mailbox was meant."],
        ..Entry::BASE
    },
    Entry {
        id: "identity_not_allowed",
        step: None,
        title: "This sender may not be used",
        cause: "The message would go out as an address that the mailbox does not send as, or that is not for whoever asked.",
        remedy: "Send as an address that you may use, or have an administrator make an identity of this one and let you use it.",
        action: "choose_identity",
        retry: AfterChange,
        likely_others: &["The mailbox that was named is not the one that this address belongs to."],
        ..Entry::BASE
    },
    Entry {
        id: "template_invalid",
        step: None,
        title: "The template cannot be used",
        cause: "The template of the request has a mistake, or the caller gave no data for something that it asks for.",
        remedy: "Mend the template at the line that is named, or give the data that it asks for; what may be missing can be asked for with `default`.",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &[
            "A value stands where no escaping makes it safe: in a script, a style or an attribute without quotes.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_unreachable",
        step: None,
        title: "The webhook's receiver cannot be reached",
        cause: "The receiver of the webhook does not answer or refuses connections.",
        remedy: "Check the webhook's URL and that its receiver runs; Postroom tries again for three days.",
        action: "edit_webhook",
        retry: Backoff,
        likely_others: &["A firewall on the way blocks this machine."],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_refused",
        step: None,
        title: "The webhook's receiver answered with an error",
        cause: "The receiver of the webhook did not answer with a status between 200 and 299.",
        remedy: "Look at the answer in the webhook's deliveries; Postroom tries again for three days.",
        action: "edit_webhook",
        retry: Backoff,
        likely_others: &["The receiver checks the signature with an old secret."],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_timed_out",
        step: None,
        title: "The webhook's receiver took too long",
        cause: "The receiver of the webhook did not answer in time.",
        remedy: "Let the receiver answer first and work afterwards; Postroom tries again for three days.",
        action: "edit_webhook",
        retry: Backoff,
        likely_others: &["The receiver is overloaded."],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_address_blocked",
        step: None,
        title: "Postroom may not post to this address",
        cause: "Postroom's administrator permits public addresses only, and the webhook's URL leads elsewhere.",
        remedy: "If the receiver is trusted, the administrator adds its network to `network.allow`.",
        action: "allow_network",
        retry: AfterChange,
        likely_others: &["The receiver's host name is misspelled."],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_gone",
        step: None,
        title: "The webhook's receiver wants no more events",
        cause: "The receiver of the webhook answered with 410 Gone, so Postroom switched the webhook off.",
        remedy: "Enable the webhook again if this was not meant.",
        action: "edit_webhook",
        retry: AfterChange,
        likely_others: &["The receiver was moved to another URL."],
        ..Entry::BASE
    },
    Entry {
        id: "webhook_disabled",
        step: None,
        title: "The webhook was switched off",
        cause: "Postroom switched the webhook off, because its receiver failed for three days.",
        remedy: "Repair the receiver, enable the webhook, and replay the deliveries that failed.",
        action: "edit_webhook",
        retry: AfterChange,
        likely_others: &["The receiver's certificate expired."],
        ..Entry::BASE
    },
];
