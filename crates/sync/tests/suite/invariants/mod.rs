//! The invariants of synchronisation that no other test is named after, by their number in `docs/invariants.md`.
//!
//! Most stand behind a proxy that puts other words into the mouth of a real Dovecot; each ends with the store equal to the
//! server.

mod cursor;
mod fetch;
mod identity;
mod lying;

use crate::follower::{Choice, Follower};
use model::mailbox::Security;
use testkit::{ImapProbe, Proxy, TestUser, servers};

/// A proxy in front of Dovecot's plain port that edits what the server says.
fn dovecot_saying(edit: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Proxy {
    Proxy::rewriting(servers().imap_port, edit)
}

async fn follow(user: &TestUser, proxy: &Proxy) -> Follower {
    let choice = Choice {
        port: proxy.port(),
        security: Security::None,
        ..Choice::default()
    };
    Follower::start(user, choice).await
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
