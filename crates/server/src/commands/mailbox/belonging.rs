//! Whose a mailbox is, and what it alone may take of its server.

use model::mailbox::{Owner, OwnerKind};
use serde_json::{Value, json};

/// A user, a queue, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerChoice(pub Option<Owner>);

/// A number, or as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Option<u32>);

/// The flags of it.
#[derive(Debug, Default, clap::Args)]
pub struct Belonging {
    /// The user or the queue that it belongs to: `user:NAME`, `queue:NAME` or `none`
    #[arg(long, value_name = "OWNER", value_parser = owner_choice)]
    owner: Option<OwnerChoice>,
    /// Connections at once of this mailbox alone; `usual`: as its profile or provider says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    max_connections: Option<Limit>,
    /// Minutes between two looks at this mailbox where the server does not tell of changes; `usual`: as its profile says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    poll_minutes: Option<Limit>,
    /// Megabytes that this mailbox may download in a day; `usual`: as its profile or provider says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    download_mb: Option<Limit>,
    /// Megabytes that this mailbox may upload to its receiving server in a day; `usual`: as its profile or provider says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    upload_mb: Option<Limit>,
    /// Messages that may be fetched of this mailbox in a day; `usual`: as its profile or provider says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    messages_per_day: Option<Limit>,
    /// Messages that this mailbox may send in a minute; `usual`: as its profile says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    sends_per_minute: Option<Limit>,
    /// Recipients that this mailbox may write to in a day; `usual`: as its profile says
    #[arg(long, value_name = "N|usual", value_parser = limit)]
    recipients_per_day: Option<Limit>,
}

impl Belonging {
    /// Puts what was typed into the body of a request; limits that are not named stay as they were.
    pub fn fill(&self, body: &mut Value, old: &Value) {
        if let Some(OwnerChoice(owner)) = &self.owner {
            body["owner"] = json!(owner);
        }
        let mut limits = match &old["limits"] {
            Value::Object(limits) => limits.clone(),
            _ => serde_json::Map::new(),
        };
        for (name, typed) in [
            ("max_connections", self.max_connections),
            ("poll_minutes", self.poll_minutes),
            ("download_mb_per_day", self.download_mb),
            ("upload_mb_per_day", self.upload_mb),
            ("messages_per_day", self.messages_per_day),
            ("sends_per_minute", self.sends_per_minute),
            ("recipients_per_day", self.recipients_per_day),
        ] {
            if let Some(Limit(limit)) = typed {
                limits.insert(name.to_owned(), json!(limit));
                body["limits"] = json!(limits);
            }
        }
    }
}

/// `user:NAME`, `queue:NAME` or `none`.
pub fn owner_choice(text: &str) -> Result<OwnerChoice, String> {
    if text == "none" {
        return Ok(OwnerChoice(None));
    }
    let named = text.split_once(':').and_then(|(kind, name)| {
        let kind = OwnerKind::parse(kind)?;
        let name = name.trim().to_owned();
        (!name.is_empty()).then_some(Owner { kind, name })
    });
    named
        .map(|owner| OwnerChoice(Some(owner)))
        .ok_or_else(|| "give `user:NAME`, `queue:NAME` or `none`".to_owned())
}

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "usual" => Ok(Limit(None)),
        number => match number.parse() {
            Ok(number) => Ok(Limit(Some(number))),
            Err(_) => Err("give a number or `usual`".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_user_or_a_queue_by_name() {
        let owner = |text| owner_choice(text).map(|OwnerChoice(owner)| owner);
        let queue = Owner {
            kind: OwnerKind::Queue,
            name: "Support: 2nd level".to_owned(),
        };
        assert_eq!(owner("queue:Support: 2nd level"), Ok(Some(queue)));
        assert_eq!(owner("none"), Ok(None));
        for bad in ["", "Support", "queue:", "queue: ", "team:Support"] {
            assert!(owner(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_that_are_not_named_stay() {
        let typed = Belonging {
            max_connections: Some(Limit(None)),
            recipients_per_day: Some(Limit(Some(90_000))),
            ..Belonging::default()
        };
        let old = json!({"limits": {"max_connections": 3, "poll_minutes": 15}});
        let mut body = json!({});
        typed.fill(&mut body, &old);
        assert_eq!(
            body,
            json!({"limits": {"max_connections": null, "poll_minutes": 15, "recipients_per_day": 90_000}})
        );
        assert_eq!(limit("4"), Ok(Limit(Some(4))));
        assert!(limit("-1").is_err() && limit("many").is_err());
    }
}
