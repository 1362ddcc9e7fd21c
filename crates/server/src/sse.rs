//! Server-sent events, as bytes come in.

/// Longest event that is gathered; a server that sends more has gone mad.
const EVENT_BYTES: usize = 32 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty: `message`.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its data, lines joined.
    pub data: String,
}

/// Cuts a stream of bytes into events.
#[derive(Default)]
pub struct Parser {
    pending: Vec<u8>,
    event: Event,
    has_data: bool,
}

impl Parser {
    /// Takes bytes and returns the events that they complete; `None` when an event has no end.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Vec<Event>> {
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut from = 0;
        while let Some(length) = self.pending[from..].iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&self.pending[from..from + length]).into_owned();
            from += length + 1;
            if let Some(event) = self.line(line.trim_end_matches('\r')) {
                events.push(event);
            }
        }
        self.pending.drain(..from);
        (self.pending.len() + self.event.data.len() <= EVENT_BYTES).then_some(events)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => value.clone_into(&mut self.event.id),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // Comments keep the line warm; unknown fields are for others.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_any_cut_of_the_stream() {
        let stream =
            b": hello\n\nid: 7\nevent: step\ndata: {\"a\":\ndata: 1}\n\nid: 8\r\ndata: x\r\n\r\n";
        for cut in 0..stream.len() {
            let mut parser = Parser::default();
            let mut events = parser.push(&stream[..cut]).unwrap();
            events.extend(parser.push(&stream[cut..]).unwrap());
            assert_eq!(events.len(), 2, "cut at {cut}");
            assert_eq!(events[0].name, "step");
            assert_eq!(events[0].data, "{\"a\":\n1}");
            assert_eq!((events[1].id.as_str(), events[1].data.as_str()), ("8", "x"));
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut parser = Parser::default();
        let line = vec![b'x'; EVENT_BYTES + 1];
        assert!(parser.push(&line).is_none());
    }
}
