//! Which addresses and ports may be connected to (no server-side request forgery).
//!
//! Users name mail hosts, so without this a mailbox form is a port scanner for the network Postroom runs in.
//! Everything that is not plainly public is refused unless the administrator listed it in `allow`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The rule for outgoing connections.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Networks that are permitted although they are not public, on every port.
    pub allow: Vec<Cidr>,
    /// Ports that are permitted on public addresses.
    pub mail_ports: Vec<u16>,
}

impl Policy {
    /// The usual mail ports on public addresses, nothing else.
    pub fn public_only() -> Policy {
        Policy {
            allow: Vec::new(),
            mail_ports: vec![25, 110, 143, 465, 587, 993, 995, 2525, 4190],
        }
    }

    /// Whether this address may be connected to at all.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        self.allowed_explicitly(ip) || is_public(ip)
    }

    /// Whether this port of this address may be connected to: a mail port, or any port inside `allow`.
    pub fn permits_port(&self, port: u16, ip: IpAddr) -> bool {
        self.allowed_explicitly(unmapped(ip)) || self.mail_ports.contains(&port)
    }

    fn allowed_explicitly(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(ip))
    }
}

/// An IPv4 address dressed up as IPv6 (`::ffff:127.0.0.1`) reaches the IPv4 one, so it is judged as that.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// RFC 6890 and the IANA special-purpose registry. Cloud metadata (169.254.169.254) is link-local.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, d] = ip.octets();
    let special = a == 0                                  // "this network"
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || (a == 100 && (64..128).contains(&b))           // carrier-grade NAT
        || (a == 192 && b == 0 && c == 0)                 // protocol assignments
        || (a == 192 && b == 88 && c == 99)               // 6to4 relay
        || (a == 198 && (b == 18 || b == 19))             // benchmarking
        || ip.is_documentation()
        || a >= 224                                       // multicast, reserved, broadcast
        || (a == 168 && b == 63 && c == 129 && d == 16); // Azure's metadata and DNS host
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Addresses that carry an IPv4 address inside are judged by it too: NAT64, 6to4.
    let embedded = match s {
        [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] => Some(v4_of(hi, lo)),
        [0x2002, hi, lo, ..] => Some(v4_of(hi, lo)),
        _ => None,
    };
    if let Some(v4) = embedded {
        return is_public_v4(v4);
    }
    let global_unicast = (s[0] & 0xe000) == 0x2000;
    let special = match s[0] {
        // Below 2001:200::/23: protocol assignments, Teredo, ORCHID. 2001:db8::/32: documentation.
        0x2001 => s[1] < 0x0200 || s[1] == 0x0db8,
        // Documentation, RFC 9637.
        0x3fff => s[1] < 0x1000,
        _ => false,
    };
    global_unicast && !special
}

fn v4_of(hi: u16, lo: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(hi) << 16) | u32::from(lo))
}

/// A network such as `10.0.0.0/8`, `fd00::/8` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether the address is inside this network. IPv4 and IPv6 never match each other.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, unmapped(ip)) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                u32::from(network) & mask == u32::from(ip) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                u128::from(network) & mask == u128::from(ip) & mask
            }
            _ => false,
        }
    }
}

/// The text is not a network.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is not a network such as 10.0.0.0/8 or fd00::/8")]
pub struct InvalidCidr(String);

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Cidr, InvalidCidr> {
        let invalid = || InvalidCidr(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                (address, Some(prefix.parse::<u8>().map_err(|_| invalid())?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| invalid())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return Err(invalid());
        }
        Ok(Cidr { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        let policy = Policy::public_only();
        for text in [
            "127.0.0.1",
            "127.255.0.3",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "3fff::1",
            "fec0::1",
            "100::1",
        ] {
            assert!(!policy.permits(ip(text)), "{text} must be refused");
        }
    }

    #[test]
    fn public_addresses_are_permitted() {
        let policy = Policy::public_only();
        for text in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "193.0.0.1",
            "2606:4700::1",
            "2a01:4f8::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(policy.permits(ip(text)), "{text} must be permitted");
        }
    }

    #[test]
    fn an_allowed_network_opens_its_addresses_on_every_port() {
        let policy = Policy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..Policy::public_only()
        };
        assert!(policy.permits(ip("127.0.0.1")));
        assert!(policy.permits(ip("::ffff:127.0.0.1")));
        assert!(policy.permits(ip("fd12::1")));
        assert!(!policy.permits(ip("10.0.0.1")));
        assert!(policy.permits_port(40123, ip("127.0.0.1")));
        assert!(!policy.permits_port(40123, ip("8.8.8.8")));
        assert!(policy.permits_port(993, ip("8.8.8.8")));
    }

    #[test]
    fn networks_are_read_with_and_without_a_prefix() {
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(ip("9.9.9.9")));
        assert!(!all.contains(ip("::1")));
        let one: Cidr = "10.0.0.5".parse().unwrap();
        assert!(one.contains(ip("10.0.0.5")) && !one.contains(ip("10.0.0.6")));
        assert_eq!(one.to_string(), "10.0.0.5/32");
        assert!("::/0".parse::<Cidr>().unwrap().contains(ip("fe80::1")));
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "x/8",
            "10.0.0.0/-1",
            "10.0.0.0/",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad:?}");
        }
    }
}
