//! Invitations and the answers to them (RFC 5545, iTIP RFC 5546, iMIP RFC 6047).
//!
//! Only what an answer needs is read; whatever is not understood is left out. Nothing is answered
//! by itself: a person or an application says so.

use crate::address::Address;
use crate::clean;
use std::fmt::Write as _;

/// Bytes of a calendar that are read.
pub const MAX_CALENDAR: usize = 2 * 1024 * 1024;
/// Events of one answer: a series and its changed days.
const MAX_EVENTS: usize = 50;
/// Octets of a line before it is folded (RFC 5545 section 3.1).
const FOLD: usize = 75;
/// What an answer repeats of an event, so that both sides speak of the same one.
const REPEATED: [&str; 9] = [
    "UID",
    "SEQUENCE",
    "RECURRENCE-ID",
    "ORGANIZER",
    "DTSTART",
    "DTEND",
    "DURATION",
    "SUMMARY",
    "LOCATION",
];

/// What is said to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Will come.
    Accepted,
    /// May come.
    Tentative,
    /// Will not come.
    Declined,
}

impl Answer {
    /// As PARTSTAT has it.
    #[must_use]
    pub const fn partstat(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::Declined => "DECLINED",
        }
    }

    /// As the subject has it, which mail programs know.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Tentative => "Tentative",
            Self::Declined => "Declined",
        }
    }
}

/// An invitation that can be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// Who invites: the answer goes there.
    pub organizer: Address,
    /// What it is about, one line; may be empty.
    pub summary: String,
    events: Vec<Event>,
    zones: Vec<Zone>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Event {
    uid: String,
    /// Lines that an answer repeats, unfolded.
    repeated: Vec<String>,
    attendees: Vec<Address>,
    organizer: Option<Address>,
    summary: String,
}

/// A time zone as the invitation defines it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Zone {
    id: String,
    lines: Vec<String>,
}

/// Reads an invitation.
///
/// # Errors
/// Says in plain words why there is nothing to answer.
pub fn invitation(calendar: &str) -> Result<Invitation, &'static str> {
    let mut method = None;
    let mut events: Vec<Event> = Vec::new();
    let mut zones: Vec<Zone> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for line in unfolded(calendar) {
        let Some(property) = Property::parse(&line) else {
            continue;
        };
        let value = property.value.trim();
        if property.is("BEGIN") {
            let name = value.to_ascii_uppercase();
            match (open.len(), name.as_str()) {
                (1, "VEVENT") => events.push(Event::default()),
                (1, "VTIMEZONE") => zones.push(Zone::default()),
                _ => {}
            }
            open.push(name);
        }
        let depth = open.len();
        match open.get(1).map(String::as_str) {
            None if property.is("METHOD") => method = Some(value.to_ascii_uppercase()),
            Some("VTIMEZONE") => {
                if let Some(zone) = zones.last_mut() {
                    if depth == 2 && property.is("TZID") {
                        value.clone_into(&mut zone.id);
                    }
                    zone.lines.push(line.clone());
                }
            }
            Some("VEVENT") if depth == 2 => {
                if let Some(event) = events.last_mut() {
                    event.take(&property, &line);
                }
            }
            _ => {}
        }
        if property.is("END") {
            open.pop();
        }
    }
    if method.as_deref() != Some("REQUEST") {
        return Err("is no invitation: its calendar does not ask for an answer");
    }
    let uid = match events.first() {
        Some(event) if !event.uid.is_empty() => event.uid.clone(),
        _ => return Err("is an invitation without an event"),
    };
    events.retain(|event| event.uid == uid);
    events.truncate(MAX_EVENTS);
    let organizer = events.iter().find_map(|event| event.organizer.clone());
    let summary = events.first().map(|event| event.summary.clone());
    Ok(Invitation {
        organizer: organizer.ok_or("is an invitation that names nobody to answer to")?,
        summary: summary.unwrap_or_default(),
        events,
        zones,
    })
}

impl Invitation {
    /// The answer of `who`, one of whose addresses in `own` was invited (else `who` itself
    /// answers: invitations also come by lists). `now_ms`: Unix milliseconds.
    #[must_use]
    pub fn answer(&self, answer: Answer, who: &Address, own: &[String], now_ms: i64) -> String {
        let mut out = String::new();
        let mut line = |text: &str| fold(text, &mut out);
        line("BEGIN:VCALENDAR");
        line("PRODID:-//Postroom//Postroom//EN");
        line("VERSION:2.0");
        line("CALSCALE:GREGORIAN");
        line("METHOD:REPLY");
        for zone in &self.zones {
            if self.uses(&zone.id) {
                zone.lines.iter().for_each(|text| line(text));
            }
        }
        for event in &self.events {
            let invited = event.attendees.iter().find(|attendee| {
                let is = |address: &str| attendee.address.eq_ignore_ascii_case(address.trim());
                is(&who.address) || own.iter().any(|own| is(own))
            });
            let name = invited.and_then(|a| a.name.clone()).or(who.name.clone());
            let address = invited.map_or(who.address.as_str(), |a| a.address.as_str());
            line("BEGIN:VEVENT");
            line(&format!("DTSTAMP:{}", stamp(now_ms)));
            event.repeated.iter().for_each(|text| line(text));
            let mut attendee = format!("ATTENDEE;PARTSTAT={}", answer.partstat());
            if let Some(name) = name.map(parameter).filter(|name| !name.is_empty()) {
                let _ = write!(attendee, ";CN=\"{name}\"");
            }
            let _ = write!(attendee, ":mailto:{address}");
            line(&attendee);
            line("END:VEVENT");
        }
        line("END:VCALENDAR");
        out
    }

    fn uses(&self, zone: &str) -> bool {
        let names = |line: &String| {
            Property::parse(line)
                .and_then(|property| property.parameter("TZID"))
                .is_some_and(|id| id == zone)
        };
        !zone.is_empty() && self.events.iter().any(|e| e.repeated.iter().any(names))
    }
}

impl Event {
    fn take(&mut self, property: &Property<'_>, line: &str) {
        let known = REPEATED.iter().any(|name| property.is(name));
        let first = |name: &&str| {
            let has = |line: &String| Property::parse(line).is_some_and(|p| p.is(name));
            !self.repeated.iter().any(has)
        };
        if known && first(&property.name) {
            self.repeated.push(line.to_owned());
        }
        if property.is("UID") {
            property.value.trim().clone_into(&mut self.uid);
        } else if property.is("SUMMARY") {
            self.summary = clean::line(&text_value(property.value), 500);
        } else if property.is("ORGANIZER") {
            self.organizer = property.person();
        } else if property.is("ATTENDEE") && self.attendees.len() < 2_000 {
            self.attendees.extend(property.person());
        }
    }
}

/// One line: `NAME;PARAMETER=x:value`.
struct Property<'l> {
    name: &'l str,
    parameters: &'l str,
    value: &'l str,
}

impl<'l> Property<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut quoted = false;
        let end = line.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"';
            (c == ':' && !quoted).then_some(at)
        })?;
        let (head, value) = line.split_at(end);
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (!name.is_empty() && name.chars().all(good)).then_some(Self {
            name,
            parameters,
            value: value.get(1..).unwrap_or_default(),
        })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn parameter(&self, wanted: &str) -> Option<&'l str> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let mut quoted = false;
            let end = rest.char_indices().find_map(|(at, c)| {
                quoted ^= c == '"';
                (c == ';' && !quoted).then_some(at)
            });
            let (one, after) = match end {
                Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
                None => (rest, ""),
            };
            if let Some((name, value)) = one.split_once('=')
                && name.eq_ignore_ascii_case(wanted)
            {
                return Some(value.trim_matches('"'));
            }
            rest = after;
        }
        None
    }

    /// The person of `ORGANIZER` or `ATTENDEE`.
    fn person(&self) -> Option<Address> {
        let value = self.value.trim();
        let address = match value.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => value.get(7..)?,
            _ => self.parameter("EMAIL")?,
        };
        let whole = address.contains('@') && address.len() <= 320;
        let clean = !address
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c));
        let name = self.parameter("CN").map(|name| clean::line(name, 200));
        (whole && clean).then(|| Address {
            name: name.filter(|name| !name.is_empty()),
            address: address.to_owned(),
        })
    }
}

/// Lines put together again, without control characters.
fn unfolded(calendar: &str) -> Vec<String> {
    let end = clean::floor_boundary(calendar, MAX_CALENDAR);
    let mut lines: Vec<String> = Vec::new();
    for line in calendar.get(..end).unwrap_or_default().lines() {
        let clean = |text: &str| -> String {
            let text = text.chars().filter(|c| !c.is_control() || *c == '\t');
            text.collect()
        };
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(&clean(more)),
            _ => lines.push(clean(line)),
        }
    }
    lines
}

/// Writes a line in pieces of at most [`FOLD`] octets, no character cut.
fn fold(line: &str, out: &mut String) {
    let mut rest = line;
    let mut room = FOLD;
    while rest.len() > room {
        let at = clean::floor_boundary(rest, room);
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str("\r\n ");
        rest = rest.get(at..).unwrap_or_default();
        room = FOLD - 1;
    }
    out.push_str(rest);
    out.push_str("\r\n");
}

/// A TEXT value as it reads (RFC 5545 section 3.3.11).
fn text_value(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => out.push(' '),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}

/// What may stand in a quoted parameter.
fn parameter(name: String) -> String {
    let name = name.replace('"', "'");
    name.chars().filter(|c| !c.is_control()).collect()
}

fn stamp(now_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(now_ms)
        .unwrap_or_default()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nVERSION:2.0\r\n\
        BEGIN:VTIMEZONE\r\nTZID:Europe/Rome\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
        BEGIN:VTIMEZONE\r\nTZID:Asia/Tokyo\r\nEND:VTIMEZONE\r\n\
        BEGIN:VEVENT\r\nUID:77@cal\r\nSEQUENCE:2\r\nDTSTART;TZID=Europe/Rome:20260302T100000\r\nDTEND;TZID=Europe/Rome:20260302T110000\r\n\
        SUMMARY:Plan\\, the \r\n second\r\nORGANIZER;CN=\"Bo; B\":MAILTO:bo@x.test\r\n\
        ATTENDEE;CN=Ann;PARTSTAT=NEEDS-ACTION:mailto:ANN@y.test\r\nATTENDEE:mailto:cy@y.test\r\n\
        BEGIN:VALARM\r\nUID:alarm\r\nSUMMARY:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    fn ann() -> Address {
        Address {
            name: Some("Ann".into()),
            address: "ann@y.test".into(),
        }
    }

    #[test]
    fn an_invitation_is_answered_to_the_one_who_invited_by_the_one_who_was_invited() {
        let read = invitation(REQUEST).expect("an invitation");
        assert_eq!(read.organizer.address, "bo@x.test");
        assert_eq!(read.organizer.name.as_deref(), Some("Bo; B"));
        assert_eq!(read.summary, "Plan, the second");
        let answer = read.answer(Answer::Tentative, &ann(), &[], 1_772_442_000_000);
        assert!(answer.contains("METHOD:REPLY\r\n"), "{answer}");
        assert!(answer.contains("DTSTAMP:20260302T090000Z\r\n"));
        assert!(answer.contains("UID:77@cal\r\nSEQUENCE:2\r\n"));
        assert!(answer.contains("ATTENDEE;PARTSTAT=TENTATIVE;CN=\"Ann\":mailto:ANN@y.test\r\n"));
        assert!(!answer.contains("cy@y.test") && !answer.contains("VALARM"));
        assert!(answer.contains("TZID:Europe/Rome") && !answer.contains("Asia/Tokyo"));
        assert!(answer.contains("ORGANIZER;CN=\"Bo; B\":MAILTO:bo@x.test\r\n"));
        assert_eq!(answer.matches("BEGIN:VEVENT").count(), 1);
        assert_eq!(
            unfolded(&answer).last().map(String::as_str),
            Some("END:VCALENDAR")
        );
    }

    #[test]
    fn lines_are_folded_between_characters() {
        let long = REQUEST.replace("Plan", &"Größe ".repeat(60));
        let answer =
            invitation(&long)
                .expect("an invitation")
                .answer(Answer::Accepted, &ann(), &[], 0);
        assert!(answer.split("\r\n").all(|line| line.len() <= FOLD));
        assert!(unfolded(&answer).iter().any(|l| l.contains("Größe Größe")));
    }

    #[test]
    fn what_asks_for_no_answer_is_refused() {
        for bad in [
            "",
            "BEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\nEND:VCALENDAR\n",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\nEND:VCALENDAR\n",
        ] {
            assert!(invitation(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_add_a_line() {
        let evil = Address {
            name: Some("x\"\r\nATTENDEE:mailto:eve@z.test".into()),
            address: "ann@y.test".into(),
        };
        let text = REQUEST.replace("ATTENDEE;CN=Ann", "X-ATTENDEE");
        let answer =
            invitation(&text)
                .expect("an invitation")
                .answer(Answer::Declined, &evil, &[], 0);
        let attendees = unfolded(&answer)
            .iter()
            .filter(|l| l.starts_with("ATTENDEE"))
            .count();
        assert_eq!(attendees, 1, "{answer}");
    }
}
