//! The invariants of synchronisation that no other test is named after, by their number in `docs/invariants.md`.
//!
//! Most stand behind a proxy that puts other words into the mouth of a real Dovecot; each ends with the store equal to the
//! server.

mod cursor;
mod epochs;
mod fetch;
mod here;
mod identity;
mod lying;
mod silence;
mod writing;

use crate::follower::{Choice, Follower};
use model::mailbox::Security;
use testkit::{ImapProbe, Proxy, TestUser, servers};

/// A proxy in front of Dovecot's plain port that edits what the server says.
fn dovecot_saying(edit: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Proxy {
    Proxy::rewriting(servers().imap_port, edit)
}

async fn follow(user: &TestUser, proxy: &Proxy) -> Follower {
    Follower::start(user, through(proxy)).await
}

fn through(proxy: &Proxy) -> Choice {
    Choice {
        port: proxy.port(),
        security: Security::None,
        ..Choice::default()
    }
}

/// What another client does meanwhile, past the proxy.
async fn act(user: &TestUser, work: impl FnOnce(&TestUser, &mut ImapProbe) + Send + 'static) {
    let user = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&user);
        work(&user, &mut probe);
    })
    .await
    .expect("the second client");
}

/// The line with another number behind a word; `None` where the word is not in it.
fn with_number(line: &str, word: &str, number: impl Fn(u64) -> u64) -> Option<String> {
    let begin = line.find(word)? + word.len();
    let digits = line[begin..].bytes().take_while(u8::is_ascii_digit).count();
    let old: u64 = line[begin..begin + digits].parse().ok()?;
    let (head, tail) = (&line[..begin], &line[begin + digits..]);
    Some(format!("{head}{}{tail}", number(old)))
}

/// Every test that `docs/invariants.md` names exists, and all 44 invariants are in it.
#[test]
fn the_table_of_invariants_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(root.join("docs/invariants.md")).expect("the table");
    let mut sources = String::new();
    let mut folders = vec![root.join("crates"), root.join("libs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources.push_str(&std::fs::read_to_string(path).expect("a source"));
            }
        }
    }
    for number in 1..=44 {
        assert!(table.contains(&format!("\n| {number} |")), "{number}");
    }
    let rows = table.lines().filter(|line| line.starts_with("| "));
    for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        assert!(sources.contains(&format!("fn {name}(")), "no test {name}");
    }
}
