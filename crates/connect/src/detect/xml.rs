//! A provider's autoconfig file (draft-ietf-mailmaint-autoconfig, and Thunderbird's format before it), read as a stream.
//!
//! The file comes from a stranger: its depth and the length of its texts are bounded, and it may bring no document type
//! and so no entities of its own. Elements that mean nothing here are passed over.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// The longest file, in bytes: real ones have less than a tenth of it.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// Elements inside each other.
const MAX_DEPTH: usize = 32;
/// The longest text of an element that is looked at, in bytes.
const MAX_TEXT: usize = 1_000;
/// Servers of one file.
const MAX_SERVERS: usize = 16;
/// Ways of signing in of one server.
const MAX_METHODS: usize = 16;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// The provider's name.
    pub name: Option<String>,
    /// Servers for reading, in the file's order.
    pub incoming: Vec<Server>,
    /// Servers for sending, in the file's order.
    pub outgoing: Vec<Server>,
}

/// A server, its texts as they stand there, placeholders and all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Server {
    /// `imap`, `pop3`, `smtp` or something else.
    pub kind: String,
    pub host: String,
    pub port: String,
    /// `SSL`, `STARTTLS` or `plain`.
    pub socket: String,
    pub username: String,
    /// `password-cleartext`, `OAuth2` and so on.
    pub methods: Vec<String>,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    #[error("the file is too large")]
    TooLarge,
    #[error("the file brings a document type, which is not read")]
    DocumentType,
    #[error("the file has an entity that is not known")]
    Entity,
    #[error("the file's elements are nested too deeply")]
    TooDeep,
    #[error("the file is no well-formed XML")]
    Malformed,
    #[error("the file is no mail configuration")]
    Other,
}

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Config, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::TooLarge);
    }
    let mut reader = Reader::from_reader(bytes);
    let mut file = File::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => {
                file.open(&start)?;
                if file.path.len() > MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
            }
            Event::Empty(start) => {
                file.open(&start)?;
                file.close();
            }
            Event::End(_) => file.close(),
            Event::Text(text) => file.text(&String::from_utf8_lossy(&text)),
            Event::CData(text) => file.text(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(name) => file.entity(&name)?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if !file.path.is_empty() {
        return Err(XmlError::Malformed);
    }
    if file.is_config {
        Ok(file.config)
    } else {
        Err(XmlError::Other)
    }
}

/// The file as far as it has been read.
#[derive(Default)]
struct File {
    path: Vec<String>,
    text: String,
    is_config: bool,
    server: Option<Server>,
    config: Config,
}

impl File {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        if self.path.is_empty() {
            self.is_config |= name == "clientConfig";
        }
        if matches!(name.as_str(), "incomingServer" | "outgoingServer") {
            let mut kind = String::new();
            for attribute in start.attributes() {
                let attribute = attribute.map_err(|_| XmlError::Malformed)?;
                if attribute.key.local_name().as_ref() == b"type" {
                    kind = String::from_utf8_lossy(&attribute.value).to_ascii_lowercase();
                    kind.truncate(kind.floor_char_boundary(MAX_TEXT));
                }
            }
            self.server = Some(Server {
                kind,
                ..Server::default()
            });
        }
        self.text.clear();
        self.path.push(name);
        Ok(())
    }

    fn close(&mut self) {
        let Some(name) = self.path.pop() else {
            return;
        };
        let parent = self.path.last().map_or("", String::as_str);
        let text = std::mem::take(&mut self.text).trim().to_owned();
        match name.as_str() {
            "incomingServer" | "outgoingServer" => {
                let list = if name == "incomingServer" {
                    &mut self.config.incoming
                } else {
                    &mut self.config.outgoing
                };
                if let Some(server) = self.server.take()
                    && list.len() < MAX_SERVERS
                {
                    list.push(server);
                }
            }
            "displayName" if parent == "emailProvider" && !text.is_empty() => {
                self.config.name.get_or_insert(text);
            }
            // An authentication or a restriction below may repeat these names; only direct children count.
            _ if matches!(parent, "incomingServer" | "outgoingServer") => {
                if let Some(server) = &mut self.server {
                    server.set(&name, text);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, piece: &str) {
        let room = MAX_TEXT.saturating_sub(self.text.len());
        let end = piece.floor_char_boundary(room.min(piece.len()));
        self.text.push_str(&piece[..end]);
    }

    /// The five entities that XML itself has, and characters by number.
    fn entity(&mut self, name: &[u8]) -> Result<(), XmlError> {
        let character = match name {
            b"amp" => '&',
            b"lt" => '<',
            b"gt" => '>',
            b"quot" => '"',
            b"apos" => '\'',
            _ => by_number(name).ok_or(XmlError::Entity)?,
        };
        self.text(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

fn by_number(name: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix('#')?;
    let number = match name.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => name.parse().ok()?,
    };
    char::from_u32(number).filter(|c| *c != '\0')
}

impl Server {
    /// The first value of each counts, but for the ways of signing in.
    fn set(&mut self, name: &str, text: String) {
        let place = match name {
            "hostname" => &mut self.host,
            "port" => &mut self.port,
            "socketType" => &mut self.socket,
            "username" => &mut self.username,
            "authentication" if self.methods.len() < MAX_METHODS => {
                self.methods.push(text);
                return;
            }
            _ => return,
        };
        if place.is_empty() {
            *place = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <displayName>M&#252;ller &amp; Co</displayName>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>OAuth2</authentication><authentication>password-cleartext</authentication>
      <restriction><hostname>not.this.one</hostname></restriction>
    </incomingServer>
    <incomingServer type="pop3"><hostname><![CDATA[pop.example.com]]></hostname><port>995</port></incomingServer>
    <outgoingServer type="smtp"><hostname>smtp.example.com</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>
    <documentation url="https://example.com/help"><descr lang="en">x</descr></documentation>
  </emailProvider>
  <webMail><loginPage url="https://example.com/"/></webMail>
</clientConfig>"#;

    #[test]
    fn a_usual_file_is_read() {
        let config = read(FILE.as_bytes()).unwrap();
        assert_eq!(config.name.as_deref(), Some("Müller & Co"));
        assert_eq!(
            (config.incoming.len(), config.outgoing.len()),
            (2, 1),
            "{config:#?}"
        );
        let imap = &config.incoming[0];
        assert_eq!(
            (imap.kind.as_str(), imap.host.as_str()),
            ("imap", "imap.%EMAILDOMAIN%")
        );
        assert_eq!(imap.methods, ["OAuth2", "password-cleartext"]);
        assert_eq!(config.incoming[1].host, "pop.example.com");
    }

    #[test]
    fn hostile_files_are_refused_at_once() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><clientConfig>&b;</clientConfig>";
        let deep = "<a>".repeat(10_000);
        let large = vec![b' '; MAX_BYTES + 1];
        for (file, error) in [
            (bomb.as_bytes(), XmlError::DocumentType),
            (
                b"<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><clientConfig/>",
                XmlError::DocumentType,
            ),
            (b"<clientConfig>&b;</clientConfig>", XmlError::Entity),
            (b"<clientConfig>&#0;</clientConfig>", XmlError::Entity),
            (
                b"<clientConfig>&#xffffffff;</clientConfig>",
                XmlError::Entity,
            ),
            (deep.as_bytes(), XmlError::TooDeep),
            (&large, XmlError::TooLarge),
            (b"<html><body>404</body></html>", XmlError::Other),
            (b"", XmlError::Other),
            (b"not xml", XmlError::Other),
            (b"<clientConfig><a></b></clientConfig>", XmlError::Malformed),
            (b"<clientConfig><emailProvider>", XmlError::Malformed),
        ] {
            assert_eq!(read(file), Err(error));
        }
    }

    #[test]
    fn lists_and_texts_are_bounded() {
        let server = "<incomingServer type=\"imap\"><hostname>h</hostname></incomingServer>";
        let file = format!(
            "<clientConfig><emailProvider><displayName>{}</displayName>{}</emailProvider></clientConfig>",
            "ü".repeat(2_000),
            server.repeat(100)
        );
        let config = read(file.as_bytes()).unwrap();
        assert_eq!(config.incoming.len(), MAX_SERVERS);
        assert!(config.name.unwrap().len() <= MAX_TEXT);
    }
}
