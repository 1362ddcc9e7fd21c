//! Autoconfig files over https: where they are, and what their servers mean for an address.

use super::address::{Address, ascii_host};
use super::xml::{self, Config, Server};
use super::{Found, login};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use mail_net::http::{FetchError, Fetcher};
use model::detection::LoginFormat;
use model::mailbox::{Auth, Incoming, Outgoing, Protocol, Security};

/// The file for the domain itself: the two usual places, and the one of the draft
/// (draft-ietf-mailmaint-autoconfig section 4.1). Only https: the answer decides where a password goes.
pub(super) fn own_places(address: &Address, port: &str) -> Vec<String> {
    let (domain, query) = (&address.domain, query(address));
    vec![
        format!("https://autoconfig.{domain}{port}/mail/config-v1.1.xml?{query}"),
        format!("https://{domain}{port}/.well-known/autoconfig/mail/config-v1.1.xml?{query}"),
        format!("https://autoconfig.{domain}{port}/.well-known/mail-v1.xml?{query}"),
    ]
}

/// The file of whoever takes the domain's mail (section 4.3 of the draft).
pub(super) fn provider_places(address: &Address, owner: &str, port: &str) -> Vec<String> {
    let query = query(address);
    vec![
        format!("https://autoconfig.{owner}{port}/mail/config-v1.1.xml?{query}"),
        format!("https://autoconfig.{owner}{port}/.well-known/mail-v1.xml?{query}"),
    ]
}

fn query(address: &Address) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("emailaddress", &address.whole)
        .finish()
}

/// Settings with the host that they were fetched from.
pub(super) struct File {
    pub settings: Found,
    /// The host at the end of all redirects.
    pub host: String,
}

/// Asks all places at once; the first in order that has settings wins.
///
/// # Errors
/// Why there are none: with `true` where that may change (nobody answered), else nothing was there.
pub(super) async fn fetch(
    fetcher: &Fetcher,
    places: Vec<String>,
    address: &Address,
) -> Result<File, (bool, String)> {
    let mut asked: FuturesOrdered<_> = places
        .iter()
        .map(|place| fetch_one(fetcher, place, address))
        .collect();
    let mut why: Option<(bool, String)> = None;
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(file) => return Ok(file),
            Err(reason) if why.as_ref().is_none_or(|(failed, _)| !failed && reason.0) => {
                why = Some(reason);
            }
            Err(_) => {}
        }
    }
    Err(why.unwrap_or_else(|| (false, "there is no place to ask".to_owned())))
}

async fn fetch_one(
    fetcher: &Fetcher,
    place: &str,
    address: &Address,
) -> Result<File, (bool, String)> {
    let fetched = match fetcher.get(place).await {
        Ok(fetched) if fetched.status == 200 => fetched,
        Ok(_) | Err(FetchError::NameNotFound(_)) => {
            return Err((false, "no file is published".to_owned()));
        }
        // Most domains have a web server with another certificate, or none, under this name: that is no news.
        Err(FetchError::Unreachable { .. }) => {
            return Err((false, "no file can be fetched over https".to_owned()));
        }
        Err(error) => return Err((true, hide_address(&error.to_string(), address))),
    };
    let host = fetched.url.host_str().unwrap_or_default().to_owned();
    // A page in place of a file is what web servers show when there is none.
    let config = xml::read(&fetched.body).map_err(|error| {
        let none = matches!(error, xml::XmlError::Other | xml::XmlError::Malformed);
        (!none, format!("{host}: {error}"))
    })?;
    match settings(&config, address) {
        Some(settings) => Ok(File { settings, host }),
        None => Err((
            false,
            format!("the file of {host} names no server that can be used"),
        )),
    }
}

/// The address is in the URL; messages are kept and shown elsewhere.
fn hide_address(message: &str, address: &Address) -> String {
    message.replace(&format!("?{}", query(address)), "")
}

/// The settings in a file: the first IMAP server (else POP3) and the first for sending, in the provider's own order. A
/// server without encryption, or with a name that cannot be one, is passed over.
pub(super) fn settings(config: &Config, address: &Address) -> Option<Found> {
    let mut incoming: Vec<(Incoming, LoginFormat)> = Vec::new();
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let servers = config
            .incoming
            .iter()
            .filter(|s| s.kind == protocol.as_str());
        incoming.extend(servers.filter_map(|server| to_read(server, protocol, address)));
    }
    let outgoing = config
        .outgoing
        .iter()
        .filter(|server| server.kind == "smtp")
        .find_map(|server| to_send(server, address));
    let format = incoming.first().map_or(LoginFormat::Email, |(_, f)| *f);
    let mut incoming = incoming.into_iter().map(|(server, _)| server);
    let first = incoming.next();
    if first.is_none() && outgoing.is_none() {
        return None;
    }
    Some(Found {
        login_format: format,
        incoming: first,
        outgoing,
        alternatives: incoming.collect(),
    })
}

fn to_read(
    server: &Server,
    protocol: Protocol,
    address: &Address,
) -> Option<(Incoming, LoginFormat)> {
    let security = security(server)?;
    let usual = match (protocol, security) {
        (Protocol::Imap, Security::Tls) => 993,
        (Protocol::Imap, _) => 143,
        (Protocol::Pop3, Security::Tls) => 995,
        (Protocol::Pop3, _) => 110,
    };
    let (format, username) = username(server, address);
    let incoming = Incoming {
        protocol,
        host: host(server, address)?,
        port: port(server, usual)?,
        security,
        username,
        auth: match auth(server) {
            Auth::None => Auth::Password,
            auth => auth,
        },
        certificate_sha256: None,
    };
    Some((incoming, format))
}

fn to_send(server: &Server, address: &Address) -> Option<Outgoing> {
    let security = security(server)?;
    let usual = if security == Security::Tls { 465 } else { 587 };
    let auth = auth(server);
    let username = match auth {
        Auth::None => String::new(),
        _ => username(server, address).1,
    };
    Some(Outgoing {
        host: host(server, address)?,
        port: port(server, usual)?,
        security,
        username,
        auth,
        certificate_sha256: None,
    })
}

fn security(server: &Server) -> Option<Security> {
    match server.socket.to_ascii_lowercase().as_str() {
        "ssl" | "tls" => Some(Security::Tls),
        "starttls" => Some(Security::Starttls),
        // Left out: by the port.
        "" => match server.port.as_str() {
            "993" | "995" | "465" => Some(Security::Tls),
            _ => Some(Security::Starttls),
        },
        _ => None,
    }
}

fn host(server: &Server, address: &Address) -> Option<String> {
    ascii_host(&filled(&server.host, address, &address.domain))
}

fn port(server: &Server, usual: u16) -> Option<u16> {
    match server.port.as_str() {
        "" => Some(usual),
        text => text.parse().ok().filter(|port| *port != 0),
    }
}

fn username(server: &Server, address: &Address) -> (LoginFormat, String) {
    match server.username.as_str() {
        "" | "%EMAILADDRESS%" | "%EMAILLOCALPART%@%EMAILDOMAIN%" => {
            login(LoginFormat::Email, address)
        }
        "%EMAILLOCALPART%" => login(LoginFormat::LocalPart, address),
        pattern => {
            let typed = address.whole.rsplit_once('@').map_or("", |(_, d)| d);
            let name = filled(pattern, address, typed);
            (LoginFormat::Custom, name)
        }
    }
}

/// The placeholders of the draft's section 3.
fn filled(pattern: &str, address: &Address, domain: &str) -> String {
    pattern
        .replace("%EMAILADDRESS%", &address.whole)
        .replace("%EMAILLOCALPART%", &address.local)
        .replace("%EMAILDOMAIN%", domain)
}

/// A password where one will do: it is what most people have.
fn auth(server: &Server) -> Auth {
    let has = |word: &str| {
        server
            .methods
            .iter()
            .any(|method| method.eq_ignore_ascii_case(word))
    };
    let password = [
        "password-cleartext",
        "password-encrypted",
        "plain",
        "secure",
    ];
    if server.methods.is_empty() || password.into_iter().any(has) {
        Auth::Password
    } else if has("OAuth2") {
        Auth::Oauth2
    } else if has("none") || has("client-IP-address") || has("smtp-after-pop") {
        Auth::None
    } else {
        Auth::Password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Address {
        Address::read("ann@bücher.example").unwrap()
    }

    fn file(servers: &str) -> Option<Found> {
        let file = format!("<clientConfig><emailProvider>{servers}</emailProvider></clientConfig>");
        settings(&xml::read(file.as_bytes()).unwrap(), &ann())
    }

    fn server(kind: &str, rest: &str) -> String {
        let element = if kind == "smtp" {
            "outgoingServer"
        } else {
            "incomingServer"
        };
        format!(
            "<{element} type=\"{kind}\"><hostname>{kind}.example.com</hostname>{rest}</{element}>"
        )
    }

    #[test]
    fn imap_comes_before_pop3_and_placeholders_are_filled_in() {
        let pop = server("pop3", "<port>995</port><socketType>SSL</socketType>");
        let imap = "<incomingServer type=\"imap\"><hostname>imap.%EMAILDOMAIN%</hostname><port>143</port>\
            <socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username></incomingServer>";
        let smtp = server(
            "smtp",
            "<socketType>SSL</socketType><username>x\\%EMAILADDRESS%</username>",
        );
        let found = file(&format!("{pop}{imap}{smtp}")).unwrap();
        let incoming = found.incoming.unwrap();
        assert_eq!(
            (incoming.host.as_str(), incoming.port, incoming.security),
            ("imap.xn--bcher-kva.example", 143, Security::Starttls)
        );
        assert_eq!(incoming.username, "ann");
        assert_eq!(found.login_format, LoginFormat::LocalPart);
        assert_eq!(found.alternatives[0].protocol, Protocol::Pop3);
        let outgoing = found.outgoing.unwrap();
        assert_eq!(
            (outgoing.port, outgoing.username.as_str()),
            (465, "x\\ann@bücher.example")
        );
    }

    #[test]
    fn servers_without_encryption_and_impossible_ones_are_passed_over() {
        assert!(file(&server("imap", "<socketType>plain</socketType>")).is_none());
        assert!(
            file(&server(
                "imap",
                "<socketType>SSL</socketType><port>0</port>"
            ))
            .is_none()
        );
        assert!(
            file(&server(
                "imap",
                "<socketType>SSL</socketType><port>99999</port>"
            ))
            .is_none()
        );
        assert!(file(&server("exchange", "<socketType>SSL</socketType>")).is_none());
        for host in [
            "127.0.0.1",
            "[::1]",
            "a b",
            "",
            "-x.example",
            "x/y",
            "user@h.example",
        ] {
            let imap = format!(
                "<incomingServer type=\"imap\"><hostname>{host}</hostname><socketType>SSL</socketType></incomingServer>"
            );
            assert!(file(&imap).is_none(), "{host}");
        }
    }

    #[test]
    fn the_way_of_signing_in_is_the_one_that_people_can_use() {
        for (methods, auth) in [
            (&["OAuth2", "password-cleartext"][..], Auth::Password),
            (&["OAuth2"], Auth::Oauth2),
            (&["GSSAPI"], Auth::Password),
            (&[], Auth::Password),
            (&["none"], Auth::None),
        ] {
            let methods: String = methods
                .iter()
                .map(|m| format!("<authentication>{m}</authentication>"))
                .collect();
            let found = file(&server(
                "smtp",
                &format!("<socketType>SSL</socketType>{methods}"),
            ))
            .unwrap();
            assert_eq!(found.outgoing.unwrap().auth, auth, "{methods}");
        }
    }

    #[test]
    fn the_address_is_escaped_in_urls_and_left_out_of_messages() {
        let address = Address::read("a&b#c%d@example.com").unwrap();
        let place = &own_places(&address, "")[0];
        assert_eq!(
            place,
            "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=a%26b%23c%25d%40example.com"
        );
        assert_eq!(
            hide_address(&format!("{place} is gone"), &address),
            "https://autoconfig.example.com/mail/config-v1.1.xml is gone"
        );
    }
}
