//! Composing: what is written is read back, and nothing can be smuggled in.

use mail_message::{Address, Draft, DraftAttachment, attachment, compose, message_id, read};

fn person(name: &str, address: &str) -> Address {
    Address {
        name: (!name.is_empty()).then(|| name.to_owned()),
        address: address.to_owned(),
    }
}

fn draft() -> Draft {
    Draft {
        from: person("Ann", "ann@example.com"),
        to: vec![person("Bob", "bob@example.org")],
        subject: "Hello".into(),
        text: Some("Hi\n".into()),
        message_id: "1@example.com".into(),
        date_ms: 1_772_442_000_000,
        ..Draft::default()
    }
}

fn assert_wire(raw: &[u8]) {
    assert!(raw.is_ascii());
    let text = std::str::from_utf8(raw).expect("ASCII");
    let bare = text.replace("\r\n", "");
    assert!(!bare.contains(['\r', '\n', '\0']));
    assert!(text.split("\r\n").all(|l| l.len() <= 998));
}

#[test]
fn everything_written_is_read_back() {
    let d = Draft {
        from: person("Jörg, der \"Größte\"", "joerg@müller.de"),
        to: vec![person("", "bob@example.org"), person("李", "li@example.cn")],
        cc: vec![person("Cc", "BOB@example.org")],
        bcc: vec![person("Secret", "hidden@example.net")],
        reply_to: vec![person("", "reply@example.com")],
        subject: format!("Grüße {}", "und mehr ".repeat(50)),
        text: Some(".\nFrom here\nzeile mit ü \n\n-- \nx".into()),
        html: Some("<p>ü <img src='cid:logo@x'></p>".into()),
        attachments: vec![
            DraftAttachment {
                filename: "../Jahresabschluß 2026, endgültig – 中文.pdf".into(),
                content_type: "application/pdf".into(),
                bytes: (0..=255).collect(),
                ..Default::default()
            },
            DraftAttachment {
                filename: "logo.png".into(),
                content_type: "image/png".into(),
                bytes: vec![1, 2, 3],
                content_id: Some("logo@x".into()),
                inline: true,
            },
        ],
        in_reply_to: Some("0@example.com".into()),
        references: (0..100)
            .map(|n| format!("{n}@example.com"))
            .chain(["broken id".to_owned()])
            .collect(),
        headers: vec![
            ("X-Ticket".into(), "ü 42".into()),
            ("List-Unsubscribe".into(), "<https://example.com/u>".into()),
        ],
        ..draft()
    };
    let c = compose(&d).expect("composes");
    assert_wire(&c.raw);
    assert_eq!(
        c,
        compose(&d).expect("composes"),
        "the same draft gives the same bytes"
    );
    let text = String::from_utf8_lossy(&c.raw).into_owned();
    assert!(!text.contains("hidden@") && !text.to_lowercase().contains("\nbcc:"));
    assert_eq!(c.envelope_from, "joerg@xn--mller-kva.de");
    assert_eq!(
        c.envelope_to,
        ["bob@example.org", "li@example.cn", "hidden@example.net"]
    );
    let m = read(&c.raw);
    assert_eq!(m.head.subject.as_deref(), Some(d.subject.trim()));
    assert_eq!(
        m.head.from,
        [person("Jörg, der \"Größte\"", "joerg@xn--mller-kva.de")]
    );
    assert_eq!(m.head.to, d.to);
    assert_eq!(m.head.cc, d.cc);
    assert_eq!(m.head.reply_to, d.reply_to);
    assert_eq!(m.head.internet_message_id.as_deref(), Some("1@example.com"));
    assert_eq!(m.head.in_reply_to, d.in_reply_to);
    assert_eq!(m.head.references.len(), 50);
    assert_eq!(
        (
            m.head.references[0].as_str(),
            m.head.references[49].as_str()
        ),
        ("0@example.com", "99@example.com")
    );
    assert_eq!(m.head.date.as_deref(), Some("2026-03-02T09:00:00Z"));
    assert_eq!(m.text.as_deref().map(str::trim_end), d.text.as_deref());
    assert_eq!(m.html.as_deref().map(str::trim_end), d.html.as_deref());
    assert_eq!(m.attachments.len(), 2);
    for a in &m.attachments {
        let given = if a.inline {
            &d.attachments[1]
        } else {
            &d.attachments[0]
        };
        assert_eq!(
            attachment(&c.raw, a.index).map(|f| f.bytes).as_ref(),
            Some(&given.bytes)
        );
    }
    assert!(
        m.attachments
            .iter()
            .any(|a| a.filename == "Jahresabschluß 2026, endgültig – 中文.pdf")
    );
    assert!(
        m.attachments
            .iter()
            .any(|a| a.inline && a.content_id.as_deref() == Some("logo@x"))
    );
}

#[test]
fn html_alone_gets_a_text() {
    let c = compose(&Draft {
        text: None,
        html: Some("<p>One</p><p>Two</p>".into()),
        ..draft()
    })
    .expect("composes");
    let m = read(&c.raw);
    assert_eq!(m.text.as_deref().map(str::trim_end), Some("One\n\nTwo"));
    assert!(m.html.is_some());
}

#[test]
fn line_ends_of_every_kind_become_cr_lf() {
    let text = "a\nb\rc\r\nd\n.\r\n\0e".to_owned() + &"x".repeat(5_000);
    let c = compose(&Draft {
        text: Some(text),
        ..draft()
    })
    .expect("composes");
    assert_wire(&c.raw);
    assert!(
        read(&c.raw)
            .text
            .is_some_and(|t| t.starts_with("a\nb\nc\nd\n.\nexxx"))
    );
}

#[test]
fn no_field_can_smuggle_a_header_or_a_recipient() {
    let evil = "x\r\nBcc: eve@evil.example";
    let file = |f: fn(&mut DraftAttachment)| {
        let mut a = DraftAttachment {
            filename: "a".into(),
            content_type: "text/plain".into(),
            ..Default::default()
        };
        f(&mut a);
        vec![a]
    };
    let table: Vec<(&str, Draft)> = vec![
        (
            "/subject",
            Draft {
                subject: evil.into(),
                ..draft()
            },
        ),
        (
            "/from/name",
            Draft {
                from: person(evil, "a@b.c"),
                ..draft()
            },
        ),
        (
            "/from/address",
            Draft {
                from: person("", "a@b.c\r\nBcc: x@y.z"),
                ..draft()
            },
        ),
        (
            "/to/0/name",
            Draft {
                to: vec![person(evil, "a@b.c")],
                ..draft()
            },
        ),
        (
            "/to/0/address",
            Draft {
                to: vec![person("", "a@b.c, eve@evil.example")],
                ..draft()
            },
        ),
        (
            "/to/0/address",
            Draft {
                to: vec![person("", "a@b.c> RCPT TO:<x@y.z")],
                ..draft()
            },
        ),
        (
            "/to/0/address",
            Draft {
                to: vec![person("", "jörg@b.c")],
                ..draft()
            },
        ),
        (
            "/to/0/address",
            Draft {
                to: vec![person("", "nobody")],
                ..draft()
            },
        ),
        (
            "/cc/0/address",
            Draft {
                cc: vec![person("", "@b.c")],
                ..draft()
            },
        ),
        (
            "/bcc/0/address",
            Draft {
                bcc: vec![person("", "a@")],
                ..draft()
            },
        ),
        (
            "/reply_to/0/address",
            Draft {
                reply_to: vec![person("", "a@b c")],
                ..draft()
            },
        ),
        (
            "/to",
            Draft {
                to: vec![],
                ..draft()
            },
        ),
        (
            "/message_id",
            Draft {
                message_id: "a@b>\r\nX: y".into(),
                ..draft()
            },
        ),
        (
            "/headers/X-A",
            Draft {
                headers: vec![("X-A".into(), evil.into())],
                ..draft()
            },
        ),
        (
            "/headers/Bcc",
            Draft {
                headers: vec![("Bcc".into(), "a@b.c".into())],
                ..draft()
            },
        ),
        (
            "/headers/To",
            Draft {
                headers: vec![("To".into(), "a@b.c".into())],
                ..draft()
            },
        ),
        (
            "/headers/Content-Type",
            Draft {
                headers: vec![("Content-Type".into(), "x".into())],
                ..draft()
            },
        ),
        (
            "/headers/X-A: y\r\nBcc",
            Draft {
                headers: vec![("X-A: y\r\nBcc".into(), "z".into())],
                ..draft()
            },
        ),
        (
            "/headers/List-Id",
            Draft {
                headers: vec![("List-Id".into(), "ü".into())],
                ..draft()
            },
        ),
        (
            "/headers/X-Long",
            Draft {
                headers: vec![("X-Long".into(), "x".repeat(2_000))],
                ..draft()
            },
        ),
        (
            "/attachments/0/filename",
            Draft {
                attachments: file(|a| a.filename = "x\r\ny".into()),
                ..draft()
            },
        ),
        (
            "/attachments/0/content_type",
            Draft {
                attachments: file(|a| a.content_type = "text/plain\r\nX: y".into()),
                ..draft()
            },
        ),
        (
            "/attachments/0/content_type",
            Draft {
                attachments: file(|a| a.content_type = "multipart/mixed".into()),
                ..draft()
            },
        ),
        (
            "/attachments/0/content_id",
            Draft {
                attachments: file(|a| a.content_id = Some("x>\r\ny".into())),
                ..draft()
            },
        ),
    ];
    for (pointer, d) in table {
        let error = compose(&d).expect_err(pointer);
        assert_eq!(error.errors[0].pointer, pointer);
        assert!(error.to_string().contains(pointer));
    }
}

#[test]
fn boundaries_cannot_be_guessed_into_the_text() {
    let first = compose(&Draft {
        html: Some("x".into()),
        ..draft()
    })
    .expect("composes");
    let text = String::from_utf8_lossy(&first.raw).into_owned();
    let boundary = text
        .split("boundary=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a boundary")
        .to_owned();
    let c = compose(&Draft {
        text: Some(format!("--{boundary}\n\nforged\n--{boundary}--\n")),
        html: Some("x".into()),
        ..draft()
    })
    .expect("composes");
    assert!(
        read(&c.raw)
            .text
            .is_some_and(|t| t.contains("forged") && t.contains(&boundary))
    );
    assert_eq!(read(&c.raw).attachments, []);
}

#[test]
fn message_ids_are_made_of_harmless_characters() {
    assert_eq!(message_id("abc-1", "ann@example.com"), "abc-1@example.com");
    assert_eq!(
        message_id("a <b>\r\n", "ann@müller.de"),
        "ab@xn--mller-kva.de"
    );
    assert_eq!(message_id("", "nonsense"), "0@localhost");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(300))]
    #[test]
    fn whatever_is_composed_is_fit_for_the_wire(
        subject in "\\PC{0,200}|(.|[\r\n\0]){0,60}",
        name in "\\PC{0,100}|(.|[\r\n]){0,30}",
        text in "(.|[\r\n\0\t =.]){0,300}",
        html in proptest::option::of("(.|[\r\n<>]){0,200}"),
        filename in "(.|[\r\n/\\\\\"]){0,80}",
        value in "(.|[\r\n]){0,80}",
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        kind in "text/plain|message/rfc822|image/png|text/csv",
    ) {
        let d = Draft {
            from: person(&name, "ann@example.com"),
            to: vec![person(&name, "bob@example.org")],
            subject: subject.clone(),
            text: Some(text),
            html,
            attachments: vec![DraftAttachment { filename, content_type: kind, bytes: bytes.clone(), ..Default::default() }],
            headers: vec![("X-V".into(), value)],
            ..draft()
        };
        if let Ok(c) = compose(&d) {
            assert_wire(&c.raw);
            let m = read(&c.raw);
            proptest::prop_assert_eq!(m.head.to.len(), 1);
            proptest::prop_assert_eq!(&m.head.to[0].address, "bob@example.org");
            proptest::prop_assert!(m.head.bcc.is_empty() && m.head.cc.is_empty());
            proptest::prop_assert_eq!(m.attachments.len(), 1);
            proptest::prop_assert_eq!(attachment(&c.raw, m.attachments[0].index).map(|f| f.bytes), Some(bytes));
        }
    }
}
