//! Each simulator does what its script says, seen from a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use mail_sim::{
    Encryption, HookSim, ImapFault, ImapScript, ImapSim, Point, Reaction, SmtpFault, SmtpScript,
    SmtpSim,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};

const LIMIT: Duration = Duration::from_secs(10);
const MAIL: &[u8] = b"Subject: one\r\nFrom: a@b.test\r\n\r\nhello\r\n";

struct Client(BufReader<TcpStream>);

impl Client {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the simulator listens");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a socket takes options");
        Self(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0
            .get_mut()
            .write_all(text.as_bytes())
            .expect("the simulator reads");
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0
            .read_until(b'\n', &mut line)
            .expect("the simulator answers");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Sends an IMAP command and reads up to its tagged answer, or to the end.
    fn imap(&mut self, command: &str) -> Vec<String> {
        self.send(&format!("t {command}\r\n"));
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            self.0
                .read_until(b'\n', &mut line)
                .expect("the simulator answers");
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            if line.is_empty() || line.starts_with(b"t ") {
                return lines;
            }
        }
    }

    fn smtp(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n"));
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        rest
    }
}

fn imap(script: ImapScript) -> (ImapSim, Client) {
    let sim = ImapSim::start(script);
    let mut client = Client::open(sim.port());
    assert_eq!(client.line(), "* OK mail-sim ready");
    assert_eq!(client.imap("LOGIN ann secret"), ["t OK done"]);
    (sim, client)
}

fn smtp(script: SmtpScript) -> (SmtpSim, Client) {
    let sim = SmtpSim::start(script);
    let mut client = Client::open(sim.port());
    assert!(client.line().starts_with("220"));
    assert!(client.smtp("EHLO me").starts_with("250 "));
    (sim, client)
}

#[test]
fn a_whole_imap_session_works() {
    let (sim, mut client) = imap(
        ImapScript::new()
            .mail("INBOX", MAIL)
            .mail("INBOX", MAIL)
            .folder("Sent"),
    );
    let listed = client.imap("LIST \"\" \"*\"");
    assert_eq!(
        listed[..2],
        [
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"",
            "* LIST (\\HasNoChildren) \"/\" \"Sent\""
        ]
    );
    assert!(
        client
            .imap("EXAMINE INBOX")
            .contains(&"* 2 EXISTS".to_owned())
    );
    let fetched =
        client.imap("UID FETCH 2:* (FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    assert_eq!(
        fetched,
        [
            "* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 39 BODY[HEADER.FIELDS (SUBJECT)] {16}",
            "Subject: one",
            "",
            ")",
            "t OK done",
        ]
    );
    assert_eq!(
        client.imap("UID FETCH 1 (BODY.PEEK[]<0.7>)")[..2],
        ["* 1 FETCH (UID 1 BODY[]<0> {7}", "Subject)"]
    );
    assert_eq!(
        client.imap("STATUS INBOX (MESSAGES UIDNEXT)")[0],
        "* STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 3)"
    );
    client.send("i IDLE\r\n");
    assert_eq!(client.line(), "+ idling");
    assert_eq!(sim.deliver("INBOX", MAIL), 3);
    assert_eq!(client.line(), "* 3 EXISTS");
    client.send("DONE\r\n");
    assert_eq!(client.line(), "i OK done");
    assert_eq!((sim.connections(), sim.logins()), (1, 1));
    assert!(sim.log().iter().any(|line| line == "t LOGIN ann secret"));
}

#[test]
fn appending_storing_and_expunging_change_the_mailbox() {
    let (_sim, mut client) = imap(ImapScript::new());
    client.send("a APPEND INBOX (\\Seen) {5}\r\n");
    assert_eq!(client.line(), "+ go on");
    client.send("a\r\nb\n\r\n");
    assert_eq!(client.line(), "a OK [APPENDUID 1000 1] done");
    client.imap("SELECT INBOX");
    assert_eq!(
        client.imap("UID STORE 1 +FLAGS (\\Deleted)")[0],
        "* 1 FETCH (UID 1 FLAGS (\\Deleted))"
    );
    assert_eq!(client.imap("UID EXPUNGE 1:*"), ["* 1 EXPUNGE", "t OK done"]);
}

#[test]
fn reading_with_body_marks_as_read_and_peeking_does_not() {
    let (_sim, mut client) = imap(ImapScript::new().mail("INBOX", b"x"));
    client.imap("SELECT INBOX");
    client.imap("UID FETCH 1 (BODY.PEEK[])");
    assert_eq!(
        client.imap("UID FETCH 1 (FLAGS)")[0],
        "* 1 FETCH (UID 1 FLAGS ())"
    );
    client.imap("UID FETCH 1 (BODY[])");
    assert_eq!(
        client.imap("UID FETCH 1 (FLAGS)")[0],
        "* 1 FETCH (UID 1 FLAGS (\\Seen))"
    );
}

#[test]
fn sign_in_faults_have_their_own_words() {
    for (fault, answer) in [
        (
            ImapFault::LoginRefused("[ALERT] Application-specific password required".into()),
            "t NO [ALERT] Application",
        ),
        (ImapFault::TooManyConnections(0), "t NO [LIMIT] Too many"),
    ] {
        let sim = ImapSim::start(ImapScript::new().fault(fault));
        let mut client = Client::open(sim.port());
        client.line();
        assert!(client.imap("LOGIN ann secret")[0].starts_with(answer));
    }
    let sim = ImapSim::start(ImapScript::new());
    let mut client = Client::open(sim.port());
    client.line();
    assert!(client.imap("LOGIN ann wrong")[0].starts_with("t NO [AUTHENTICATIONFAILED]"));
    assert_eq!(
        client.imap("AUTHENTICATE PLAIN AGFubgBzZWNyZXQ="),
        ["t OK done"]
    );
}

#[test]
fn greeting_faults_are_seen_at_once() {
    for (fault, first) in [
        (ImapFault::NotImap, "+OK POP3"),
        (ImapFault::ByeAtOnce("too busy".into()), "* BYE too busy"),
        (ImapFault::CloseAt(Point::Greeting), ""),
    ] {
        let sim = ImapSim::start(ImapScript::new().fault(fault));
        let line = Client::open(sim.port()).line();
        assert!(
            line.starts_with(first) && (line.is_empty() == first.is_empty()),
            "{line}"
        );
    }
}

#[test]
fn what_never_ends_goes_on_until_the_client_leaves() {
    for fault in [
        ImapFault::EndlessLine(Point::Fetch),
        ImapFault::HugeLiteralClaim(Point::Fetch),
        ImapFault::EndlessLine(Point::List),
    ] {
        let (sim, mut client) = imap(ImapScript::new().mail("INBOX", MAIL).fault(fault.clone()));
        if !matches!(fault, ImapFault::EndlessLine(Point::List)) {
            client.imap("SELECT INBOX");
            client.send("t UID FETCH 1 (BODY.PEEK[])\r\n");
        } else {
            client.send("t LIST \"\" *\r\n");
        }
        let mut bytes = vec![0; 3_000_000];
        client.0.read_exact(&mut bytes).expect("it goes on");
        drop(client);
        for _ in 0..1_000 {
            if sim.open_connections() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(sim.open_connections(), 0);
    }
}

#[test]
fn message_faults_strike_the_message() {
    let (sim, mut client) = imap(ImapScript::new().mail("INBOX", MAIL).mail("INBOX", MAIL));
    client.imap("SELECT INBOX");
    sim.set_faults(&[ImapFault::BadUidFails(2)]);
    assert!(client.imap("UID FETCH 1:* (BODY.PEEK[])")[0].starts_with("t NO [SERVERBUG]"));
    assert!(client.imap("UID FETCH 1 (FLAGS)")[0].starts_with("* 1 FETCH"));
    sim.set_faults(&[ImapFault::NilBody(1), ImapFault::WrongSize(7)]);
    assert_eq!(
        client.imap("UID FETCH 1 (RFC822.SIZE BODY.PEEK[])")[0],
        "* 1 FETCH (UID 1 RFC822.SIZE 7 BODY[] NIL)"
    );
    sim.set_faults(&[ImapFault::ThrottleText(
        "Request is throttled. Suggested Backoff Time: 9 milliseconds".into(),
    )]);
    assert!(client.imap("UID FETCH 1 (FLAGS)")[0].starts_with("t NO Request is throttled."));
    sim.set_faults(&[ImapFault::CloseMidLiteral]);
    client.send("t UID FETCH 1 (BODY.PEEK[])\r\n");
    assert_eq!(client.line(), "* 1 FETCH (UID 1 BODY[] {39}");
    assert_eq!(client.rest(), &MAIL[..19]);
}

#[test]
fn a_folder_name_that_is_no_text_is_sent_as_it_is() {
    let (_sim, mut client) = imap(ImapScript::new().fault(ImapFault::InvalidUtf8FolderNames));
    client.send("t LIST \"\" \"*\"\r\n");
    client.line();
    let mut raw = Vec::new();
    client.0.read_until(b'\n', &mut raw).expect("a line");
    assert!(String::from_utf8(raw).is_err());
}

#[test]
fn injected_text_comes_in_one_piece_with_the_answer_to_starttls() {
    let script = ImapScript::new()
        .encryption(Encryption::Starttls)
        .fault(ImapFault::StartTlsInjection);
    let sim = ImapSim::start(script);
    let mut client = Client::open(sim.port());
    client.line();
    assert!(client.imap("CAPABILITY")[0].contains("LOGINDISABLED"));
    assert!(client.imap("LOGIN ann secret")[0].starts_with("t NO [PRIVACYREQUIRED]"));
    assert_eq!(client.imap("STARTTLS"), ["t OK begin"]);
    assert!(client.line().contains("X-INJECTED"));
}

#[test]
fn implicit_tls_has_a_certificate_for_localhost() {
    let sim = ImapSim::start(ImapScript::new().encryption(Encryption::Implicit));
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(sim.ca_pem().as_bytes()).expect("PEM"))
        .expect("a certificate");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("TLS 1.2 and 1.3")
    .with_root_certificates(roots)
    .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = TcpStream::connect(("127.0.0.1", sim.port())).expect("the simulator listens");
    let mut greeting = [0; 4];
    rustls::Stream::new(&mut session, &mut stream)
        .read_exact(&mut greeting)
        .expect("a greeting");
    assert_eq!(&greeting, b"* OK");
}

#[test]
fn the_smtp_sink_records_what_it_took() {
    let (sim, mut client) =
        smtp(SmtpScript::new().fault(SmtpFault::TempfailRecipient("b@x.test".into())));
    assert!(
        client
            .smtp("AUTH PLAIN AGFubgBzZWNyZXQ=")
            .starts_with("235")
    );
    assert!(
        client
            .smtp("MAIL FROM:<a@x.test> SIZE=10")
            .starts_with("250")
    );
    assert!(client.smtp("RCPT TO:<b@x.test>").starts_with("450"));
    assert!(client.smtp("RCPT TO:<c@x.test>").starts_with("250"));
    assert!(client.smtp("DATA").starts_with("354"));
    // A bare LF around a dot does not end the message.
    assert!(
        client
            .smtp("Subject: x\r\n\r\n..dot\n.\nmore\r\n.")
            .starts_with("250")
    );
    let mails = sim.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].data, b"Subject: x\r\n\r\n.dot\n.\nmore\r\n");
    assert_eq!(
        (mails[0].from.as_str(), mails[0].to.as_slice()),
        ("a@x.test", &["c@x.test".to_owned()][..])
    );
    assert_eq!(
        (mails[0].user.as_deref(), mails[0].encrypted),
        (Some("ann"), false)
    );
}

#[test]
fn smtp_faults_strike_where_they_should() {
    let (sim, mut client) = smtp(
        SmtpScript::new()
            .fault(SmtpFault::Greylist)
            .fault(SmtpFault::RejectSize(100)),
    );
    assert!(
        client
            .smtp("MAIL FROM:<a@x.test> SIZE=101")
            .starts_with("552 5.3.4")
    );
    client.smtp("MAIL FROM:<a@x.test>");
    assert!(client.smtp("RCPT TO:<c@x.test>").starts_with("451 4.7.1"));
    assert!(client.smtp("RCPT TO:<c@x.test>").starts_with("250"));
    sim.set_faults(&[SmtpFault::RefuseAuth("535 5.7.8 no".into())]);
    assert_eq!(client.smtp("AUTH PLAIN AGFubgBzZWNyZXQ="), "535 5.7.8 no");
    sim.set_faults(&[SmtpFault::CloseAfterDot]);
    client.smtp("DATA");
    client.send("x\r\n.\r\n");
    assert!(client.rest().is_empty());
    assert_eq!(sim.mails().len(), 1);
}

#[test]
fn a_hook_answers_as_scripted_and_records() {
    let sim = HookSim::start(&[Reaction::Status(500), Reaction::Close]);
    let mut client = Client::open(sim.port());
    client.send("POST /hook HTTP/1.1\r\nWebhook-Id: 7\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(client.line(), "HTTP/1.1 500 scripted");
    assert_eq!(
        (client.line().as_str(), client.line().as_str()),
        ("content-length: 0", "")
    );
    client.send("POST /hook HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    assert_eq!(client.line(), "");
    let mut client = Client::open(sim.port());
    client.send("POST /hook HTTP/1.1\r\n\r\n");
    assert_eq!(client.line(), "HTTP/1.1 204 scripted");
    let requests = sim.wait(3, LIMIT);
    assert_eq!(requests[0].header("webhook-id"), Some("7"));
    assert_eq!(
        (requests[0].body.as_slice(), requests[1].body.as_slice()),
        (&b"{}"[..], &b"ab"[..])
    );
}
