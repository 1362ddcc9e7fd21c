//! Deterministic mail: the same seed gives the same bytes, on every machine.
//!
//! The mixture is that of a business mailbox: plain text, text with HTML, attachments, inline images; transfer encodings
//! 7bit, 8bit, quoted-printable and base64; seven charsets besides ASCII, some of them declared wrongly; threads;
//! duplicate and missing Message-IDs; sizes with a heavy tail around a mean that can be set.

use std::fmt::Write as _;

use crate::encode::{encoded_words, quoted_printable, rfc5322_date, wrapped_base64};
use crate::random::Random;
use crate::samples::{ENGLISH, SAMPLES, SUBJECTS, Sample};

/// Bytes in a full line of base64, with its CRLF.
const BASE64_LINE: usize = 78;
/// Lines in the block that attachments are cut from.
const BLOCK_LINES: usize = 40_000;
/// The largest attachment, in bytes on the wire.
const ATTACHMENT_LIMIT: f64 = 3_000_000.0;
/// The first mail's date: 2019-01-01, in Unix seconds.
const FIRST_DATE: i64 = 1_546_300_800;
/// Mean distance of two mails, in seconds: 20,000 mails spread over five years.
const DISTANCE: u64 = 8_000;
/// Mails that a later one can answer.
const RECENT: usize = 64;
/// Identifiers in References at most.
const REFERENCES: usize = 12;

/// What sizes to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// About 4 KB on average: quick tests.
    Small,
    /// About 40 KB on average, with a heavy tail: the benchmark.
    Bench,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The whole message, lines ended by CRLF.
    pub raw: Vec<u8>,
    /// When the server received it, in Unix seconds.
    pub internal_date: i64,
    /// IMAP flags: `\Seen`, `\Flagged`, `\Answered`.
    pub flags: Vec<&'static str>,
    /// The subject as a reader must see it.
    pub subject: String,
    /// The Message-ID with its angle brackets; none where the mail has none.
    pub message_id: Option<String>,
    /// A sentence that the text contains, as a reader must see it; none where the charset is declared wrongly.
    pub sentence: Option<&'static str>,
}

/// An endless iterator of [`Mail`]; take as many as are needed.
pub struct Generator {
    random: Random,
    mean: f64,
    number: u64,
    date: i64,
    recent: Vec<Earlier>,
    block: Vec<u8>,
    seed: u64,
}

/// What an answer needs to know of the mail it answers.
#[derive(Clone)]
struct Earlier {
    message_id: String,
    references: Vec<String>,
    subject: String,
}

impl Generator {
    /// Small mail from this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            mean: 0.0,
            number: 0,
            date: FIRST_DATE,
            recent: Vec::new(),
            block: Vec::new(),
            seed,
        }
        .profile(Profile::Small)
    }

    /// Sizes as in this profile.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        match profile {
            Profile::Small => self.mean_size(4_000),
            Profile::Bench => self.mean_size(40_000),
        }
    }

    /// Sizes around this mean, in bytes; below 3,000 there are no attachments.
    #[must_use]
    pub fn mean_size(mut self, bytes: u32) -> Self {
        self.mean = f64::from(bytes);
        self
    }

    fn mail(&mut self) -> Mail {
        self.number += 1;
        self.date += i64::try_from(self.random.below(DISTANCE * 2)).unwrap_or(0);
        let thread = self.thread();
        let mut head = String::with_capacity(1_024);
        let from = self.address();
        let to = self.address();
        let _ = write!(
            head,
            "Received: from mx{0}.example.org by mail.test.local; {1}\r\n",
            self.random.below(9),
            rfc5322_date(self.date, 0)
        );
        let offset = [0, 60, 120, -300, 330, 540][self.random.index(6)];
        let _ = write!(
            head,
            "Date: {}\r\nFrom: {from}\r\nTo: {to}\r\n",
            rfc5322_date(self.date - 5, offset)
        );
        if self.random.chance(15) {
            let _ = write!(head, "Cc: {}, {}\r\n", self.address(), self.address());
        }
        let (written, subject) = self.subject(thread.as_ref());
        let _ = write!(head, "Subject: {written}\r\n");
        let message_id = self.message_id();
        if let Some(id) = &message_id {
            let _ = write!(head, "Message-ID: {id}\r\n");
        }
        let mut references = Vec::new();
        if let Some(earlier) = &thread {
            references.clone_from(&earlier.references);
            references.push(earlier.message_id.clone());
            let keep = references.len().saturating_sub(REFERENCES);
            references.drain(..keep);
            let _ = write!(
                head,
                "In-Reply-To: {}\r\nReferences: {}\r\n",
                earlier.message_id,
                references.join("\r\n ")
            );
        }
        if self.random.chance(10) {
            head.push_str("List-Id: <announce.lists.example.org>\r\nPrecedence: list\r\n");
        }
        head.push_str("MIME-Version: 1.0\r\n");
        self.remember(message_id.clone(), references, &subject);

        let mut raw = head.into_bytes();
        let sentence = self.body(&mut raw);
        let flags = self.flags();
        Mail {
            raw,
            internal_date: self.date,
            flags,
            subject,
            message_id,
            sentence,
        }
    }

    /// Two mails in five answer an earlier one.
    fn thread(&mut self) -> Option<Earlier> {
        let answers = !self.recent.is_empty() && self.random.chance(40);
        answers.then(|| self.recent[self.random.index(self.recent.len())].clone())
    }

    fn remember(&mut self, message_id: Option<String>, references: Vec<String>, subject: &str) {
        let Some(message_id) = message_id else { return };
        let earlier = Earlier {
            message_id,
            references,
            subject: subject.to_owned(),
        };
        if self.recent.len() < RECENT {
            self.recent.push(earlier);
        } else {
            let place = self.random.index(RECENT);
            self.recent[place] = earlier;
        }
    }

    /// One in a hundred repeats an earlier identifier, one in two hundred has none.
    fn message_id(&mut self) -> Option<String> {
        match self.random.below(200) {
            0 => None,
            1 | 2 if !self.recent.is_empty() => Some(
                self.recent[self.random.index(self.recent.len())]
                    .message_id
                    .clone(),
            ),
            _ => Some(format!(
                "<{}.{:x}@generated.example.org>",
                self.number,
                self.random.number()
            )),
        }
    }

    /// As written in the header, and as a reader must see it.
    fn subject(&mut self, thread: Option<&Earlier>) -> (String, String) {
        if let Some(earlier) = thread {
            let bare = earlier
                .subject
                .strip_prefix("Re: ")
                .unwrap_or(&earlier.subject);
            let subject = format!("Re: {bare}");
            let written = if subject.is_ascii() {
                subject.clone()
            } else {
                format!("Re: {}", encoded_words(bare))
            };
            return (written, subject);
        }
        if self.random.chance(25) {
            let text = SAMPLES[self.random.index(SAMPLES.len())].text;
            return (encoded_words(text), text.to_owned());
        }
        let subject = format!(
            "{} ({})",
            SUBJECTS[self.random.index(SUBJECTS.len())],
            self.number
        );
        (subject.clone(), subject)
    }

    fn address(&mut self) -> String {
        const NAMES: [(&str, &str); 8] = [
            ("Ann Miller", "ann.miller"),
            ("Jürgen Groß", "juergen.gross"),
            ("Miller, Bob", "bob"),
            ("", "info"),
            ("José Peña", "jose"),
            ("山田 太郎", "yamada"),
            ("Ольга Смирнова", "olga"),
            ("Support Team", "support"),
        ];
        let (name, local) = NAMES[self.random.index(NAMES.len())];
        let address = format!(
            "{local}{}@customer{}.example.org",
            self.random.below(20),
            self.random.below(50)
        );
        match name {
            "" => address,
            _ if !name.is_ascii() => format!("{} <{address}>", encoded_words(name)),
            _ if name.contains(',') => format!("\"{name}\" <{address}>"),
            _ => format!("{name} <{address}>"),
        }
    }

    fn flags(&mut self) -> Vec<&'static str> {
        let mut flags = Vec::new();
        for (flag, percent) in [("\\Seen", 85), ("\\Flagged", 4), ("\\Answered", 20)] {
            if self.random.chance(percent) {
                flags.push(flag);
            }
        }
        flags
    }

    /// Writes the rest of the header, the empty line and the body.
    fn body(&mut self, raw: &mut Vec<u8>) -> Option<&'static str> {
        let boundary = format!("=_{:016x}", self.random.number());
        match self.random.below(100) {
            0..40 => self.text_part(raw),
            40..70 => self.alternative(raw, &boundary),
            70..95 => self.mixed(raw, &boundary),
            _ => self.related(raw, &boundary),
        }
    }

    /// A text in one of the charsets and one of the transfer encodings, with its part header.
    fn text_part(&mut self, raw: &mut Vec<u8>) -> Option<&'static str> {
        if self.random.chance(45) {
            let text = self.english();
            let sentence = ENGLISH.iter().find(|s| text.starts_with(**s)).copied();
            push(raw, "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
            push(raw, &text);
            return sentence;
        }
        let sample = &SAMPLES[self.random.index(SAMPLES.len())];
        let text = self.in_charset(sample);
        // Three in a hundred say what is not true.
        let (declared, sentence) = match self.random.below(100) {
            0 => ("us-ascii", None),
            1 => ("x-unknown", None),
            2 => ("utf-8", None),
            _ => (sample.charset, Some(sample.text)),
        };
        self.encoded_text(raw, "text/plain", declared, &text);
        sentence
    }

    fn encoded_text(&mut self, raw: &mut Vec<u8>, kind: &str, charset: &str, text: &[u8]) {
        push(raw, &format!("Content-Type: {kind}; charset={charset}\r\n"));
        match self.random.below(3) {
            0 => {
                push(raw, "Content-Transfer-Encoding: 8bit\r\n\r\n");
                raw.extend_from_slice(text);
            }
            1 => {
                push(raw, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
                quoted_printable(raw, text);
            }
            _ => {
                push(raw, "Content-Transfer-Encoding: base64\r\n\r\n");
                wrapped_base64(raw, text);
            }
        }
    }

    /// Some paragraphs that begin with a known sentence.
    fn english(&mut self) -> String {
        let mut text = String::with_capacity(4_096);
        for _ in 0..3 + self.random.below(5) * self.random.below(8) {
            text.push_str(ENGLISH[self.random.index(ENGLISH.len())]);
            let _ = write!(text, " {:x}", self.random.below(1 << 20));
            text.push_str(if self.random.chance(25) {
                "\r\n\r\n"
            } else {
                "\r\n"
            });
        }
        text
    }

    /// The sentence, and further ones of the same charset.
    fn in_charset(&mut self, sample: &Sample) -> Vec<u8> {
        let same: Vec<&Sample> = SAMPLES
            .iter()
            .filter(|other| other.charset == sample.charset)
            .collect();
        let mut text = [sample.bytes, b"\r\n"].concat();
        for _ in 0..self.random.below(20) {
            text.extend_from_slice(same[self.random.index(same.len())].bytes);
            text.extend_from_slice(b"\r\n");
        }
        text
    }

    fn alternative(&mut self, raw: &mut Vec<u8>, boundary: &str) -> Option<&'static str> {
        push(
            raw,
            &format!(
                "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
            ),
        );
        let sentence = self.text_part(raw);
        push(raw, &format!("\r\n--{boundary}\r\n"));
        self.html_part(raw, sentence, "");
        push(raw, &format!("\r\n--{boundary}--\r\n"));
        sentence
    }

    fn html_part(&mut self, raw: &mut Vec<u8>, sentence: Option<&str>, image: &str) {
        let mut html = String::from("<html><head><style>p { color: #333 }</style></head><body>");
        let _ = write!(
            html,
            "<p>{}</p>\r\n{image}<table>",
            sentence.unwrap_or("&nbsp;")
        );
        for _ in 0..self.random.below(30) {
            let text = ENGLISH[self.random.index(ENGLISH.len())];
            let _ = write!(
                html,
                "<tr><td style=\"padding:4px\">{text}</td><td>{}</td></tr>\r\n",
                self.random.below(100_000)
            );
        }
        html.push_str("</table><img src=\"https://tracker.example.org/pixel.gif\" width=1 height=1></body></html>\r\n");
        self.encoded_text(raw, "text/html", "utf-8", html.as_bytes());
    }

    fn mixed(&mut self, raw: &mut Vec<u8>, boundary: &str) -> Option<&'static str> {
        const FILES: [(&str, &str); 5] = [
            ("application/pdf", "offer.pdf"),
            ("image/jpeg", "photo.jpg"),
            ("application/octet-stream", "Ü-bersicht.bin"),
            (
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "figures.xlsx",
            ),
            ("application/zip", "archive.zip"),
        ];
        push(
            raw,
            &format!(
                "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
            ),
        );
        let sentence = if self.random.chance(50) {
            self.alternative(raw, &format!("{boundary}a"))
        } else {
            self.text_part(raw)
        };
        for _ in 0..=self.random.below(2) {
            let (kind, name) = FILES[self.random.index(FILES.len())];
            push(
                raw,
                &format!(
                    "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
                ),
            );
            let name = match name.is_ascii() {
                true => format!("filename=\"{name}\""),
                false => format!("filename*=UTF-8''{}", name.replace('Ü', "%C3%9C")),
            };
            push(
                raw,
                &format!("Content-Disposition: attachment; {name}\r\n\r\n"),
            );
            self.attachment(raw);
        }
        push(raw, &format!("\r\n--{boundary}--\r\n"));
        sentence
    }

    fn related(&mut self, raw: &mut Vec<u8>, boundary: &str) -> Option<&'static str> {
        push(
            raw,
            &format!(
                "Content-Type: multipart/related; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
            ),
        );
        let sentence = ENGLISH[self.random.index(ENGLISH.len())];
        self.html_part(raw, Some(sentence), "<img src=\"cid:logo@generated\">");
        push(
            raw,
            &format!(
                "\r\n--{boundary}\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@generated>\r\n"
            ),
        );
        push(
            raw,
            "Content-Transfer-Encoding: base64\r\nContent-Disposition: inline; filename=logo.png\r\n\r\n",
        );
        self.attachment(raw);
        push(raw, &format!("\r\n--{boundary}--\r\n"));
        Some(sentence)
    }

    /// Base64 of a log-normal size. Lines are copied from one random block: each decodes by itself, and copying is what
    /// makes 800 MB a matter of seconds.
    fn attachment(&mut self, raw: &mut Vec<u8>) {
        // What texts leave of the mean goes to the 0.425 attachments that a mail has on average.
        let mean = ((self.mean - 2_900.0) / 0.425).max(200.0);
        let sigma = 1.4_f64;
        let size = (mean.ln() - sigma * sigma / 2.0 + sigma * self.random.normal())
            .exp()
            .min(ATTACHMENT_LIMIT);
        let lines = (size as usize / BASE64_LINE).max(1);
        // The first line is the mail's own, so that no two attachments are the same.
        let unique: Vec<u8> = (0..7)
            .flat_map(|_| self.random.number().to_le_bytes())
            .take(54)
            .collect();
        wrapped_base64(raw, &unique);
        if self.block.is_empty() {
            self.block = random_lines(self.seed);
        }
        let start = self.random.index(BLOCK_LINES - lines.min(BLOCK_LINES - 1)) * BASE64_LINE;
        let end = (start + lines * BASE64_LINE).min(self.block.len());
        raw.extend_from_slice(&self.block[start..end]);
    }
}

impl Iterator for Generator {
    type Item = Mail;

    fn next(&mut self) -> Option<Mail> {
        Some(self.mail())
    }
}

fn random_lines(seed: u64) -> Vec<u8> {
    let mut random = Random(!seed);
    let bytes: Vec<u8> = (0..BLOCK_LINES * 57 / 8 + 1)
        .flat_map(|_| random.number().to_le_bytes())
        .collect();
    let mut block = Vec::with_capacity(BLOCK_LINES * BASE64_LINE);
    wrapped_base64(&mut block, &bytes[..BLOCK_LINES * 57]);
    block
}

fn push(raw: &mut Vec<u8>, text: &str) {
    raw.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Generator, Profile};

    fn sizes(generator: Generator, count: usize) -> (usize, usize) {
        let sizes: Vec<usize> = generator.take(count).map(|mail| mail.raw.len()).collect();
        (
            sizes.iter().sum::<usize>() / count,
            sizes.into_iter().max().unwrap_or(0),
        )
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let make = |seed| Generator::new(seed).take(200).collect::<Vec<_>>();
        assert_eq!(make(7), make(7));
        assert_ne!(make(7)[0].raw, make(8)[0].raw);
    }

    #[test]
    fn the_mean_size_is_as_asked_with_a_heavy_tail() {
        let (mean, largest) = sizes(Generator::new(1).profile(Profile::Bench), 4_000);
        assert!((34_000..46_000).contains(&mean), "{mean}");
        assert!(largest > 500_000, "{largest}");
        let (mean, _) = sizes(Generator::new(1), 4_000);
        assert!((3_000..5_000).contains(&mean), "{mean}");
    }

    #[test]
    fn duplicates_gaps_and_threads_are_there() {
        let mails: Vec<_> = Generator::new(3).take(4_000).collect();
        let ids: Vec<_> = mails.iter().filter_map(|m| m.message_id.as_ref()).collect();
        let different = ids.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!((10..40).contains(&(mails.len() - ids.len())));
        assert!(
            (20..80).contains(&(ids.len() - different)),
            "{}",
            ids.len() - different
        );
        assert!(
            mails
                .iter()
                .filter(|m| m.subject.starts_with("Re: "))
                .count()
                > 1_000
        );
        assert!(
            mails
                .iter()
                .all(|m| !m.raw.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r'))
        );
    }
}
