//! Out of office on the mailbox's own server.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "server_reply_not_offered",
        step: None,
        title: "The mailbox's server does not answer by itself",
        cause: "{host} lets nobody set an out of office from outside: it offers no ManageSieve on port {port}, or none with STARTTLS and vacation.",
        remedy: "Let Postroom answer (`place: postroom`).",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &[
            "The provider has ManageSieve at another port: ask with that one.",
            "A firewall on the way closes the port.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "server_reply_not_expressible",
        step: None,
        title: "The mailbox's server cannot do all that the out of office says",
        cause: "{host} does not offer what the out of office needs there: {what}.",
        remedy: "Change what it says, or let Postroom answer (`place: postroom`).",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["The provider switches more on when it is asked."],
        ..Entry::BASE
    },
    Entry {
        id: "server_reply_script_in_the_way",
        step: None,
        title: "A script of the mailbox's owner is in the way",
        cause: "On {host} a script of the mailbox's owner works already, and Postroom does not touch it: {what}.",
        remedy: "Take the out of office or the script away where it was made (such as the provider's webmail), or let Postroom answer (`place: postroom`).",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &[
            "Another mail program made the script.",
            "Another mail program, or the owner in the provider's webmail, changed a script that Postroom made: it stays as it is now.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "server_reply_refused",
        step: None,
        title: "The mailbox's server did not take the out of office",
        cause: "{host} refused the script that Postroom wrote for the out of office.",
        remedy: "Read what the server said: often the text is too long, or there is no room for one more script. Or let Postroom answer (`place: postroom`).",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &["The server allows fewer days between two answers to one sender."],
        ..Entry::BASE
    },
    Entry {
        id: "server_reply_unsure",
        step: None,
        title: "It is not known whether the mailbox's server answers",
        cause: "{host} did not say whether it took the change of the out of office before the connection ended.",
        remedy: "Repeat the change. Until one succeeds Postroom answers nobody, so that nobody gets two answers.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["The server was restarted."],
        ..Entry::BASE
    },
    Entry {
        id: "server_reply_left_there",
        step: None,
        title: "The mailbox's own server still answers",
        cause: "Somebody removed an out of office here and left it on the mailbox's own server, which goes on answering. Postroom does not answer besides, so that nobody gets two answers.",
        remedy: "Set the out of office on that server (`place: server`), then take it back: the old one goes with it. Or have the server asked (`ask-server`): Postroom answers when it names none. If it is gone for good, say `nothing_left_there` then.",
        action: "edit_request",
        retry: AfterChange,
        likely_others: &[
            "The mailbox has moved to another server, and its settings name the old one.",
        ],
        ..Entry::BASE
    },
];
