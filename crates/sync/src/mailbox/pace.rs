//! Whether a connection compresses (COMPRESS=DEFLATE, RFC 4978). It halves the bytes and costs the server its time:
//! Dovecot then gives 30 MB/s at most, a quarter of what it gives inside TLS. So it pays on slow lines only, and a line is
//! slow when mail was seen to come slowly over it.

use super::isolation::Isolation;
use super::visit::Visit;
use crate::error::Result;
use imap_client::Session;
use std::time::Duration;

/// When connections compress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compress {
    /// Where the line was seen to be slow.
    #[default]
    Auto,
    /// Wherever the server offers it.
    Always,
    /// Nowhere.
    Never,
}

/// A line is slow below this, in bytes of mail a second. Where server and line are fast, a machine that is busy gets more
/// than this, and compressing would cost it the time that it lacks.
const SLOW: f64 = 5e6;
/// Bytes of mail after which a rate is believed.
const ENOUGH: u64 = 4 * 1024 * 1024;

/// How fast the mail of one mailbox comes.
#[derive(Debug, Default)]
pub struct Pace {
    plain: Rate,
    compressed: Rate,
}

#[derive(Debug, Default)]
struct Rate {
    bytes: u64,
    busy: Duration,
    /// Bytes a second, as last believed.
    believed: Option<f64>,
}

impl Rate {
    fn note(&mut self, bytes: u64, busy: Duration) {
        self.bytes += bytes;
        self.busy += busy;
        if self.bytes >= ENOUGH {
            self.believed = Some(self.bytes as f64 / self.busy.as_secs_f64().max(1e-6));
            *self = Self {
                believed: self.believed,
                ..Self::default()
            };
        }
    }
}

impl Pace {
    /// So many bytes of mail came while the network was waited for so long.
    pub(crate) fn note(&mut self, session: &Session, bytes: u64, busy: Duration) {
        let rate = if session.is_compressed() {
            &mut self.compressed
        } else {
            &mut self.plain
        };
        rate.note(bytes, busy);
    }

    /// Whether compressing is worth trying, or was seen to be.
    fn wants_compression(&self) -> bool {
        let slow = self.plain.believed.is_some_and(|plain| plain < SLOW);
        slow && !self.is_slower_compressed()
    }

    /// Whether mail came more slowly when it was compressed.
    fn is_slower_compressed(&self) -> bool {
        let rates = self.compressed.believed.zip(self.plain.believed);
        rates.is_some_and(|(with, plain)| with < plain)
    }
}

impl Visit<'_> {
    /// Compresses from here on, if it is time. There is no way back on the same connection.
    pub(super) async fn compress(&mut self, isolation: &Isolation) -> Result<()> {
        let wanted = match self.context.compress {
            Compress::Auto => isolation.pace.wants_compression(),
            Compress::Always => true,
            Compress::Never => false,
        };
        if wanted && !self.session.is_compressed() && self.session.compress().await? {
            tracing::debug!(mailbox = self.mailbox.id, "the connection compresses");
        }
        Ok(())
    }

    /// Whether this connection compresses though that made it slower: another one is better.
    pub(super) fn is_slowed(&self, isolation: &Isolation) -> bool {
        self.context.compress == Compress::Auto
            && self.session.is_compressed()
            && isolation.pace.is_slower_compressed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn pace(plain: Option<u64>, compressed: Option<u64>) -> Pace {
        let rate = |mb_a_second: Option<u64>| {
            let mut rate = Rate::default();
            if let Some(mb) = mb_a_second {
                for _ in 0..10 {
                    rate.note(mb * MB, Duration::from_secs(1));
                }
            }
            rate
        };
        Pace {
            plain: rate(plain),
            compressed: rate(compressed),
        }
    }

    #[test]
    fn only_a_slow_line_is_worth_it_and_only_where_it_helped() {
        assert!(!pace(None, None).wants_compression());
        assert!(!pace(Some(100), None).wants_compression());
        assert!(pace(Some(3), None).wants_compression());
        assert!(pace(Some(3), Some(9)).wants_compression());
        assert!(!pace(Some(4), Some(2)).wants_compression());
        assert!(pace(Some(4), Some(2)).is_slower_compressed());
    }

    #[test]
    fn little_mail_says_nothing_about_the_line() {
        let mut pace = Pace::default();
        pace.plain.note(MB, Duration::from_secs(9));
        assert!(!pace.wants_compression());
        pace.plain.note(4 * MB, Duration::from_secs(1));
        assert!(pace.wants_compression());
    }
}
