//! Inside the mailbox: steps 7 and 8, and what the running engine meets while it copies.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff, Never, PauseUntil};
use model::report::StepCode::{Folders, Read};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "mailbox_not_accessible",
        step: Some(Folders),
        title: "The sign-in worked, but the mailbox did not open",
        cause: "{host} took the sign-in and then gave no access to the mailbox.",
        remedy: "Check that the person who signed in owns this mailbox and that IMAP is switched on for it.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The account has no mail licence.",
            "Too many programs are connected: close some and wait 15 minutes.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "no_folders_visible",
        step: Some(Folders),
        title: "The server shows no folders",
        cause: "{host} lists no folder for {user}.",
        remedy: "Check that the right account signed in.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The account has no rights on this shared mailbox: ask its administrator.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "folder_missing",
        step: Some(Read),
        title: "A monitored folder does not exist",
        cause: "The folder {folder} does not exist at {host}.",
        remedy: "Choose another folder: {alike}.",
        action: "choose_folders",
        retry: AfterChange,
        likely_others: &["The folder was renamed or removed with another program."],
        ..Entry::BASE
    },
    Entry {
        id: "folder_unreadable",
        step: Some(Read),
        title: "A folder cannot be opened",
        cause: "{host} does not open the folder {folder}.",
        remedy: "Ask the owner of the mailbox for the right to read this folder, or stop monitoring it.",
        action: "choose_folders",
        retry: Backoff,
        likely_others: &[
            "The folder is damaged on the server.",
            "The folder only holds other folders.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "message_unreadable",
        step: Some(Read),
        title: "A message cannot be read",
        cause: "{host} does not give a message of the folder {folder}.",
        remedy: "Open the message with another mail program; if that fails too, the server's copy is damaged.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["The server stumbles over this one message; all others are stored."],
        ..Entry::BASE
    },
    Entry {
        id: "message_too_large",
        step: Some(Read),
        title: "A message is too large",
        cause: "The message has {size}, and Postroom stores at most {limit}.",
        remedy: "Remove attachments from the message on the server, or leave it where it is.",
        action: "none",
        retry: Never,
        likely_others: &["The server announces a wrong size."],
        ..Entry::BASE
    },
    Entry {
        id: "message_vanished",
        step: Some(Read),
        title: "A message was removed before it could be read",
        cause: "Another program removed the message from the folder {folder} before Postroom could store it.",
        remedy: "Nothing to do: the message is no longer on the server.",
        action: "none",
        retry: Never,
        likely_others: &["A rule at the provider moved it to another folder."],
        ..Entry::BASE
    },
    Entry {
        id: "server_lied",
        step: Some(Read),
        title: "The server contradicts itself about a message",
        cause: "{host} sent other bytes than it announced, so Postroom did not store the message.",
        remedy: "Nothing to change: Postroom asks for the message again.",
        action: "try_again",
        retry: Backoff,
        likely_others: &[
            "The server's index is damaged: its administrator can have it built anew.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "uid_validity_unstable",
        step: Some(Read),
        title: "The server keeps renumbering a folder",
        cause: "{host} gives the messages of the folder {folder} new numbers again and again.",
        remedy: "Tell the server's administrator. Postroom leaves this folder alone and tries it once an hour; `postroom folder resync` has it tried at once.",
        action: "contact_provider",
        retry: Backoff,
        likely_others: &[
            "The server's index cannot be written, for example because its disk is full.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "quota_exceeded",
        step: Some(Read),
        title: "The mailbox is full",
        cause: "The mailbox at {host} has used up the space that the provider gives it.",
        remedy: "Delete mail or buy space at the provider; Postroom looks again later.",
        action: "free_space",
        retry: PauseUntil,
        likely_others: &["The provider counts trash and junk too: empty them."],
        also_known_as: &["generic.overquota"],
        ..Entry::BASE
    },
    Entry {
        id: "transfer_limit_reached",
        step: Some(Read),
        title: "The provider's transfer limit is used up",
        cause: "The provider limits how much of a mailbox may be read in a day, and that is used up.",
        remedy: "Nothing to change: Postroom goes on when the provider allows it again.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &["Another program reads the same mailbox."],
        ..Entry::BASE
    },
    Entry {
        id: "listing_unsupported",
        step: Some(Folders),
        title: "The server cannot tell its messages apart",
        cause: "{host} does not offer lasting message numbers (POP3 UIDL), so new mail cannot be told from old.",
        remedy: "Use IMAP for this mailbox.",
        action: "choose_protocol:imap",
        retry: AfterChange,
        likely_others: &["The server is very old: ask its administrator."],
        ..Entry::BASE
    },
    Entry {
        id: "mailbox_locked",
        step: Some(Read),
        title: "Another program has locked the mailbox",
        cause: "Another program has the mailbox open, and {host} lets only one in at a time.",
        remedy: "Nothing to change: Postroom tries again in some minutes.",
        action: "wait",
        retry: Backoff,
        likely_others: &["A connection that broke still holds the lock for some minutes."],
        ..Entry::BASE
    },
];
