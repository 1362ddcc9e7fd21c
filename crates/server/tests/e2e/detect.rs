//! Detect: an address and a password are enough, and no password goes where nobody vouches for the server.

use mail_sim::{DnsScript, DnsSim, ImapScript, ImapSim};
use serde_json::{Value, json};
use testkit::{Generator, Launch, servers, user};

use crate::setting::{connect, launch, text, wait_complete};

/// The domain of the test's users leads to the test servers, whose certificate is for `mail.test.local`; another domain
/// leads to a host that has nothing to do with it.
fn zone(stranger: u16) -> DnsSim {
    let s = servers();
    DnsSim::start(
        DnsScript::new()
            .mx("example.test", 10, "mx.test.local")
            .address("mail.test.local", "127.0.0.1")
            .srv(
                "_imaps._tcp.example.test",
                0,
                1,
                s.imaps_port,
                "mail.test.local",
            )
            .srv(
                "_submissions._tcp.example.test",
                0,
                1,
                s.submissions_port,
                "mail.test.local",
            )
            .address("imap.stranger.test", "127.0.0.1")
            .srv(
                "_imap._tcp.forged.test",
                0,
                1,
                stranger,
                "imap.stranger.test",
            ),
    )
}

fn with_dns(dns: &DnsSim) -> Launch {
    launch()
        .env("POSTROOM_NETWORK_DNS", dns.address().to_string())
        .env("POSTROOM_NETWORK_ALLOW", "127.0.0.0/8")
        .env(
            "POSTROOM_TLS_EXTRA_CA_FILE",
            servers().ca_pem_path.display().to_string(),
        )
}

#[test]
fn an_address_and_a_password_become_a_live_mailbox() {
    let dns = zone(1);
    let user = user("detected");
    user.seed("INBOX", Generator::new(7).take(3));
    let postroom = with_dns(&dns).start();
    let body = json!({"address": user.address, "password": user.password});
    let (status, found) = postroom.post("/v1/detect", &json!({"address": user.address}));
    assert_eq!(status, 200, "{found:#}");
    assert_eq!(found["candidates"][0]["source"], "srv", "{found:#}");
    let id = connect(&postroom, body);
    let mailbox = wait_complete(&postroom, &id);
    assert_eq!(mailbox["incoming"]["host"], "mail.test.local");
    assert_eq!(mailbox["sending"], "works");
    let (_, audit) = postroom.get("/v1/audit");
    assert!(
        audit.to_string().contains("\"detected\":\"srv\""),
        "{audit:#}"
    );
}

#[test]
fn no_password_goes_to_a_host_that_only_a_record_names() {
    let stranger = ImapSim::start(ImapScript::new());
    let dns = zone(stranger.port());
    let postroom = with_dns(&dns).start();
    let body =
        json!({"address": "ann@forged.test", "password": mail_sim::PASSWORD, "enable": true});
    for path in ["/v1/mailboxes", "/v1/connection-tests"] {
        let (status, problem) = postroom.post(path, &body);
        assert_eq!(status, 422, "{problem:#}");
        assert!(
            text(&problem, "detail").contains("imap.stranger.test"),
            "{problem:#}"
        );
    }
    assert_eq!(stranger.log(), Vec::<String>::new());
    let (_, list) = postroom.get("/v1/mailboxes");
    assert_eq!(list["data"], json!([]));
}

#[test]
fn the_command_needs_no_server_and_ends_with_a_code_that_scripts_can_rely_on() {
    let dns = zone(1);
    let user = user("detect command");
    user.seed("INBOX", Generator::new(8).take(1));
    let launch = with_dns(&dns);
    let password = launch.data_dir().join("password");
    std::fs::write(&password, format!("{}\n", user.password)).expect("a file");
    let password = password.display().to_string();
    let found = launch.run(&["detect", &user.address, "--json"]);
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(
        found["candidates"][0]["incoming"]["host"],
        "mail.test.local"
    );
    let shown = launch.run(&["detect", &user.address]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("IMAP  mail.test.local:"), "{shown}");
    assert!(
        shown.contains("because the SRV records of example.test"),
        "{shown}"
    );
    for (address, code) in [
        ("nobody@nowhere.test", 4),
        ("ann@tutanota.com", 23),
        ("ann@gmail.com", 0),
        ("no address", 2),
        ("ann@[127.0.0.1]", 2),
    ] {
        let ended = launch.run(&["detect", address]);
        assert_eq!(ended.status.code(), Some(code), "{address}: {ended:?}");
    }
    let proven = launch.run(&["test", &user.address, "--password-file", &password]);
    assert_eq!(proven.status.code(), Some(0), "{proven:?}");
    let refused = launch.run(&["test", "ann@forged.test", "--password-file", &password]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");

    let postroom = launch.start();
    let added = postroom.run(&[
        "mailbox",
        "add",
        &user.address,
        "--password-file",
        &password,
        "--enable",
        "--json",
    ]);
    assert_eq!(added.status.code(), Some(0), "{added:?}");
}
