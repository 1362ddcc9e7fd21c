//! From what people type to settings: put right with a note, or refused with the correction as an action. Pure.
//!
//! The API and the commands both come through [`settle`]. Each field is read for what can be meant ([`host`], [`port`],
//! [`secret`]); what is left out follows from the settings as they are, else from what is usual. Nothing here makes settings
//! less safe than they were typed, and plain text is taken only where it was asked for (promise S1).

mod host;
mod port;
mod secret;
mod side;
mod words;

use crate::providers::{AppPasswordKind, Providers, Server, SignIn};
use host::Speaks;
pub(crate) use host::percent_decoded;
use mail_net::Policy;
use model::Secret;
use model::mailbox::{
    Auth, Credentials, Incoming, LoginChoice, Logins, Outgoing, Protocol, Security,
};
use model::normalised::Normalised;
pub use words::{InWords, PortWord, SecurityWord};

/// One side of a mailbox as it was typed; nothing is left out on purpose but what the person left out.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Of the receiving side.
    pub protocol: Option<Protocol>,
    /// Host name, and whatever people put around it.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// How the bytes are to be protected.
    pub security: Option<Security>,
    /// The name to sign in with.
    pub username: Option<String>,
    /// Where that name comes from.
    pub login_format: Option<LoginChoice>,
    /// How to sign in.
    pub auth: Option<Auth>,
    /// The one certificate to trust; `Some(None)`: the usual authorities.
    pub certificate_sha256: Option<Option<String>>,
    /// This side's own password.
    pub password: Option<Secret>,
    /// Lets the password go out without encryption.
    pub allow_plaintext: bool,
    /// What was written in other words than ours.
    pub words: InWords,
}

/// Both sides as they were typed. `None`: nothing was said; `Some(None)`: not wanted.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The mail address.
    pub address: String,
    /// The receiving side.
    pub incoming: Option<Option<Side>>,
    /// The sending side.
    pub outgoing: Option<Option<Side>>,
    /// The password of both sides, unless a side has its own.
    pub password: Option<Secret>,
}

/// The settings as they are, from which a change leaves out what stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The receiving side.
    pub incoming: Option<&'a Incoming>,
    /// The sending side.
    pub outgoing: Option<&'a Outgoing>,
}

/// What this installation permits.
#[derive(Clone, Debug)]
pub struct Rules {
    policy: Policy,
    providers: Providers,
}

/// Both sides, checked and filled in; to be used only when nothing was refused.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// `None`: nothing was said about it; `Some(None)`: not wanted.
    pub incoming: Option<Option<Incoming>>,
    /// As above.
    pub outgoing: Option<Option<Outgoing>>,
    /// The secrets that were typed.
    pub credentials: Credentials,
    /// Whether the names to sign in with are still to be found: `auto`, else `custom`.
    pub login: Logins,
    /// What was put right.
    pub normalised: Vec<Normalised>,
    /// What cannot be meant.
    pub refused: Vec<Refused>,
}

/// A field that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// JSON pointer to the field.
    pub pointer: String,
    /// What is wrong with it; the field is the subject of the sentence.
    pub detail: String,
    /// What to do.
    pub remedy: Option<String>,
    /// The correction, for a button or a command: `use:465:tls`, `use_host:imap.example.com`, `swap_hosts`.
    pub action: Option<String>,
}

impl Rules {
    /// The rules under an address policy; providers are known by their hosts.
    pub fn new(policy: Policy, providers: Providers) -> Self {
        Self { policy, providers }
    }
}

impl Default for Rules {
    /// Public addresses and the usual mail ports.
    fn default() -> Self {
        Self::new(Policy::public_only(), Providers::new(None))
    }
}

/// Reads both sides.
pub fn settle(form: Form, before: Before<'_>, rules: &Rules) -> Settled {
    let mut settled = Settled::default();
    refuse_swapped(&form, &mut settled.refused);
    let passwords = |side: &Option<Option<Side>>| match side {
        Some(None) => (None, None),
        Some(Some(side)) => (side.password.clone(), form.password.clone()),
        None => (None, form.password.clone()),
    };
    let (own_incoming, common_incoming) = passwords(&form.incoming);
    let (own_outgoing, common_outgoing) = passwords(&form.outgoing);
    // Where only the receiving side says where its name comes from, the sending side means the same.
    let login = form.incoming.as_ref().and_then(Option::as_ref);
    let login = login
        .and_then(|side| side.login_format)
        .filter(|_| before.outgoing.is_none());

    settled.incoming = form.incoming.map(|side| {
        side.map(|side| side::incoming(side, before.incoming, &form.address, rules, &mut settled))
    });
    settled.outgoing = form.outgoing.map(|side| {
        side.map(|mut side| {
            if side.username.is_none() && side.login_format.is_none() {
                side.login_format = login.filter(|login| *login != LoginChoice::Custom);
            }
            side::outgoing(side, before.outgoing, &form.address, rules, &mut settled)
        })
    });

    let hosts = [
        side_host(settled.incoming.as_ref(), before.incoming, |side| {
            &side.host
        }),
        side_host(settled.outgoing.as_ref(), before.outgoing, |side| {
            &side.host
        }),
    ];
    let apps = hosts.map(|host| host.is_some_and(|host| rules.wants_app_password(&host)));
    settled.credentials.incoming =
        settled.password("/incoming", own_incoming, common_incoming, apps[0]);
    settled.credentials.outgoing =
        settled.password("/outgoing", own_outgoing, common_outgoing, apps[1]);
    settled
}

fn side_host<T>(
    now: Option<&Option<T>>,
    before: Option<&T>,
    host: impl Fn(&T) -> &String,
) -> Option<String> {
    let side = match now {
        Some(side) => side.as_ref(),
        None => before,
    };
    side.map(|side| host(side).clone())
}

/// `smtp.example.com` for receiving and `imap.example.com` for sending: the two were swapped.
fn refuse_swapped(form: &Form, refused: &mut Vec<Refused>) {
    let host = |side: &Option<Option<Side>>| {
        let typed = side.as_ref()?.as_ref()?.host.as_deref()?;
        host::read(typed, &form.address).ok()
    };
    let (Some(incoming), Some(outgoing)) = (host(&form.incoming), host(&form.outgoing)) else {
        return;
    };
    let receives = |host: &host::Host| {
        matches!(host.speaks, Some(Speaks::Imap | Speaks::Pop3))
            || begins(&host.name, &["imap", "pop", "incoming"])
    };
    let sends = |host: &host::Host| {
        host.speaks == Some(Speaks::Smtp) || begins(&host.name, &["smtp", "outgoing"])
    };
    if sends(&incoming) && receives(&outgoing) && incoming.name != outgoing.name {
        refused.push(Refused {
            pointer: "/incoming/host".to_owned(),
            detail: "is the server for sending, and the other one is the server for receiving"
                .to_owned(),
            remedy: Some(format!(
                "Swap the two: receive from {}, send through {}.",
                outgoing.name, incoming.name
            )),
            action: Some("swap_hosts".to_owned()),
        });
    }
}

/// Whether the first label begins so: `imap4.example.com`, `smtp-mail.example.com`.
fn begins(host: &str, words: &[&str]) -> bool {
    let label = host.split_once('.').map_or("", |(label, _)| label);
    words.iter().any(|word| label.starts_with(word))
}

impl Rules {
    /// A secret put right for a mail host, with the reason, where something was to be put right.
    pub fn tidy_secret(&self, host: &str, secret: &Secret) -> Option<(Secret, &'static str)> {
        secret::tidy(secret, self.wants_app_password(host))
    }

    /// Whether the provider behind a mail host takes app passwords.
    fn wants_app_password(&self, host: &str) -> bool {
        let table = self.providers.current();
        table.all_by_mail_host(host).any(|provider| {
            let generated = matches!(
                provider.app_password.kind,
                None | Some(AppPasswordKind::AppPassword)
            );
            generated && provider.auth.contains(&SignIn::AppPassword)
        })
    }

    /// A provider's server for this side, where the host that was typed is known as its server for the other one.
    fn other_server(&self, host: &str, speaks: Speaks) -> Option<(String, Server)> {
        let table = self.providers.current();
        let mut found = table.all_by_mail_host(host).map(|provider| {
            let receiving = provider
                .imap
                .iter()
                .chain(&provider.imap_alternatives)
                .chain(&provider.pop3);
            let sending = provider.smtp.iter().chain(&provider.smtp_alternatives);
            let is_it = |server: &Server| server.host.eq_ignore_ascii_case(host);
            let (here, there, right) = match speaks {
                Speaks::Smtp => (
                    sending.clone().any(is_it),
                    receiving.clone().any(is_it),
                    provider.smtp.as_ref(),
                ),
                Speaks::Imap => (
                    receiving.clone().any(is_it),
                    sending.clone().any(is_it),
                    provider.imap.as_ref(),
                ),
                Speaks::Pop3 => (
                    receiving.clone().any(is_it),
                    sending.clone().any(is_it),
                    provider.pop3.as_ref(),
                ),
            };
            let wrong = there && !here;
            right
                .filter(|_| wrong)
                .map(|server| (provider.name.clone(), server.clone()))
        });
        // Where one provider of several has it right, nothing is wrong.
        let first = found.next()??;
        found.all(|other| other.is_some()).then_some(first)
    }

    /// Where the provider whose server a host is has it listen. Where several share it, the first.
    fn road_of(&self, host: &str, speaks: Speaks) -> Option<(u16, Security)> {
        let table = self.providers.current();
        table.all_by_mail_host(host).find_map(|provider| {
            let mut servers: Box<dyn Iterator<Item = &Server>> = match speaks {
                Speaks::Smtp => Box::new(provider.smtp.iter().chain(&provider.smtp_alternatives)),
                Speaks::Imap => Box::new(provider.imap.iter().chain(&provider.imap_alternatives)),
                Speaks::Pop3 => Box::new(provider.pop3.iter()),
            };
            let found = servers.find(|server| server.host.eq_ignore_ascii_case(host))?;
            Some((found.port, found.security))
        })
    }

    /// Whether the administrator permits this port for a host by name of the port, or of the host's network.
    fn lists(&self, host: &str, port: u16) -> bool {
        self.policy.mail_ports.contains(&port) || self.reaches_allowed(host, port)
    }

    /// Whether a connection may get through at all. A name may lead into an allowed network: that shows when it is resolved.
    fn may_connect(&self, host: &str, port: u16) -> bool {
        let named = addresses(host).is_none() && !self.policy.allow.is_empty();
        self.lists(host, port) || named
    }

    fn reaches_allowed(&self, host: &str, port: u16) -> bool {
        let unlisted = Policy {
            mail_ports: Vec::new(),
            ..self.policy.clone()
        };
        addresses(host).is_some_and(|ips| ips.iter().any(|ip| unlisted.permits_port(port, *ip)))
    }

    fn permitted_ports(&self) -> String {
        let mut ports = self.policy.mail_ports.clone();
        ports.sort_unstable();
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        ports.join(", ")
    }
}

/// The addresses of a host that needs no look-up.
fn addresses(host: &str) -> Option<Vec<std::net::IpAddr>> {
    if host == "localhost" {
        return Some(vec![
            [127, 0, 0, 1].into(),
            std::net::Ipv6Addr::LOCALHOST.into(),
        ]);
    }
    host.parse().ok().map(|ip| vec![ip])
}

impl Settled {
    fn refuse(&mut self, pointer: String, detail: impl Into<String>) {
        self.refused.push(Refused {
            pointer,
            detail: detail.into(),
            remedy: None,
            action: None,
        });
    }

    fn note(
        &mut self,
        pointer: String,
        was: Option<String>,
        became: impl Into<String>,
        because: impl Into<String>,
    ) {
        self.normalised.push(Normalised {
            pointer,
            was,
            became: Some(became.into()),
            because: because.into(),
        });
    }

    /// A side's own password, else the common one; put right, or refused.
    fn password(
        &mut self,
        side: &str,
        own: Option<Secret>,
        common: Option<Secret>,
        app: bool,
    ) -> Option<Secret> {
        let pointer = match (&own, side) {
            (Some(_), side) => format!("{side}/password"),
            (None, _) => "/password".to_owned(),
        };
        let typed = own.or(common)?;
        let mut secret = typed;
        if let Some((tidied, because)) = secret::tidy(&secret, app) {
            secret = tidied;
            let known = self.normalised.iter().any(|note| note.pointer == pointer);
            if !known {
                self.normalised.push(Normalised {
                    pointer: pointer.clone(),
                    was: None,
                    became: None,
                    because: because.to_owned(),
                });
            }
        }
        if let Err(detail) = secret::check(&secret)
            && !self
                .refused
                .iter()
                .any(|refused| refused.pointer == pointer)
        {
            self.refuse(pointer, detail);
        }
        Some(secret)
    }
}

#[cfg(test)]
mod tests;
