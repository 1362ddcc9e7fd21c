//! Microsoft's Autodiscover, only to learn that a domain's mail is on Exchange. No credentials are sent: a server that
//! asks for them has said enough.

use mail_net::Net;
use mail_net::http::{Fetched, Fetcher};

/// What was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Microsoft's own service: the name that the domain's Autodiscover name stands for.
    Microsoft365(String),
    /// A server of the domain's own: the host that answered.
    OwnServer(String),
}

/// Where the Autodiscover names of Microsoft's customers lead.
const MICROSOFT: &[&str] = &[
    "outlook.com",
    "office365.com",
    "office.com",
    "mx.microsoft",
    "outlook.office365.us",
    "partner.outlook.cn",
];
/// Headers that only Exchange sends.
const HEADERS: &[&str] = &[
    "x-feserver",
    "x-calculatedbetarget",
    "x-owa-version",
    "x-calculatedfetarget",
    "x-diaginfo",
    "x-beserver",
];

/// Asks the name system and the two usual places; `port` is `:PORT`, or nothing for 443.
pub(super) async fn ask(
    net: &Net,
    fetcher: &Fetcher,
    domain: &str,
    port: &str,
) -> Option<Exchange> {
    let name = format!("autodiscover.{domain}");
    if let Ok(Some(target)) = net.cname(&name).await
        && is_microsoft(&target)
    {
        return Some(Exchange::Microsoft365(target));
    }
    let service = net.srv(&format!("_autodiscover._tcp.{domain}")).await;
    let target = service.ok().and_then(|found| found.into_iter().next());
    if let Some(target) = target.filter(|srv| is_microsoft(&srv.target)) {
        return Some(Exchange::Microsoft365(target.target));
    }
    let places = [
        format!("https://{name}{port}/autodiscover/autodiscover.xml"),
        format!("https://{domain}{port}/autodiscover/autodiscover.xml"),
    ];
    let (first, second) = tokio::join!(fetcher.get(&places[0]), fetcher.get(&places[1]));
    let fetched = [first.ok(), second.ok()].into_iter().flatten();
    fetched.filter_map(recognise).next()
}

fn is_microsoft(host: &str) -> bool {
    MICROSOFT
        .iter()
        .any(|domain| super::kin::is_inside(host, domain))
}

fn recognise(fetched: Fetched) -> Option<Exchange> {
    let host = fetched.url.host_str()?.to_owned();
    if is_microsoft(&host) {
        return Some(Exchange::Microsoft365(host));
    }
    let marked = HEADERS
        .iter()
        .any(|name| fetched.headers.contains_key(*name));
    let asks = fetched.status == 401
        && fetched
            .headers
            .get_all("www-authenticate")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.starts_with("Negotiate") || value.starts_with("NTLM"));
    (marked || asks).then_some(Exchange::OwnServer(host))
}
