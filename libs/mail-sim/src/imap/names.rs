//! Names of folders on the wire. The simulator keeps them in modified UTF-7 (RFC 3501 section 5.1.3), also those that are
//! none; a session that was switched to UTF-8 (RFC 6855 section 3) says and hears them as people write them.

use super::command::{Argument, Command};
use super::session::{Session, argument};
use crate::net::lock;
use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn engine() -> Option<GeneralPurpose> {
    let alphabet = Alphabet::new(ALPHABET).ok()?;
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    Some(GeneralPurpose::new(&alphabet, config))
}

/// As people write it; what is no modified UTF-7 stays as it is.
pub(crate) fn readable(kept: &str) -> String {
    let mut text = String::new();
    let mut rest = kept;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let shifted = after.split_once('-').and_then(|(code, behind)| {
            let decoded = match code {
                "" => "&".to_owned(),
                code => unshifted(code)?,
            };
            Some((decoded, behind))
        });
        match shifted {
            Some((decoded, behind)) => {
                text.push_str(&decoded);
                rest = behind;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text + rest
}

fn unshifted(code: &str) -> Option<String> {
    let bytes = engine()?.decode(code).ok()?;
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| {
            pair.iter()
                .fold(0, |unit, byte| unit << 8 | u16::from(*byte))
        })
        .collect();
    String::from_utf16(&units).ok()
}

/// How a name is kept that somebody wrote.
pub(crate) fn kept(readable: &str) -> String {
    let mut text = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    for c in readable.chars().map(Some).chain([None]) {
        let plain = c.filter(|c| matches!(c, ' '..='~'));
        if let (Some(c), None) = (c, plain) {
            let mut units = [0; 2];
            shifted.extend(
                c.encode_utf16(&mut units)
                    .iter()
                    .flat_map(|unit| unit.to_be_bytes()),
            );
            continue;
        }
        if !shifted.is_empty() {
            let code = engine().map(|engine| engine.encode(&shifted));
            text.push_str(&format!("&{}-", code.unwrap_or_default()));
            shifted.clear();
        }
        match plain {
            Some('&') => text.push_str("&-"),
            Some(c) => text.push(c),
            None => {}
        }
    }
    text
}

impl Session {
    /// Switches to UTF-8 where that is offered (RFC 6855 section 3, RFC 9051 section 5.1), and to nothing else.
    pub(super) async fn enable(&mut self, command: &Command) -> std::io::Result<()> {
        let mut told = "* ENABLED".to_owned();
        for word in command.arguments.iter().map(Argument::text) {
            let known = ["UTF8=ACCEPT", "IMAP4rev2"]
                .into_iter()
                .find(|name| name.eq_ignore_ascii_case(&word) && self.offers(name));
            if let Some(name) = known {
                // The newer one has everything of the older.
                if self.utf8 != Some("IMAP4rev2") {
                    self.utf8 = Some(name);
                }
                told.push_str(&format!(" {name}"));
            }
        }
        self.done(&command.tag, &format!("{told}\r\n"), "OK").await
    }

    /// A folder's name as this session says it.
    pub(super) fn said(&self, kept: &str) -> String {
        match self.utf8 {
            Some(_) => readable(kept),
            None => kept.to_owned(),
        }
    }

    /// The folder that this session means, as the simulator keeps its name.
    pub(super) fn folder_named(&self, command: &Command, at: usize) -> String {
        let said = argument(command, at);
        if self.utf8.is_none() {
            return said;
        }
        let script = lock(&self.shared.script);
        let mut known = script.mailbox.folders.keys();
        let found = known.find(|kept| readable(kept) == said).cloned();
        found.unwrap_or_else(|| kept(&said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_the_standard_has_them() {
        for (text, wire) in [
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("📬", "&2D3c7A-"),
        ] {
            assert_eq!(kept(text), wire);
            assert_eq!(readable(wire), text);
        }
        assert_eq!(readable("AT&T"), "AT&T");
    }
}
