//! What a mailbox's receiving server allows: as its server profile says, and else as is known of its provider.

use model::mailbox::{Incoming, Protocol};
use model::server_profile::ProfileLimits;
use model::traffic::Allowed;
use std::time::Duration;

/// What providers call a megabyte.
const MEGABYTE: i64 = 1_000_000;

/// The limits that hold for a receiving side.
pub fn allowed(incoming: &Incoming, profile: ProfileLimits) -> Allowed {
    let table = crate::recognise::table();
    let known = table.by_mail_host(&incoming.host).map(|it| &it.limits);
    let fact = |value: Option<Option<u32>>| value.flatten().map(i64::from);
    let (down, up) = match incoming.protocol {
        Protocol::Imap => (
            fact(known.map(|limits| limits.imap_download_mb_per_day)),
            fact(known.map(|limits| limits.imap_upload_mb_per_day)),
        ),
        Protocol::Pop3 => (
            fact(known.map(|limits| limits.pop3_download_mb_per_day)),
            None,
        ),
    };
    let said = |value: Option<u32>| value.map(i64::from);
    let megabytes = |value: i64| value.saturating_mul(MEGABYTE);
    Allowed {
        bytes_down: said(profile.download_mb_per_day).or(down).map(megabytes),
        bytes_up: said(profile.upload_mb_per_day).or(up).map(megabytes),
        messages: said(profile.messages_per_day),
        connections: profile.max_connections.map(i64::from).or_else(|| {
            let imap = incoming.protocol == Protocol::Imap;
            fact(known.map(|limits| limits.imap_connections)).filter(|_| imap)
        }),
        poll_minutes: profile.poll_minutes.map(i64::from),
    }
}

/// After so long a receiving server cuts a connection on which nothing was said, where that is known of its provider.
pub fn cut_after(incoming: &Incoming) -> Option<Duration> {
    let table = crate::recognise::table();
    let known = table.by_mail_host(&incoming.host)?.limits.imap_idle_minutes;
    known.map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::mailbox::{Auth, Security};

    fn side(protocol: Protocol, host: &str) -> Incoming {
        Incoming {
            protocol,
            host: host.into(),
            port: 993,
            security: Security::Tls,
            username: "ann".into(),
            auth: Auth::Password,
            certificate_sha256: None,
        }
    }

    #[test]
    fn gmail_has_its_published_limits_and_a_profile_may_say_others() {
        let none = ProfileLimits::default();
        let imap = allowed(&side(Protocol::Imap, "imap.gmail.com"), none);
        assert_eq!(imap.bytes_down, Some(2_500_000_000));
        assert_eq!(imap.bytes_up, Some(500_000_000));
        assert_eq!((imap.connections, imap.messages), (Some(15), None));
        let pop3 = allowed(&side(Protocol::Pop3, "pop.gmail.com"), none);
        assert_eq!(pop3.bytes_down, Some(1_250_000_000));
        let profile = ProfileLimits {
            download_mb_per_day: Some(100),
            max_connections: Some(1),
            ..none
        };
        let less = allowed(&side(Protocol::Imap, "imap.gmail.com"), profile);
        assert_eq!(less.bytes_down, Some(100_000_000));
        assert_eq!(less.connections, Some(1));
        let unknown = allowed(&side(Protocol::Imap, "mail.example.com"), none);
        assert_eq!(unknown, Allowed::default());
    }
}
