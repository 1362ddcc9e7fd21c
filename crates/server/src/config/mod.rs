//! The configuration: every key, where its value came from, and the settings made of them.
//!
//! A value comes from the command line, else from the environment, else from the file, else it is the
//! default. The keys are one table; the parser, `config show`, `config check` and the documentation all
//! read it.

mod keys;
mod outbox;

pub use keys::{Flags, KEYS, Key, Origin};

use crate::exit::Failure;
use mail_net::Cidr;
use model::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value with its origin.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The text of the value.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The configuration, parsed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where to answer.
    pub listen: SocketAddr,
    /// The address that people and programs use, without a trailing slash; `None`: from `listen`.
    pub public_url: Option<String>,
    /// What the store needs; the node's name is filled in by whoever opens it.
    pub store: store::Config,
    /// Further certificate authorities.
    pub extra_ca_file: Option<PathBuf>,
    /// Entries of mail providers beside the built-in ones.
    pub providers_file: Option<PathBuf>,
    /// Private networks that may be reached.
    pub allow: Vec<Cidr>,
    /// Ports of mail servers on public addresses.
    pub mail_ports: Vec<u16>,
    /// Name servers instead of the system's.
    pub dns: Vec<SocketAddr>,
    /// Whether detection may ask the public directory where a request wants it.
    pub directory: bool,
    /// Pause between two comparisons of everything with the server; zero: only when one is asked for.
    pub audit: Duration,
    /// When IMAP connections compress.
    pub compress: sync::Compress,
    /// How the outbox tries.
    pub sending: store::submissions::Rules,
    /// When the server's copies of drafts are made.
    pub drafts: store::drafts::copying::Pace,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are.
    pub log_level: String,
    /// Every key with its origin.
    pub settings: BTreeMap<&'static str, Setting>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Reads the configuration of this process.
    ///
    /// # Errors
    /// A key is unknown, or a value makes no sense; the failure names the key and where it was set.
    pub fn load(flags: &Flags) -> Result<Self, Failure> {
        Self::from_sources(flags, |name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    fn from_sources(
        flags: &Flags,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let (file, from_file) = read_file(flags, &variable)?;
        let mut settings = BTreeMap::new();
        for key in KEYS {
            let others = key.other_variable.and_then(&variable);
            let found = flags
                .get(key.name)
                .map(|value| (value.clone(), Origin::Flag))
                .or_else(|| variable(key.variable).map(|value| (value, Origin::Environment)))
                .or_else(|| from_file.get(key.name).map(|v| (v.clone(), Origin::File)))
                .or_else(|| others.map(|value| (value, Origin::Environment)));
            if let Some((value, origin)) = found {
                settings.insert(key.name, Setting { value, origin });
            }
        }
        fill_defaults(&mut settings, &variable)?;
        Self::parse(settings, file)
    }

    fn parse(
        settings: BTreeMap<&'static str, Setting>,
        file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let text = |name: &str| {
            let value = settings.get(name).map_or("", |s| s.value.as_str());
            value.trim().to_owned()
        };
        let wrong = |name: &str, why: &dyn fmt::Display| wrong_value(&settings, name, why);
        let data_dir = absolute(&text("data_dir"));
        let listen = text("listen").parse().map_err(|_| {
            wrong(
                "listen",
                &"expected an address and a port, such as 127.0.0.1:8025",
            )
        })?;
        let public_url = public_url(&text("public_url")).map_err(|e| wrong("public_url", &e))?;
        let database = database(&text("database"), &data_dir).map_err(|e| wrong("database", &e))?;
        let blobs = blobs(text, &data_dir).map_err(|e| wrong("blobs", &e))?;
        let key_file = absolute(&text("secret_key_file"));
        let optional_file = |name| {
            let path = Some(text(name)).filter(|path| !path.is_empty());
            path.map(|path| absolute(&path))
        };
        let extra_ca_file = optional_file("tls.extra_ca_file");
        let providers_file = optional_file("providers_file");
        let allow = list(&text("network.allow"))
            .map(|cidr| cidr.parse::<Cidr>().map_err(|e| wrong("network.allow", &e)))
            .collect::<Result<_, _>>()?;
        let mail_ports = list(&text("network.mail_ports"))
            .map(|port| {
                port.parse::<u16>()
                    .map_err(|_| wrong("network.mail_ports", &format!("{port} is not a port")))
            })
            .collect::<Result<_, _>>()?;
        let dns = list(&text("network.dns"))
            .map(|server| name_server(server).map_err(|e| wrong("network.dns", &e)))
            .collect::<Result<_, _>>()?;
        let directory = text("detection.directory")
            .parse()
            .map_err(|_| wrong("detection.directory", &"expected true or false"))?;
        let audit_hours: u16 = text("sync.audit_hours")
            .parse()
            .map_err(|_| wrong("sync.audit_hours", &"expected a number of hours"))?;
        let compress = match text("sync.compress").as_str() {
            "auto" => sync::Compress::Auto,
            "always" => sync::Compress::Always,
            "never" => sync::Compress::Never,
            _ => return Err(wrong("sync.compress", &"expected auto, always or never")),
        };
        let sending = outbox::rules(text).map_err(|(name, why)| wrong(name, &why))?;
        let drafts = outbox::time(&text("drafts.copy_after"))
            .map(|after_millis| store::drafts::copying::Pace { after_millis })
            .map_err(|why| wrong("drafts.copy_after", &why))?;
        let log_format = match text("log.format").as_str() {
            "auto" => LogFormat::Auto,
            "human" => LogFormat::Human,
            "json" => LogFormat::Json,
            _ => return Err(wrong("log.format", &"expected auto, human or json")),
        };
        let log_level = text("log.level");
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&log_level) {
            return Err(wrong("log.level", &error));
        }
        let store = store::Config {
            database,
            blobs,
            key_file,
            extra_ca_file: extra_ca_file.clone(),
            node: String::new(),
        };
        Ok(Self {
            data_dir,
            listen,
            public_url,
            store,
            extra_ca_file,
            providers_file,
            allow,
            mail_ports,
            dns,
            directory,
            audit: Duration::from_secs(u64::from(audit_hours) * 3600),
            compress,
            sending,
            drafts,
            log_format,
            log_level,
            settings,
            file,
        })
    }

    /// Where a command on this machine reaches the server.
    pub fn local_url(&self) -> String {
        reachable_url(self.listen)
    }

    /// A value as it may be shown: secrets hidden, a password inside a URL too.
    pub fn shown(&self, key: &Key) -> Option<String> {
        let value = &self.settings.get(key.name)?.value;
        Some(if key.secret {
            "<hidden>".to_owned()
        } else {
            hide_password(value)
        })
    }
}

/// The URL of a listening address, as someone on the same machine would use it.
pub fn reachable_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// A `scheme://user:password@host` without its password.
fn hide_password(value: &str) -> String {
    match url::Url::parse(value) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("hidden"));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}

/// The file's keys, flattened to dotted names.
fn read_file(
    flags: &Flags,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Option<PathBuf>, BTreeMap<String, String>), Failure> {
    let default = || {
        let base = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
        Some(base.join("postroom/postroom.toml"))
    };
    let Some(path) = flags.config.clone().or_else(default) else {
        return Ok((None, BTreeMap::new()));
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && flags.config.is_none() => {
            return Ok((None, BTreeMap::new()));
        }
        Err(error) => {
            let what = format!("the configuration file {} cannot be read", path.display());
            return Err(Failure::configuration(what).because(error));
        }
    };
    let not_toml = |error: &dyn fmt::Display| {
        let what = format!("the configuration file {} is not valid", path.display());
        Failure::configuration(what).because(error.to_string().trim().replace('\n', " "))
    };
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| not_toml(&e))?;
    let mut flat = BTreeMap::new();
    flatten("", &table, &mut flat);
    for name in flat.keys() {
        if !KEYS.iter().any(|key| key.name == name) {
            return Err(
                not_toml(&format!("it has a key {name}, which does not exist"))
                    .remedy("`postroom config show` lists every key"),
            );
        }
    }
    Ok((Some(path), flat))
}

fn flatten(prefix: &str, table: &toml::Table, flat: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, flat),
            other => {
                flat.insert(name, plain(other));
            }
        }
    }
}

/// A TOML value as the text that a flag would have; lists are comma-separated.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn fill_defaults(
    settings: &mut BTreeMap<&'static str, Setting>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let mut default = |name: &'static str, value: String| {
        let setting = settings.entry(name).or_insert(Setting {
            value,
            origin: Origin::Default,
        });
        setting.value.clone()
    };
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let data_dir = default(
        "data_dir",
        state.map_or(String::new(), |s| s.join("postroom").display().to_string()),
    );
    if data_dir.is_empty() {
        return Err(Failure::configuration("there is no data directory")
            .because("neither data_dir, XDG_STATE_HOME nor HOME is set")
            .remedy("name one: --data-dir DIR"));
    }
    default("listen", "127.0.0.1:8025".to_owned());
    default("database", "sqlite".to_owned());
    default("blobs", format!("{data_dir}/blobs"));
    default("blobs_region", "us-east-1".to_owned());
    default("secret_key_file", format!("{data_dir}/secret.key"));
    let ports = mail_net::Policy::public_only().mail_ports;
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    default("network.mail_ports", ports.join(","));
    default("detection.directory", "false".to_owned());
    default("sync.audit_hours", "24".to_owned());
    default("sync.compress", "auto".to_owned());
    for (name, value) in outbox::DEFAULTS {
        default(name, value.to_owned());
    }
    default("drafts.copy_after", "10s".to_owned());
    default("log.format", "auto".to_owned());
    default("log.level", "info".to_owned());
    Ok(())
}

fn wrong_value(
    settings: &BTreeMap<&'static str, Setting>,
    name: &str,
    why: &dyn fmt::Display,
) -> Failure {
    let origin = settings.get(name).map_or(Origin::Default, |s| s.origin);
    let key = KEYS.iter().find(|key| key.name == name);
    let place = match (origin, key) {
        (Origin::Environment, Some(key)) => format!("the variable {}", key.variable),
        (Origin::Flag, Some(key)) => format!("the flag {}", key.flag.unwrap_or_default()),
        (Origin::File, _) => "the configuration file".to_owned(),
        _ => "the defaults".to_owned(),
    };
    Failure::configuration(format!("{name} is not valid"))
        .because(why)
        .remedy(format!("it was set in {place}"))
}

fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// A name server: an address, with a port where it is not 53.
fn name_server(text: &str) -> Result<SocketAddr, String> {
    let alone = |text: &str| Some(SocketAddr::new(text.parse().ok()?, 53));
    text.parse()
        .ok()
        .or_else(|| alone(text))
        .ok_or_else(|| format!("{text} is not an address such as 9.9.9.9 or 127.0.0.1:5353"))
}

fn public_url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = url::Url::parse(text).map_err(|e| e.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("expected http://... or https://...".to_owned());
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

fn database(text: &str, data_dir: &Path) -> Result<store::db::Location, String> {
    use store::db::Location;
    if text == "sqlite" {
        return Ok(Location::Sqlite(data_dir.join("postroom.db")));
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Location::Postgres(text.to_owned()));
    }
    Err("expected sqlite or postgres://...".to_owned())
}

fn blobs(text: impl Fn(&str) -> String, data_dir: &Path) -> Result<store::blobs::Location, String> {
    use store::blobs::{BucketConfig, Location};
    let place = text("blobs");
    let Some(rest) = place.strip_prefix("s3://") else {
        if place.contains("://") {
            return Err("expected a folder or s3://bucket/prefix".to_owned());
        }
        return Ok(Location::Folder(if place.is_empty() {
            data_dir.join("blobs")
        } else {
            absolute(&place)
        }));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("s3:// needs the name of a bucket".to_owned());
    }
    let optional = |name: &str| Some(text(name)).filter(|value| !value.is_empty());
    Ok(Location::Bucket(BucketConfig {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: optional("blobs_endpoint"),
        region: text("blobs_region"),
        access_key: optional("blobs_access_key_id"),
        secret_key: optional("blobs_secret_access_key").map(Secret::new),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn load(flags: Flags, variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let variables: HashMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain([("HOME".to_owned(), "/home/nobody-here".to_owned())])
            .collect();
        Config::from_sources(&flags, |name| variables.get(name).cloned())
    }

    fn file(text: &str) -> (tempfile::TempDir, Flags) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postroom.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags {
            config: Some(path),
            ..Flags::default()
        };
        (dir, flags)
    }

    #[test]
    fn nothing_set_means_loopback_and_the_state_directory() {
        let config = load(Flags::default(), &[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8025");
        assert_eq!(
            config.data_dir,
            Path::new("/home/nobody-here/.local/state/postroom")
        );
        assert_eq!(config.settings["listen"].origin, Origin::Default);
        assert!(config.mail_ports.contains(&993));
        assert!(config.allow.is_empty());
    }

    #[test]
    fn name_servers_are_addresses_with_or_without_a_port() {
        let dns = |text: &str| load(Flags::default(), &[("POSTROOM_NETWORK_DNS", text)]);
        let config = dns("9.9.9.9, [2620:fe::fe]:5353,2620:fe::fe").unwrap();
        let shown: Vec<_> = config.dns.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["9.9.9.9:53", "[2620:fe::fe]:5353", "[2620:fe::fe]:53"]
        );
        for wrong in ["dns.example.com", "9.9.9.9:", "9.9.9", "127.0.0.1:99999"] {
            let failure = dns(wrong).unwrap_err();
            assert!(failure.to_string().contains("network.dns"), "{failure}");
        }
        let directory = load(
            Flags::default(),
            &[("POSTROOM_DETECTION_DIRECTORY", "maybe")],
        );
        assert!(directory.is_err());
    }

    #[test]
    fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
        let (_dir, mut flags) = file("listen = '127.0.0.1:1'\n[log]\nformat = 'json'\n");
        let one = load(flags.clone(), &[]).unwrap();
        assert_eq!(
            (one.listen.port(), one.settings["listen"].origin),
            (1, Origin::File)
        );
        let variables = [("POSTROOM_LISTEN", "127.0.0.1:2")];
        let two = load(flags.clone(), &variables).unwrap();
        assert_eq!(
            (two.listen.port(), two.settings["listen"].origin),
            (2, Origin::Environment)
        );
        flags.listen = Some("127.0.0.1:3".to_owned());
        let three = load(flags, &variables).unwrap();
        assert_eq!(
            (three.listen.port(), three.settings["listen"].origin),
            (3, Origin::Flag)
        );
        assert_eq!(three.log_format, LogFormat::Json);
    }

    #[test]
    fn the_variable_of_other_programs_comes_last() {
        let variables = [
            ("POSTROOM_BLOBS", "s3://mail/a/b/"),
            ("AWS_REGION", "eu-1"),
            ("AWS_ACCESS_KEY_ID", "theirs"),
            ("POSTROOM_BLOBS_ACCESS_KEY_ID", "ours"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
        ];
        let config = load(Flags::default(), &variables).unwrap();
        let store::blobs::Location::Bucket(bucket) = &config.store.blobs else {
            panic!("expected a bucket")
        };
        assert_eq!(
            (bucket.bucket.as_str(), bucket.prefix.as_str()),
            ("mail", "a/b")
        );
        assert_eq!(bucket.region, "eu-1");
        assert_eq!(bucket.access_key.as_deref(), Some("ours"));
        let key = KEYS.iter().find(|k| k.secret).unwrap();
        assert_eq!(config.shown(key).as_deref(), Some("<hidden>"));
    }

    #[test]
    fn lists_may_be_lists_in_the_file() {
        let (_dir, flags) =
            file("[network]\nallow = ['127.0.0.0/8', 'fd00::/8']\nmail_ports = [25, 993]\n");
        let config = load(flags, &[]).unwrap();
        assert_eq!(config.allow.len(), 2);
        assert_eq!(config.mail_ports, [25, 993]);
    }

    #[test]
    fn an_unknown_key_and_a_wrong_value_are_named_with_their_place() {
        let (_dir, flags) = file("[network]\nalow = 'x'\n");
        let failure = load(flags, &[]).unwrap_err();
        assert!(failure.to_string().contains("network.alow"), "{failure}");
        let failure = load(
            Flags::default(),
            &[("POSTROOM_NETWORK_ALLOW", "10.0.0.0/99")],
        )
        .unwrap_err();
        let text = failure.to_string();
        assert!(
            text.contains("network.allow") && text.contains("POSTROOM_NETWORK_ALLOW"),
            "{text}"
        );
        assert_eq!(failure.exit, crate::exit::Exit::Configuration);
    }

    #[test]
    fn a_missing_file_matters_only_when_it_was_named() {
        let flags = Flags {
            config: Some("/nonexistent/postroom.toml".into()),
            ..Flags::default()
        };
        assert!(load(flags, &[]).is_err());
        assert!(load(Flags::default(), &[]).unwrap().file.is_none());
    }

    #[test]
    fn a_password_inside_a_url_is_not_shown() {
        let variables = [("POSTROOM_DATABASE", "postgres://ann:secret@db/mail")];
        let config = load(Flags::default(), &variables).unwrap();
        let key = KEYS.iter().find(|k| k.name == "database").unwrap();
        let shown = config.shown(key).unwrap();
        assert!(
            !shown.contains("secret") && shown.contains("ann"),
            "{shown}"
        );
    }

    #[test]
    fn every_key_has_its_variable_and_its_flag() {
        for key in KEYS {
            let derived = format!("POSTROOM_{}", key.name.replace('.', "_").to_uppercase());
            assert_eq!(key.variable, derived);
            let flag = format!("--{}", key.name.replace(['.', '_'], "-"));
            assert!(key.flag.is_none_or(|f| f == flag), "{}", key.name);
        }
    }

    #[test]
    fn an_unspecified_address_is_reached_by_loopback() {
        assert_eq!(
            reachable_url("0.0.0.0:80".parse().unwrap()),
            "http://127.0.0.1:80"
        );
        assert_eq!(reachable_url("[::]:80".parse().unwrap()), "http://[::1]:80");
    }
}
