//! Sending: steps 9 and 10, and the outbox.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff, Never, PauseUntil};
use model::report::StepCode::{Send, Smtp};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "smtp_auth_required",
        step: Some(Smtp),
        title: "The server wants a sign-in before it sends",
        cause: "{host} sends only for those who sign in.",
        remedy: "Set a user name and password for sending.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["Port 25 is for servers: use 465 or 587 for sending."],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_auth_disabled",
        step: Some(Smtp),
        title: "Sending with a password is switched off at the provider",
        cause: "The provider's administrator switched off sign-in for sending (SMTP AUTH), for the organisation or this mailbox.",
        remedy: "The organisation's administrator switches authenticated SMTP on for this mailbox, or sign in with the provider.",
        action: "contact_provider",
        retry: AfterChange,
        likely_others: &[
            "The provider has ended passwords for sending: a sign-in with the provider (OAuth 2) is needed.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_sender_refused",
        step: Some(Send),
        title: "The server refused the sender",
        cause: "{host} does not let {user} send as {address}.",
        remedy: "Send from the address that belongs to this sign-in, or add the other as an alias at the provider.",
        action: "edit_identity",
        retry: AfterChange,
        likely_others: &["The provider blocks the account because of unusual sending."],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_recipient_refused",
        step: Some(Send),
        title: "The server refused a recipient",
        cause: "{host} refused the recipient {address}.",
        remedy: "Check the recipient's address.",
        action: "edit_recipient",
        retry: Never,
        likely_others: &[
            "The recipient's mailbox was closed.",
            "The recipient's server takes no mail from this sender.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_recipient_deferred",
        step: Some(Send),
        title: "The server put a recipient off",
        cause: "{host} does not take mail for {address} at the moment.",
        remedy: "Nothing to change: Postroom tries again by itself.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The recipient's mailbox is full."],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_relay_refused",
        step: Some(Send),
        title: "The server does not send to other domains for us",
        cause: "{host} does not pass on mail from {user} to {address}.",
        remedy: "Use the provider's own sending host, and as sender the address that belongs to the sign-in.",
        action: "edit_outgoing",
        retry: AfterChange,
        likely_others: &[
            "The sender address does not belong to the account that signed in.",
            "This server only takes mail for its own domains: it is not the one for sending.",
            "Nobody signed in: set a user name and password for sending.",
        ],
        also_known_as: &["generic.relay"],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_message_refused",
        step: Some(Send),
        title: "The server refused the message",
        cause: "{host} refused the message itself.",
        remedy: "Read what the server said and change the message.",
        action: "edit_message",
        retry: Never,
        likely_others: &[
            "The server takes the message for spam.",
            "An attachment's type is not allowed.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_size_refused",
        step: Some(Send),
        title: "The message is too large for the server",
        cause: "{host} takes no message of this size; its limit is {limit}.",
        remedy: "Send a link instead of the attachment.",
        action: "edit_message",
        retry: Never,
        likely_others: &["Attachments grow by a third on their way."],
        also_known_as: &["generic.too_big"],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_greylisted",
        step: Some(Send),
        title: "The recipient's server asks to come back later",
        cause: "{host} puts off mail from senders that it does not know yet (greylisting).",
        remedy: "Nothing to change: Postroom tries again by itself.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The server is busy."],
        also_known_as: &["generic.greylist"],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_limit_reached",
        step: Some(Send),
        title: "The provider's sending limit is reached",
        cause: "The provider lets this mailbox send only so many messages in a time, and that is used up.",
        remedy: "Nothing to change: Postroom sends the rest when the provider allows it again.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &["Another program sends from the same mailbox."],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_address_blocked",
        step: Some(Send),
        title: "The server blocks this machine's address",
        cause: "{host} refuses mail from the network address of this machine.",
        remedy: "Send through the provider's own server, or ask the block list named by the server to remove the address.",
        action: "edit_outgoing",
        retry: Backoff,
        likely_others: &[
            "Port 25 was used: sign in on 465 or 587 instead.",
            "The server lets in only those who sign in, and nobody did.",
        ],
        also_known_as: &["smtp.blocked_ip"],
        ..Entry::BASE
    },
    Entry {
        id: "sending_limit_reached",
        step: None,
        title: "The mailbox has sent all that it may for now",
        cause: "The mailbox, its server profile or what is known of the provider allows only so many messages in a minute and recipients in a day, and Postroom obeys that.",
        remedy: "Wait: the message goes out by itself when there is room again. If the provider allows more, say so in the limits of the mailbox or its server profile.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &[],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_unclear",
        step: Some(Send),
        title: "It is not known whether the message was sent",
        cause: "{host} broke off after the message was handed over, without saying whether it took it.",
        remedy: "Look for the message in Sent and at the recipient; Postroom looks too, before it would send again.",
        action: "wait",
        retry: Backoff,
        likely_others: &["A firewall on the way cut the connection."],
        ..Entry::BASE
    },
    Entry {
        id: "smtp_feature_missing",
        step: Some(Send),
        title: "The server cannot carry this message",
        cause: "{host} does not offer what the message needs: {what}.",
        remedy: "Use addresses in plain letters, leave out the wish for TLS all the way, or use another sending server: whichever is about what is missing.",
        action: "edit_message",
        retry: Never,
        likely_others: &[
            "The server software is old.",
            "TLS all the way (REQUIRETLS) is offered by few servers, and only over an encrypted connection.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "address_unusable",
        step: Some(Send),
        title: "An address cannot be used",
        cause: "Postroom did not send: the address {address} has characters that no server takes.",
        remedy: "Correct the address.",
        action: "edit_recipient",
        retry: Never,
        likely_others: &["The address was copied together with what stood around it."],
        ..Entry::BASE
    },
    Entry {
        id: "test_not_arrived",
        step: Some(Send),
        title: "The test message did not arrive in time",
        cause: "{host} took the test message, and the mailbox did not show it in time.",
        remedy: "Look for the test message in junk; mail between providers can take some minutes.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The test address belongs to another mailbox than this one."],
        ..Entry::BASE
    },
    Entry {
        id: "bounced",
        step: Some(Send),
        title: "A message came back",
        cause: "The receiver's server sent the message back.",
        remedy: "Read the reason in the returned message and check the recipient's address.",
        action: "edit_recipient",
        retry: Never,
        likely_others: &["The receiver's mailbox is full or closed."],
        ..Entry::BASE
    },
];
