//! Step 1: from the host's name to its addresses.

use super::count;
use crate::open::Opening;
use crate::recognise::Failure;
use crate::report::{Good, remedy};
use mail_net::has_route;
use model::report::DetailName;
use std::net::IpAddr;
use tokio::time::Instant;

pub(crate) async fn run(opening: &mut Opening<'_>) -> Result<Good, Failure> {
    let began = Instant::now();
    opening.resolve().await?;
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

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
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
