//! The servers answer as the tests of every other crate expect.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use testkit::{Generator, ImapProbe, TestUser, servers, user};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_user_signs_in_with_the_right_password_only() {
    let user = user("right password");
    ImapProbe::login(&user);
    let mut probe = ImapProbe::connect(servers().imap_port);
    let refused = probe.command(&format!("LOGIN {} wrong", user.address));
    assert_eq!(
        (refused.status.as_str(), refused.code.as_str()),
        ("NO", "AUTHENTICATIONFAILED")
    );
    let unknown = probe.command("LOGIN ann@nowhere.test secret-ann");
    assert_eq!(
        (unknown.status.as_str(), unknown.code.as_str()),
        ("NO", "AUTHENTICATIONFAILED")
    );
}

#[test]
fn users_do_not_see_each_other() {
    let (ann, bob) = (user("ann"), user("bob"));
    testkit::deliver(&ann, b"Subject: for ann\r\n\r\nhello\r\n.dots stay\r\n");
    assert_eq!(testkit::oracle(&ann)["INBOX"].len(), 1);
    assert!(testkit::oracle(&bob)["INBOX"].is_empty());
}

#[test]
fn every_mechanism_that_is_offered_lets_a_user_in() {
    let user = user("mechanisms");
    let mut probe = ImapProbe::connect(servers().imap_port);
    let plain = STANDARD.encode(format!("\0{}\0{}", user.address, user.password));
    assert_eq!(
        probe.command(&format!("AUTHENTICATE PLAIN {plain}")).status,
        "OK"
    );

    let token = testkit::oauth_token(&user.address);
    let xoauth2 = STANDARD.encode(format!(
        "user={}\x01auth=Bearer {token}\x01\x01",
        user.address
    ));
    let mut probe = ImapProbe::connect(servers().imap_port);
    assert_eq!(
        probe
            .command(&format!("AUTHENTICATE XOAUTH2 {xoauth2}"))
            .status,
        "OK"
    );

    let bearer = STANDARD.encode(format!(
        "n,a={},\x01auth=Bearer {token}\x01\x01",
        user.address
    ));
    let mut probe = ImapProbe::connect(servers().imap_port);
    assert_eq!(
        probe
            .command(&format!("AUTHENTICATE OAUTHBEARER {bearer}"))
            .status,
        "OK"
    );

    let mut line = Line::open(servers().submission_plain_port);
    line.read();
    line.smtp("EHLO testkit");
    assert!(
        line.smtp(&format!("AUTH XOAUTH2 {xoauth2}"))
            .starts_with("235")
    );
}

#[test]
fn the_administration_tool_acts_behind_a_client() {
    let user = user("doveadm");
    user.seed("INBOX", Generator::new(1).take(3));
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    let listed = servers().doveadm(&["fetch", "-u", &user.address, "uid", "mailbox", "INBOX"]);
    assert_eq!(listed.matches("uid:").count(), 3);
    servers().doveadm(&["kick", &user.address]);
    probe.wait_for_end(LIMIT);
}

#[test]
fn an_expired_or_foreign_token_is_refused_with_an_error_challenge() {
    let user = user("tokens");
    for token in [
        testkit::expired_oauth_token(&user.address),
        testkit::oauth_token("somebody@example.test"),
    ] {
        let mut line = Line::open(servers().imap_port);
        line.read();
        let xoauth2 = STANDARD.encode(format!(
            "user={}\x01auth=Bearer {token}\x01\x01",
            user.address
        ));
        line.send(&format!("a AUTHENTICATE XOAUTH2 {xoauth2}"));
        assert!(line.read().starts_with("+ "));
        line.send("");
        assert!(line.read().starts_with("a NO [AUTHENTICATIONFAILED]"));
    }
}

#[test]
fn scram_sha_256_works_from_end_to_end() {
    let user = user("scram");
    let mut line = Line::open(servers().imap_port);
    line.read();
    let bare = format!("n={},r=testkitnonce", user.address);
    line.send(&format!(
        "a AUTHENTICATE SCRAM-SHA-256 {}",
        STANDARD.encode(format!("n,,{bare}"))
    ));
    let first = line.challenge();
    let field = |name: &str, text: &str| {
        text.split(',')
            .find_map(|f| f.strip_prefix(name).map(str::to_owned))
            .expect("a field")
    };
    let (nonce, salt, rounds) = (
        field("r=", &first),
        field("s=", &first),
        field("i=", &first),
    );
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds.parse().expect("a count"),
        &STANDARD.decode(salt).expect("base64"),
        user.password.as_bytes(),
        &mut salted,
    );
    let sign = |key: &[u8], text: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
            .as_ref()
            .to_vec()
    };
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{bare},{first},{without_proof}");
    let key = sign(&salted, b"Client Key");
    let stored = digest::digest(&digest::SHA256, &key);
    let proof: Vec<u8> = key
        .iter()
        .zip(sign(stored.as_ref(), message.as_bytes()))
        .map(|(a, b)| a ^ b)
        .collect();
    line.send(&STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof))));
    let last = line.challenge();
    let expected = sign(&sign(&salted, b"Server Key"), message.as_bytes());
    assert_eq!(last, format!("v={}", STANDARD.encode(expected)));
    line.send("");
    assert!(line.read().contains("Logged in") || line.read().starts_with("a OK"));
}

#[test]
fn the_modern_port_offers_what_the_basic_port_hides() {
    let user = user("capabilities");
    let capabilities = |port| {
        let mut probe = ImapProbe::connect(port);
        probe.ok(&format!("LOGIN {} {}", user.address, user.password));
        let reply = probe.ok("CAPABILITY");
        reply.untagged[0]
            .iter()
            .map(testkit::Item::as_str)
            .collect::<Vec<_>>()
    };
    let (modern, basic) = (
        capabilities(servers().imap_port),
        capabilities(servers().basic_imap_port),
    );
    for name in [
        "IDLE",
        "MOVE",
        "UIDPLUS",
        "CONDSTORE",
        "QRESYNC",
        "NOTIFY",
        "SPECIAL-USE",
        "COMPRESS=DEFLATE",
        "LIST-STATUS",
    ] {
        assert!(
            modern.iter().any(|c| c == name),
            "{name} is missing: {modern:?}"
        );
        assert!(
            !basic.iter().any(|c| c == name),
            "{name} is offered: {basic:?}"
        );
    }
}

#[test]
fn nobody_signs_in_before_tls_where_tls_is_required() {
    let user = user("tls required");
    let mut probe = ImapProbe::connect(servers().imap_tls_required_port);
    let refused = probe.command(&format!("LOGIN {} {}", user.address, user.password));
    assert_eq!(
        (refused.status.as_str(), refused.code.as_str()),
        ("NO", "PRIVACYREQUIRED")
    );
}

#[test]
fn each_certificate_is_good_or_bad_in_its_own_way() {
    let s = servers();
    assert!(
        tls_greeting(s.imaps_port, "localhost")
            .expect("TLS")
            .starts_with("* OK")
    );
    assert!(
        tls_greeting(s.imaps_port, "127.0.0.1")
            .expect("TLS")
            .starts_with("* OK")
    );
    assert!(
        tls_greeting(s.pop3s_port, "mail.test.local")
            .expect("TLS")
            .starts_with("+OK")
    );
    assert!(
        tls_greeting(s.submissions_port, "localhost")
            .expect("TLS")
            .starts_with("220")
    );
    for (port, reason) in [
        (s.imaps_wrong_name_port, "NotValidForName"),
        (s.imaps_expired_port, "Expired"),
        (s.imaps_untrusted_port, "UnknownIssuer"),
    ] {
        let error = tls_greeting(port, "localhost").expect_err(reason);
        assert!(format!("{error:?}").contains(reason), "{error:?}");
    }
}

#[test]
fn recipients_are_accepted_and_refused_one_by_one_and_the_mail_arrives() {
    let (ann, bob) = (user("sender"), user("recipient"));
    let mut line = signed_in_smtp(&ann);
    assert!(
        line.smtp(&format!("MAIL FROM:<{}>", ann.address))
            .starts_with("250")
    );
    assert!(
        line.smtp(&format!("RCPT TO:<{}>", bob.address))
            .starts_with("250")
    );
    for (recipient, answer) in [
        ("refused-1@example.test", "550 5.1.1"),
        ("full-1@example.test", "552 5.2.2"),
        ("later-1@example.test", "450 4.2.0"),
        ("somebody@elsewhere.org", "554 5.7.1"),
    ] {
        let said = line.smtp(&format!("RCPT TO:<{recipient}>"));
        assert!(said.starts_with(answer), "{recipient}: {said}");
    }
    assert!(line.smtp("DATA").starts_with("354"));
    assert!(
        line.smtp("Subject: hi\r\n\r\nhello\r\n.")
            .starts_with("250")
    );
    testkit::wait_for(LIMIT, "the mail is in the INBOX", || {
        (testkit::oracle(&bob)["INBOX"].len() == 1).then_some(())
    });
}

#[test]
fn a_foreign_sender_is_refused_and_a_bounce_comes_back() {
    let (ann, bob) = (user("bounced"), user("foreign"));
    let mut line = signed_in_smtp(&ann);
    line.smtp(&format!("MAIL FROM:<{}>", bob.address));
    assert!(
        line.smtp("RCPT TO:<bounce-1@example.test>")
            .starts_with("553 5.7.1")
    );
    line.smtp("RSET");
    line.smtp(&format!("MAIL FROM:<{}>", ann.address));
    assert!(
        line.smtp("RCPT TO:<bounce-1@example.test>")
            .starts_with("250")
    );
    line.smtp("DATA");
    assert!(
        line.smtp("Subject: hi\r\n\r\nhello\r\n.")
            .starts_with("250")
    );
    testkit::wait_for(LIMIT, "the bounce is in the INBOX", || {
        (testkit::oracle(&ann)["INBOX"].len() == 1).then_some(())
    });
    let mut probe = ImapProbe::login(&ann);
    probe.select("INBOX");
    assert!(String::from_utf8_lossy(&probe.fetch(1)).contains("multipart/report"));
}

#[test]
fn a_receiving_user_cannot_send_and_a_sending_user_cannot_receive() {
    let receiving = testkit::receiving_user("receives");
    ImapProbe::login(&receiving);
    assert!(smtp_sign_in(&receiving).1.starts_with("535"));
    let sending = testkit::sending_user("sends");
    assert!(smtp_sign_in(&sending).1.starts_with("235"));
    let mut probe = ImapProbe::connect(servers().imap_port);
    assert_eq!(
        probe
            .command(&format!("LOGIN {} {}", sending.address, sending.password))
            .status,
        "NO"
    );
}

#[test]
fn seeded_mail_is_on_the_server_byte_for_byte_in_order() {
    let user = user("seeded");
    let mails: Vec<_> = Generator::new(11).take(300).collect();
    assert_eq!(user.seed("INBOX", mails.clone()), 300);
    assert_eq!(user.seed("Work/Entwürfe", mails[..5].to_vec()), 5);
    let oracle = testkit::oracle(&user);
    assert_eq!(oracle["Work/Entwürfe"].len(), 5);
    let inbox = &oracle["INBOX"];
    assert_eq!(
        inbox.keys().copied().collect::<Vec<_>>(),
        (1..=300).collect::<Vec<_>>()
    );
    for (mail, (flags, hash)) in mails.iter().zip(inbox.values()) {
        assert_eq!(*hash, testkit::sha256_hex(&mail.raw));
        assert_eq!(*flags, mail.flags.iter().map(|f| (*f).to_owned()).collect());
    }
    let mut probe = ImapProbe::login(&user);
    probe.select("INBOX");
    let reply = probe.ok("UID FETCH 1 (INTERNALDATE RFC822.SIZE)");
    let parts = reply.untagged[0][2].list();
    assert!(
        parts
            .iter()
            .any(|p| p.number() == Some(mails[0].raw.len() as u64))
    );
    assert!(
        parts.iter().any(|p| p.as_str().contains("2019")),
        "{parts:?}"
    );
}

#[test]
fn the_probe_does_what_a_second_client_does() {
    let user = user("probe");
    let mut probe = ImapProbe::login(&user);
    probe.create("Projekte/Grün");
    let first = probe.append(
        "INBOX",
        "\\Seen $label",
        "01-Feb-2024 10:00:00 +0000",
        b"Subject: 1\r\n\r\n1\r\n",
    );
    let second = probe.append("INBOX", "", "", b"Subject: 2\r\n\r\n2\r\n");
    let selected = probe.select("INBOX");
    assert_eq!((selected.exists, selected.uid_next), (2, second + 1));
    assert!(selected.highest_modseq > 0);
    probe.store(&first.to_string(), "+FLAGS", "\\Flagged");
    assert_eq!(probe.search("FLAGGED"), [first]);
    probe.move_to(&first.to_string(), "Projekte/Grün");
    probe.remove(&second.to_string());
    probe.rename("Projekte/Grün", "Projekte/Blau");
    let oracle = testkit::oracle(&user);
    assert!(oracle["INBOX"].is_empty());
    let (flags, hash) = oracle["Projekte/Blau"]
        .values()
        .next()
        .expect("the moved message");
    assert_eq!(
        flags.iter().map(String::as_str).collect::<Vec<_>>(),
        ["$label", "\\Flagged", "\\Seen"]
    );
    assert_eq!(*hash, testkit::sha256_hex(b"Subject: 1\r\n\r\n1\r\n"));

    probe.idle();
    assert_eq!(probe.wait_for("EXISTS", Duration::from_millis(1)), None);
    testkit::deliver(&user, b"Subject: 3\r\n\r\n3\r\n");
    assert!(probe.wait_for("EXISTS", LIMIT).is_some());
    probe.done();
    probe.delete("Projekte/Blau");
}

#[test]
fn a_database_and_a_bucket_are_fresh() {
    let (one, two) = (testkit::postgres_database(), testkit::postgres_database());
    assert!(one.starts_with("postgres://postgres@127.0.0.1:"));
    assert_ne!(one, two);
    assert_ne!(testkit::bucket().bucket, testkit::bucket().bucket);
}

/// A connection read line by line, in plain text.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a socket takes options");
        Self(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0
            .get_mut()
            .write_all(format!("{text}\r\n").as_bytes())
            .expect("the server reads");
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        line
    }

    fn challenge(&mut self) -> String {
        let line = self.read();
        let coded = line
            .trim_end()
            .strip_prefix("+ ")
            .unwrap_or_else(|| panic!("no challenge: {line}"));
        String::from_utf8(STANDARD.decode(coded).expect("base64")).expect("text")
    }

    /// Sends a command; the last line of the answer.
    fn smtp(&mut self, command: &str) -> String {
        self.send(command);
        loop {
            let line = self.read();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}

fn smtp_sign_in(user: &TestUser) -> (Line, String) {
    let mut line = Line::open(servers().submission_plain_port);
    assert!(line.read().starts_with("220"));
    assert!(line.smtp("EHLO testkit").starts_with("250"));
    let plain = STANDARD.encode(format!("\0{}\0{}", user.address, user.password));
    let said = line.smtp(&format!("AUTH PLAIN {plain}"));
    (line, said)
}

fn signed_in_smtp(user: &TestUser) -> Line {
    let (line, said) = smtp_sign_in(user);
    assert!(said.starts_with("235"), "{said}");
    line
}

/// The first line over implicit TLS, checked against the test authority.
fn tls_greeting(port: u16, name: &str) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&servers().ca_pem_path).expect("PEM"))
        .expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    let mut greeting = vec![0; 64];
    let read = tls.read(&mut greeting)?;
    Ok(String::from_utf8_lossy(&greeting[..read]).into_owned())
}
