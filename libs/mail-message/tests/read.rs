//! Reading messages: what each shape gives, and that hostile shapes give something in bounded
//! time without a panic.

use mail_message::{Head, ReportKind, attachment, head, read, summarize};

fn text_of(raw: &[u8]) -> String {
    read(raw).text.unwrap_or_default()
}

#[test]
fn a_plain_message_gives_all_fields_of_the_head() {
    let raw = b"From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.com>\r\nTo: a@example.com, \"B, C\" <b@example.com>\r\n\
Cc: c@example.com\r\nReply-To: r@example.com\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\
Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <1@example.com>\r\nIn-Reply-To: <0@example.com>\r\n\
References: <x@example.com> <0@example.com>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\r\nHallo  Welt,\r\nsch=F6n.\r\n";
    let m = read(raw);
    assert_eq!(m.head.internet_message_id.as_deref(), Some("1@example.com"));
    assert_eq!(m.head.in_reply_to.as_deref(), Some("0@example.com"));
    assert_eq!(m.head.references, ["x@example.com", "0@example.com"]);
    assert_eq!(m.head.subject.as_deref(), Some("Grüße"));
    assert_eq!(m.head.from[0].name.as_deref(), Some("Jörg"));
    assert_eq!(m.head.to[1].name.as_deref(), Some("B, C"));
    assert_eq!(m.head.date.as_deref(), Some("2026-03-02T09:00:00Z"));
    assert_eq!(m.head.preview, "Hallo Welt, schön.");
    assert_eq!(m.text.as_deref(), Some("Hallo  Welt,\nschön.\n"));
    assert_eq!(m.parse_problem, None);
    assert!(!m.head.automatic && !m.head.has_attachments && !m.head.truncated);
    assert_eq!(head(raw), m.head);
    let s = summarize(raw);
    assert_eq!(s.date_ms, Some(1_772_442_000_000));
    assert!(s.search.from.contains("Jörg joerg@example.com"));
    assert!(s.search.body.contains("schön"));
    let json = serde_json::to_value(&m).expect("serialises");
    assert_eq!(json["subject"], "Grüße");
    assert_eq!(json["attachments"], serde_json::json!([]));
    assert_eq!(json["report"], serde_json::Value::Null);
    let back: mail_message::Message = serde_json::from_value(json).expect("reads back");
    assert_eq!(back, m);
}

const MIXED: &str = "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
--a\r\nContent-Type: text/plain\r\n\r\nplain text\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p>html text <img src=\"cid:logo@x\"></p>\r\n--a--\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\n\
Content-Disposition: inline; filename=logo.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--r--\r\n\
--m\r\nContent-Type: application/pdf; name=\"../x.pdf\"\r\nContent-Disposition: attachment\r\n\
Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\
Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\ninner text\r\n--i\r\nContent-Disposition: attachment; filename=z\r\n\r\nz\r\n--i--\r\n\
--m\r\n\r\nfooter\r\n--m--\r\n";

#[test]
fn text_pictures_files_and_inner_messages_are_told_apart() {
    let m = read(MIXED.as_bytes());
    assert_eq!(m.text.as_deref(), Some("plain text\nfooter"));
    let html = m.html.unwrap_or_default();
    assert!(html.contains("cid:logo@x") && html.contains("<div>footer</div>"));
    let got: Vec<_> = m
        .attachments
        .iter()
        .map(|a| {
            (
                a.filename.as_str(),
                a.content_type.as_str(),
                a.size,
                a.inline,
            )
        })
        .collect();
    assert_eq!(got[0], ("logo.png", "image/png", 4, true));
    assert_eq!(got[1], ("x.pdf", "application/pdf", 5, false));
    assert_eq!((got[2].0, got[2].1), ("inner.eml", "message/rfc822"));
    assert_eq!(got.len(), 3);
    assert_eq!(m.attachments[0].content_id.as_deref(), Some("logo@x"));
    assert!(m.head.has_attachments);
    for a in &m.attachments {
        let file = attachment(MIXED.as_bytes(), a.index).expect("every listed file can be had");
        assert_eq!(&file.meta, a);
        assert_eq!(file.bytes.len() as u64, a.size);
    }
    let inner = attachment(MIXED.as_bytes(), m.attachments[2].index).expect("inner message");
    assert!(inner.bytes.starts_with(b"Subject: inner") && inner.bytes.ends_with(b"--i--"));
    assert_eq!(attachment(MIXED.as_bytes(), 0), None);
    assert_eq!(attachment(MIXED.as_bytes(), 9_999), None);
}

#[test]
fn html_alone_gives_text_and_preview() {
    let m = read(b"Subject: x\nContent-Type: text/html\n\n<head><style>x</style></head><p>Hi&nbsp;there</p><ul><li>one");
    assert_eq!(m.text.as_deref(), Some("Hi\u{a0}there\n\n- one"));
    assert_eq!(m.head.preview, "Hi there - one");
    assert!(m.html.is_some());
    // An empty text part next to HTML is a habit of some newsletters.
    let raw = "Content-Type: multipart/alternative; boundary=a\n\n--a\n\n \n--a\nContent-Type: text/html\n\n<p>real\n--a--";
    assert_eq!(text_of(raw.as_bytes()), "real");
}

#[test]
fn raw_eight_bit_text_is_repaired() {
    let m = read(b"Subject: caf\xe9\nFrom: J\xc3\xb6rg <j@b.c>\n\nna\xefve \x80");
    assert_eq!(m.head.subject.as_deref(), Some("café"));
    assert_eq!(m.head.from[0].name.as_deref(), Some("Jörg"));
    assert_eq!(m.text.as_deref(), Some("naïve €"));
}

#[test]
fn broken_messages_give_what_could_be_had() {
    let table: &[(&[u8], Option<&str>)] = &[
        (b"", Some("empty")),
        (b"\0\0\0\0", Some("empty")),
        (b"   \r\n\r\n", Some("empty")),
        (b"just some text\nand more\n", Some("no header")),
        (b"Subject: only a header", None),
        (b"Subject: x\nno blank line here\nmore\n", None),
        (b"\xff\xfe\xfd", Some("no header")),
    ];
    for (raw, problem) in table {
        let s = summarize(raw);
        match problem {
            Some(p) => assert!(s.parse_problem.is_some_and(|x| x.contains(p)), "{raw:?}"),
            None => assert_eq!(s.parse_problem, None, "{raw:?}"),
        }
        assert_eq!(read(raw).head, s.head);
    }
    assert_eq!(
        text_of(b"Subject: x\nno blank line here\nmore\n"),
        "no blank line here\nmore\n"
    );
    assert_eq!(text_of(b"just some text\n"), "just some text\n");
    assert_eq!(head(b"").subject, None);
    assert_eq!(head(b"Subject:\n\n").subject.as_deref(), Some(""));
}

#[test]
fn dates_outside_the_age_of_mail_are_null() {
    let date = |d: &str| head(format!("Date: {d}\n\n").as_bytes()).date;
    assert_eq!(
        date("Thu, 1 Jan 1970 00:00:00 +0000").as_deref(),
        Some("1970-01-01T00:00:00Z")
    );
    assert_eq!(date("Fri, 31 Dec 9999 23:59:59 +0000"), None);
    assert_eq!(date("Mon, 99 Foo 2026 99:99:99"), None);
    assert_eq!(
        date("1 Jan 99 10:00 EST").as_deref(),
        Some("1999-01-01T15:00:00Z")
    );
    assert_eq!(
        date("Thu, 31 Dec 2016 23:59:60 +0000").as_deref(),
        Some("2016-12-31T23:59:59Z")
    );
    assert_eq!(date("nonsense"), None);
}

#[test]
fn machines_are_recognised() {
    for header in [
        "Auto-Submitted: auto-replied",
        "List-Id: <x.example.com>",
        "Precedence: bulk",
        "Return-Path: <>",
        "List-Unsubscribe: <https://example.com>",
        "From: MAILER-DAEMON@example.com",
        "From: no-reply@example.com",
        "X-Auto-Response-Suppress: All",
    ] {
        assert!(
            head(format!("{header}\n\nx").as_bytes()).automatic,
            "{header}"
        );
    }
    for header in [
        "Auto-Submitted: no",
        "Precedence: normal",
        "From: ann@example.com",
        "Return-Path: <a@b.c>",
    ] {
        assert!(
            !head(format!("{header}\n\nx").as_bytes()).automatic,
            "{header}"
        );
    }
}

#[test]
fn no_control_character_reaches_an_output_string() {
    let raw = "From: \"a\u{1b}[31m\u{202e}b\" <x\0@b.c>\nSubject: x\u{7}\u{9b}y\u{2066}\n\nbo\0dy\u{1b}]0;x\u{7}\r\nz";
    let m = read(raw.as_bytes());
    let json = serde_json::to_string(&m).expect("serialises");
    let value: serde_json::Value = serde_json::from_str(&json).expect("reads back");
    fn walk(v: &serde_json::Value) {
        match v {
            serde_json::Value::String(s) => {
                assert!(
                    s.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'),
                    "{s:?}"
                );
            }
            serde_json::Value::Array(a) => a.iter().for_each(walk),
            serde_json::Value::Object(o) => o.values().for_each(walk),
            _ => {}
        }
    }
    walk(&value);
    assert_eq!(m.head.from[0].name.as_deref(), Some("a[31mb"));
    assert_eq!(m.head.from[0].address, "x@b.c");
    assert_eq!(m.head.subject.as_deref(), Some("xy"));
}

fn nested(n: usize, kind: &str) -> String {
    let mut raw = String::from("Subject: deep\n");
    for i in 0..n {
        match kind {
            "rfc822" => raw.push_str("Content-Type: message/rfc822\n\n"),
            "same" => raw.push_str("Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
            _ => raw.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n"
            )),
        }
    }
    raw.push_str("\nbottom\n");
    raw
}

#[test]
fn hostile_messages_are_read_in_bounded_time() {
    let mb = 1024 * 1024;
    let many = |n: usize, s: &str| s.repeat(n);
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        (
            "10,000 messages in messages",
            nested(10_000, "rfc822").into_bytes(),
        ),
        ("10,000 multiparts", nested(10_000, "mixed").into_bytes()),
        (
            "10,000 multiparts with one boundary",
            nested(10_000, "same").into_bytes(),
        ),
        (
            "50 MB of text",
            [
                b"Subject: x\n\n".to_vec(),
                many(50 * mb / 64, &"x".repeat(63)).into_bytes(),
            ]
            .concat(),
        ),
        ("10 MB of NUL", vec![0; 10 * mb]),
        (
            "1 MB header line",
            format!("Subject: {}\n\nx", many(mb, "y")).into_bytes(),
        ),
        (
            "1 MB header of encoded words",
            format!("Subject: {}\n\nx", many(40_000, "=?utf-8?Q?=C3=A4?= ")).into_bytes(),
        ),
        (
            "1 MB of half words",
            format!("Subject: {}\n\nx", many(400_000, "=?u?q")).into_bytes(),
        ),
        (
            "100,000 recipients",
            format!("To: {}\n\nx", many(100_000, "someone@example.com, ")).into_bytes(),
        ),
        (
            "100,000 To fields",
            many(100_000, "To: a@b.c\n").into_bytes(),
        ),
        (
            "nested comments",
            format!("From: {}\n\nx", many(200_000, "(")).into_bytes(),
        ),
        (
            "open quotes",
            format!("From: {}\n\nx", many(200_000, "\"")).into_bytes(),
        ),
        (
            "many parameters",
            format!("Content-Type: text/plain; {}\n\nx", many(50_000, "a*1*=b;")).into_bytes(),
        ),
        (
            "many references",
            format!("References: {}\n\nx", many(100_000, "<a@b>")).into_bytes(),
        ),
        (
            "500,000 tiny parts",
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n{}",
                many(500_000, "--b\n\nx\n")
            )
            .into_bytes(),
        ),
        (
            "multiparts that never open",
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n{}",
                many(200_000, "--b\nContent-Type: multipart/x; boundary=zz\n\n")
            )
            .into_bytes(),
        ),
        (
            "lines of dashes",
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n{}",
                many(2_000_000, "--\n")
            )
            .into_bytes(),
        ),
        (
            "20 MB of header fields",
            many(20 * mb / 4, "a:\n\t").into_bytes(),
        ),
        (
            "html bomb",
            format!("Content-Type: text/html\n\n{}", many(2_000_000, "<div>")).into_bytes(),
        ),
        ("dates", format!("Date: {}\n\n", many(mb, "9")).into_bytes()),
    ];
    for (name, raw) in shapes {
        let s = summarize(&raw);
        assert!(s.head.preview.chars().count() <= 200, "{name}");
        let m = read(&raw);
        assert_eq!(m.head.subject, s.head.subject, "{name}");
        if name == "100,000 recipients" {
            assert!(m.head.truncated && m.head.to.len() == 2_000);
        }
    }
}

#[test]
fn every_prefix_of_a_message_parses() {
    for end in 0..MIXED.len() {
        let _ = read(&MIXED.as_bytes()[..end]);
        let _ = summarize(&MIXED.as_bytes()[..end]);
    }
}

fn dsn(action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.com\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
--b\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n\
Final-Recipient: rfc822; bob@example.org\nAction: {action}\nStatus: {status}\n\
Diagnostic-Code: smtp; 550 5.1.1\n  no such user\n--b\nContent-Type: text/rfc822-headers\n\nSubject: x\n--b--\n"
    )
}

#[test]
fn delivery_reports_name_the_fate_of_each_recipient() {
    for (action, status, kind, permanent) in [
        ("failed", "5.1.1", ReportKind::Bounce, true),
        ("failed", "4.4.7", ReportKind::Bounce, false),
        ("delayed", "4.4.1", ReportKind::Delayed, false),
        ("delivered", "2.0.0", ReportKind::Delivered, false),
    ] {
        let report = read(dsn(action, status).as_bytes())
            .report
            .expect("a report");
        assert_eq!(report.kind, kind);
        let r = &report.recipients[0];
        assert_eq!(r.address, "bob@example.org");
        assert_eq!(r.status.as_deref(), Some(status));
        assert_eq!(r.permanent, permanent);
        assert_eq!(r.diagnostic.as_deref(), Some("550 5.1.1 no such user"));
    }
}

#[test]
fn receipts_complaints_prose_bounces_and_answers_are_recognised() {
    let mdn = "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nread\n--b\n\
Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; a@b.c\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--\n";
    let report = read(mdn.as_bytes()).report.expect("a report");
    assert_eq!(
        (report.kind, report.recipients[0].address.as_str()),
        (ReportKind::Read, "a@b.c")
    );
    let arf = "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nabuse\n--b\n\
Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <a@b.c>\n--b--\n";
    let report = read(arf.as_bytes()).report.expect("a report");
    assert_eq!(
        (report.kind, report.recipients[0].address.as_str()),
        (ReportKind::Complaint, "a@b.c")
    );
    let qmail = "From: MAILER-DAEMON@x.example\nSubject: failure notice\n\nHi. This is the qmail-send program.\n\n<bob@example.org>:\n550 5.1.1 no such user\n\n--- Below this line is a copy.\n<eve@example.org>:\n";
    let report = read(qmail.as_bytes()).report.expect("a report");
    assert_eq!(report.kind, ReportKind::Bounce);
    assert_eq!(report.recipients.len(), 1);
    assert_eq!(report.recipients[0].address, "bob@example.org");
    assert_eq!(report.recipients[0].status.as_deref(), Some("5.1.1"));
    let away = read(b"From: a@b.c\nAuto-Submitted: auto-replied\n\nI am away.").report;
    assert_eq!(away.map(|r| r.kind), Some(ReportKind::OutOfOffice));
    assert_eq!(
        read(b"From: a@b.c\nSubject: delivery failure of our van\n\nx@y.z").report,
        None
    );
}

#[test]
fn only_the_topmost_authentication_results_count() {
    let m = read(b"Authentication-Results: mx.me; spf=fail; dkim=none\nAuthentication-Results: evil; spf=pass\n\nx");
    let a = m.auth_results.expect("results");
    assert_eq!(
        (a.spf.as_deref(), a.server.as_deref()),
        (Some("fail"), Some("mx.me"))
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_panic(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000)) {
        let m = read(&raw);
        proptest::prop_assert_eq!(summarize(&raw).head, Head { truncated: summarize(&raw).head.truncated, ..m.head });
    }

    #[test]
    fn no_mail_like_text_makes_reading_panic(raw in "(?s)((From|To|Subject|Date|References|Content-Type|Content-Disposition|Content-Transfer-Encoding): ?(multipart/mixed; boundary=b|message/rfc822|text/html|base64|=\\?utf-8\\?[QB]\\?.{0,9}\\?=|[<>()\";:@,a-z0-9 =*'%]{0,40})\r?\n){0,8}(\r?\n|--b\r?\n|--b--\r?\n|<[a-z]{1,5}>|.{0,20}){0,20}") {
        let m = read(raw.as_bytes());
        for a in &m.attachments {
            let file = attachment(raw.as_bytes(), a.index);
            proptest::prop_assert_eq!(file.map(|f| f.bytes.len() as u64), Some(a.size));
        }
    }
}
