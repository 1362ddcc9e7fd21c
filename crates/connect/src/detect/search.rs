//! The search itself: all sources side by side, within one limit, until nothing better can come.

use super::address::Address;
use super::exchange::Exchange;
use super::kin::{self, Family, Kin};
use super::probe::Prober;
use super::{DetectRequest, Found, Inner, autoconfig, exchange, rank, srv, table};
use crate::providers::Table;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mail_net::{Mx, NetError};
use model::detection::{Candidate, Confidence, Outcome, Searched, Source};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// When the usual names are tried although other sources are still silent.
const PROBE_AFTER: Duration = Duration::from_millis(2_500);
/// How long better sources may still come in once something usable is there.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What a source had.
enum Answer {
    Found(Box<Candidate>),
    Nothing(String),
    Failed(String),
    Skipped(String),
}

type Ended = (Source, i64, Answer);
type Task<'a> = BoxFuture<'a, Ended>;
type MailServers<'a> = Shared<BoxFuture<'a, Result<Arc<[Mx]>, Arc<NetError>>>>;

/// Asks every source.
pub(super) async fn run(
    inner: &Inner,
    address: &Address,
    request: &DetectRequest,
    known: Vec<Candidate>,
    began: Instant,
) -> (Vec<Candidate>, Vec<Searched>) {
    let table = inner.providers.current();
    let search = Search {
        inner,
        address,
        table: &table,
        port: match inner.options.https_port {
            443 => String::new(),
            port => format!(":{port}"),
        },
        mail_servers: mail_servers(inner, address),
    };
    let mut state = State::new(known);
    let mut running = search.start(request, &mut state);
    let deadline = began + inner.options.limit;
    let mut probed = false;
    loop {
        let waiting = state.waiting.iter().copied();
        if !request.all && rank::is_settled(&state.candidates, waiting) {
            break;
        }
        let until = match state.usable_since {
            Some(since) if !request.all => deadline.min(since + PATIENCE),
            None if !probed => deadline.min(began + PROBE_AFTER),
            _ => deadline,
        };
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = sleep_until(until) => {
                if until == deadline || state.usable_since.is_some() {
                    break;
                }
                None
            }
        };
        match ended {
            Some(ended) => state.take(ended),
            // Everybody has answered, or is too slow: the last resort.
            None if !probed && (request.all || state.usable_since.is_none()) => {
                probed = true;
                running.push(search.probe());
            }
            None => break,
        }
    }
    let late = Instant::now() >= deadline;
    state.end(began, late)
}

/// The answer of a search that never began.
pub(super) fn no_place() -> Vec<Searched> {
    let why = |source: &Source| Searched {
        source: *source,
        outcome: Outcome::Failed,
        ms: 0,
        detail: "too many searches went on at the same time".to_owned(),
    };
    Source::ALL.iter().map(why).collect()
}

/// What has come in so far.
struct State {
    candidates: Vec<Candidate>,
    searched: Vec<Searched>,
    waiting: Vec<Source>,
    /// Since when there has been a candidate that could be used.
    usable_since: Option<Instant>,
}

impl State {
    fn new(known: Vec<Candidate>) -> Self {
        let mut state = Self {
            candidates: Vec::new(),
            searched: Vec::new(),
            waiting: Vec::new(),
            usable_since: None,
        };
        for source in [Source::Profile, Source::ProviderTable] {
            if !known.iter().any(|candidate| candidate.source == source) {
                state.take((source, 0, Answer::Nothing(super::nothing_here(source))));
            }
        }
        for candidate in known {
            state.take((candidate.source, 0, Answer::Found(Box::new(candidate))));
        }
        state
    }

    fn take(&mut self, (source, ms, answer): Ended) {
        self.waiting.retain(|waiting| *waiting != source);
        let (outcome, detail) = match answer {
            Answer::Found(candidate) => {
                let because = candidate.because.clone();
                self.candidates.push(*candidate);
                (Outcome::Found, because)
            }
            Answer::Nothing(detail) => (Outcome::Nothing, detail),
            Answer::Failed(detail) => (Outcome::Failed, detail),
            Answer::Skipped(detail) => (Outcome::Skipped, detail),
        };
        self.searched.push(Searched {
            source,
            outcome,
            ms,
            detail,
        });
        if self.usable_since.is_none() && self.candidates.iter().any(rank::is_usable) {
            self.usable_since = Some(Instant::now());
        }
    }

    fn end(mut self, began: Instant, late: bool) -> (Vec<Candidate>, Vec<Searched>) {
        for source in std::mem::take(&mut self.waiting) {
            let answer = if self.usable_since.is_none() || late {
                Answer::Failed("it did not answer in time".to_owned())
            } else {
                Answer::Skipped("something better was found".to_owned())
            };
            self.take((source, super::milliseconds(began), answer));
        }
        for source in Source::ALL {
            if !self.searched.iter().any(|known| known.source == *source) {
                let answer = Answer::Skipped("something better was found".to_owned());
                self.take((*source, 0, answer));
            }
        }
        self.searched.sort_by_key(|known| rank::of(known.source));
        (self.candidates, self.searched)
    }
}

/// The domain's mail servers, looked up once for all who want to know.
fn mail_servers<'a>(inner: &'a Inner, address: &'a Address) -> MailServers<'a> {
    async move {
        let found = inner.net.mx(&address.domain).await;
        found.map(Arc::from).map_err(Arc::new)
    }
    .boxed()
    .shared()
}

struct Search<'a> {
    inner: &'a Inner,
    address: &'a Address,
    table: &'a Table,
    /// `:PORT` for https URLs, or nothing.
    port: String,
    mail_servers: MailServers<'a>,
}

impl<'a> Search<'a> {
    /// Starts every source but the last resort.
    fn start<'s>(
        &'s self,
        request: &DetectRequest,
        state: &mut State,
    ) -> FuturesUnordered<Task<'s>> {
        let running: FuturesUnordered<Task<'s>> = FuturesUnordered::new();
        running.push(timed(Source::Mx, self.by_mail_servers()));
        running.push(timed(Source::Srv, self.by_srv()));
        running.push(timed(Source::Autoconfig, self.by_autoconfig()));
        running.push(timed(Source::Exchange, self.by_autodiscover()));
        state.waiting = vec![
            Source::Mx,
            Source::Srv,
            Source::Autoconfig,
            Source::Exchange,
        ];
        match (request.directory, self.inner.options.directory) {
            (true, true) => {
                running.push(timed(Source::Directory, self.by_directory()));
                state.waiting.push(Source::Directory);
            }
            (asked, _) => {
                let why = if asked {
                    "the administrator has not allowed the public directory (detection.directory)"
                } else {
                    "nobody asked for the public directory"
                };
                state.take((Source::Directory, 0, Answer::Skipped(why.to_owned())));
            }
        }
        state.waiting.push(Source::Probe);
        running
    }

    fn probe<'s>(&'s self) -> Task<'s> {
        timed(Source::Probe, self.by_usual_names())
    }

    /// The provider table, by who takes the domain's mail.
    async fn by_mail_servers(&self) -> Answer {
        let domain = &self.address.domain;
        let servers = match self.mail_servers.clone().await {
            Ok(servers) => servers,
            Err(error) => {
                return match &*error {
                    NetError::NameNotFound { .. } => Answer::Nothing(format!(
                        "the domain {domain} does not exist: is it spelt right?"
                    )),
                    error => Answer::Failed(error.to_string()),
                };
            }
        };
        if servers.iter().any(|mx| mx.host.is_empty()) {
            return Answer::Nothing(format!("{domain} says that it takes no mail"));
        }
        for mx in servers.iter() {
            if let Some(provider) = self.table.by_mx(&mx.host) {
                let candidate = table::by_mx(provider, self.address, self.table, &mx.host);
                return Answer::Found(Box::new(candidate));
            }
        }
        Answer::Nothing(match servers.first() {
            Some(mx) => format!(
                "{} takes the mail, and the provider table does not know it",
                mx.host
            ),
            None => format!("{domain} names no mail servers"),
        })
    }

    async fn by_srv(&self) -> Answer {
        let domain = &self.address.domain;
        let (services, family) = tokio::join!(srv::ask(&self.inner.net, domain), self.family());
        let services = match services {
            Ok(services) => services,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let Some(found) = services.settings(self.address) else {
            return Answer::Nothing(if services.refuses_all() {
                format!("{domain} says that it offers no mail to mail programs")
            } else {
                format!("{domain} has no SRV records for mail")
            });
        };
        let (kin, host) = self.farthest(&found, &family);
        let (confidence, trusted, said) = match kin {
            Kin::Own => (Confidence::High, true, String::new()),
            Kin::Provider => (
                Confidence::Medium,
                true,
                format!(", at its mail provider ({host})"),
            ),
            Kin::Foreign => (
                Confidence::Low,
                false,
                format!(
                    ", but {host} belongs neither to {domain} nor to its mail provider: check the name"
                ),
            ),
        };
        let because = format!("the SRV records of {domain} name these servers{said}");
        Answer::Found(Box::new(found.candidate(
            Source::Srv,
            because,
            confidence,
            trusted,
        )))
    }

    /// The domain's own file, else that of whoever takes its mail.
    async fn by_autoconfig(&self) -> Answer {
        let domain = &self.address.domain;
        let own = autoconfig::fetch(
            &self.inner.fetcher,
            autoconfig::own_places(self.address, &self.port),
            self.address,
        );
        let theirs = async {
            let (owner, family) = (self.owner().await, self.family().await);
            let owner = owner.filter(|owner| owner != domain)?;
            let places = autoconfig::provider_places(self.address, &owner, &self.port);
            let file = autoconfig::fetch(&self.inner.fetcher, places, self.address).await;
            Some((file.ok()?, family))
        };
        let (own, theirs) = tokio::join!(own, theirs);
        match (own, theirs) {
            (Ok(file), _) => {
                let (kin, host) = self.farthest(&file.settings, &self.family().await);
                // The file came over https from the domain itself, so its owner has named the foreign host.
                let (confidence, said) = match kin {
                    Kin::Own | Kin::Provider => (Confidence::High, String::new()),
                    Kin::Foreign => (
                        Confidence::Medium,
                        format!(
                            ", although {host} belongs neither to {domain} nor to its mail provider"
                        ),
                    ),
                };
                let from_own = kin::is_inside(&file.host, domain);
                let confidence = if from_own {
                    confidence
                } else {
                    rank::weaker(confidence, Confidence::Medium)
                };
                let because = format!(
                    "the autoconfig file of {domain} (from {}) names these servers{said}",
                    file.host
                );
                let candidate =
                    file.settings
                        .candidate(Source::Autoconfig, because, confidence, true);
                Answer::Found(Box::new(candidate))
            }
            (Err(_), Some((file, family))) => {
                let (kin, host) = self.farthest(&file.settings, &family);
                let foreign = kin == Kin::Foreign;
                let said = if foreign {
                    format!(
                        ", but {host} belongs neither to {domain} nor to its mail provider: check the name"
                    )
                } else {
                    String::new()
                };
                let because = format!(
                    "the autoconfig file of the domain's mail provider (from {}) names these servers{said}",
                    file.host
                );
                let confidence = if foreign {
                    Confidence::Low
                } else {
                    Confidence::Medium
                };
                let candidate =
                    file.settings
                        .candidate(Source::Autoconfig, because, confidence, !foreign);
                Answer::Found(Box::new(candidate))
            }
            (Err((true, why)), None) => Answer::Failed(why),
            (Err((false, why)), None) => Answer::Nothing(why),
        }
    }

    async fn by_autodiscover(&self) -> Answer {
        let domain = &self.address.domain;
        let recognised =
            exchange::ask(&self.inner.net, &self.inner.fetcher, domain, &self.port).await;
        match recognised {
            Some(Exchange::Microsoft365(host)) => {
                let because =
                    format!("the Autodiscover name of {domain} leads to Microsoft 365 ({host})");
                match table::microsoft_365(self.table, self.address, because) {
                    Some(candidate) => Answer::Found(Box::new(candidate)),
                    None => Answer::Nothing("the provider table has no Microsoft 365".to_owned()),
                }
            }
            Some(Exchange::OwnServer(host)) => {
                let because = format!("{host} is a Microsoft Exchange server");
                let nothing = Found {
                    login_format: model::detection::LoginFormat::Email,
                    incoming: None,
                    outgoing: None,
                    alternatives: Vec::new(),
                };
                let candidate =
                    nothing.candidate(Source::Exchange, because, Confidence::Low, false);
                Answer::Found(Box::new(candidate))
            }
            None => Answer::Nothing("no Exchange server answers".to_owned()),
        }
    }

    /// The public directory: by the domain, and by the domain of whoever takes its mail. That one comes from DNS, which
    /// can be forged, so that its file may name no foreign host.
    async fn by_directory(&self) -> Answer {
        let base = &self.inner.options.directory_url;
        let domain = &self.address.domain;
        let ask = |place: String| autoconfig::fetch(&self.inner.fetcher, vec![place], self.address);
        let by_owner = async {
            let owner = self.owner().await.filter(|owner| owner != domain)?;
            let file = ask(format!("{base}{owner}")).await.ok()?;
            Some((owner, file))
        };
        let (own, theirs) = tokio::join!(ask(format!("{base}{domain}")), by_owner);
        let (listed, file, trusted) = match (own, theirs) {
            (Ok(file), _) => (domain.clone(), file, true),
            (Err(_), Some((owner, file))) => {
                let (kin, _) = self.farthest(&file.settings, &self.family().await);
                (owner, file, kin != Kin::Foreign)
            }
            (Err((true, why)), None) => return Answer::Failed(why),
            (Err((false, _)), None) => {
                return Answer::Nothing(
                    "the public directory does not have this domain".to_owned(),
                );
            }
        };
        let because = format!(
            "the public directory at {} lists these servers for {listed}",
            file.host
        );
        let confidence = if trusted {
            Confidence::Medium
        } else {
            Confidence::Low
        };
        Answer::Found(Box::new(file.settings.candidate(
            Source::Directory,
            because,
            confidence,
            trusted,
        )))
    }

    async fn by_usual_names(&self) -> Answer {
        let options = &self.inner.options;
        let prober = Prober {
            net: &self.inner.net,
            ports: options.ports,
            ehlo_name: &options.ehlo_name,
            now: self.inner.clock.now(),
        };
        let (owner, mx) = (self.owner().await, self.first_mail_server().await);
        let found = prober
            .run(self.address, owner.as_deref(), mx.as_deref())
            .await;
        let Some(found) = found else {
            return Answer::Nothing("no mail server answers at the usual names".to_owned());
        };
        // Only names of the domain and of its mail servers' owner were tried; this is the net below that.
        let (kin, _) = self.farthest(&found, &self.family().await);
        let hosts: Vec<_> = found.hosts().collect();
        let because = format!(
            "{} answered with a good certificate: a guess, so check the names",
            hosts.join(" and ")
        );
        Answer::Found(Box::new(found.candidate(
            Source::Probe,
            because,
            Confidence::Low,
            kin != Kin::Foreign,
        )))
    }

    async fn family(&self) -> Family {
        let servers = self.mail_servers.clone().await;
        let hosts = servers.iter().flat_map(|list| list.iter());
        Family::new(
            &self.address.domain,
            hosts.map(|mx| mx.host.as_str()).filter(|h| !h.is_empty()),
        )
    }

    async fn first_mail_server(&self) -> Option<String> {
        let servers = self.mail_servers.clone().await.ok()?;
        let first = servers.first()?;
        super::address::ascii_host(&first.host)
    }

    /// The domain of whoever takes the mail.
    async fn owner(&self) -> Option<String> {
        let first = self.first_mail_server().await?;
        Some(kin::owner_of(&first).to_owned())
    }

    /// The host that is least related to the address.
    fn farthest(&self, found: &Found, family: &Family) -> (Kin, String) {
        let related = found.hosts().map(|host| {
            let known = self.table.by_mail_host(host).is_some();
            (family.relation(host, known), host.to_owned())
        });
        related.max().unwrap_or((Kin::Foreign, String::new()))
    }
}

/// A source with the time that it took.
fn timed<'a>(source: Source, work: impl Future<Output = Answer> + Send + 'a) -> Task<'a> {
    async move {
        let began = Instant::now();
        let answer = work.await;
        (source, super::milliseconds(began), answer)
    }
    .boxed()
}
