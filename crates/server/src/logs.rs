//! Log lines: for people on a terminal, JSON otherwise, on standard error.
//!
//! One event is one line, whatever is in it: what servers and strangers wrote is escaped, so that
//! nobody forges a line or sends codes to the terminal of whoever reads the log.

use crate::config::{Config, LogFormat};
use crate::output::{self, Tone};
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging for the server.
pub fn start(config: &Config) {
    let json = match config.log_format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    // Checked when the configuration was read.
    let filter = EnvFilter::builder().parse_lossy(&config.log_level);
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    let started = if json {
        base.json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(|| JsonLines(io::stderr()))
            .try_init()
    } else {
        let colour = io::stderr().is_terminal() && output::colours_wanted();
        base.event_format(Human { colour })
            .with_writer(io::stderr)
            .try_init()
    };
    if started.is_err() {
        output::note("logging was started twice; the first start counts");
    }
}

/// Escapes what JSON leaves as it is but a terminal acts on. The formatter writes whole lines.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(buffer);
        self.0.write_all(output::escape_json(&text).as_bytes())?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `2026-11-21T02:47:07Z INFO sync: mailbox is live mailbox=mbx_1`
struct Human {
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = output::paint(
            self.colour,
            tone(*metadata.level()),
            metadata.level().as_str(),
        );
        write!(
            writer,
            "{} {level} ",
            output::paint(self.colour, Tone::Faint, &time)
        )?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let target = metadata.target().split("::").next().unwrap_or_default();
        write!(writer, "{target}: {}{}", fields.message, fields.rest)?;
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(recorded) = span.extensions().get::<FormattedFields<N>>()
                && !recorded.is_empty()
            {
                write!(writer, " {}", output::line(recorded))?;
            }
        }
        writeln!(writer)
    }
}

fn tone(level: Level) -> Tone {
    match level {
        Level::ERROR => Tone::Bad,
        Level::WARN => Tone::Warning,
        Level::INFO => Tone::Good,
        _ => Tone::Faint,
    }
}

/// Collects an event's fields as safe text.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        let value = output::line(value);
        if field.name() == "message" {
            self.message.push_str(&value);
        } else if value.contains([' ', '"', '=']) || value.is_empty() {
            let _ = write!(self.rest, " {}={value:?}", field.name());
        } else {
            let _ = write!(self.rest, " {}={value}", field.name());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, &value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buffer);
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn hostile_events() {
        let said = "fine\r\n2026-01-01 INFO forged\x1b[31m\u{9b}2J";
        tracing::info!(server_said = said, "the server answered {said}");
        tracing::warn!(error = %said, "failed");
    }

    fn check(written: &[u8]) -> String {
        let text = String::from_utf8(written.to_vec()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(!text.contains(['\x1b', '\u{9b}', '\r']), "{text:?}");
        text
    }

    #[test]
    fn a_hostile_text_stays_inside_its_line_for_people() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Human { colour: false })
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, hostile_events);
        let text = check(&sink.0.lock().unwrap());
        assert!(
            text.contains("INFO postroom: the server answered fine"),
            "{text}"
        );
    }

    #[test]
    fn a_hostile_text_stays_inside_its_json() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .json()
            .flatten_event(true)
            .with_writer(move || JsonLines(writer.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, hostile_events);
        let text = check(&sink.0.lock().unwrap());
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value["level"].is_string());
        }
    }
}
