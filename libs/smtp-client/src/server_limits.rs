//! How much a server takes at once, from its LIMITS (RFC 9422), and which recipients fit into one message.

use std::collections::HashSet;

/// What a server says it takes; none where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerLimits {
    /// Messages over one connection (MAILMAX).
    pub mails: Option<u32>,
    /// Recipients of one message (RCPTMAX).
    pub recipients: Option<u32>,
    /// Different domains among the recipients of one message (RCPTDOMAINMAX).
    pub recipient_domains: Option<u32>,
}

impl ServerLimits {
    /// Reads the words behind LIMITS, in upper case. What we do not know, or what makes no sense (a zero), limits nothing.
    pub(crate) fn read(&mut self, words: &str) {
        for word in words.split_ascii_whitespace() {
            let Some((name, value)) = word.split_once('=') else {
                continue;
            };
            let value = value.parse().ok().filter(|value| *value > 0);
            match name {
                "MAILMAX" => self.mails = value,
                "RCPTMAX" => self.recipients = value,
                "RCPTDOMAINMAX" => self.recipient_domains = value,
                _ => {}
            }
        }
    }

    /// Parts the recipients into those that fit into one message and those that have to wait for the next. At least one fits.
    pub(crate) fn part<'a>(&self, recipients: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
        let most = |limit: Option<u32>| {
            limit.map_or(usize::MAX, |limit| {
                usize::try_from(limit).unwrap_or(usize::MAX)
            })
        };
        let (recipients_max, domains_max) = (most(self.recipients), most(self.recipient_domains));
        let mut domains = HashSet::new();
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for address in recipients {
            let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
            let domain = domain.to_lowercase();
            let fits = now.len() < recipients_max
                && (domains.contains(&domain) || domains.len() < domains_max);
            if fits {
                domains.insert(domain);
                now.push(address.as_str());
            } else {
                later.push(address.as_str());
            }
        }
        (now, later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(words: &str) -> ServerLimits {
        let mut limits = ServerLimits::default();
        limits.read(words);
        limits
    }

    #[test]
    fn limits_are_read_and_nonsense_limits_nothing() {
        assert_eq!(
            limits("MAILMAX=10 RCPTMAX=20 RCPTDOMAINMAX=1 X=5"),
            ServerLimits {
                mails: Some(10),
                recipients: Some(20),
                recipient_domains: Some(1)
            }
        );
        for words in [
            "",
            "MAILMAX",
            "MAILMAX=0 RCPTMAX=x RCPTDOMAINMAX=-1",
            "RCPTMAX=99999999999",
        ] {
            assert_eq!(limits(words), ServerLimits::default(), "{words:?}");
        }
    }

    #[test]
    fn recipients_are_parted_by_number_and_by_domain() {
        let all: Vec<String> = ["a@x", "b@y", "c@X", "d@z", "e@x"]
            .map(str::to_owned)
            .to_vec();
        let now = |words| limits(words).part(&all).0.join(" ");
        assert_eq!(now(""), "a@x b@y c@X d@z e@x");
        assert_eq!(now("RCPTMAX=2"), "a@x b@y");
        assert_eq!(now("RCPTDOMAINMAX=1"), "a@x c@X e@x");
        assert_eq!(now("RCPTDOMAINMAX=2 RCPTMAX=3"), "a@x b@y c@X");
        let limits = limits("RCPTDOMAINMAX=1");
        assert_eq!(limits.part(&all).1, ["b@y", "d@z"]);
    }
}
