//! What is known of mail providers: on the command line without a server, and in a server that reads its file anew.

use crate::setting::{SOON, launch};
use serde_json::Value;
use testkit::wait_for;

const FILE: &str = "compiled = \"2026-10\"\n[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"\n\
    domains = [\"acme.example\"]\nimap = { host = \"imap.acme.example\", port = 993, security = \"tls\" }\n";

#[test]
fn providers_are_listed_and_shown_without_a_server() {
    let launch = launch();
    let json = |arguments: &[&str]| -> Value {
        let output = launch.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let all = json(&["provider", "list", "--json"]);
    assert!(all["data"].as_array().unwrap().len() > 100);
    assert_eq!(all["compiled"], "2026-11");
    let certified = json(&["provider", "list", "aruba", "--kind", "pec", "--json"]);
    assert_eq!(certified["data"][0]["id"], "aruba-pec");
    let gmail = json(&["provider", "show", "googlemail.com", "--json"]);
    assert_eq!(gmail["id"], "gmail");
    assert_eq!(gmail["preparation"][1]["id"], "two_factor");

    let shown = launch.run(&["provider", "show", "icloud"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for wanted in [
        "imap.mail.me.com:993 (tls)",
        "first: Make an app password",
        "icloud.auth",
        "Last checked 2026-11",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let unknown = launch.run(&["provider", "show", "gmial"]);
    assert_eq!(unknown.status.code(), Some(4), "{unknown:?}");
}

#[test]
fn a_providers_file_adds_entries_is_read_anew_and_a_broken_one_is_told() {
    let launch = launch();
    let path = launch.data_dir().join("providers.toml");
    std::fs::write(&path, FILE).unwrap();
    let launch = launch.env("POSTROOM_PROVIDERS_FILE", path.display().to_string());
    let shown = launch.run(&["provider", "show", "acme.example"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.contains("Last checked 2026-10, from the providers file."),
        "{shown:?}"
    );

    let postroom = launch.start();
    let api = postroom.api();
    let listed = |uri: &str| {
        let (status, page) = api.get(uri);
        assert_eq!(status, 200, "{page:#}");
        page
    };
    assert_eq!(
        listed("/v1/providers?domain=acme.example")["data"][0]["origin"],
        "administrator"
    );
    let broken = FILE.replace("993", "\"993\"");
    std::fs::write(&path, broken).unwrap();
    wait_for(SOON, "the broken file is told", || {
        let page = listed("/v1/providers?domain=acme.example");
        assert_eq!(page["data"][0]["id"], "acme");
        let problem = page["file_problem"].as_str()?;
        assert!(
            problem.contains("entry acme: imap.port: invalid type"),
            "{problem}"
        );
        Some(())
    });
    let refused = postroom.run(&["provider", "list"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let checked = postroom.run(&["config", "check"]);
    assert!(!checked.status.success(), "{checked:?}");
    std::fs::write(&path, FILE.replace("imap.acme", "mail.acme")).unwrap();
    wait_for(SOON, "the mended file is read", || {
        let page = listed("/v1/providers/acme");
        (page["imap"]["host"] == "mail.acme.example").then_some(())
    });
}
