//! Messages in the styles of the common mail systems, with what is to be recognised in each: `corpus/*.txt`.
//!
//! All of them were written for this test; no message of a person is among them. A case is `=== name`, then what is expected, a
//! blank line, and the message:
//!
//! * `report: KIND CONFIDENCE`, or `report: none`
//! * `to: ADDRESS STATUS CODE permanent|temporary|-` for each recipient, `-` where there is none; a kind of its own may follow
//! * `says: WORDS` that the first recipient's diagnostic has
//! * `original: MESSAGE-ID`, `envelope: ID`, `about: SUBJECT`, `disposition: WORD`
//! * `reply: TEXT`, what the author newly wrote, with `\n` for a line end

use mail_message::read::summarize;
use mail_message::{Report, read};
use std::fmt::Write as _;
use std::path::Path;

struct Case {
    name: String,
    expected: Vec<(String, String)>,
    raw: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        let stem = file
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or("?")
            .to_owned();
        for case in text.split("\n=== ").skip(1) {
            let (head, raw) = case
                .split_once("\n\n")
                .expect("a blank line before the message");
            let mut lines = head.lines();
            let name = format!("{stem}: {}", lines.next().unwrap_or_default());
            let expected = lines
                .map(|line| {
                    let (key, value) = line.split_once(':').expect("key: value");
                    (key.trim().to_owned(), value.trim().to_owned())
                })
                .collect();
            let raw = raw.trim_end_matches('\n').replace('\n', "\r\n") + "\r\n";
            cases.push(Case {
                name,
                expected,
                raw,
            });
        }
    }
    cases
}

fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).expect("serialises");
    json.as_str().unwrap_or("-").to_owned()
}

fn recipients(report: &Report, with_kind: bool) -> Vec<String> {
    report
        .recipients
        .iter()
        .map(|r| {
            let status = r.status.as_deref().unwrap_or("-");
            let code = r.code.map_or("-".to_owned(), |c| c.to_string());
            let lasting = match (r.kind, r.permanent) {
                (mail_message::ReportKind::Bounce, true) => "permanent",
                (mail_message::ReportKind::Bounce, false) => "temporary",
                _ => "-",
            };
            let mut line = format!("{} {status} {code} {lasting}", r.address);
            if with_kind {
                let _ = write!(line, " {}", word(&r.kind));
            }
            line
        })
        .collect()
}

/// What differs from what is expected, in one text.
fn differences(case: &Case) -> String {
    let message = read(case.raw.as_bytes());
    let all = |key: &str| -> Vec<String> {
        let found = case.expected.iter().filter(|(k, _)| k == key);
        found.map(|(_, value)| value.clone()).collect()
    };
    let mut wrong = String::new();
    let mut check = |key: &str, got: Vec<String>| {
        let want = all(key);
        if (!want.is_empty() || key == "to") && want != got {
            let _ = writeln!(wrong, "  {key}: wanted {want:?}, got {got:?}");
        }
    };
    check(
        "reply",
        vec![
            message
                .reply_text
                .clone()
                .unwrap_or_default()
                .replace('\n', "\\n"),
        ],
    );
    let Some(report) = &message.report else {
        check("report", vec!["none".to_owned()]);
        check("to", Vec::new());
        check("original", Vec::new());
        return wrong;
    };
    let kind = format!("{} {}", word(&report.kind), word(&report.confidence));
    check("report", vec![kind]);
    let with_kind = all("to").iter().any(|line| line.split(' ').count() == 5);
    check("to", recipients(report, with_kind));
    check(
        "original",
        report.original_message_id.iter().cloned().collect(),
    );
    check("envelope", report.envelope_id.iter().cloned().collect());
    check("about", report.original_subject.iter().cloned().collect());
    check("disposition", report.disposition.iter().map(word).collect());
    for says in all("says") {
        let diagnostic = report.recipients.first().and_then(|r| r.diagnostic.clone());
        if !diagnostic.as_deref().is_some_and(|d| d.contains(&says)) {
            let _ = writeln!(wrong, "  says: wanted {says:?} in {diagnostic:?}");
        }
    }
    wrong
}

#[test]
fn every_message_of_the_corpus_is_recognised_as_it_should_be() {
    const KEYS: [&str; 9] = [
        "report",
        "to",
        "says",
        "original",
        "envelope",
        "about",
        "disposition",
        "reply",
        "note",
    ];
    let cases = cases();
    assert!(cases.len() >= 150, "{} messages", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        for (key, _) in &case.expected {
            assert!(
                KEYS.contains(&key.as_str()),
                "{}: what is {key}?",
                case.name
            );
        }
        let found = differences(case);
        if !found.is_empty() {
            let _ = writeln!(wrong, "{}\n{found}", case.name);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_is_stored_and_what_is_read_have_the_same_report() {
    for case in cases() {
        let (stored, shown) = (summarize(case.raw.as_bytes()), read(case.raw.as_bytes()));
        let brief = |report: Option<Report>| {
            report.map(|r| {
                (
                    r.kind,
                    r.confidence,
                    r.original_message_id,
                    r.recipients.len(),
                )
            })
        };
        assert_eq!(brief(stored.report), brief(shown.report), "{}", case.name);
    }
}

#[test]
fn no_cut_of_a_report_makes_it_panic() {
    for case in cases() {
        let raw = case.raw.as_bytes();
        for end in (0..raw.len()).step_by(41) {
            let _ = summarize(&raw[..end]);
        }
    }
}

#[test]
fn endless_reports_are_read_in_bounded_time_and_memory() {
    let head = "Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: failure notice\n";
    let line = "<bob@b.example>: 550 5.1.1 unknown unknown user@example.org\n";
    let words = format!("{head}\n{}", line.repeat(200_000));
    let addresses: String = (0..100_000).map(|n| format!("u{n}@b.example\n")).collect();
    let group = "Final-Recipient: rfc822;bob@b.example\nAction: failed\nStatus: 5.1.1\n\n";
    let status = |body: &str| {
        format!(
            "{head}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nx\n--b\n\
             Content-Type: message/delivery-status\n\n{body}\n--b--\n"
        )
    };
    let fields = "X: y\n".repeat(200_000);
    let headers = format!(
        "{head}\n{}",
        "Received: from a\nSubject: x\nFrom: a@b.example\n".repeat(50_000)
    );
    for raw in [
        words,
        format!("{head}\n{addresses}"),
        format!("{head}\n{}", addresses.replace('\n', " ")),
        status(&group.repeat(50_000)),
        status(&fields),
        headers,
        format!("{head}\n{}", "<".repeat(1_000_000)),
        format!("{head}\n{}", "@.".repeat(500_000)),
        format!("{head}\n{}", "5.1.1 550 ".repeat(100_000)),
    ] {
        let report = read(raw.as_bytes()).report.expect("a bounce");
        assert!(report.recipients.len() <= mail_message::report::MAX_RECIPIENTS);
        assert!(
            report
                .recipients
                .iter()
                .all(|r| r.diagnostic.as_ref().is_none_or(|d| d.len() <= 4_000))
        );
    }
}
