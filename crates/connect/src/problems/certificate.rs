//! Protection: step 3. No remedy here turns the checks off; the way out is the right name, or one pinned certificate.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff};
use model::report::StepCode::Tls;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "tls_not_spoken",
        step: Some(Tls),
        title: "The server answered in plain text where TLS was expected",
        cause: "{host} speaks plain text first on port {port}, so encryption from the first byte (TLS) cannot work there.",
        remedy: "Switch the security of port {port} to STARTTLS.",
        action: "use:{port}:starttls",
        retry: AfterChange,
        likely_others: &[
            "The port is right for another protocol: IMAP with TLS is 993, POP3 995, sending 465.",
        ],
        also_known_as: &["tls.wrong_mode"],
        ..Entry::BASE
    },
    Entry {
        id: "port_security_mismatch",
        step: Some(Tls),
        title: "The server expects TLS from the first byte on this port",
        cause: "{host} speaks TLS at once on port {port}; it does not begin in plain text, as STARTTLS would.",
        remedy: "Switch the security of port {port} to TLS.",
        action: "use:{port}:tls",
        retry: AfterChange,
        likely_others: &[
            "The port is right for another security: STARTTLS is on 143, 110 and 587.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "starttls_not_offered",
        step: Some(Tls),
        title: "The server does not offer STARTTLS",
        cause: "{host} does not offer to encrypt the connection on port {port} (STARTTLS), and nothing is said without encryption.",
        remedy: "Use port {other_port} with TLS.",
        action: "use:{other_port}:tls",
        retry: Backoff,
        likely_others: &[
            "Somebody on the network way removes the offer of encryption.",
            "The server needs a certificate before it can offer STARTTLS: ask its administrator.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "starttls_refused",
        step: Some(Tls),
        title: "The server refused to start encryption",
        cause: "{host} offers STARTTLS and refused it when asked.",
        remedy: "Try again; if it lasts, use port {other_port} with TLS.",
        action: "use:{other_port}:tls",
        retry: Backoff,
        likely_others: &["The server's certificate or key cannot be read by the server itself."],
        ..Entry::BASE
    },
    Entry {
        id: "starttls_injection",
        step: Some(Tls),
        title: "Something was slipped in before encryption began",
        cause: "{host}, or somebody on the way, sent more than its answer to STARTTLS before encryption began; the connection was dropped.",
        remedy: "Use port {other_port} with TLS, where nothing is said before encryption.",
        action: "use:{other_port}:tls",
        retry: Backoff,
        likely_others: &[
            "The server software is old and has a known STARTTLS fault: tell its administrator.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_untrusted",
        step: Some(Tls),
        title: "The certificate is from an authority that is not trusted here",
        cause: "The certificate of {host} is signed by {issuer}, which this machine does not trust.",
        remedy: "If that is your own authority, the administrator adds it (`tls.extra_ca_file`); or trust exactly this certificate, SHA-256 {sha256}.",
        action: "trust_certificate:{sha256}",
        retry: Backoff,
        likely_others: &[
            "The server does not send its intermediate certificate: its administrator has to add it.",
            "Somebody on the way intercepts the connection, such as a company firewall or a virus scanner.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_self_signed",
        step: Some(Tls),
        title: "The certificate vouches only for itself",
        cause: "The certificate of {host} is signed by itself, so nobody vouches for it.",
        remedy: "If you know this server, trust exactly this certificate: SHA-256 {sha256}.",
        action: "trust_certificate:{sha256}",
        // Elsewhere this waits for a change. Here no password is sent before the certificate is good, and the server's administrator
        // mends it without telling us: asking again finds that out.
        retry: Backoff,
        likely_others: &[
            "Somebody on the way answers in the server's place: compare the fingerprint with the administrator's.",
        ],
        also_known_as: &["tls.self_signed"],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_name_mismatch",
        step: Some(Tls),
        title: "The certificate is for another name",
        cause: "The certificate that {host} showed is for {names}.",
        remedy: "Use the name on the certificate as host: {name}.",
        action: "use_host:{name}",
        // Elsewhere this waits for a change. Here no password is sent before the certificate is good, and the server's administrator
        // mends it without telling us: asking again finds that out.
        retry: Backoff,
        likely_others: &["The name of the mail server points to the wrong machine."],
        also_known_as: &["tls.hostname"],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_expired",
        step: Some(Tls),
        title: "The certificate has expired",
        cause: "The certificate of {host} was valid until {until}.",
        remedy: "The administrator of the mail server has to renew it; Postroom connects by itself once that is done.",
        action: "contact_provider",
        retry: Backoff,
        likely_others: &["The clock of this machine is wrong."],
        also_known_as: &["tls.expired"],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_not_yet_valid",
        step: Some(Tls),
        title: "The certificate is not valid yet",
        cause: "The certificate of {host} becomes valid only later.",
        remedy: "Check the clock of this machine.",
        action: "try_again",
        retry: Backoff,
        likely_others: &[
            "The certificate was made with a wrong start date: tell the mail server's administrator.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_pin_mismatch",
        step: Some(Tls),
        title: "The certificate is not the one that was trusted",
        cause: "{host} showed another certificate than the one that was pinned for this mailbox.",
        remedy: "Ask the mail server's administrator whether the certificate was renewed; if so, trust the new one: SHA-256 {sha256}.",
        action: "trust_certificate:{sha256}",
        retry: AfterChange,
        likely_others: &["Somebody on the way answers in the server's place."],
        ..Entry::BASE
    },
    Entry {
        id: "certificate_refused",
        step: Some(Tls),
        title: "The certificate cannot be used",
        cause: "This machine refused the certificate of {host}.",
        remedy: "Ask the mail server's administrator to have the certificate made anew.",
        action: "contact_provider",
        retry: Backoff,
        likely_others: &["The certificate was withdrawn, or is not meant for servers."],
        ..Entry::BASE
    },
    Entry {
        id: "tls_too_old",
        step: Some(Tls),
        title: "The server offers no safe version of TLS",
        cause: "{host} offers neither TLS 1.2 nor TLS 1.3 with a cipher that is safe today.",
        remedy: "The administrator of the mail server has to switch TLS 1.2 on.",
        action: "contact_provider",
        // Elsewhere this waits for a change. It is the server that changes, and asking again costs no sign-in.
        retry: Backoff,
        likely_others: &["The port belongs to a service that is no mail server."],
        also_known_as: &["tls.protocol"],
        ..Entry::BASE
    },
    Entry {
        id: "tls_failed",
        step: Some(Tls),
        title: "Encryption could not be set up",
        cause: "The TLS handshake with {host} ended without success.",
        remedy: "Try again; if it lasts, check that port {port} is meant for TLS.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["The server closes connections of addresses that it does not know."],
        ..Entry::BASE
    },
];
