//! Whether a message may be answered by itself, and what that answer is: RFC 3834 and, for who is not to be answered, RFC 5230.
//!
//! A wrong answer is worse than none: it feeds loops, tells spammers that somebody is there, and annoys whole lists. So
//! everything that could be a machine, a list or not meant for the owner is refused, and [`Refusal`] says why in words.

use crate::address::{self, Address};
use crate::header::{self, Fields};
use crate::read::Summary;
use crate::{Draft, reply, summarize};
use std::fmt;

/// Bytes of a message that are looked at.
pub const LOOKED_AT: usize = 256 * 1024;
/// What stands before the subject of an answer that has none of its own (RFC 3834 section 3.1.5).
const SUBJECT_PREFIX: &str = "Auto: ";
/// Characters of such a subject.
const SUBJECT_CHARS: usize = 300;

/// What the owner of a mailbox has said, and which addresses are theirs. All addresses and domains are in lower case.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Addresses whose mail arrives in the mailbox.
    pub own: Vec<String>,
    /// Addresses that the mailbox sends as, beside them.
    pub sends_as: Vec<String>,
    /// Domains that are inside; the domains below them too.
    pub inside_domains: Vec<String>,
    /// Who is inside is answered.
    pub answer_inside: bool,
    /// Who is outside is answered.
    pub answer_outside: bool,
    /// Addresses, or domains with what is below them, that are never answered.
    pub exclusions: Vec<String>,
}

/// An answer that may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where it goes: where the server noted that the message came from, else to its author.
    pub to: String,
    /// Whom the answer goes to, in lower case and without the marks that some servers put into it for each message: they get one in
    /// each period, whatever name the messages carry in From.
    pub sender: String,
    /// The sender is inside.
    pub inside: bool,
    /// The own address that the message was written to.
    pub written_to: String,
    /// For `In-Reply-To`, without brackets.
    pub in_reply_to: Option<String>,
    /// For `References`, oldest first.
    pub references: Vec<String>,
    /// The subject of the message.
    pub subject: Option<String>,
}

/// Why a message is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody can be made out who wrote it.
    NoSender,
    /// Its envelope has no sender: it is a notice (RFC 5321 section 4.5.5).
    NullSender,
    /// It is a bounce, a receipt, or an answer of a machine.
    Report,
    /// A machine sent it (`Auto-Submitted` and the like).
    Automatic,
    /// It went through an automatic answer, or a forwarder that watches for loops.
    Loop,
    /// It asks for no automatic answers.
    Suppressed,
    /// It came over a mailing list.
    List,
    /// It went to many (`Precedence: bulk` and the like).
    Bulk,
    /// It is marked as spam.
    Spam,
    /// The address does not take answers, as noreply.
    NoReply,
    /// The owner wrote it.
    Own,
    /// No address of the owner is among its recipients.
    NotAddressed,
    /// The owner does not want the sender answered.
    Excluded,
    /// Only others are answered: those outside.
    Inside,
    /// Only others are answered: those inside.
    Outside,
}

impl Refusal {
    /// Its name for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSender => "no_sender",
            Self::NullSender => "null_sender",
            Self::Report => "report",
            Self::Automatic => "automatic",
            Self::Loop => "loop",
            Self::Suppressed => "suppressed",
            Self::List => "list",
            Self::Bulk => "bulk",
            Self::Spam => "spam",
            Self::NoReply => "no_reply",
            Self::Own => "own",
            Self::NotAddressed => "not_addressed",
            Self::Excluded => "excluded",
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSender => "it does not say who wrote it",
            Self::NullSender => "it is a notice of a mail server, which must not be answered",
            Self::Report => "it is a bounce, a receipt or an automatic answer itself",
            Self::Automatic => "a machine sent it",
            Self::Loop => "it could go round in a loop",
            Self::Suppressed => "it asks for no automatic answers",
            Self::List => "it came over a mailing list",
            Self::Bulk => "it was sent to many",
            Self::Spam => "it is marked as spam",
            Self::NoReply => "its sender takes no answers",
            Self::Own => "it is from an address of the mailbox itself",
            Self::NotAddressed => "none of the mailbox's addresses is in To or Cc",
            Self::Excluded => "its sender is on the list of those who get no answer",
            Self::Inside => "its sender is inside, and only those outside get an answer",
            Self::Outside => "its sender is outside, and only those inside get an answer",
        })
    }
}

/// Decides about a message, of which the header and the beginning are enough.
///
/// # Errors
/// Why it must not be answered.
pub fn judge(raw: &[u8], rules: &Rules) -> Result<Answer, Refusal> {
    let raw = raw.get(..LOOKED_AT).unwrap_or(raw);
    let (fields, _) = header::block(raw, |_| false);
    let summary = summarize(raw);
    let author = summary.head.from.first().map(Address::key);
    let author = author.filter(|address| is_address(address));
    let to = match return_path(&fields) {
        Some(path) if path.is_empty() => return Err(Refusal::NullSender),
        Some(path) if is_address(&path) => Some(path),
        _ => summary.head.from.first().map(|from| from.address.clone()),
    };
    let to = to.filter(|to| is_address(to)).ok_or(Refusal::NoSender)?;
    no_machine(&fields, &summary)?;
    let envelope = to.to_lowercase();
    let author = author.unwrap_or_else(|| envelope.clone());
    let both = [author.as_str(), envelope.as_str()];
    if both.iter().any(|address| takes_no_answers(address)) {
        return Err(Refusal::NoReply);
    }
    let is_own = |address: &str| {
        let mut all = rules.own.iter().chain(&rules.sends_as);
        all.any(|own| is_to(own, address))
    };
    if both.iter().any(|address| is_own(address)) {
        return Err(Refusal::Own);
    }
    let written_to = addressed(&fields, &rules.own).ok_or(Refusal::NotAddressed)?;
    if both.iter().any(|one| among(one, &rules.exclusions)) {
        return Err(Refusal::Excluded);
    }
    // Whoever writes an address of ours into From from elsewhere would get the answer for our own people: both have to be inside.
    let inside = both.iter().all(|one| among(one, &rules.inside_domains));
    match inside {
        true if !rules.answer_inside => Err(Refusal::Inside),
        false if !rules.answer_outside => Err(Refusal::Outside),
        _ => Ok(Answer {
            to,
            sender: unmarked(&envelope).to_owned(),
            inside,
            written_to,
            in_reply_to: summary.head.internet_message_id.clone(),
            references: reply::references(&summary.head),
            subject: summary.head.subject,
        }),
    }
}

/// The answer as a message. `subject`: of its own, else that of the message. It says that a machine wrote it (RFC 3834 section
/// 3.1.7), also to servers that know only the habits of others.
#[must_use]
pub fn draft(answer: &Answer, from: Address, subject: Option<&str>, unique: &str) -> Draft {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Draft {
        message_id: crate::message_id(unique, &from.address),
        headers: vec![
            header("Auto-Submitted", "auto-replied"),
            header("X-Auto-Response-Suppress", "All"),
            header("X-Loop", &answer.written_to),
        ],
        from,
        to: vec![Address {
            name: None,
            address: answer.to.clone(),
        }],
        subject: self::subject(answer, subject),
        in_reply_to: answer.in_reply_to.clone(),
        references: answer.references.clone(),
        ..Draft::default()
    }
}

/// The subject of an answer: its own, else that of the message.
#[must_use]
pub fn subject(answer: &Answer, own: Option<&str>) -> String {
    if let Some(own) = own.filter(|own| !own.trim().is_empty()) {
        return own.to_owned();
    }
    let of_message = answer.subject.as_deref().unwrap_or_default();
    let all = SUBJECT_PREFIX.chars().chain(of_message.chars());
    let text: String = all.take(SUBJECT_CHARS).collect();
    text.trim_end().to_owned()
}

/// The envelope's sender as the last server noted it; empty: there was none.
fn return_path(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("Return-Path")?;
    let text: String = text.split_whitespace().collect();
    let inner = text.split_once('<').map_or(text.as_str(), |(_, rest)| rest);
    Some(inner.split('>').next().unwrap_or_default().to_owned())
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// An address of an envelope without the mark of the day by which its server knows its own bounces again (BATV:
/// `prvs=0123abcd=ann@…`).
fn unmarked(address: &str) -> &str {
    let rest = address.strip_prefix("prvs=").and_then(|rest| {
        let (_, rest) = rest.split_once('=')?;
        is_address(rest).then_some(rest)
    });
    rest.unwrap_or(address)
}

/// Nothing that a machine, a list or an answer is marked with.
fn no_machine(fields: &Fields<'_>, summary: &Summary) -> Result<(), Refusal> {
    let has = |names: &[&str]| names.iter().any(|name| fields.get(name).is_some());
    let text = |name: &str| fields.text(name).unwrap_or_default().to_ascii_lowercase();
    let word = |name: &str| {
        let value = text(name);
        let word = value
            .split([';', ' ', '(', ',', '\t'])
            .find(|w| !w.is_empty());
        word.unwrap_or_default().to_owned()
    };
    if has(&[
        "X-Loop",
        "X-Autoreply",
        "X-Auto-Reply",
        "X-Autorespond",
        "X-Autoresponder",
        "X-Vacation",
    ]) {
        return Err(Refusal::Loop);
    }
    let suppress = text("X-Auto-Response-Suppress");
    let wanted = ["all", "oof", "autoreply"];
    if suppress.split([',', ' ', ';']).any(|w| wanted.contains(&w)) {
        return Err(Refusal::Suppressed);
    }
    if summary.machine_answer || has(&["X-Failed-Recipients", "X-Mailer-Daemon", "X-Ricevuta"]) {
        return Err(Refusal::Report);
    }
    for name in ["Auto-Submitted", "X-Auto-Submitted"] {
        if fields.get(name).is_some() && word(name) != "no" {
            return Err(Refusal::Automatic);
        }
    }
    let list = |field: &header::Field<'_>| {
        let start = field.name.get(..5).unwrap_or_default();
        start.eq_ignore_ascii_case(b"list-")
    };
    let old_lists = [
        "Mailing-List",
        "X-Mailing-List",
        "X-BeenThere",
        "X-Listserver",
        "X-Mailman-Version",
    ];
    if fields.list.iter().any(list) || has(&old_lists) {
        return Err(Refusal::List);
    }
    match word("Precedence").as_str() {
        "list" => return Err(Refusal::List),
        "bulk" | "junk" => return Err(Refusal::Bulk),
        "auto_reply" | "auto-reply" => return Err(Refusal::Automatic),
        _ => {}
    }
    if has(&[
        "Feedback-ID",
        "X-CSA-Complaints",
        "X-Campaign-Id",
        "X-Mailgun-Sid",
    ]) {
        return Err(Refusal::Bulk);
    }
    if word("X-Spam-Flag") == "yes" || word("X-Spam-Status") == "yes" {
        return Err(Refusal::Spam);
    }
    // Whatever else lists take for a machine's is none of a person.
    if summary.head.automatic && !takes_no_answers(&author(summary)) {
        return Err(Refusal::Automatic);
    }
    Ok(())
}

fn author(summary: &Summary) -> String {
    let first = summary.head.from.first();
    first.map(Address::key).unwrap_or_default()
}

/// Addresses that belong to machines by their name (RFC 5230 section 4.6, and what is common).
fn takes_no_answers(address: &str) -> bool {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let bare: String = local
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .collect();
    const INSIDE: [&str; 5] = [
        "noreply",
        "donotreply",
        "noresponse",
        "nereply",
        "mailerdaemon",
    ];
    const WHOLE: [&str; 6] = [
        "listserv",
        "majordomo",
        "mailman",
        "bounce",
        "bounces",
        "nobody",
    ];
    const STARTS: [&str; 4] = ["owner-", "bounce-", "bounces-", "bounces+"];
    const ENDS: [&str; 5] = ["-request", "-owner", "-bounce", "-bounces", "-return"];
    INSIDE.iter().any(|part| bare.contains(part))
        || WHOLE.contains(&bare.as_str())
        || STARTS.iter().any(|start| local.starts_with(start))
        || ENDS.iter().any(|end| local.ends_with(end))
}

/// The own address that the message was written to, by what its writer wrote (RFC 3834 section 2): what servers noted when they
/// delivered it would also be there for a list, or a hidden copy.
fn addressed(fields: &Fields<'_>, own: &[String]) -> Option<String> {
    for name in ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"] {
        let (people, _) = address::list(fields.all(name));
        for person in people {
            let key = person.key();
            if let Some(found) = own.iter().find(|own| is_to(own, &key)) {
                return Some(found.clone());
            }
        }
    }
    None
}

/// Whether an address is this one, or this one with a detail (`ann+shop@…`).
fn is_to(own: &str, address: &str) -> bool {
    if own == address {
        return true;
    }
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let bare = local.split('+').next().unwrap_or(local);
    own.rsplit_once('@')
        .is_some_and(|(own_local, own_domain)| own_local == bare && own_domain == domain)
}

/// Whether an address is on a list of addresses and domains.
fn among(address: &str, list: &[String]) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    list.iter().any(|entry| match entry.strip_prefix('@') {
        None if entry.contains('@') => entry == address,
        bare => {
            let entry = bare.unwrap_or(entry);
            let below = domain.strip_suffix(entry);
            !entry.is_empty() && below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            own: vec!["me@here.test".into(), "sales@here.test".into()],
            sends_as: vec!["boss@other.test".into()],
            inside_domains: vec!["here.test".into()],
            answer_inside: true,
            answer_outside: true,
            exclusions: vec!["ex@x.test".into(), "@quiet.test".into()],
        }
    }

    fn mail(extra: &str) -> String {
        let has = |name: &str| extra.lines().any(|line| line.starts_with(name));
        let mut all = extra.to_owned();
        for (name, value) in [
            ("Return-Path:", "<a@x.test>"),
            ("From:", "Ann <a@x.test>"),
            ("To:", "me@here.test"),
            ("Subject:", "Lunch"),
            ("Message-ID:", "<1@x.test>"),
        ] {
            if !has(name) {
                all.push_str(&format!("{name} {value}\n"));
            }
        }
        format!("{all}\nShall we?\n")
    }

    #[test]
    fn a_persons_message_is_answered_to_where_it_came_from() {
        let answer = judge(mail("References: <0@x.test>\n").as_bytes(), &rules()).unwrap();
        let wanted = Answer {
            to: "a@x.test".into(),
            sender: "a@x.test".into(),
            inside: false,
            written_to: "me@here.test".into(),
            in_reply_to: Some("1@x.test".into()),
            references: vec!["0@x.test".into(), "1@x.test".into()],
            subject: Some("Lunch".into()),
        };
        assert_eq!(answer, wanted);
        for good in [
            "To: undisclosed@x.test\nCc: SALES@here.test\n",
            "To: me+shop@here.test\n",
            "Resent-To: me@here.test\nTo: b@x.test\n",
            "Auto-Submitted: no\n",
            "Precedence: first-class\n",
            "Return-Path: <Ann@X.test>\n",
            "X-Spam-Flag: NO\n",
            "From: ann@here.test\nReturn-Path: <ann@here.test>\n",
        ] {
            let judged = judge(mail(good).as_bytes(), &rules());
            assert!(judged.is_ok(), "{good}: {judged:?}");
        }
    }

    #[test]
    fn lists_machines_oneself_and_strangers_are_never_answered() {
        use Refusal::*;
        let table = [
            ("Return-Path: <>\n", NullSender),
            ("Return-Path: < >\n", NullSender),
            ("Return-Path: x\nFrom: nobody in particular\n", NoSender),
            ("Auto-Submitted: auto-generated\n", Automatic),
            ("Auto-Submitted: Auto-Notified; owner-email=x\n", Automatic),
            ("Auto-Submitted:\n", Automatic),
            ("Auto-Submitted: auto-replied\n", Report),
            ("X-Loop: me@here.test\n", Loop),
            ("X-Autoreply: yes\n", Loop),
            ("X-Auto-Response-Suppress: OOF, DR\n", Suppressed),
            ("X-Auto-Response-Suppress: All\n", Suppressed),
            ("List-Id: <l.x.test>\n", List),
            ("list-unsubscribe: <mailto:u@x.test>\n", List),
            ("List-Whatever: 1\n", List),
            ("X-Mailing-List: l\n", List),
            ("Precedence: list\n", List),
            ("Precedence: Bulk\n", Bulk),
            ("Precedence: junk\n", Bulk),
            ("Feedback-ID: 1:2\n", Bulk),
            ("X-Spam-Flag: YES\n", Spam),
            ("X-Spam-Status: Yes, score=9\n", Spam),
            ("X-Failed-Recipients: q@x.test\n", Report),
            ("X-Ricevuta: accettazione\n", Report),
            (
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
                Report,
            ),
            (
                "Subject: Out of Office: Lunch\nAuto-Submitted: auto-replied\n",
                Report,
            ),
            ("From: No Reply <no-reply@x.test>\n", NoReply),
            ("From: DoNotReply-shop@x.test\n", NoReply),
            ("Return-Path: <l-bounces@x.test>\n", NoReply),
            ("Return-Path: <owner-l@x.test>\n", NoReply),
            ("Return-Path: <l-request@x.test>\n", NoReply),
            (
                "From: listserv@x.test\nReturn-Path: <listserv@x.test>\n",
                NoReply,
            ),
            ("From: me@here.test\n", Own),
            ("Return-Path: <SALES@here.test>\n", Own),
            ("From: boss@other.test\n", Own),
            ("From: me+x@here.test\n", Own),
            ("To: b@x.test\nDelivered-To: me@here.test\n", NotAddressed),
            ("To: notme@here.test\n", NotAddressed),
            ("From: ex@x.test\n", Excluded),
            ("Return-Path: <a@deep.quiet.test>\n", Excluded),
        ];
        for (extra, wanted) in table {
            assert_eq!(
                judge(mail(extra).as_bytes(), &rules()),
                Err(wanted),
                "{extra}"
            );
            assert!(!wanted.to_string().is_empty() && !wanted.as_str().is_empty());
        }
        assert!(judge(b"", &rules()).is_err());
    }

    #[test]
    fn inside_is_who_says_so_and_came_from_there() {
        let inside = mail("From: b@here.test\nReturn-Path: <b@sub.here.test>\n");
        let forged = mail("From: b@here.test\n");
        let near = mail("From: b@nothere.test\nReturn-Path: <b@nothere.test>\n");
        let of =
            |raw: &str, rules: &Rules| judge(raw.as_bytes(), rules).map(|answer| answer.inside);
        assert_eq!(of(&inside, &rules()), Ok(true));
        assert_eq!(of(&forged, &rules()), Ok(false));
        assert_eq!(of(&near, &rules()), Ok(false));
        let mut only = rules();
        only.answer_outside = false;
        assert_eq!(of(&forged, &only), Err(Refusal::Outside));
        assert_eq!(of(&inside, &only), Ok(true));
        only.answer_inside = false;
        assert_eq!(of(&inside, &only), Err(Refusal::Inside));
    }

    #[test]
    fn whoever_gets_the_answers_is_one_sender_under_any_name() {
        let sender = |extra: &str| judge(mail(extra).as_bytes(), &rules()).unwrap().sender;
        let other_name = "From: b@other.test\nReturn-Path: <A@x.test>\n";
        assert_eq!(sender(other_name), "a@x.test");
        let day = "Return-Path: <prvs=0123abcd=a@x.test>\n";
        let next = "Return-Path: <prvs=1123abce=a@x.test>\n";
        assert_eq!([sender(day), sender(next)], ["a@x.test", "a@x.test"]);
        assert_eq!(sender("Return-Path: <prvs=a@x.test>\n"), "prvs=a@x.test");
    }

    #[test]
    fn an_answer_says_what_it_is_and_gets_no_answer_itself() {
        let answer = judge(mail("").as_bytes(), &rules()).unwrap();
        let from = Address {
            name: Some("Me".into()),
            address: "me@here.test".into(),
        };
        let mut draft = draft(&answer, from, None, "unique");
        draft.text = Some("Away.".into());
        let sent = crate::compose(&draft).unwrap().raw;
        let text = String::from_utf8_lossy(&sent);
        for part in [
            "Auto-Submitted: auto-replied\r\n",
            "Subject: Auto: Lunch\r\n",
            "In-Reply-To: <1@x.test>\r\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let theirs = Rules {
            own: vec!["a@x.test".into()],
            answer_outside: true,
            ..Rules::default()
        };
        assert!(judge(&sent, &theirs).is_err());
    }
}
