//! The conversation as such: steps 4 and 5, and what can happen in the middle of any later step.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff, PauseUntil};
use model::report::StepCode::{Capabilities, Greeting};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "wrong_protocol",
        step: Some(Greeting),
        title: "The server speaks another protocol",
        cause: "{host} speaks {spoken} on port {port}, not {wanted}.",
        remedy: "Use the port of {wanted}: {other_port}.",
        action: "use:{other_port}:tls",
        retry: AfterChange,
        likely_others: &["The hosts for receiving and for sending were swapped."],
        also_known_as: &["greet.pop_on_imap", "greet.smtp_on_imap"],
        ..Entry::BASE
    },
    Entry {
        id: "greeting_refused",
        step: Some(Greeting),
        title: "The server closed the door at once",
        cause: "{host} answered the connection with a refusal.",
        remedy: "Nothing to change: Postroom waits and tries again.",
        action: "wait",
        retry: Backoff,
        likely_others: &[
            "The provider blocks the address of this machine: ask its support.",
            "The server is overloaded or in maintenance.",
        ],
        also_known_as: &["greet.bye"],
        ..Entry::BASE
    },
    Entry {
        id: "server_closed",
        step: Some(Greeting),
        title: "The server closed the connection",
        cause: "{host} closed the connection while Postroom waited for {what}.",
        remedy: "Nothing to change: Postroom connects again.",
        action: "wait",
        retry: Backoff,
        likely_others: &[
            "A firewall on the way cuts connections.",
            "The server was restarted.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "timed_out",
        step: Some(Greeting),
        title: "The server took too long",
        cause: "{host} did not give {what} in time.",
        remedy: "Nothing to change: Postroom tries again with growing pauses.",
        action: "wait",
        retry: Backoff,
        likely_others: &[
            "The server is overloaded.",
            "The server checks the name of this machine's address before it answers.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "server_nonsense",
        step: Some(Greeting),
        title: "The server's answer cannot be understood",
        cause: "{host} gave an answer that does not follow the protocol.",
        remedy: "Check host and port; if they are right, tell the server's administrator.",
        action: "edit_port",
        retry: Backoff,
        likely_others: &["A proxy or virus scanner on the way changes what the server says."],
        ..Entry::BASE
    },
    Entry {
        id: "server_line_too_long",
        step: Some(Greeting),
        title: "The server sent an endless line",
        cause: "{host} sent a line longer than any mail server needs; Postroom stopped reading.",
        remedy: "Check host and port: this may be no mail server.",
        action: "edit_port",
        retry: Backoff,
        likely_others: &["A proxy on the way answers in the server's place."],
        ..Entry::BASE
    },
    Entry {
        id: "literal_too_large",
        step: Some(Greeting),
        title: "The server announced too much data",
        cause: "{host} announced {size} for one answer, beyond {limit}; Postroom stopped reading.",
        remedy: "Tell the server's administrator; Postroom tries again by itself.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The server is broken, or is not the server it should be."],
        ..Entry::BASE
    },
    Entry {
        id: "server_unavailable",
        step: Some(Greeting),
        title: "The server is not available for now",
        cause: "{host} says that it cannot work at the moment.",
        remedy: "Nothing to change: Postroom tries again with growing pauses.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The provider is in maintenance."],
        ..Entry::BASE
    },
    Entry {
        id: "throttled",
        step: Some(Greeting),
        title: "The provider asks us to slow down",
        cause: "{host} limits how much may be asked of it and told Postroom to wait.",
        remedy: "Nothing to change: Postroom goes on when the pause is over.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &["Another program works with the same mailbox and uses up the allowance."],
        ..Entry::BASE
    },
    Entry {
        id: "too_many_connections",
        step: Some(Greeting),
        title: "The provider allows no more connections",
        cause: "{host} allows only so many connections for one mailbox or address, and all are taken.",
        remedy: "Close other mail programs that use this mailbox; Postroom waits and tries again.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &[
            "Connections that broke are still counted by the server for some minutes.",
        ],
        also_known_as: &["generic.limit"],
        ..Entry::BASE
    },
    Entry {
        id: "command_refused",
        step: Some(Capabilities),
        title: "The server refused a command",
        cause: "{host} refused {what}.",
        remedy: "Read what the server said; Postroom tries again by itself.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["The server does not know this command."],
        ..Entry::BASE
    },
    Entry {
        id: "change_ignored",
        step: None,
        title: "The server says OK and does not do it",
        cause: "The mailbox's server answered OK to a change, and a second look showed that nothing had changed.",
        remedy: "Nothing to change: Postroom asks again six times. If the server never does it, make the change with another mail program and ask the provider.",
        action: "try_again",
        retry: Backoff,
        likely_others: &[
            "The folder or the message may not be changed by this user.",
            "A filter on the server undoes the change at once.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "hello_refused",
        step: Some(Greeting),
        title: "The server does not like the name of this machine",
        cause: "{host} refused the name that Postroom introduced itself with (EHLO).",
        remedy: "The administrator of Postroom sets `public_url` to a real host name.",
        action: "contact_administrator",
        retry: AfterChange,
        likely_others: &["The server wants the name to point to this machine's address."],
        also_known_as: &["smtp.helo"],
        ..Entry::BASE
    },
];
