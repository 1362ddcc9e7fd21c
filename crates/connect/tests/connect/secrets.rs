//! What proves who we are shows nowhere: not in a report, not in an error, not in a transcript, in no encoding, and also not
//! where the server repeats it.

use crate::setting::{imap, net, report_with, request, smtp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use mail_net::sasl::{Credentials, Exchange, Mechanism, Secret};
use mail_net::{Net, Transcript};
use mail_sim::{
    ImapFault, ImapScript, ImapSim, Pop3Fault, Pop3Script, Pop3Sim, SmtpFault, SmtpScript, SmtpSim,
};
use model::mailbox::{Auth, Protocol, Security};

const USER: &str = "ann@example.com";
/// Signs that every encoding writes in its own way.
const PASSWORD: &str = "Pa ss\"w%rd+/é?>-9";
/// The client's random part in a test.
const NONCE: [u8; 18] = [7; 18];

/// Every spelling in which the secret could show, with the SASL messages that hold it.
fn spellings(secret: &str) -> Vec<String> {
    let mut raw = vec![
        secret.as_bytes().to_vec(),
        format!("\0{USER}\0{secret}").into_bytes(),
        format!("{USER}\0{USER}\0{secret}").into_bytes(),
        format!("user={USER}\u{1}auth=Bearer {secret}\u{1}\u{1}").into_bytes(),
    ];
    let credentials = Credentials {
        username: USER.to_owned(),
        secret: Secret::Password(secret.to_owned()),
    };
    let mut cram = Exchange::new(Mechanism::CramMd5, &credentials, "localhost", 143, NONCE);
    raw.extend(cram.respond(b"<1896.697170952@localhost>").ok());
    let mut all: Vec<String> = Vec::new();
    for bytes in &raw {
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            all.push(engine.encode(bytes));
        }
        all.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    let percent = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    all.push(secret.bytes().map(percent).collect());
    let quoted_printable = |byte: u8| match byte {
        b'=' | 0..=b' ' | 127.. => format!("={byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    all.push(secret.bytes().map(quoted_printable).collect());
    let named = |c: char| match c {
        '"' => "&quot;".to_owned(),
        '>' => "&gt;".to_owned(),
        _ => c.to_string(),
    };
    all.push(secret.chars().map(named).collect());
    let numbered = |c: char| format!("&#{};", u32::from(c));
    all.push(secret.chars().map(numbered).collect());
    let plain_login = STANDARD.encode(format!("\0{USER}\0{secret}"));
    all.push(STANDARD.encode(&plain_login));
    all.push(plain_login.to_uppercase());
    all.push(secret.to_uppercase());
    all.push(secret.to_owned());
    all.push(secret.replace('"', "\\\""));
    all
}

#[track_caller]
fn assert_holds_nothing(text: &str, whose: &str) {
    // JSON writes a quotation mark with a backslash.
    let unquoted = text.replace("\\\\", "\\").replace("\\\"", "\"");
    for spelling in spellings(PASSWORD) {
        assert!(
            !text.contains(&spelling) && !unquoted.contains(&spelling),
            "{whose} shows {spelling:?}: {text}"
        );
    }
}

#[tokio::test]
async fn no_report_holds_a_secret_that_the_server_repeats() {
    let echoes = spellings(PASSWORD).join(" or ");
    for auth in [Auth::Password, Auth::Oauth2] {
        for fault in [ImapFault::Echo, ImapFault::LoginRefused(echoes.clone())] {
            for mechanism in [
                "AUTH=PLAIN",
                "AUTH=LOGIN",
                "AUTH=XOAUTH2 AUTH=OAUTHBEARER",
                "",
            ] {
                let offered = format!("IMAP4rev1 SASL-IR {mechanism}");
                let script = ImapScript::new()
                    .capabilities(&offered)
                    .fault(fault.clone());
                let sim = ImapSim::start(script);
                let mut incoming = imap(USER, sim.port(), Security::None);
                incoming.auth = auth;
                let test = request(USER, PASSWORD, Some(incoming), None);
                let (report, told) = report_with(net(sim.ca_pem().as_bytes()), test).await;
                assert_holds_nothing(&serde_json::to_string(&report).unwrap(), "the report");
                assert_holds_nothing(&serde_json::to_string(&told).unwrap(), "a step");
                assert_holds_nothing(&format!("{report:?}"), "the report in a log");
            }
        }
        for fault in [
            SmtpFault::Echo,
            SmtpFault::RefuseAuth(format!("535 {echoes}")),
        ] {
            let script = SmtpScript::new().extensions(&["AUTH PLAIN XOAUTH2"]);
            let sim = SmtpSim::start(script.fault(fault));
            let mut outgoing = smtp(USER, sim.port(), Security::None);
            outgoing.auth = auth;
            let test = request(USER, PASSWORD, None, Some(outgoing));
            let (report, told) = report_with(net(sim.ca_pem().as_bytes()), test).await;
            assert_holds_nothing(&serde_json::to_string(&report).unwrap(), "the report");
            assert_holds_nothing(&serde_json::to_string(&told).unwrap(), "a step");
        }
        for lines in [&["USER", "UIDL"][..], &["SASL PLAIN XOAUTH2", "UIDL"]] {
            let script = Pop3Script::new().capabilities(lines);
            let sim = Pop3Sim::start(script.fault(Pop3Fault::Echo));
            let mut incoming = imap(USER, sim.port(), Security::None);
            incoming.protocol = Protocol::Pop3;
            incoming.auth = auth;
            let test = request(USER, PASSWORD, Some(incoming), None);
            let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
            assert_holds_nothing(&serde_json::to_string(&report).unwrap(), "the report");
        }
    }
}

#[tokio::test]
async fn no_report_holds_a_secret_that_the_server_repeats_later() {
    // "secret" is the simulators' password.
    let script = ImapScript::new().fault(ImapFault::Refuse("LIST", "no, secret".to_owned()));
    let sim = ImapSim::start(script);
    let incoming = imap(USER, sim.port(), Security::None);
    let test = request(USER, "secret", Some(incoming), None);
    let (report, told) = report_with(net(sim.ca_pem().as_bytes()), test).await;
    for text in [format!("{report:?}"), format!("{told:?}")] {
        assert!(
            !text.contains("secret") && text.contains("no, <hidden>"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn no_error_of_the_running_engine_holds_a_secret() {
    let sim = ImapSim::start(ImapScript::new().fault(ImapFault::Echo));
    let incoming = imap(USER, sim.port(), Security::None);
    let secret = model::Secret::new(PASSWORD);
    let opened = connect::open::imap(&net(sim.ca_pem().as_bytes()), &incoming, &secret).await;
    let failure = opened.err().unwrap();
    assert_holds_nothing(&format!("{failure} {failure:?}"), "the error");
    assert!(
        format!("{failure:?}").contains("<hidden>"),
        "the server did repeat it"
    );
}

#[tokio::test]
async fn no_transcript_holds_a_secret() {
    for secret in [
        Secret::Password(PASSWORD.to_owned()),
        Secret::Token(PASSWORD.to_owned()),
    ] {
        let credentials = Credentials {
            username: USER.to_owned(),
            secret,
        };
        let transcript = Transcript::new(200);
        let sasl = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2";
        for offered in [sasl, "IMAP4rev1", "IMAP4rev1 AUTH=LOGIN AUTH=OAUTHBEARER"] {
            let sim = ImapSim::start(
                ImapScript::new()
                    .capabilities(offered)
                    .fault(ImapFault::Echo),
            );
            let stream = connected(&net(sim.ca_pem().as_bytes()), sim.port()).await;
            let limits = imap_client::Limits::default();
            let started =
                imap_client::Session::start(stream, limits, Some(transcript.clone())).await;
            let (mut session, _) = started.unwrap();
            let _ = session.login(&credentials, "localhost", sim.port()).await;
        }
        let sim = SmtpSim::start(
            SmtpScript::new()
                .extensions(&["AUTH PLAIN XOAUTH2"])
                .fault(SmtpFault::Echo),
        );
        let stream = connected(&net(sim.ca_pem().as_bytes()), sim.port()).await;
        let limits = smtp_client::Limits::interactive();
        let started = smtp_client::Session::start(stream, limits, Some(transcript.clone())).await;
        let (mut session, _) = started.unwrap();
        session.ehlo("test.example").await.unwrap();
        let _ = session.login(&credentials, "localhost", sim.port()).await;
        for offered in [&["USER"][..], &["SASL PLAIN XOAUTH2"]] {
            let sim = Pop3Sim::start(
                Pop3Script::new()
                    .capabilities(offered)
                    .fault(Pop3Fault::Echo),
            );
            let stream = connected(&net(sim.ca_pem().as_bytes()), sim.port()).await;
            let limits = pop3_client::Limits::patient();
            let started =
                pop3_client::Session::start(stream, limits, Some(transcript.clone())).await;
            let (mut session, _) = started.unwrap();
            session.capa().await.unwrap();
            let _ = session.login(&credentials, "localhost", sim.port()).await;
        }
        let lines = transcript.lines().join("\n");
        assert_holds_nothing(&lines, "the transcript");
        assert!(
            lines.contains("S: ") && lines.contains("<hidden>"),
            "{lines}"
        );
    }
}

async fn connected(net: &Net, port: u16) -> mail_net::Stream {
    let resolved = net.resolve("localhost").await.unwrap();
    net.connect(&resolved, port).await.unwrap()
}
