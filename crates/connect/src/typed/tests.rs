use super::*;

const ANN: &str = "ann@example.com";

fn side(host: &str) -> Side {
    Side {
        host: Some(host.to_owned()),
        ..Side::default()
    }
}

fn with(host: &str, port: u16, security: Option<Security>) -> Side {
    Side {
        port: Some(port),
        security,
        ..side(host)
    }
}

fn rules(policy: Policy) -> Rules {
    Rules::new(policy, Providers::new(None))
}

fn receive(side: Side) -> Settled {
    let form = Form {
        address: ANN.to_owned(),
        incoming: Some(Some(side)),
        outgoing: Some(None),
        password: Some(Secret::new("secret")),
    };
    settle(form, Before::default(), &Rules::default())
}

fn send(side: Side) -> Settled {
    let form = Form {
        address: ANN.to_owned(),
        incoming: Some(None),
        outgoing: Some(Some(side)),
        password: Some(Secret::new("secret")),
    };
    settle(form, Before::default(), &Rules::default())
}

fn good(settled: &Settled) -> (String, u16, Security) {
    assert!(settled.refused.is_empty(), "{:?}", settled.refused);
    match (&settled.incoming, &settled.outgoing) {
        (Some(Some(side)), _) => (side.host.clone(), side.port, side.security),
        (_, Some(Some(side))) => (side.host.clone(), side.port, side.security),
        _ => panic!("no side"),
    }
}

fn noted(settled: &Settled) -> Vec<&str> {
    let pointers = settled.normalised.iter().map(|note| note.pointer.as_str());
    pointers.collect()
}

#[track_caller]
fn refused(settled: &Settled, pointer: &str, action: &str) {
    let found: Vec<_> = settled
        .refused
        .iter()
        .map(|refused| {
            (
                refused.pointer.as_str(),
                refused.action.as_deref().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(found, [(pointer, action)], "{:?}", settled.refused);
}

use Security::{None as Plain, Starttls, Tls};

#[test]
fn what_is_left_out_is_what_is_usual() {
    for (side, port, security) in [
        (side("imap.example.com"), 993, Tls),
        (with("imap.example.com", 143, None), 143, Starttls),
        (with("imap.example.com", 993, None), 993, Tls),
        (
            Side {
                security: Some(Starttls),
                ..side("imap.example.com")
            },
            143,
            Starttls,
        ),
        (
            Side {
                protocol: Some(Protocol::Pop3),
                ..side("pop.example.com")
            },
            995,
            Tls,
        ),
    ] {
        let settled = receive(side);
        assert_eq!(
            good(&settled),
            (
                settled.incoming.clone().unwrap().unwrap().host,
                port,
                security
            )
        );
        assert!(settled.normalised.is_empty(), "{:?}", settled.normalised);
    }
    for (side, port, security) in [
        (side("smtp.example.com"), 465, Tls),
        (with("smtp.example.com", 587, None), 587, Starttls),
        (with("smtp.example.com", 2525, None), 2525, Starttls),
        (
            Side {
                security: Some(Starttls),
                ..side("smtp.example.com")
            },
            587,
            Starttls,
        ),
    ] {
        assert_eq!(
            good(&send(side)),
            ("smtp.example.com".to_owned(), port, security)
        );
    }
}

#[test]
fn schemes_and_ports_in_the_host_field_are_taken_apart_and_told() {
    for (typed, port, security, notes) in [
        ("imaps://imap.example.com:993/", 993, Tls, 2),
        ("imap.example.com:143", 143, Starttls, 2),
        ("tls://imap.example.com:143", 143, Starttls, 2),
        ("ssl://imap.example.com", 993, Tls, 1),
        (" IMAP.example.com. ", 993, Tls, 1),
    ] {
        let settled = receive(side(typed));
        assert_eq!(
            good(&settled),
            ("imap.example.com".to_owned(), port, security),
            "{typed}"
        );
        assert_eq!(
            settled.normalised.len(),
            notes,
            "{typed}: {:?}",
            settled.normalised
        );
        assert_eq!(settled.normalised[0].was.as_deref(), Some(typed));
    }
    let settled = receive(side("[::1]:993"));
    assert_eq!(good(&settled), ("::1".to_owned(), 993, Tls));
    let settled = send(side("ssl://smtp.example.com:465"));
    assert_eq!(good(&settled), ("smtp.example.com".to_owned(), 465, Tls));
    let settled = receive(side("pop3s://mail.example.com"));
    assert_eq!(good(&settled), ("mail.example.com".to_owned(), 995, Tls));
    assert_eq!(noted(&settled), ["/incoming/host", "/incoming/protocol"]);
    let settled = receive(with("pop.example.com", 995, None));
    assert_eq!(settled.incoming.unwrap().unwrap().protocol, Protocol::Pop3);
}

#[test]
fn ports_and_security_that_contradict_each_other_go_by_the_port() {
    for (port, typed, became) in [(993, Starttls, Tls), (143, Tls, Starttls)] {
        let settled = receive(with("imap.example.com", port, Some(typed)));
        assert_eq!(good(&settled).2, became, "{port}");
        assert_eq!(noted(&settled), ["/incoming/security"]);
    }
    for (port, typed, became) in [(587, Tls, Starttls), (465, Starttls, Tls)] {
        let settled = send(with("smtp.example.com", port, Some(typed)));
        assert_eq!(good(&settled).2, became, "{port}");
        assert_eq!(
            settled.normalised[0].became.as_deref(),
            Some(became.as_str())
        );
    }
    // Ports of nobody are what they are said to be.
    let anywhere = rules(Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        mail_ports: vec![],
    });
    let form = Form {
        address: ANN.to_owned(),
        incoming: Some(Some(with("127.0.0.1", 41_993, Some(Starttls)))),
        ..Form::default()
    };
    assert!(
        settle(form, Before::default(), &anywhere)
            .normalised
            .is_empty()
    );
}

#[test]
fn ports_that_cannot_be_meant_are_refused_with_the_right_one() {
    refused(
        &send(with("smtp.example.com", 455, None)),
        "/outgoing/port",
        "use:465:tls",
    );
    refused(
        &send(with("smtp.example.com", 455, Some(Tls))),
        "/outgoing/port",
        "use:465:tls",
    );
    refused(
        &send(with("smtp.example.com", 443, None)),
        "/outgoing/port",
        "use:465:tls",
    );
    refused(
        &send(with("smtp.example.com", 993, None)),
        "/outgoing/port",
        "use:465:tls",
    );
    refused(
        &send(with("smtp.example.com", 25, None)),
        "/outgoing/port",
        "use:587:starttls",
    );
    refused(
        &receive(with("imap.example.com", 80, None)),
        "/incoming/port",
        "use:993:tls",
    );
    refused(
        &receive(with("imap.example.com", 995, None)),
        "/incoming/port",
        "use:993:tls",
    );
    refused(
        &receive(side("imap.example.com:587")),
        "/incoming/port",
        "use:993:tls",
    );
    refused(
        &receive(Side {
            port: Some(143),
            ..side("imap.example.com:993")
        }),
        "/incoming/port",
        "use:993",
    );
    let pop = Side {
        protocol: Some(Protocol::Pop3),
        ..with("pop.example.com", 993, None)
    };
    refused(&receive(pop), "/incoming/port", "use:995:tls");
    // Whoever says how, means it; and a relay that wants no sign-in is none of our business.
    assert_eq!(
        good(&send(with("smtp.example.com", 25, Some(Starttls)))).1,
        25
    );
    let relay = Side {
        auth: Some(Auth::None),
        ..with("relay.example.com", 25, Some(Plain))
    };
    assert_eq!(good(&send(relay)).1, 25);
}

#[test]
fn a_port_outside_the_list_names_the_setting() {
    let settled = receive(with("imap.example.com", 1993, None));
    refused(&settled, "/incoming/port", "allow_network");
    let remedy = settled.refused[0].remedy.clone().unwrap();
    assert!(remedy.contains("network.mail_ports"), "{remedy}");
    assert!(
        settled.refused[0].detail.contains("993"),
        "{:?}",
        settled.refused
    );
    // A list without the port of a protocol refuses it, too (M-17).
    let few = rules(Policy {
        allow: vec![],
        mail_ports: vec![80, 443, 465, 587, 993],
    });
    let pop = Side {
        protocol: Some(Protocol::Pop3),
        ..side("pop.example.com")
    };
    let form = |side: Side| Form {
        address: ANN.to_owned(),
        incoming: Some(Some(side)),
        ..Form::default()
    };
    refused(
        &settle(form(pop), Before::default(), &few),
        "/incoming/port",
        "allow_network",
    );
    // What the administrator lists is no mistake.
    let web = settle(
        form(with("imap.example.com", 443, None)),
        Before::default(),
        &few,
    );
    assert!(web.refused.is_empty(), "{:?}", web.refused);
    // Any port of a network that is allowed; a name may lead there.
    let home = rules(Policy {
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        ..Policy::public_only()
    });
    for host in ["10.1.2.3", "mail.home.arpa"] {
        let settled = settle(form(with(host, 1993, None)), Before::default(), &home);
        assert!(settled.refused.is_empty(), "{host}: {:?}", settled.refused);
    }
    refused(
        &settle(
            form(with("192.0.2.1", 1993, None)),
            Before::default(),
            &home,
        ),
        "/incoming/port",
        "allow_network",
    );
}

#[test]
fn swapped_hosts_are_swapped_back_by_one_action() {
    let form = |incoming: &str, outgoing: &str| Form {
        address: ANN.to_owned(),
        incoming: Some(Some(side(incoming))),
        outgoing: Some(Some(side(outgoing))),
        password: None,
    };
    for (incoming, outgoing) in [
        ("smtp.example.com", "imap.example.com"),
        ("smtp-mail.example.com", "pop3.example.com"),
        ("smtps://mail.example.com", "imaps://imap.example.com"),
    ] {
        let settled = settle(
            form(incoming, outgoing),
            Before::default(),
            &Rules::default(),
        );
        refused(&settled, "/incoming/host", "swap_hosts");
    }
    for (incoming, outgoing) in [
        ("smtp.example.com", "smtp.example.com"),
        ("imap.example.com", "imap.example.com"),
        ("mail.example.com", "imap.example.com"),
    ] {
        let settled = settle(
            form(incoming, outgoing),
            Before::default(),
            &Rules::default(),
        );
        assert!(settled.refused.is_empty(), "{incoming} {outgoing}");
    }
    refused(
        &receive(side("smtp://mail.example.com")),
        "/incoming/host",
        "edit_host",
    );
}

#[test]
fn plain_text_is_taken_only_where_it_was_asked_for() {
    refused(
        &receive(with("mail.example.com", 143, Some(Plain))),
        "/incoming/security",
        "use:143:starttls",
    );
    refused(
        &send(with("mail.example.com", 587, Some(Plain))),
        "/outgoing/security",
        "use:587:starttls",
    );
    refused(
        &receive(with("mail.example.com", 993, Some(Plain))),
        "/incoming/security",
        "use:993:tls",
    );
    let allowed = Side {
        allow_plaintext: true,
        ..with("mail.example.com", 143, Some(Plain))
    };
    assert_eq!(good(&receive(allowed)).2, Plain);
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(
            good(&receive(with(host, 143, Some(Plain)))).2,
            Plain,
            "{host}"
        );
    }
    // Who typed a scheme that encrypts gets encryption.
    let settled = receive(Side {
        security: Some(Plain),
        ..side("ssl://127.0.0.1:143")
    });
    assert_eq!(good(&settled).2, Starttls);
}

#[test]
fn user_names_follow_the_login_format() {
    let name = |side: Side| {
        let settled = receive(side);
        assert!(settled.refused.is_empty(), "{:?}", settled.refused);
        (
            settled.incoming.unwrap().unwrap().username,
            settled.login.incoming,
        )
    };
    let format = |format| Side {
        login_format: Some(format),
        ..side("imap.example.com")
    };
    let typed = |name: &str, format| Side {
        username: Some(name.to_owned()),
        login_format: format,
        ..side("imap.example.com")
    };
    assert_eq!(
        name(side("imap.example.com")),
        (ANN.to_owned(), LoginChoice::Custom)
    );
    assert_eq!(
        name(format(LoginChoice::Email)),
        (ANN.to_owned(), LoginChoice::Custom)
    );
    assert_eq!(
        name(format(LoginChoice::LocalPart)),
        ("ann".to_owned(), LoginChoice::Custom)
    );
    assert_eq!(
        name(format(LoginChoice::Auto)),
        (ANN.to_owned(), LoginChoice::Auto)
    );
    assert_eq!(
        name(typed("CORP\\ann", None)),
        ("CORP\\ann".to_owned(), LoginChoice::Custom)
    );
    assert_eq!(
        name(typed(" ann ", Some(LoginChoice::Auto))),
        ("ann".to_owned(), LoginChoice::Auto)
    );
    assert_eq!(name(side("imap://bob@imap.example.com")).0, "bob");
    let settled = receive(format(LoginChoice::Custom));
    assert_eq!(settled.refused[0].pointer, "/incoming/username");
    // What the receiving side says is meant for both.
    let form = Form {
        address: ANN.to_owned(),
        incoming: Some(Some(format(LoginChoice::LocalPart))),
        outgoing: Some(Some(side("smtp.example.com"))),
        password: None,
    };
    let settled = settle(form, Before::default(), &Rules::default());
    assert_eq!(settled.outgoing.unwrap().unwrap().username, "ann");
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let before = Incoming {
        protocol: Protocol::Imap,
        host: "imap.example.com".to_owned(),
        port: 143,
        security: Starttls,
        username: "bob".to_owned(),
        auth: Auth::Password,
        certificate_sha256: Some("ab".repeat(32)),
    };
    let change = |side: Side| {
        let form = Form {
            address: ANN.to_owned(),
            incoming: Some(Some(side)),
            ..Form::default()
        };
        let before = Before {
            incoming: Some(&before),
            outgoing: None,
        };
        let settled = settle(form, before, &Rules::default());
        assert!(settled.refused.is_empty(), "{:?}", settled.refused);
        assert!(settled.outgoing.is_none());
        settled.incoming.unwrap().unwrap()
    };
    assert_eq!(change(Side::default()), before);
    assert_eq!(
        change(Side {
            security: Some(Tls),
            ..Side::default()
        })
        .port,
        993
    );
    assert_eq!(
        change(Side {
            port: Some(993),
            ..Side::default()
        })
        .security,
        Tls
    );
    let moved = change(side("new.example.com"));
    assert_eq!(
        (moved.username.as_str(), moved.certificate_sha256),
        ("bob", None)
    );
    let pop = change(Side {
        protocol: Some(Protocol::Pop3),
        ..Side::default()
    });
    assert_eq!((pop.port, pop.security), (995, Tls));
    let pin = format!("SHA256:{}", ["AB"; 32].join(":"));
    let pinned = change(Side {
        certificate_sha256: Some(Some(pin)),
        ..Side::default()
    });
    assert_eq!(pinned.certificate_sha256, before.certificate_sha256);
}

#[test]
fn secrets_are_put_right_and_never_told() {
    let form = |password: &str| Form {
        address: ANN.to_owned(),
        incoming: Some(Some(side("imap.example.com"))),
        outgoing: Some(Some(side("smtp.example.com"))),
        password: Some(Secret::new(password)),
    };
    let settled = settle(form("hunter2\n"), Before::default(), &Rules::default());
    assert_eq!(settled.credentials.outgoing, Some(Secret::new("hunter2")));
    assert_eq!(noted(&settled), ["/password"]);
    assert!(!format!("{settled:?}").contains("hunter2"));
    let settled = settle(form("a\r\nb"), Before::default(), &Rules::default());
    assert_eq!(settled.refused.len(), 1);
    assert_eq!(settled.refused[0].pointer, "/password");
}

#[test]
fn what_is_known_of_a_provider_helps() {
    refused(
        &receive(side("smtp.gmail.com")),
        "/incoming/host",
        "use_host:imap.gmail.com",
    );
    refused(
        &send(side("imap.gmail.com")),
        "/outgoing/host",
        "use_host:smtp.gmail.com",
    );
    let swapped = Form {
        address: "ann@gmail.com".to_owned(),
        incoming: Some(Some(side("smtp.gmail.com"))),
        outgoing: Some(Some(side("imap.gmail.com"))),
        password: None,
    };
    refused(
        &settle(swapped, Before::default(), &Rules::default()),
        "/incoming/host",
        "swap_hosts",
    );
    let form = |host: &str| Form {
        address: ANN.to_owned(),
        incoming: Some(Some(side(host))),
        outgoing: Some(None),
        password: Some(Secret::new("abcd efgh ijkl mnop")),
    };
    let google = settle(form("imap.gmail.com"), Before::default(), &Rules::default());
    assert_eq!(
        google.credentials.incoming,
        Some(Secret::new("abcdefghijklmnop"))
    );
    assert_eq!(noted(&google), ["/password"]);
    assert!(!format!("{:?}", google.normalised).contains("abcd"));
    let other = settle(
        form("imap.example.com"),
        Before::default(),
        &Rules::default(),
    );
    assert_eq!(
        other.credentials.incoming,
        Some(Secret::new("abcd efgh ijkl mnop"))
    );
}

#[test]
fn a_scheme_is_told_as_it_was_typed() {
    let settled = receive(side("pop3s://pop.example.com"));
    let because = &settled
        .normalised
        .iter()
        .find(|note| note.pointer == "/incoming/protocol");
    assert!(
        because.is_some_and(|note| note.because.ends_with("pop3s://")),
        "{because:?}"
    );
    let settled = receive(Side {
        protocol: Some(Protocol::Imap),
        ..side("pop3s://pop.example.com")
    });
    assert!(
        settled.refused[0].detail.contains("pop3s://"),
        "{:?}",
        settled.refused
    );
    // What the scheme says and what the port says differ: the port wins, and it is told.
    let settled = receive(side("imaps://imap.example.com:143"));
    assert_eq!(good(&settled).2, Starttls);
    assert!(noted(&settled).contains(&"/incoming/security"));
}

#[test]
fn a_providers_server_alone_brings_its_port() {
    let settled = send(side("smtp.office365.com"));
    assert_eq!(
        good(&settled),
        ("smtp.office365.com".to_owned(), 587, Starttls)
    );
    let settled = send(side("smtp.gmail.com"));
    assert_eq!(good(&settled).1, 465);
}
