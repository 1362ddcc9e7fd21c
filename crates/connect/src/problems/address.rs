//! From a name to a connection: steps 1 and 2.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff};
use model::report::StepCode::{Dns, Tcp};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "name_not_found",
        step: Some(Dns),
        title: "The server's name does not exist",
        cause: "The name system knows no host called {host}.",
        remedy: "Check the spelling of the host; the provider's help pages name the right one.",
        action: "edit_host",
        // Elsewhere this waits for a change. Here nothing secret is sent, and a domain that lapsed or a broken name server comes
        // back without anybody touching the mailbox: asking again finds that out.
        retry: Backoff,
        likely_others: &[
            "The name exists only inside a company network that this machine is not in.",
            "The provider changed its host names.",
        ],
        also_known_as: &["dns.not_found"],
        ..Entry::BASE
    },
    Entry {
        id: "dns_failed",
        step: Some(Dns),
        title: "The name system did not answer",
        cause: "This machine could not look up {host}: its name server gave no usable answer.",
        remedy: "Try again; if it lasts, check the name servers of the machine that Postroom runs on.",
        action: "try_again",
        retry: Backoff,
        likely_others: &[
            "In a container, the name servers of the container differ from those of the host.",
        ],
        also_known_as: &["dns.temporary"],
        ..Entry::BASE
    },
    Entry {
        id: "address_blocked",
        step: Some(Dns),
        title: "Postroom may not connect there",
        cause: "Postroom's administrator permits public addresses and mail ports only, and {host} on port {port} is neither listed nor one of these.",
        remedy: "If this server is trusted, the administrator adds its network to `network.allow` in Postroom's configuration.",
        action: "allow_network",
        retry: AfterChange,
        likely_others: &["The host name is misspelled and leads to a private address."],
        ..Entry::BASE
    },
    Entry {
        id: "connection_refused",
        step: Some(Tcp),
        title: "The server refused the connection",
        cause: "{host} answered, but nothing listens there on port {port}.",
        remedy: "Check host and port: IMAP uses 993 or 143, POP3 995 or 110, sending 465 or 587.",
        action: "edit_port",
        retry: Backoff,
        likely_others: &[
            "The mail server is being restarted.",
            "In a container, a loopback address means the container itself.",
        ],
        also_known_as: &["net.refused"],
        ..Entry::BASE
    },
    Entry {
        id: "connection_timed_out",
        step: Some(Tcp),
        title: "The server did not answer",
        cause: "{host} gave no answer on port {port} in time.",
        remedy: "Check host and port; if they are right, a firewall on the way may block port {port}.",
        action: "edit_port",
        retry: Backoff,
        likely_others: &[
            "Many hosting companies block outgoing ports 25, 465 and 587: ask them to open one.",
            "The server is overloaded or down.",
        ],
        also_known_as: &["net.timeout"],
        ..Entry::BASE
    },
    Entry {
        id: "network_unreachable",
        step: Some(Tcp),
        title: "There is no route to the server",
        cause: "This machine has no network route to {host}.",
        remedy: "Check the network of the machine that Postroom runs on.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["The server has only IPv6 addresses and this machine has no IPv6."],
        also_known_as: &["net.unreachable"],
        ..Entry::BASE
    },
    Entry {
        id: "connection_failed",
        step: Some(Tcp),
        title: "The connection broke",
        cause: "The network connection to {host} broke before {what} was complete.",
        remedy: "Nothing to change: Postroom tries again by itself.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["A firewall or proxy on the way cuts connections."],
        ..Entry::BASE
    },
    Entry {
        id: "settings_not_found",
        step: None,
        title: "No settings were found for this address",
        cause: "Postroom asked every source for the mail servers of the address, and none of them knew any.",
        remedy: "Check the address; if it is right, enter the servers that the provider names for mail programs.",
        action: "edit_host",
        retry: AfterChange,
        likely_others: &[
            "The domain is misspelled, or has no mail.",
            "The name servers did not answer in time: try again.",
            "The provider lets no mail program in.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "settings_unconfirmed",
        step: None,
        title: "Servers were found, and nobody vouches for them",
        cause: "Postroom found servers for the address in a place that a forged answer could have filled, and sent them no password.",
        remedy: "Compare the servers with those that the provider names; if they are right, use them.",
        action: "edit_host",
        retry: AfterChange,
        likely_others: &[
            "The servers have names of another domain, as where mail is rented from somebody else.",
        ],
        ..Entry::BASE
    },
];
