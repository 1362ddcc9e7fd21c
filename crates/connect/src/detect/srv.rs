//! SRV records: where a domain says that its mail is read and sent (RFC 6186; RFC 8314 for `_submissions`).

use super::address::{Address, ascii_host};
use super::{Found, login};
use mail_net::{Net, NetError, Srv};
use model::detection::LoginFormat;
use model::mailbox::{Auth, Incoming, Outgoing, Protocol, Security};

/// What the records of a domain say, each list best first.
#[derive(Debug, Default)]
pub(super) struct Services {
    imaps: Vec<Srv>,
    imap: Vec<Srv>,
    pop3s: Vec<Srv>,
    submissions: Vec<Srv>,
    submission: Vec<Srv>,
}

/// Asks for all services at once.
///
/// # Errors
/// The first failure, if nothing was found and some look-up failed.
pub(super) async fn ask(net: &Net, domain: &str) -> Result<Services, NetError> {
    let service = |name: &'static str| async move {
        match net.srv(&format!("_{name}._tcp.{domain}")).await {
            Ok(found) => (found, None),
            Err(NetError::NameNotFound { .. }) => (Vec::new(), None),
            Err(error) => (Vec::new(), Some(error)),
        }
    };
    let (imaps, imap, pop3s, submissions, submission) = tokio::join!(
        service("imaps"),
        service("imap"),
        service("pop3s"),
        service("submissions"),
        service("submission"),
    );
    let found = Services {
        imaps: imaps.0,
        imap: imap.0,
        pop3s: pop3s.0,
        submissions: submissions.0,
        submission: submission.0,
    };
    let failures = [imaps.1, imap.1, pop3s.1, submissions.1, submission.1];
    match failures.into_iter().flatten().next() {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

impl Services {
    fn is_empty(&self) -> bool {
        let lists = [
            &self.imaps,
            &self.imap,
            &self.pop3s,
            &self.submissions,
            &self.submission,
        ];
        lists.into_iter().all(Vec::is_empty)
    }

    /// Whether the domain says of all its services that they are not offered (a target of ".").
    pub(super) fn refuses_all(&self) -> bool {
        let lists = [
            &self.imaps,
            &self.imap,
            &self.pop3s,
            &self.submissions,
            &self.submission,
        ];
        !self.is_empty() && lists.into_iter().flatten().all(|srv| srv.target.is_empty())
    }

    /// The settings: TLS from the first byte before STARTTLS (RFC 8314 section 3), IMAP before POP3. The user's name is
    /// the full address, as RFC 6186 section 4 wants it tried first.
    pub(super) fn settings(&self, address: &Address) -> Option<Found> {
        let (login_format, username) = login(LoginFormat::Email, address);
        let reading = [
            (&self.imaps, Protocol::Imap, Security::Tls),
            (&self.imap, Protocol::Imap, Security::Starttls),
            (&self.pop3s, Protocol::Pop3, Security::Tls),
        ];
        let mut incoming = reading
            .into_iter()
            .filter_map(|(list, protocol, security)| {
                let (host, port) = first(list)?;
                Some(Incoming {
                    protocol,
                    host,
                    port,
                    security,
                    username: username.clone(),
                    auth: Auth::Password,
                    certificate_sha256: None,
                })
            });
        let first_incoming = incoming.next();
        let alternatives = incoming.collect();
        let sending = [
            (&self.submissions, Security::Tls),
            (&self.submission, Security::Starttls),
        ];
        let outgoing = sending.into_iter().find_map(|(list, security)| {
            let (host, port) = first(list)?;
            // `_submission` covers both (RFC 6186 section 3.1); port 465 has always been TLS from the first byte.
            let security = if port == 465 { Security::Tls } else { security };
            Some(Outgoing {
                host,
                port,
                security,
                username: username.clone(),
                auth: Auth::Password,
                certificate_sha256: None,
            })
        });
        (first_incoming.is_some() || outgoing.is_some()).then_some(Found {
            login_format,
            incoming: first_incoming,
            outgoing,
            alternatives,
        })
    }
}

/// The best place that can be one.
fn first(list: &[Srv]) -> Option<(String, u16)> {
    list.iter()
        .filter(|srv| srv.port != 0 && !srv.target.is_empty())
        .find_map(|srv| Some((ascii_host(&srv.target)?, srv.port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, port: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight: 0,
            port,
            target: target.to_owned(),
        }
    }

    fn ann() -> Address {
        Address::read("ann@example.com").unwrap()
    }

    #[test]
    fn implicit_tls_comes_first_and_the_rest_are_alternatives() {
        let services = Services {
            imaps: vec![srv(0, 993, "imap.example.com")],
            imap: vec![srv(0, 143, "imap.example.com")],
            pop3s: vec![srv(10, 995, "pop.example.com")],
            submissions: vec![srv(0, 465, "smtp.example.com")],
            submission: vec![srv(0, 587, "smtp.example.com")],
        };
        let found = services.settings(&ann()).unwrap();
        assert_eq!(found.incoming.unwrap().port, 993);
        assert_eq!(found.outgoing.unwrap().port, 465);
        assert_eq!(found.alternatives.len(), 2);
    }

    #[test]
    fn a_service_that_is_not_offered_is_not_a_place() {
        let services = Services {
            imaps: vec![srv(0, 0, "")],
            imap: vec![srv(0, 143, "imap.example.com")],
            submission: vec![srv(0, 0, "")],
            ..Services::default()
        };
        let found = services.settings(&ann()).unwrap();
        assert_eq!(found.incoming.unwrap().security, Security::Starttls);
        assert!(found.outgoing.is_none());
        assert!(!services.refuses_all());
        let none = Services {
            imaps: vec![srv(0, 0, "")],
            ..Services::default()
        };
        assert!(none.refuses_all() && none.settings(&ann()).is_none());
    }

    #[test]
    fn targets_that_are_no_host_names_are_passed_over() {
        let services = Services {
            imaps: vec![
                srv(0, 993, "127.0.0.1"),
                srv(1, 0, "imap.example.com"),
                srv(2, 993, "second.example.com"),
            ],
            submission: vec![srv(0, 465, "smtp.example.com")],
            ..Services::default()
        };
        let found = services.settings(&ann()).unwrap();
        assert_eq!(found.incoming.unwrap().host, "second.example.com");
        assert_eq!(found.outgoing.unwrap().security, Security::Tls);
    }
}
