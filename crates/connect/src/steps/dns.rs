//! Step 1: from the host's name to its addresses.

use super::count;
use crate::open::Opening;
use crate::providers::Table;
use crate::recognise::{Failure, Peer, Spoken};
use crate::report::{Good, remedy};
use mail_net::has_route;
use model::report::DetailName;
use std::net::IpAddr;
use tokio::time::Instant;

pub(crate) async fn run(opening: &mut Opening<'_>, address: &str) -> Result<Good, Failure> {
    let began = Instant::now();
    if let Err(failure) = opening.resolve().await {
        return Err(with_known_host(
            failure,
            &opening.peer,
            address,
            &crate::recognise::table(),
        ));
    }
    let ms = began.elapsed().as_millis();
    let found = opening.resolved.as_ref();
    let found = found.map_or(&[][..], |resolved| &resolved.addresses);
    let good = words(opening.peer.host, found, ms)
        .with(DetailName::Addresses, found.iter().map(ToString::to_string))
        .with(DetailName::Resolver, opening.name_servers());
    Ok(if out_of_reach(found, has_route) {
        good.but(
            format!(
                "{} has only IPv6 addresses, and this machine has no IPv6.",
                opening.peer.host
            ),
            Some(remedy(
                "Give the machine that Postroom runs on an IPv6 address, or use a host that has IPv4.",
                "edit_host",
            )),
        )
    } else {
        good
    })
}

/// Where the name is wrong, the provider of the address's domain is perhaps known.
fn with_known_host(failure: Failure, peer: &Peer<'_>, address: &str, table: &Table) -> Failure {
    if failure.id() != "name_not_found" {
        return failure;
    }
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let Some(provider) = table.by_domain(domain) else {
        return failure;
    };
    let server = match peer.spoken {
        Spoken::Imap => &provider.imap,
        Spoken::Pop3 => &provider.pop3,
        Spoken::Smtp => &provider.smtp,
        Spoken::Sieve => &None,
    };
    match server {
        Some(server) if !server.host.eq_ignore_ascii_case(peer.host) => failure.with_remedy(
            format!(
                "Use {} (provider table of {}: {}).",
                server.host, provider.compiled, provider.name
            ),
            format!("use_host:{}", server.host),
        ),
        // The name is the right one: what looks it up is at fault.
        Some(server) => failure.with_remedy(
            format!(
                "{} is right for {} (provider table of {}): check the name servers of the machine that Postroom runs on, and \
                 whether it reaches the internet.",
                server.host, provider.name, provider.compiled
            ),
            "try_again".to_owned(),
        ),
        None => failure,
    }
}

/// "imap.example.com has 2 addresses, IPv6 and IPv4 (12 ms)"
fn words(host: &str, found: &[IpAddr], ms: u128) -> Good {
    let addresses = count(found.len() as u64, "address", "addresses");
    let families = match (
        found.iter().any(IpAddr::is_ipv6),
        found.iter().any(IpAddr::is_ipv4),
    ) {
        (true, true) => ", IPv6 and IPv4",
        (true, false) => ", IPv6 only",
        _ => "",
    };
    Good::did(format!("{host} has {addresses}{families} ({ms} ms)"))
}

/// Only IPv6, and no way there from here.
fn out_of_reach(found: &[IpAddr], has_route: impl Fn(IpAddr) -> bool) -> bool {
    !found.is_empty() && found.iter().all(|ip| ip.is_ipv6() && !has_route(*ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::tests::peer;
    use model::mailbox::Auth;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_host_that_does_not_exist_is_replaced_by_the_providers() {
        let peer = peer(Spoken::Imap, Auth::Password);
        let unknown = || peer.failure("name_not_found", &[], None);
        let table = Table::built_in();
        let told = with_known_host(unknown(), &peer, "ann@gmail.com", &table);
        let remedy = told.problem.remedy;
        assert_eq!(remedy.action.as_deref(), Some("use_host:imap.gmail.com"));
        assert!(
            remedy
                .text
                .starts_with("Use imap.gmail.com (provider table of 20")
        );
        let right = Peer {
            host: "imap.gmail.com",
            ..peer
        };
        let unknown_here = right.failure("name_not_found", &[], None);
        let told = with_known_host(unknown_here, &right, "ann@gmail.com", &table);
        let remedy = told.problem.remedy;
        assert_eq!(remedy.action.as_deref(), Some("try_again"));
        assert!(remedy.text.contains("name servers"), "{}", remedy.text);
        let nobody = with_known_host(unknown(), &peer, "ann@example.com", &table);
        assert_eq!(nobody, unknown());
    }

    #[test]
    fn addresses_are_counted_by_family() {
        for (found, wanted) in [
            (
                &["192.0.2.1", "2001:db8::1"][..],
                "h has 2 addresses, IPv6 and IPv4 (3 ms)",
            ),
            (&["2001:db8::1"], "h has 1 address, IPv6 only (3 ms)"),
            (&["192.0.2.1"], "h has 1 address (3 ms)"),
        ] {
            assert_eq!(words("h", &ips(found), 3).did, wanted);
        }
    }

    #[test]
    fn only_ipv6_is_out_of_reach_where_there_is_no_way_to_it() {
        let only_v6 = ips(&["2001:db8::1"]);
        assert!(out_of_reach(&only_v6, |_| false));
        assert!(!out_of_reach(&only_v6, |_| true));
        assert!(!out_of_reach(&ips(&["2001:db8::1", "192.0.2.1"]), |_| {
            false
        }));
        assert!(!out_of_reach(&[], |_| false));
    }
}
