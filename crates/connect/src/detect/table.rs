//! What an entry of the provider table means for an address.

use super::address::Address;
use super::{Found, login};
use crate::providers::{Kind, Origin, Provider, Server, Table, preparation};
use model::detection::{Candidate, Confidence, DetectedProvider, LoginFormat, Preparation, Source};
use model::mailbox::{Auth, Incoming, Outgoing, Protocol};

/// A mail server's name that every customer of Microsoft 365 has the like of.
const MICROSOFT_365_MX: &str = "customer.mail.protection.outlook.com";

/// The provider has the address's domain.
pub(super) fn by_domain(provider: &Provider, address: &Address, table: &Table) -> Candidate {
    let because = format!(
        "{} is one of the domains of {} ({})",
        address.domain,
        provider.name,
        who_says(provider, table)
    );
    candidate(provider, address, Source::ProviderTable, because)
}

/// The provider takes the domain's mail.
pub(super) fn by_mx(provider: &Provider, address: &Address, table: &Table, mx: &str) -> Candidate {
    let because = format!(
        "{mx} takes the mail of {}: that is {} ({})",
        address.domain,
        provider.name,
        who_says(provider, table)
    );
    elsewhere(provider, address, Source::Mx, because)
}

fn who_says(provider: &Provider, table: &Table) -> String {
    match provider.origin {
        Origin::BuiltIn => format!("provider table of {}", table.compiled()),
        Origin::Administrator => {
            format!("the administrator's providers file, {}", provider.compiled)
        }
    }
}

/// The domain's Autodiscover name leads to Microsoft 365.
pub(super) fn microsoft_365(
    table: &Table,
    address: &Address,
    because: String,
) -> Option<Candidate> {
    let provider = table.by_mx(MICROSOFT_365_MX)?;
    let found = elsewhere(provider, address, Source::Exchange, because);
    Some(Candidate {
        confidence: Confidence::Medium,
        ..found
    })
}

/// A provider's settings for a domain that is not its own: where it wants the name before the @, that is the name of an
/// address of its own, which nobody but the user knows.
fn elsewhere(provider: &Provider, address: &Address, source: Source, because: String) -> Candidate {
    let mut found = candidate(provider, address, source, because);
    if found.login_format == LoginFormat::LocalPart {
        found.login_format = LoginFormat::Custom;
        let name = login(LoginFormat::Custom, address).1;
        for incoming in found.incoming.iter_mut().chain(&mut found.alternatives) {
            incoming.username.clone_from(&name);
        }
        if let Some(outgoing) = &mut found.outgoing {
            outgoing.username = name;
        }
    }
    found
}

fn candidate(provider: &Provider, address: &Address, source: Source, because: String) -> Candidate {
    let (login_format, username) = login(provider.login_format, address);
    let auth = auth(provider);
    let incoming = |endpoint: &Server, protocol| Incoming {
        protocol,
        host: endpoint.host.clone(),
        port: endpoint.port,
        security: endpoint.security,
        username: username.clone(),
        auth,
        certificate_sha256: None,
    };
    let imap = provider.imap.iter().chain(&provider.imap_alternatives);
    let imap = imap.map(|endpoint| incoming(endpoint, Protocol::Imap));
    let pop3 = provider.pop3.iter();
    let pop3 = pop3.map(|endpoint| incoming(endpoint, Protocol::Pop3));
    let mut ways = imap.chain(pop3);
    let first = ways.next();
    let alternatives = ways.collect();
    let outgoing = provider.smtp.as_ref().map(|endpoint| Outgoing {
        host: endpoint.host.clone(),
        port: endpoint.port,
        security: endpoint.security,
        username: login(provider.sending_login(), address).1,
        auth,
        certificate_sha256: None,
    });
    let found = Found {
        login_format,
        incoming: first,
        outgoing,
        alternatives,
    };
    Candidate {
        provider_id: Some(provider.id.clone()),
        // The table names the provider's own hosts, so nobody else gets the password; how sure they are is another thing.
        ..found.candidate(source, because, provider.confidence, true)
    }
}

/// A password where one will do; most people have no OAuth application.
fn auth(provider: &Provider) -> Auth {
    if provider.is_oauth_only() {
        Auth::Oauth2
    } else {
        Auth::Password
    }
}

/// Fills in the provider of servers that another source has named.
pub(super) fn recognise(table: &Table, candidate: &mut Candidate) {
    if candidate.provider_id.is_some() || candidate.server_profile_id.is_some() {
        return;
    }
    let incoming = candidate.incoming.as_ref().map(|side| &side.host);
    let outgoing = candidate.outgoing.as_ref().map(|side| &side.host);
    let mut hosts = incoming.into_iter().chain(outgoing);
    // Where a provider has one server for private people and for organisations, a domain of its own is the latter's.
    let provider = hosts.find_map(|host| {
        let of_firms = |provider: &&Provider| provider.kind == Kind::Business;
        let mut all = table.all_by_mail_host(host);
        all.find(of_firms).or_else(|| table.by_mail_host(host))
    });
    candidate.provider_id = provider.map(|provider| provider.id.clone());
}

/// What to do before the first sign-in.
pub(super) fn steps(table: &Table, provider: &Provider) -> Vec<Preparation> {
    preparation(table, provider)
}

/// The provider in a few words.
pub(super) fn in_short(provider: &Provider) -> DetectedProvider {
    DetectedProvider {
        id: provider.id.clone(),
        name: provider.name.clone(),
        kind: provider.kind.as_str().to_owned(),
        status: provider.status.as_str().to_owned(),
    }
}
