//! What comes back after a message was sent: what machines report of it, and what is known of it then.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a machine says of a message.
    Kind as "ReturnedKind" {
        /// Not delivered.
        Bounce = "bounce",
        /// Not delivered yet.
        Delayed = "delayed",
        /// Certified mail: the provider took it, and says so with a receipt.
        Accepted = "accepted",
        /// Delivered or passed on.
        Delivered = "delivered",
        /// A recipient called it unwanted.
        Complaint = "complaint",
        /// Displayed to the recipient.
        Read = "read",
        /// An answering machine.
        AutoReply = "auto_reply",
        /// An answering machine of somebody who is away.
        OutOfOffice = "out_of_office",
        /// Held back until its sender proves to be a person.
        Challenge = "challenge",
    }
}

text_enum! {
    /// How sure something is.
    Confidence as "ReturnedConfidence" {
        /// Some words say so.
        Guess = "guess",
        /// A machine's words in a known form.
        Likely = "likely",
        /// A part, a field or an id that says just this.
        Certain = "certain",
    }
}

/// What a message that came reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What happened.
    pub kind: Kind,
    /// How sure it is.
    pub confidence: Confidence,
    /// To whom, as the report says.
    pub recipients: Vec<Reported>,
    /// ENVID of the message it is about: the submission's id, where the servers on the way kept it.
    pub envelope_id: Option<String>,
    /// Message-ID of the message it is about, without brackets.
    pub original_message_id: Option<String>,
    /// Its subject.
    pub original_subject: Option<String>,
}

/// What a report says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The address.
    pub address: String,
    /// What happened.
    pub kind: Kind,
    /// The enhanced status code.
    pub status: Option<String>,
    /// The reply code of the remote server.
    pub code: Option<u16>,
    /// Trying again is useless.
    pub permanent: bool,
    /// The remote server's words.
    pub diagnostic: Option<String>,
}

/// What came back for one recipient of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Returned {
    /// What happened.
    pub kind: Kind,
    /// The enhanced status code (RFC 3463).
    pub status: Option<String>,
    /// The remote server's words.
    pub diagnostic: Option<String>,
    /// Trying again is useless.
    pub permanent: bool,
    /// How sure it is.
    pub confidence: Confidence,
    /// The stored message that says so.
    pub message_id: String,
    /// When it came.
    pub at: Timestamp,
}

/// A report of a message, or an answer to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answered {
    /// The kind of its report, or `reply`.
    pub kind: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// The submission that it is about, where that is known.
    pub submission_id: Option<String>,
    /// The stored message that it is about, where that is known.
    pub message_id: Option<String>,
}

impl Returned {
    /// Whether this counts more than what is known: the end of the way counts more than a station, and a guess never replaces
    /// what is sure.
    pub fn outweighs(&self, known: &Self) -> bool {
        let rank = |returned: &Self| match returned.kind {
            Kind::Accepted => 0,
            Kind::Delayed => 1,
            Kind::Challenge => 2,
            Kind::Delivered | Kind::AutoReply | Kind::OutOfOffice => 3,
            Kind::Read => 4,
            Kind::Bounce => 5,
            Kind::Complaint => 6,
        };
        let guessed = |returned: &Self| returned.confidence == Confidence::Guess;
        if guessed(self) && !guessed(known) {
            return false;
        }
        rank(self) >= rank(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returned(kind: Kind, confidence: Confidence) -> Returned {
        Returned {
            kind,
            status: None,
            diagnostic: None,
            permanent: false,
            confidence,
            message_id: "msg_1".into(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_end_of_the_way_counts_more_than_a_station_and_a_guess_replaces_nothing_sure() {
        use Confidence::{Certain, Guess, Likely};
        use Kind::{Bounce, Complaint, Delayed, Delivered, Read};
        for (new, old, wins) in [
            ((Delivered, Certain), (Delayed, Certain), true),
            ((Delayed, Certain), (Delivered, Certain), false),
            ((Bounce, Certain), (Delivered, Certain), true),
            ((Read, Certain), (Delivered, Certain), true),
            ((Delivered, Certain), (Bounce, Certain), false),
            ((Complaint, Certain), (Read, Certain), true),
            ((Bounce, Guess), (Delivered, Likely), false),
            ((Bounce, Guess), (Delivered, Guess), true),
        ] {
            let wanted = returned(new.0, new.1).outweighs(&returned(old.0, old.1));
            assert_eq!(wanted, wins, "{new:?} after {old:?}");
        }
    }
}
