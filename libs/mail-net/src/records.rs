//! What else the name system knows about a domain: MX, SRV, TXT and CNAME records.
//!
//! The servers asked are the system's, or those that [`Net::using_dns`] names; with those, host names too are
//! looked up there. Records say what somebody wrote into a zone and prove nothing: an address that a name leads to
//! still has to pass the policy, and a host the check of its certificate.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts,
    ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError as HickoryError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::timeout;

use crate::{Net, NetError};

/// How long one server may think about one question before it is asked again.
const ONE_QUESTION: Duration = Duration::from_secs(2);
/// How often a question is repeated.
const REPEATED: usize = 1;
/// Answers kept, by their own time to live.
const KEPT_ANSWERS: u64 = 1_024;
/// More records than this of one name are not looked at.
const MAX_RECORDS: usize = 64;
/// The longest TXT record that is read, in bytes.
const MAX_TEXT: usize = 4_096;

/// A server that takes mail for a domain (RFC 5321 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// Lower comes first.
    pub preference: u16,
    /// The host in small letters, without a final dot; empty: the domain takes no mail (RFC 7505).
    pub host: String,
}

/// Where a service of a domain is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower comes first.
    pub priority: u16,
    /// Among those of one priority, the larger share.
    pub weight: u16,
    /// TCP port.
    pub port: u16,
    /// The host in small letters, without a final dot; empty: the service is not offered.
    pub target: String,
}

/// The resolver, made when it is first needed.
#[derive(Default)]
pub(crate) struct Dns {
    /// Empty: the system's.
    servers: Vec<SocketAddr>,
    resolver: OnceLock<Result<TokioResolver, String>>,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dns").field(&self.servers).finish()
    }
}

impl Dns {
    pub(crate) fn with_servers(servers: Vec<SocketAddr>) -> Dns {
        Dns {
            servers,
            resolver: OnceLock::new(),
        }
    }

    /// Whether host names are looked up here too, and not by the system.
    pub(crate) fn is_own(&self) -> bool {
        !self.servers.is_empty()
    }

    fn resolver(&self) -> Result<&TokioResolver, &str> {
        let made = self.resolver.get_or_init(|| self.make());
        made.as_ref().map_err(String::as_str)
    }

    fn make(&self) -> Result<TokioResolver, String> {
        let mut builder = if self.is_own() {
            let servers = self.servers.iter().map(|at| name_server(*at)).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        } else {
            TokioResolver::builder_tokio().map_err(|error| error.to_string())?
        };
        limit(builder.options_mut());
        builder.build().map_err(|error| error.to_string())
    }
}

fn name_server(at: SocketAddr) -> NameServerConfig {
    let by = |protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = at.port();
        connection
    };
    let connections = vec![by(ProtocolConfig::Udp), by(ProtocolConfig::Tcp)];
    NameServerConfig::new(at.ip(), true, connections)
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = ONE_QUESTION;
    options.attempts = REPEATED;
    options.cache_size = KEPT_ANSWERS;
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.use_hosts_file = ResolveHosts::Always;
}

impl Net {
    /// The name servers that are asked for records; empty when the system names none.
    pub fn name_servers(&self) -> Vec<SocketAddr> {
        if self.dns().is_own() {
            return self.dns().servers.clone();
        }
        let Ok((config, _)) = hickory_resolver::system_conf::read_system_conf() else {
            return Vec::new();
        };
        let servers = config.name_servers().iter();
        servers
            .map(|server| SocketAddr::new(server.ip, 53))
            .collect()
    }

    /// The servers that take mail for a domain, best first.
    ///
    /// # Errors
    /// [`NetError::NameNotFound`] when the domain does not exist (one without such records gives an empty list),
    /// `DnsFailed` or `TimedOut` when nobody knows.
    pub async fn mx(&self, domain: &str) -> Result<Vec<Mx>, NetError> {
        let mut found = self
            .records(domain, RecordType::MX, |data| match data {
                RData::MX(mx) => Some(Mx {
                    preference: mx.preference,
                    host: host_of(&mx.exchange),
                }),
                _ => None,
            })
            .await?;
        found.sort_by(|a, b| (a.preference, &a.host).cmp(&(b.preference, &b.host)));
        Ok(found)
    }

    /// The places of a service such as `_imaps._tcp.example.com`, best first.
    ///
    /// # Errors
    /// As [`Net::mx`].
    pub async fn srv(&self, service: &str) -> Result<Vec<Srv>, NetError> {
        let mut found = self
            .records(service, RecordType::SRV, |data| match data {
                RData::SRV(srv) => Some(Srv {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: host_of(&srv.target),
                }),
                _ => None,
            })
            .await?;
        // RFC 2782 lets chance decide among equals; settings that are kept must not depend on it.
        found.sort_by(|a, b| {
            (a.priority, b.weight, &a.target).cmp(&(b.priority, a.weight, &b.target))
        });
        Ok(found)
    }

    /// The texts of a name, each put together from its pieces.
    ///
    /// # Errors
    /// As [`Net::mx`].
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, NetError> {
        self.records(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => {
                let mut bytes = txt.txt_data.concat();
                bytes.truncate(MAX_TEXT);
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => None,
        })
        .await
    }

    /// The name that this one is another name for, if it is one.
    ///
    /// # Errors
    /// As [`Net::mx`].
    pub async fn cname(&self, name: &str) -> Result<Option<String>, NetError> {
        let found = self
            .records(name, RecordType::CNAME, |data| match data {
                RData::CNAME(target) => Some(host_of(target)),
                _ => None,
            })
            .await?;
        Ok(found.into_iter().next())
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, NetError> {
        match self.ask(name, kind).await {
            Ok(answer) => Ok(answer
                .answers()
                .iter()
                .filter_map(|record| read(&record.data))
                .take(MAX_RECORDS)
                .collect()),
            Err(NetError::NoAddress { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Lookup, NetError> {
        // With the final dot no search list of the system's is tried.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let Ok(question) = Name::from_ascii(&absolute) else {
            let host = name.to_owned();
            return Err(NetError::NameNotFound { host });
        };
        let resolver = self.resolver(name)?;
        let limit = self.timeouts().resolve;
        match timeout(limit, resolver.lookup(question, kind)).await {
            Ok(answer) => answer.map_err(|error| classify(name, limit, &error)),
            Err(_) => Err(too_late(name, limit)),
        }
    }

    /// Addresses of a host from the named servers.
    pub(crate) async fn ask_for_addresses(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        let resolver = self.resolver(host)?;
        let limit = self.timeouts().resolve;
        // A bare word such as "localhost" is for the hosts file; everything else is absolute.
        let question = if host.contains('.') {
            format!("{host}.")
        } else {
            host.to_owned()
        };
        match timeout(limit, resolver.lookup_ip(question)).await {
            Ok(Ok(answer)) => Ok(answer.iter().collect()),
            Ok(Err(error)) => Err(classify(host, limit, &error)),
            Err(_) => Err(too_late(host, limit)),
        }
    }

    fn resolver(&self, name: &str) -> Result<&TokioResolver, NetError> {
        self.dns()
            .resolver()
            .map_err(|message| NetError::DnsFailed {
                host: name.to_owned(),
                message: message.to_owned(),
            })
    }
}

fn host_of(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

fn too_late(host: &str, limit: Duration) -> NetError {
    NetError::TimedOut {
        host: host.to_owned(),
        what: "looking up the name",
        after: limit,
    }
}

fn classify(host: &str, limit: Duration, error: &HickoryError) -> NetError {
    let name = host.to_owned();
    match error {
        HickoryError::Timeout => too_late(host, limit.min(ONE_QUESTION)),
        HickoryError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => NetError::NameNotFound { host: name },
            _ => NetError::NoAddress { host: name },
        },
        HickoryError::Dns(DnsError::ResponseCode(code)) => NetError::DnsFailed {
            host: name,
            message: format!("the name server answered {code}"),
        },
        other => NetError::DnsFailed {
            host: name,
            message: other.to_string(),
        },
    }
}
