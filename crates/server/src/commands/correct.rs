//! What was refused or put right, in the words of the command line: options by their names, and the corrected line to copy.
//!
//! The server and [`connect::typed`] name fields by JSON pointers and corrections by actions (`use:993:tls`); a person at a
//! shell typed options. No secret is ever on a command line, so that it can be shown again.

use crate::exit::Failure;
use crate::output;
use connect::typed::Refused;
use serde_json::{Value, json};
use std::fmt;

/// What fields are called in sentences, and their options.
const WORDS: [(&str, &str); 6] = [
    ("`allow_plaintext: true`", "--allow-plaintext"),
    ("`login_format`", "--login-format"),
    ("`protocol`", "the protocol"),
    ("`security`", "the security"),
    ("`incoming`", "the receiving server"),
    ("`outgoing`", "the sending server"),
];
/// Where nothing was found, this is what is missing.
const HOSTS: [(&str, &str); 2] = [("--imap-host", "HOST"), ("--smtp-host", "HOST")];

/// A command line, as words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(Vec<String>);

/// One side's options.
struct Options {
    host: &'static str,
    port: &'static str,
    security: &'static str,
    certificate: &'static str,
}

impl Line {
    /// The one that was typed.
    pub fn typed() -> Self {
        let words = std::env::args_os().skip(1);
        let words = words.map(|word| word.to_string_lossy().into_owned());
        Self(
            std::iter::once("postroom".to_owned())
                .chain(words)
                .collect(),
        )
    }

    /// One made of words.
    pub fn of(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// With an option, in the place of its old value where there is one.
    #[must_use]
    pub fn with(mut self, option: &str, value: &str) -> Self {
        self.set(option, value);
        self
    }

    /// With an option, unless it has a value.
    #[must_use]
    pub fn or_with(self, option: &str, value: &str) -> Self {
        if self.get(option).is_some() {
            self
        } else {
            self.with(option, value)
        }
    }

    fn get(&self, option: &str) -> Option<&str> {
        let joined = format!("{option}=");
        let behind = |(i, word): (usize, &'_ String)| {
            if word == option {
                self.0.get(i + 1).map(String::as_str)
            } else {
                self.0[i].strip_prefix(&joined)
            }
        };
        self.0.iter().enumerate().find_map(behind)
    }

    fn set(&mut self, option: &str, value: &str) {
        let joined = format!("{option}=");
        let at = |word: &String| word == option || word.starts_with(&joined);
        match self.0.iter().position(at) {
            Some(i) if self.0[i] == option && i + 1 < self.0.len() => {
                value.clone_into(&mut self.0[i + 1]);
            }
            Some(i) => self.0[i] = format!("{joined}{value}"),
            None => self.0.extend([option.to_owned(), value.to_owned()]),
        }
    }

    /// As [`Self::set`], with a new option beside the one that it belongs to.
    fn set_beside(&mut self, anchor: &str, option: &str, value: &str) {
        let joined = format!("{anchor}=");
        let at = |word: &String| word == anchor || word.starts_with(&joined);
        let behind = self
            .0
            .iter()
            .position(at)
            .map(|i| i + if self.0[i] == anchor { 2 } else { 1 });
        match behind.filter(|i| *i <= self.0.len() && self.get(option).is_none()) {
            Some(i) => {
                self.0.splice(i..i, [option.to_owned(), value.to_owned()]);
            }
            None => self.set(option, value),
        }
    }

    fn remove(&mut self, option: &str) {
        let joined = format!("{option}=");
        if let Some(i) = self.0.iter().position(|word| word == option) {
            self.0.drain(i..(i + 2).min(self.0.len()));
        }
        self.0.retain(|word| !word.starts_with(&joined));
    }

    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    /// `postroom profile` has one port for receiving, whatever the protocol.
    fn is_of_profile(&self) -> bool {
        self.has("profile") && !self.has("mailbox") && !self.has("test")
    }

    fn options(&self, incoming: bool) -> Options {
        let pop3 = self.get("--pop3-host").is_some();
        let host = if pop3 { "--pop3-host" } else { "--imap-host" };
        let (port, security) = match (self.is_of_profile(), pop3) {
            (true, _) => ("--incoming-port", "--incoming-security"),
            (false, true) => ("--pop3-port", "--pop3-security"),
            (false, false) => ("--imap-port", "--imap-security"),
        };
        if incoming {
            Options {
                host,
                port,
                security,
                certificate: "--incoming-certificate",
            }
        } else {
            Options {
                host: "--smtp-host",
                port: "--smtp-port",
                security: "--smtp-security",
                certificate: "--outgoing-certificate",
            }
        }
    }

    /// What a field is called here.
    pub fn option(&self, pointer: &str) -> String {
        let mut parts = pointer.trim_start_matches('/').split('/');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let named = match (first, second) {
            ("incoming" | "outgoing", Some(field)) => {
                let options = self.options(first == "incoming");
                match field {
                    "host" | "protocol" => options.host,
                    "port" => options.port,
                    "security" => options.security,
                    "certificate_sha256" => options.certificate,
                    "username" if first == "outgoing" && self.get("--smtp-username").is_some() => {
                        "--smtp-username"
                    }
                    "username" => "--username",
                    "password" => "the password",
                    "auth" => "--token-auth",
                    _ => return pointer.trim_start_matches('/').replace('/', " "),
                }
            }
            ("incoming" | "outgoing", None) => "the servers",
            ("address", _) => "the address",
            ("password", _) => "the password",
            ("fetch_since", _) => "--since",
            ("size_limit", _) => "--size-limit",
            ("monitored_folders", _) => "--folder",
            ("pop3_delete_after_days", _) => "--delete-after",
            ("read_only", _) => "--read-only",
            ("owner", _) => "--owner",
            ("test_recipient", _) => "--send-to",
            ("domains", _) => "--domain",
            ("name", _) => "--name",
            ("auth", _) => "--auth",
            ("login_format", _) => "--login-format",
            ("limits", Some("max_connections")) => "--max-connections",
            ("limits", Some("download_mb_per_day")) => "--download-mb",
            ("limits", Some("upload_mb_per_day")) => "--upload-mb",
            ("limits", Some("messages_per_day")) => "--messages-per-day",
            ("limits", Some("sends_per_minute")) => "--sends-per-minute",
            ("limits", Some("recipients_per_day")) => "--recipients-per-day",
            ("limits", Some("poll_minutes")) => "--poll-minutes",
            _ => return pointer.trim_start_matches('/').replace('/', " "),
        };
        named.to_owned()
    }

    /// Carries out the action of a correction, if the command line can. `host`: the side's server, where no option names it.
    pub fn apply(&mut self, pointer: &str, action: &str, host: Option<&str>) -> bool {
        let incoming = pointer.starts_with("/incoming");
        let options = self.options(incoming);
        let (verb, rest) = action.split_once(':').unwrap_or((action, ""));
        if matches!(verb, "use" | "trust_certificate")
            && self.get(options.host).is_none()
            && !self.is_of_profile()
        {
            match host {
                Some(host) => self.set(options.host, host),
                None if verb == "use" => return false,
                None => {}
            }
        }
        match verb {
            "use" => {
                let (port, security) = rest.split_once(':').unwrap_or((rest, ""));
                // A port behind the host name would be a second one.
                if let Some(bare) = self.get(options.host).and_then(without_port) {
                    self.set(options.host, &bare);
                }
                self.set_beside(options.host, options.port, port);
                if !security.is_empty() {
                    self.set_beside(options.port, options.security, security);
                }
                true
            }
            "use_host" => {
                self.set(options.host, rest);
                self.remove(options.port);
                self.remove(options.security);
                true
            }
            "swap_hosts" => {
                let (other, host) = (self.options(!incoming), self.get(options.host));
                let (Some(ours), Some(theirs)) = (host, self.get(other.host)) else {
                    return false;
                };
                let (ours, theirs) = (ours.to_owned(), theirs.to_owned());
                for side in [&options, &other] {
                    self.remove(side.port);
                    self.remove(side.security);
                }
                self.set(options.host, &theirs);
                self.set(other.host, &ours);
                true
            }
            "choose_protocol" => {
                let (old, new) = (options.host, format!("--{rest}-host"));
                if self.get(old).is_none() {
                    return false;
                }
                self.remove(options.port);
                self.remove(options.security);
                for word in &mut self.0 {
                    if word == old {
                        word.clone_from(&new);
                    } else if let Some(host) = word.strip_prefix(&format!("{old}=")) {
                        *word = format!("{new}={host}");
                    }
                }
                true
            }
            "detect" => {
                for option in [options.host, options.port, options.security] {
                    self.remove(option);
                }
                // One side alone is not looked for here.
                !["--imap-host", "--pop3-host", "--smtp-host"]
                    .into_iter()
                    .any(|host| self.get(host).is_some())
            }
            "use_address" => {
                let before = |i: usize| self.0[i - 1].starts_with("--");
                let address = (1..self.0.len()).find(|i| self.0[*i].contains('@') && !before(*i));
                if let Some(i) = address {
                    rest.clone_into(&mut self.0[i]);
                }
                address.is_some()
            }
            "trust_certificate" if !rest.is_empty() => {
                self.set(options.certificate, rest);
                true
            }
            _ => false,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&quoted(&output::line(word)))?;
        }
        Ok(())
    }
}

/// `imap.example.com` of `imap.example.com:110`; nothing where there is no port. An IPv6 address has its brackets.
fn without_port(host: &str) -> Option<String> {
    let (bare, port) = host.trim().trim_end_matches('/').rsplit_once(':')?;
    let name = bare.split_once("://").map_or(bare, |(_, name)| name);
    let whole = !name.is_empty() && (!name.contains(':') || name.ends_with(']'));
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    (whole && digits).then(|| bare.to_owned())
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A sentence about fields, about options.
fn in_options(text: &str) -> String {
    let mut text = text.to_owned();
    for (field, option) in WORDS {
        text = text.replace(field, option);
    }
    text
}

/// Settings that cannot be meant, with the line that can.
pub fn refused(refused: &[Refused], line: &Line) -> Failure {
    let errors: Vec<Value> = refused
        .iter()
        .map(|refused| {
            json!({ "pointer": refused.pointer, "detail": refused.detail, "remedy": refused.remedy, "action": refused.action })
        })
        .collect();
    let document = json!({ "title": "The settings cannot be meant like this", "errors": errors });
    let failure = Failure {
        document: Some(document),
        ..Failure::usage("the settings cannot be meant like this")
    };
    in_words(failure, line)
}

/// A failure with the server's document: its fields become options, its corrections a line to copy.
pub fn in_words(failure: Failure, line: &Line) -> Failure {
    let Some(errors) = failure
        .document
        .as_ref()
        .and_then(|document| document["errors"].as_array())
    else {
        return failure;
    };
    if errors.is_empty() {
        return failure;
    }
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let mut corrected = line.clone();
    let (mut all, mut remedy) = (true, None);
    let mut why = Vec::new();
    for error in errors {
        let (pointer, action) = (text(error, "pointer"), text(error, "action"));
        let place = line.option(&pointer);
        why.push(format!("{place}: {}", in_options(&text(error, "detail"))));
        if !corrected.apply(&pointer, &action, None) {
            all = false;
            let missing = matches!(pointer.as_str(), "/incoming" | "/outgoing");
            let said = error["remedy"]
                .as_str()
                .filter(|_| !missing)
                .map(in_options);
            remedy = remedy
                .or(said)
                .or_else(|| missing.then(|| naming_hosts(line)));
        }
    }
    let remedy = match (all && corrected != *line, remedy) {
        (true, _) => Some(format!("try: {corrected}")),
        (false, Some(remedy)) => Some(remedy),
        (false, None) => failure.remedy.as_deref().map(in_options),
    };
    let mut document = failure.document.clone();
    if let (Some(document), Some(remedy)) = (&mut document, &remedy) {
        document["remedy"] = json!({ "text": remedy });
    }
    Failure {
        why: Some(output::line(&why.join("; "))),
        remedy,
        document,
        ..failure
    }
}

/// The line with its servers still to be named.
pub fn naming_hosts(line: &Line) -> String {
    let named = HOSTS.iter().fold(line.clone(), |line, (option, value)| {
        line.with(option, value)
    });
    format!("name its servers; the provider's help pages have them: {named}")
}

/// Says on standard error what was put right.
pub fn tell(answer: &Value, line: &Line) {
    for note in answer["normalised"].as_array().into_iter().flatten() {
        let text = |name: &str| note[name].as_str();
        let because = text("because").unwrap_or_default();
        let place = line.option(text("pointer").unwrap_or_default());
        let change = match (text("was"), text("became")) {
            (Some(was), Some(became)) => format!("{was} became {became}"),
            (None, Some(became)) => format!("set to {became}"),
            (_, None) => "put right".to_owned(),
        };
        output::note(&output::line(&format!(
            "{place}: {change}, because {because}."
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn a_correction_becomes_the_line_to_copy() {
        for (typed, pointer, action, becomes) in [
            (
                "postroom test a@b.c --imap-host h --imap-port 995",
                "/incoming/port",
                "use:993:tls",
                "postroom test a@b.c --imap-host h --imap-port 993 --imap-security tls",
            ),
            (
                "postroom test a@b.c --pop3-host=h --pop3-port=993",
                "/incoming/port",
                "use:995:tls",
                "postroom test a@b.c --pop3-host=h --pop3-port=995 --pop3-security tls",
            ),
            (
                "postroom profile add corp --imap-host h --incoming-port 110",
                "/incoming/port",
                "use:993:tls",
                "postroom profile add corp --imap-host h --incoming-port 993 --incoming-security tls",
            ),
            (
                "postroom test a@b.c --smtp-host imap.gmail.com --smtp-port 993",
                "/outgoing/host",
                "use_host:smtp.gmail.com",
                "postroom test a@b.c --smtp-host smtp.gmail.com",
            ),
            (
                "postroom test a@b.c --imap-host s --smtp-host i --smtp-port 993",
                "/incoming/host",
                "swap_hosts",
                "postroom test a@b.c --imap-host i --smtp-host s",
            ),
            (
                "postroom test a@b.c --imap-host pop3://h",
                "/incoming/protocol",
                "choose_protocol:pop3",
                "postroom test a@b.c --pop3-host pop3://h",
            ),
            (
                "postroom --data-dir /x@y mailbox add ann@gmial.com --name a@b.c",
                "/address",
                "use_address:ann@gmail.com",
                "postroom --data-dir /x@y mailbox add ann@gmail.com --name a@b.c",
            ),
            (
                "postroom test a@b.c --imap-host a@b.c",
                "/incoming/host",
                "detect",
                "postroom test a@b.c",
            ),
        ] {
            let mut corrected = line(typed);
            assert!(corrected.apply(pointer, action, None), "{typed}");
            assert_eq!(corrected.to_string(), becomes);
        }
        let mut found = line("postroom test a@b.c");
        assert!(!found.apply("/incoming/port", "use:143:starttls", None));
        assert!(found.apply("/incoming/port", "use:143:starttls", Some("mail.b.c")));
        assert_eq!(
            found.to_string(),
            "postroom test a@b.c --imap-host mail.b.c --imap-port 143 --imap-security starttls"
        );
    }

    #[test]
    fn a_port_behind_a_host_goes_when_another_comes() {
        for (host, bare) in [
            ("imap.example.com:110", Some("imap.example.com")),
            ("imaps://h:143/", Some("imaps://h")),
            ("[::1]:993", Some("[::1]")),
            ("::1", None),
            ("imaps://h", None),
            ("h", None),
        ] {
            assert_eq!(without_port(host).as_deref(), bare, "{host}");
        }
    }

    #[test]
    fn words_of_the_api_become_options() {
        let failure = refused(
            &[Refused {
                pointer: "/outgoing/security".into(),
                detail: "without encryption anyone on the way reads the password".into(),
                remedy: Some("Use port 587, or `allow_plaintext: true`.".into()),
                action: Some("use:587:starttls".into()),
            }],
            &line("postroom test a@b.c --smtp-host h --smtp-security none"),
        );
        let text = failure.to_string();
        assert!(
            text.contains("--smtp-security: without encryption"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "try: postroom test a@b.c --smtp-host h --smtp-port 587 --smtp-security starttls"
            ),
            "{text}"
        );
        assert_eq!(failure.to_json()["errors"][0]["action"], "use:587:starttls");
        let open = Failure {
            document: Some(
                json!({"errors": [{"pointer": "/incoming", "detail": "must be given", "remedy": "Give `incoming`."}]}),
            ),
            ..Failure::usage("x")
        };
        let text = in_words(open, &line("postroom mailbox add a@b.c")).to_string();
        assert!(
            text.ends_with("postroom mailbox add a@b.c --imap-host HOST --smtp-host HOST"),
            "{text}"
        );
        assert!(!text.contains('`'), "{text}");
    }

    #[test]
    fn a_shell_reads_the_line_back() {
        let line = Line::of(&[
            "postroom",
            "test",
            "o'neil@b.c",
            "--folder",
            "Sent Items",
            "a\nb",
        ]);
        assert_eq!(
            line.to_string(),
            "postroom test 'o'\\''neil@b.c' --folder 'Sent Items' 'a b'"
        );
    }
}
