//! From an address to settings: every source is asked at once, the best answer wins, and each says where it comes from.
//!
//! What is known here (server profiles, the provider table) is answered at once, without a network ([`Detector::at_once`]).
//! Everything else goes on side by side within [`LIMIT`]: the provider table by the domain's mail servers, SRV records,
//! autoconfig files over https, Autodiscover (only to recognise Exchange), the public directory (only where it was asked
//! for), and last the usual names. As soon as nothing better can come, it ends.
//!
//! What was found is kept for minutes ([`cache`]), and a bounded number of searches goes on at once.
//!
//! No password is ever sent from here. A candidate that a forged answer could have brought is not `trusted`: whoever uses
//! it shows its hosts to a person first (RFC 6186 section 6).

mod address;
mod autoconfig;
mod cache;
mod exchange;
mod kin;
mod misspelt;
mod probe;
mod rank;
mod search;
mod srv;
mod table;
mod xml;

pub use address::{Address, AddressError, ascii_host, tidy};
pub use misspelt::suggestion;
pub use probe::ProbePorts;

use crate::providers::Providers;
use cache::Cache;
use mail_net::http::{FetchLimits, Fetcher};
use mail_net::{Net, NetError};
use model::Clock;
use model::detection::{
    Candidate, Confidence, Detection, LoginFormat, Outcome, Searched, Source, Suggestion,
};
use model::mailbox::{Incoming, LoginChoice, Outgoing};
use model::server_profile::ServerProfile;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// The whole search.
pub const LIMIT: Duration = Duration::from_secs(8);
/// Searches at once; others wait, and their time runs.
const SEARCHES: usize = 16;
/// One document, over all redirects.
const FETCH_TIME: Duration = Duration::from_secs(4);
/// Thunderbird's directory of providers. It learns the domain of whoever is asked about, hence the two consents.
pub const DIRECTORY: &str = "https://autoconfig.thunderbird.net/v1.1/";
/// How we introduce ourselves to web servers.
const USER_AGENT: &str = concat!("Postroom/", env!("CARGO_PKG_VERSION"));

/// How to search.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the public directory may be asked where a request wants it.
    pub directory: bool,
    /// The directory; the domain is put behind it.
    pub directory_url: String,
    /// The port of https; 443 but for tests.
    pub https_port: u16,
    /// The ports that are probed.
    pub ports: ProbePorts,
    /// How we introduce ourselves to sending servers.
    pub ehlo_name: String,
    /// The whole search.
    pub limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            directory: false,
            directory_url: DIRECTORY.to_owned(),
            https_port: 443,
            ports: ProbePorts::default(),
            ehlo_name: "localhost".to_owned(),
            limit: LIMIT,
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct DetectRequest {
    /// The address, as it was typed.
    pub address: String,
    /// Whether the public directory may be told the domain; counts only where [`Options::directory`] allows it.
    pub directory: bool,
    /// Ask every source, even where the best has answered.
    pub all: bool,
    /// The administrator's server profiles; those with the address's domain are taken.
    pub profiles: Vec<Profile>,
}

/// An administrator's settings for the mailboxes of some domains.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The profile's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The domains that it is for, as people write them.
    pub domains: Vec<String>,
    /// What its server takes as the user's name.
    pub login_format: LoginFormat,
    /// The receiving side; the user's name is filled in.
    pub incoming: Option<Incoming>,
    /// The sending side; the user's name is filled in.
    pub outgoing: Option<Outgoing>,
}

impl Profile {
    /// A server profile with the names that it means for this address.
    pub fn of(profile: ServerProfile, address: &str) -> Self {
        let names = profile.login_format.names(&tidy(address).0, "");
        let name = names.into_iter().next().unwrap_or_default();
        Self {
            login_format: match profile.login_format {
                LoginChoice::LocalPart => LoginFormat::LocalPart,
                LoginChoice::Custom => LoginFormat::Custom,
                LoginChoice::Email | LoginChoice::Auto => LoginFormat::Email,
            },
            incoming: profile.incoming_as(&name),
            outgoing: profile.outgoing_as(&name),
            id: profile.id,
            name: profile.name,
            domains: profile.domains,
        }
    }
}

/// Settings as a source has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) login_format: LoginFormat,
    pub(crate) incoming: Option<Incoming>,
    pub(crate) outgoing: Option<Outgoing>,
    pub(crate) alternatives: Vec<Incoming>,
}

impl Found {
    fn hosts(&self) -> impl Iterator<Item = &str> {
        let incoming = self.incoming.iter().map(|side| side.host.as_str());
        incoming.chain(self.outgoing.iter().map(|side| side.host.as_str()))
    }

    fn candidate(
        self,
        source: Source,
        because: String,
        confidence: Confidence,
        trusted: bool,
    ) -> Candidate {
        Candidate {
            source,
            because,
            confidence,
            provider_id: None,
            server_profile_id: None,
            login_format: self.login_format,
            incoming: self.incoming,
            outgoing: self.outgoing,
            alternatives: self.alternatives,
            trusted,
        }
    }
}

/// The format with the name that it makes of an address; `custom` starts with the address.
pub(crate) fn login(format: LoginFormat, address: &Address) -> (LoginFormat, String) {
    let name = match format {
        LoginFormat::LocalPart => &address.local,
        LoginFormat::Email | LoginFormat::Custom => &address.whole,
    };
    (format, name.clone())
}

/// Finds settings. Cloning is cheap.
#[derive(Clone)]
pub struct Detector(Arc<Inner>);

struct Inner {
    net: Net,
    fetcher: Fetcher,
    providers: Providers,
    clock: Clock,
    options: Options,
    cache: Cache,
    searches: Semaphore,
}

impl Detector {
    /// With the way out, the provider table and the options.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(
        net: Net,
        providers: Providers,
        clock: Clock,
        options: Options,
    ) -> Result<Self, NetError> {
        let limits = FetchLimits {
            time: FETCH_TIME.min(options.limit),
            body: xml::MAX_BYTES,
        };
        let fetcher = Fetcher::new(&net, USER_AGENT, options.https_port, limits)?;
        Ok(Self(Arc::new(Inner {
            net,
            fetcher,
            providers,
            clock,
            options,
            cache: Cache::default(),
            searches: Semaphore::new(SEARCHES),
        })))
    }

    /// What can be answered without a network: by a server profile, or by the provider table where it has the domain.
    /// Nothing: [`Detector::detect`] has to search.
    ///
    /// # Errors
    /// It is no address.
    pub fn at_once(&self, request: &DetectRequest) -> Result<Option<Detection>, AddressError> {
        let address = Address::read(&request.address)?;
        if request.all {
            return Ok(None);
        }
        let began = Instant::now();
        let known = self.known(&address, request);
        if known.is_empty() {
            return Ok(None);
        }
        let typed = &request.address;
        let searched = [Source::Profile, Source::ProviderTable].map(|source| {
            let mut found = known.iter().filter(|c| c.source == source).peekable();
            Searched {
                source,
                outcome: if found.peek().is_some() {
                    Outcome::Found
                } else {
                    Outcome::Nothing
                },
                ms: 0,
                detail: found
                    .next()
                    .map_or_else(|| nothing_here(source), |c| c.because.clone()),
            }
        });
        Ok(Some(self.answer(
            typed,
            address,
            known,
            searched.to_vec(),
            began,
        )))
    }

    /// Searches, and ends as soon as nothing better can come.
    ///
    /// # Errors
    /// It is no address.
    pub async fn detect(&self, request: &DetectRequest) -> Result<Detection, AddressError> {
        if let Some(known) = self.at_once(request)? {
            return Ok(known);
        }
        let address = Address::read(&request.address)?;
        let began = Instant::now();
        let (candidates, searched) = self.search(&address, request, began).await;
        Ok(self.answer(&request.address, address, candidates, searched, began))
    }

    /// What is kept of this domain, else what the network says; waiting for a place is part of the limit.
    async fn search(
        &self,
        address: &Address,
        request: &DetectRequest,
        began: Instant,
    ) -> (Vec<Candidate>, Vec<Searched>) {
        let inner = &self.0;
        let table = inner.providers.current();
        let directory = request.directory && inner.options.directory;
        if !request.all
            && let Some(kept) = inner.cache.get(address, directory, &table, began)
        {
            return kept;
        }
        let place = timeout_at(began + inner.options.limit, inner.searches.acquire()).await;
        let Ok(place) = place else {
            return (Vec::new(), search::no_place());
        };
        // Whoever was before us may have asked about this domain.
        if !request.all
            && let Some(kept) = inner.cache.get(address, directory, &table, Instant::now())
        {
            return kept;
        }
        let known = self.known(address, request);
        let known_is_empty = known.is_empty();
        let (candidates, searched) = search::run(inner, address, request, known, began).await;
        drop(place);
        if known_is_empty {
            let found = (candidates.as_slice(), searched.as_slice());
            let now = Instant::now();
            inner.cache.put(address, directory, &table, found, now);
        }
        (candidates, searched)
    }

    /// The address that was probably meant by one whose domain cannot exist, such as `ann@gmail`.
    pub fn suggestion(&self, typed: &str) -> Option<Suggestion> {
        misspelt::suggestion(&self.0.providers.current(), typed)
    }

    /// Candidates that need no network.
    fn known(&self, address: &Address, request: &DetectRequest) -> Vec<Candidate> {
        let mut known: Vec<Candidate> = request
            .profiles
            .iter()
            .filter(|profile| is_for(profile, &address.domain))
            .map(of_profile)
            .collect();
        let table = self.0.providers.current();
        if let Some(provider) = table.by_domain(&address.domain) {
            known.push(table::by_domain(provider, address, &table));
        }
        known
    }

    fn answer(
        &self,
        typed: &str,
        address: Address,
        mut candidates: Vec<Candidate>,
        searched: Vec<Searched>,
        began: Instant,
    ) -> Detection {
        let table = self.0.providers.current();
        for candidate in &mut candidates {
            table::recognise(&table, candidate);
        }
        rank::sort(&mut candidates);
        let provider = candidates
            .iter()
            .find_map(|candidate| table.get(candidate.provider_id.as_deref()?));
        let mut preparation = provider
            .map(|provider| table::steps(&table, provider))
            .unwrap_or_default();
        preparation.extend(rank::exchange_note(&candidates, &table));
        let best = candidates
            .iter()
            .find(|candidate| rank::has_server(candidate));
        let doubtful = provider.is_none() && misspelt::is_doubtful(best);
        let meant = doubtful.then(|| misspelt::suggestion(&table, typed));
        Detection {
            suggestion: meant.flatten(),
            normalised: address.normalised("/address", typed).into_iter().collect(),
            unicode_domain: address.unicode_domain(),
            domain: address.domain,
            address: address.whole,
            provider: provider.map(table::in_short),
            candidates,
            preparation,
            searched,
            ms: milliseconds(began),
        }
    }
}

fn milliseconds(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}

fn nothing_here(source: Source) -> String {
    match source {
        Source::Profile => "no server profile is for this domain".to_owned(),
        _ => "the provider table does not have this domain".to_owned(),
    }
}

fn is_for(profile: &Profile, domain: &str) -> bool {
    let ascii = profile.domains.iter().map(|name| {
        let name = name.trim().trim_start_matches('@');
        address::ascii_host(name)
    });
    ascii.flatten().any(|name| name == domain)
}

fn of_profile(profile: &Profile) -> Candidate {
    let because = format!(
        "the server profile {} is for this domain",
        profile.name.trim()
    );
    let found = Found {
        login_format: profile.login_format,
        incoming: profile.incoming.clone(),
        outgoing: profile.outgoing.clone(),
        alternatives: Vec::new(),
    };
    Candidate {
        server_profile_id: Some(profile.id.clone()),
        ..found.candidate(Source::Profile, because, Confidence::High, true)
    }
}
