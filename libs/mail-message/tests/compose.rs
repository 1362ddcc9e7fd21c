//! Composing: what is written is read back, and nothing can be smuggled in.

use mail_message::calendar::{self, Answer};
use mail_message::{
    Address, Base64Lines, CalendarPart, Draft, DraftAttachment, LineScan, Outside, Piece,
    attachment, compose, message_id, prepare, read, tidy,
};

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
    assert_lines(raw);
}

fn assert_lines(raw: &[u8]) {
    let text = raw.iter().map(|b| char::from(*b)).collect::<String>();
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
                ..Default::default()
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
                to: vec![person("", "jö\u{202e}rg@b.c")],
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
fn long_lines_flow_and_come_back_whole() {
    let text = format!(
        "{}\n\n> {}\nend",
        "word and ".repeat(30).trim_end(),
        "quoted ".repeat(30).trim_end()
    );
    let c = compose(&Draft {
        text: Some(text.clone()),
        ..draft()
    })
    .expect("composes");
    assert_wire(&c.raw);
    let raw = String::from_utf8(c.raw.clone()).expect("text");
    assert!(
        raw.contains("format=\"flowed\"") || raw.contains("format=flowed"),
        "{raw}"
    );
    assert!(raw.contains("Content-Transfer-Encoding: 7bit"), "{raw}");
    assert!(raw.lines().all(|line| line.len() <= 78), "{raw}");
    assert_eq!(
        read(&c.raw).text.as_deref().map(str::trim_end),
        Some(text.as_str())
    );
    // What is answered is quoted in whole lines.
    let quoted = mail_message::reply::reply(&read(&c.raw), &[], false).quoted_text;
    assert!(
        quoted.contains(&format!(">> {}\n", "quoted ".repeat(30).trim_end())),
        "{quoted}"
    );
}

#[test]
fn an_address_beyond_ascii_is_written_as_it_is() {
    let c = compose(&Draft {
        to: vec![person("Jörg", "jo\u{308}rg@müller.de")],
        ..draft()
    })
    .expect("composes");
    assert_eq!(c.envelope_to, ["jörg@xn--mller-kva.de"]);
    assert!(String::from_utf8_lossy(&c.raw).contains("<jörg@xn--mller-kva.de>"));
    assert_eq!(
        read(&c.raw).head.to,
        [person("Jörg", "jörg@xn--mller-kva.de")]
    );
}

/// Pieces put together as a caller does, files read from `contents`.
fn written(pieces: &[Piece], contents: &[&[u8]]) -> Vec<u8> {
    let mut raw = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => raw.extend_from_slice(bytes),
            Piece::File {
                attachment,
                base64: false,
            } => raw.extend_from_slice(contents[*attachment]),
            Piece::File {
                attachment,
                base64: true,
            } => {
                let mut lines = Base64Lines::default();
                contents[*attachment]
                    .chunks(1_000)
                    .for_each(|c| lines.push(c, &mut raw));
                lines.finish(&mut raw);
            }
        }
    }
    raw
}

#[test]
fn files_that_are_not_in_memory_stand_where_they_belong() {
    let picture = vec![7u8; 10_000];
    let inner = "Subject: inner\r\nTo: a@b.c\r\n\r\nGrüße\r\n".as_bytes();
    let outside = |bytes: &[u8]| {
        Some(Outside {
            length: bytes.len() as u64,
            lines: LineScan::of(bytes),
        })
    };
    let file = |name: &str, kind: &str, bytes: &[u8]| DraftAttachment {
        filename: name.into(),
        content_type: kind.into(),
        outside: outside(bytes),
        ..Default::default()
    };
    let mut d = Draft {
        html: Some("<img src='cid:p@x'>".into()),
        // Nobody can make a mark of their own.
        headers: vec![("X-Mark".into(), "=_0000000000000000_file_0".into())],
        attachments: vec![
            file("mail.eml", "message/rfc822", inner),
            DraftAttachment {
                content_id: Some("p@x".into()),
                ..file("p.png", "image/png", &picture)
            },
        ],
        ..draft()
    };
    tidy(&mut d).expect("is in order");
    let prepared = prepare(&d).expect("composes");
    let raw = written(&prepared.pieces, &[inner, &picture]);
    assert_eq!(raw.len() as u64, prepared.length);
    assert_lines(&raw);
    let m = read(&raw);
    let of = |kind: &str| {
        m.attachments
            .iter()
            .find(|a| a.content_type == kind)
            .expect("a file")
    };
    assert_eq!(
        attachment(&raw, of("message/rfc822").index)
            .map(|a| a.bytes)
            .as_deref(),
        Some(inner)
    );
    assert_eq!(
        attachment(&raw, of("image/png").index).map(|a| a.bytes),
        Some(picture.clone())
    );
    assert!(of("image/png").inline);
    assert!(compose(&d).is_err(), "its files are not here");
    // The same, all in memory, is the same message.
    d.attachments[0] = DraftAttachment {
        bytes: inner.to_vec(),
        outside: None,
        ..d.attachments[0].clone()
    };
    d.attachments[1] = DraftAttachment {
        bytes: picture,
        outside: None,
        ..d.attachments[1].clone()
    };
    assert_eq!(compose(&d).expect("composes").raw, raw);
}

#[test]
fn an_answer_to_an_invitation_is_a_form_of_the_text_and_a_file() {
    let request = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1\nORGANIZER:mailto:bo@x.test\n\
        ATTENDEE:mailto:ann@example.com\nEND:VEVENT\nEND:VCALENDAR\n";
    let invitation = calendar::invitation(request).expect("an invitation");
    let text = invitation.answer(Answer::Accepted, &person("Ann", "ann@example.com"), &[], 0);
    let c = compose(&Draft {
        calendar: Some(CalendarPart {
            method: "REPLY".into(),
            text: text.clone(),
        }),
        ..draft()
    })
    .expect("composes");
    assert_wire(&c.raw);
    let raw = String::from_utf8_lossy(&c.raw).into_owned();
    assert!(
        raw.contains("multipart/alternative") && raw.contains("multipart/mixed"),
        "{raw}"
    );
    assert!(
        raw.contains("method=\"REPLY\"") || raw.contains("method=REPLY"),
        "{raw}"
    );
    let m = read(&c.raw);
    assert_eq!(m.text.as_deref().map(str::trim_end), Some("Hi"));
    assert_eq!(m.attachments.len(), 2);
    for a in &m.attachments {
        let bytes = attachment(&c.raw, a.index).expect("a file").bytes;
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            text,
            "{}",
            a.content_type
        );
    }
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
            assert_lines(&c.raw);
            // Only an inner message may be 8-bit, and then the whole says so.
            let said = c.raw.windows(31).any(|w| w == b"Content-Transfer-Encoding: 8bit");
            proptest::prop_assert!(c.raw.is_ascii() || said);
            let m = read(&c.raw);
            proptest::prop_assert_eq!(m.head.to.len(), 1);
            proptest::prop_assert_eq!(&m.head.to[0].address, "bob@example.org");
            proptest::prop_assert!(m.head.bcc.is_empty() && m.head.cc.is_empty());
            proptest::prop_assert_eq!(m.attachments.len(), 1);
            proptest::prop_assert_eq!(attachment(&c.raw, m.attachments[0].index).map(|f| f.bytes), Some(bytes));
        }
    }
}
