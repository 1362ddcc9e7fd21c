//! A person at a shell for the first time: what is wrong is said before anything starts, in the words of the command line, and
//! the line to copy works.

use std::process::Output;

use mail_sim::{DnsScript, DnsSim, ImapScript, ImapSim};
use serde_json::{Value, json};
use testkit::{Generator, Launch, servers, user};

use crate::setting::launch;

/// The program with what reaches the test servers.
fn here() -> Launch {
    launch()
        .env("POSTROOM_NETWORK_ALLOW", "127.0.0.0/8")
        .env(
            "POSTROOM_TLS_EXTRA_CA_FILE",
            servers().ca_pem_path.display().to_string(),
        )
        .env("POSTROOM_PASSWORD", mail_sim::PASSWORD)
}

/// Two providers on simulated servers: one that takes tokens only, one that wants app passwords.
fn with_providers(launch: Launch, tokens: u16, apps: u16) -> Launch {
    let path = launch.data_dir().join("providers.toml");
    let entry = |id: &str, port: u16, sign_in: &str| {
        format!(
            "[[providers]]\nid = \"{id}\"\nname = \"The {id} firm\"\nkind = \"business\"\ndomains = [\"{id}.example\"]\n\
             imap = {{ host = \"127.0.0.1\", port = {port}, security = \"none\" }}\n{sign_in}\n"
        )
    };
    let imap_off = "imap_enable = { default_on = false, how = \"Settings > Mail > IMAP.\" }";
    let text = format!(
        "compiled = \"2026-10\"\n{}{}",
        entry(
            "tokens",
            tokens,
            &format!("auth = [\"oauth2\"]\n{imap_off}")
        ),
        entry(
            "apps",
            apps,
            "auth = [\"app_password\"]\napp_password = { required = \"always\", help_url = \"https://apps.example/make\" }"
        )
    );
    std::fs::write(&path, text).expect("a file");
    launch.env("POSTROOM_PROVIDERS_FILE", path.display().to_string())
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn holds(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted:?} is missing in:\n{text}");
    }
}

#[test]
fn where_no_password_is_taken_none_is_sent_and_what_is_needed_is_said() {
    let (tokens, apps) = (
        ImapSim::start(ImapScript::new()),
        ImapSim::start(ImapScript::new()),
    );
    let launch = with_providers(here(), tokens.port(), apps.port());
    let refused = launch.run(&["test", "ann@tokens.example"]);
    assert_eq!(code(&refused), Some(23), "{refused:?}");
    holds(
        &said(&refused),
        &[
            "First: The tokens firm takes no passwords",
            "First: IMAP is off until it is switched on. Settings > Mail > IMAP.",
            "nobody has signed in: The tokens firm wants an OAuth 2.0 access token",
            "with a token in a file: postroom test ann@tokens.example",
            "--password-file FILE --token-auth",
        ],
    );
    let refused = launch.run(&["test", "ann@tokens.example", "--json"]);
    assert_eq!(code(&refused), Some(23), "{refused:?}");
    let document: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!(document["code"], "oauth_required");
    assert_eq!(document["preparation"][0]["id"], "oauth_only");
    assert_eq!(tokens.connections(), 0, "nobody may have connected");

    // With a token it is tried.
    let tried = launch.run(&["test", "ann@tokens.example", "--token-auth"]);
    assert!(tokens.connections() > 0, "{tried:?}");

    // What the other one needs is said first, too, and then it goes on.
    let tested = launch.run(&["test", "ann@apps.example"]);
    holds(
        &said(&tested),
        &[
            "First: Make an app password; the ordinary password is refused. https://apps.example/make",
        ],
    );
    assert!(apps.connections() > 0, "{tested:?}");
}

#[test]
fn what_cannot_work_is_said_before_anything_starts() {
    let dns = DnsSim::start(DnsScript::new());
    let launch = here().env("POSTROOM_NETWORK_DNS", dns.address().to_string());
    let ann = "ann@firm.example";
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["test", ann, "--send-to", "bob"],
            &[
                "--send-to: bob must be a mail address",
                "--send-to ann@firm.example",
            ],
        ),
        (
            &["test", ann, "--send-to", "bob@gmail"],
            &["did you mean bob@gmail.com? postroom test ann@firm.example --send-to bob@gmail.com"],
        ),
        (
            &[
                "test",
                ann,
                "--send-to",
                "bob@firm.example",
                "--receive-only",
            ],
            &["--send-to needs a sending server"],
        ),
        (
            &[
                "test",
                ann,
                "--pop3-host",
                "pop.firm.example",
                "--folder",
                "Sent",
            ],
            &["--folder cannot be used with --pop3-host"],
        ),
        (
            &["test", "ann@gmail"],
            &["did you mean ann@gmail.com (Gmail)? postroom test ann@gmail.com"],
        ),
        (
            &["test", "ann"],
            &["neither a mail address nor the id of a mailbox"],
        ),
        (
            &[
                "test",
                ann,
                "--imap-host",
                "imap.firm.example:110",
                "--smtp-host",
                "smtp.firm.example",
                "--smtp-port",
                "455",
            ],
            &[
                "--imap-port: is a port of POP3, not of IMAP",
                "--smtp-port: is no port of SMTP",
                "try: postroom test ann@firm.example --imap-host imap.firm.example --imap-port 993 --imap-security tls \
                 --smtp-host smtp.firm.example --smtp-port 465 --smtp-security tls",
            ],
        ),
        (
            &["test", ann, "--imap-host", "pop3s://pop.firm.example"],
            &[
                "--imap-host: asks for `imap`, but the host was typed with pop3s://",
                "try: postroom test ann@firm.example --pop3-host pop3s://pop.firm.example",
            ],
        ),
    ];
    for (arguments, wanted) in cases {
        let ended = launch.run(arguments);
        assert_eq!(code(&ended), Some(2), "{arguments:?}: {ended:?}");
        holds(&said(&ended), wanted);
    }
    assert_eq!(dns.queries().len(), 0, "nobody may have been asked");
    let json = launch.run(&["test", ann, "--smtp-host", "imap.gmail.com", "--json"]);
    let document: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(document["errors"][0]["action"], "use_host:smtp.gmail.com");
    assert_eq!(document["exit_code"], 2);
}

#[test]
fn the_line_that_is_offered_works() {
    let user = user("copied line");
    user.seed("INBOX", Generator::new(3).take(1));
    let s = servers();
    let launch = here().env("POSTROOM_PASSWORD", &user.password);
    let imap = s.imap_port.to_string();
    let failed = launch.run(&[
        "test",
        &user.address,
        "--imap-host",
        "localhost",
        "--imap-port",
        &imap,
        "--imap-security",
        "SSL/TLS",
        "--receive-only",
    ]);
    assert_eq!(code(&failed), Some(21), "{failed:?}");
    holds(&said(&failed), &["--imap-security: SSL/TLS became tls"]);
    let text = shown(&failed);
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("As a command: postroom "))
        .unwrap_or_else(|| panic!("no line in {text}"));
    // The test's own way to name the data comes behind.
    let line = line.split(" --data-dir").next().expect("a line");
    let words: Vec<&str> = line.split(' ').collect();
    let works = launch.run(&words);
    assert_eq!(code(&works), Some(0), "{line}: {works:?}");

    // What stands around an address, and words of other programs, are no hindrance.
    let (host, around) = (
        format!("localhost:{}", s.imaps_port),
        format!("\"Ann\" <mailto:{}>", user.address),
    );
    let works = launch.run(&["test", &around, "--imap-host", &host, "--receive-only"]);
    assert_eq!(code(&works), Some(0), "{works:?}");
    holds(
        &said(&works),
        &[
            "the address: ",
            "the name beside a mail address",
            "--imap-port: set to",
        ],
    );
}

#[test]
fn a_broken_providers_file_is_a_wrong_configuration_for_every_command() {
    let launch = here();
    let path = launch.data_dir().join("providers.toml");
    std::fs::write(
        &path,
        "compiled = \"2026-10\"\n[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"\ndomains = 7\n",
    )
    .expect("a file");
    let launch = launch.env("POSTROOM_PROVIDERS_FILE", path.display().to_string());
    for arguments in [
        vec!["detect", "ann@gmail.com"],
        vec!["test", "ann@gmail.com"],
        vec!["test", "ann@firm.example", "--imap-host", "localhost"],
        vec!["provider", "show", "gmail"],
    ] {
        let ended = launch.run(&arguments);
        assert_eq!(code(&ended), Some(3), "{arguments:?}: {ended:?}");
        holds(&said(&ended), &["providers.toml: ", "entry acme: domains"]);
    }
    std::fs::remove_file(&path).expect("the file");
    let ended = launch.run(&["detect", "ann@gmail.com"]);
    assert_eq!(code(&ended), Some(3), "{ended:?}");
    holds(&said(&ended), &["No such file"]);
}

#[test]
fn a_search_without_success_ends_with_what_to_do_next() {
    let dns = DnsSim::start(DnsScript::new().mx("xn--bcher-kva.example", 10, "mx.hoster.example"));
    let launch = here().env("POSTROOM_NETWORK_DNS", dns.address().to_string());
    for (address, exit, wanted) in [
        (
            "ann@gmial.com",
            4,
            "Next: did you mean ann@gmail.com (Gmail)? postroom detect ann@gmail.com",
        ),
        (
            "ann@nowhere.example",
            4,
            "postroom test ann@nowhere.example --imap-host HOST --smtp-host HOST",
        ),
        (
            "ann@bücher.example",
            4,
            "No settings were found for bücher.example (xn--bcher-kva.example).",
        ),
        (
            "ann@gmail.com",
            0,
            "Next: prove them with postroom test ann@gmail.com",
        ),
        (
            "ann@acme.onmicrosoft.com",
            0,
            "ann@acme.onmicrosoft.com is Microsoft 365",
        ),
        (
            "ann@tutanota.com",
            23,
            "Next: connect the mailbox that its mail is forwarded to.",
        ),
    ] {
        let found = launch.run(&["detect", address]);
        assert_eq!(code(&found), Some(exit), "{address}: {found:?}");
        holds(&shown(&found), &[wanted]);
    }
    let tested = launch.run(&["test", "ann@gmial.com"]);
    assert_eq!(code(&tested), Some(4), "{tested:?}");
    holds(
        &said(&tested),
        &[
            "does not exist",
            "did you mean ann@gmail.com (Gmail)? postroom test ann@gmail.com",
        ],
    );
    // For programs, it is a problem of the catalogue.
    let named = launch.run(&["test", "ann@nowhere.example", "--json"]);
    assert_eq!(code(&named), Some(4), "{named:?}");
    holds(
        &format!("{}{}", shown(&named), said(&named)),
        &["settings_not_found"],
    );
    let unknown = launch.run(&["explain", "pasword_refused"]);
    assert_eq!(code(&unknown), Some(4), "{unknown:?}");
    holds(&said(&unknown), &["did you mean password_refused"]);
}

#[test]
fn a_refusal_of_the_server_is_in_the_words_of_the_command_line() {
    let postroom = here().start();
    let refused = postroom.run(&[
        "mailbox",
        "add",
        "ann@firm.example",
        "--imap-host",
        "imap.firm.example",
        "--imap-port",
        "995",
        "--smtp-host",
        "smtp.firm.example",
    ]);
    assert_eq!(code(&refused), Some(2), "{refused:?}");
    holds(
        &said(&refused),
        &[
            "--imap-port: is a port of POP3, not of IMAP",
            "try: postroom mailbox add ann@firm.example --imap-host imap.firm.example --imap-port 993 --imap-security tls",
        ],
    );
    assert!(!said(&refused).contains("/incoming"), "{refused:?}");
    let refused = postroom.run(&[
        "profile",
        "add",
        "corp",
        "--imap-host",
        "imap.firm.example",
        "--incoming-port",
        "465",
    ]);
    assert_eq!(code(&refused), Some(2), "{refused:?}");
    holds(
        &said(&refused),
        &["--incoming-port 993 --incoming-security tls"],
    );
    // The server offers the address that was probably meant.
    let (status, problem) = postroom.post("/v1/detect", &json!({"address": "ann@gmail"}));
    assert_eq!(status, 422, "{problem:#}");
    assert_eq!(problem["errors"][0]["action"], "use_address:ann@gmail.com");
}
