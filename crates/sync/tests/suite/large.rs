//! Large messages, and lines that are slow.

use crate::follower::{Choice, Follower};
use model::mailbox::Security;
use sync::Compress;
use testkit::{Fault, Generator, Mail, Proxy, servers, user};

const MB: u64 = 1_000_000;

/// A message of about `megabytes`, in lines that do not repeat.
fn large(megabytes: u64) -> Mail {
    let mut mail = Generator::new(1).take(1).next().expect("a mail");
    mail.raw = b"Subject: large\r\nMessage-ID: <large@example.test>\r\n\r\n".to_vec();
    let mut line = 0u64;
    while (mail.raw.len() as u64) < megabytes * MB {
        line += 1;
        let noise = line.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mail.raw.extend(
            format!("{line:016x} {noise:016x} and so on, to the end of the line\r\n").bytes(),
        );
    }
    mail
}

fn through(proxy: &Proxy) -> Choice {
    Choice {
        port: proxy.port(),
        security: Security::None,
        tested: true,
        ..Choice::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_goes_on_where_the_connection_was_cut() {
    let user = user("cut twice");
    user.seed("INBOX", [large(200)]);
    user.seed("INBOX", Generator::new(3).take(3));
    let proxy = Proxy::start(servers().imap_port);
    // Of each connection: the third one brings the rest.
    proxy.set(Fault::CutAfter(80 * MB));
    let mut follower = Follower::start(&user, through(&proxy)).await;
    follower.in_step().await;
    assert!(proxy.connections() >= 3, "{}", proxy.connections());
    let carried = proxy.bytes_to_client();
    assert!(carried < 240 * MB, "{carried} bytes for 200 MB");
    let failed = follower.events().await;
    assert!(failed.iter().all(|e| e.kind != "message.unreadable"));
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_is_compressed_when_it_was_seen_to_be_slow() {
    let user = user("slow line");
    let mails: Vec<Mail> = (0..12).map(|_| large(1)).collect();
    user.seed("INBOX", mails);
    let proxy = Proxy::start(servers().imap_port);
    proxy.set(Fault::Slow(2 * MB));
    let mut follower = Follower::start(&user, through(&proxy)).await;
    follower.in_step().await;
    let first = proxy.bytes_to_client();
    assert!(first > 4 * MB, "{first} bytes before it was known");
    user.seed("INBOX", (0..8).map(|_| large(1)).collect::<Vec<_>>());
    follower.in_step().await;
    let second = proxy.bytes_to_client() - first;
    assert!(second < 6 * MB, "{second} bytes for 8 MB");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compression_is_a_setting_and_a_fast_line_is_left_alone() {
    for (compress, most, least) in [
        (Compress::Always, 6 * MB, 0),
        (Compress::Never, 20 * MB, 10 * MB),
    ] {
        let user = user(&format!("compress {compress:?}"));
        user.seed("INBOX", (0..10).map(|_| large(1)).collect::<Vec<_>>());
        let proxy = Proxy::start(servers().imap_port);
        let choice = Choice {
            compress,
            ..through(&proxy)
        };
        let mut follower = Follower::start(&user, choice).await;
        follower.in_step().await;
        let carried = proxy.bytes_to_client();
        assert!((least..most).contains(&carried), "{compress:?}: {carried}");
        follower.stop().await;
    }
}
