//! A folder that is switched off and on again while its past is fetched.

use crate::follower::{Choice, Follower, until};
use mail_sim::{ImapScript, ImapSim};
use model::event::Origin;
use model::folder::Mode;
use model::mailbox::Security;
use std::time::Duration;
use testkit::{Fault, Proxy, TestUser};

const MESSAGES: usize = 900;
/// Longer than a slice of the past, and shorter than the time from one round to the next.
const HANGS: Duration = Duration::from_secs(4);

fn letter(n: usize) -> Vec<u8> {
    let body = "x".repeat(1_000);
    format!("Message-ID: <{n}@past.test>\r\nSubject: past {n}\r\n\r\n{body}\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_switched_off_and_on_in_the_middle_of_its_past_tells_none_of_it_as_new() {
    let script = (0..MESSAGES).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &letter(n))
    });
    let sim = ImapSim::start(script);
    let proxy = Proxy::start(sim.port());
    proxy.set(Fault::Slow(400_000));
    let user = TestUser {
        address: "ann@simulated.test".to_owned(),
        password: mail_sim::PASSWORD.to_owned(),
    };
    let choice = Choice {
        port: proxy.port(),
        security: Security::None,
        poll: Duration::from_secs(60),
        tested: true,
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    let stored = async |follower: &Follower| {
        let view = follower.view().await;
        view.get("INBOX").map_or(0, |contents| contents.len())
    };
    until("a batch is stored", async || stored(&follower).await > 0).await;
    // The next one is on its way.
    proxy.set(Fault::Block);
    assert!(stored(&follower).await < MESSAGES);
    let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
    let mut known = known.expect("folders").into_iter();
    let id = known.find(|known| known.path == "INBOX").expect("INBOX").id;
    for mode in [Mode::Off, Mode::Full] {
        let change = store::folders::Change {
            mode: Some(mode),
            ..store::folders::Change::default()
        };
        let changed = store::folders::change(&follower.store, &id, change).await;
        changed.expect("the mode");
    }
    tokio::time::sleep(HANGS).await;
    proxy.set(Fault::None);
    until("all is stored", async || {
        stored(&follower).await == MESSAGES
            && follower.now().await.coverage.state.as_str() == "complete"
    })
    .await;
    let events = follower.events().await;
    let told = events.iter().filter(|e| e.kind == "message.received");
    let news: Vec<_> = told.filter(|e| e.origin != Origin::Backfill).collect();
    assert!(news.is_empty(), "{} of the past are news", news.len());
    // What comes now is news.
    sim.deliver("INBOX", &letter(MESSAGES));
    let event = follower
        .event("message.received", |e| e.origin != Origin::Backfill)
        .await;
    assert_eq!(event.origin, Origin::Live);
    follower.stop().await;
}
