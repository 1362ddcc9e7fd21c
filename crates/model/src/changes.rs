//! What is different between two connection reports of one mailbox. Pure.
//!
//! Only what lasts is compared: names of large providers lead to other addresses every minute, so addresses count as changed
//! only when not one of them is left.

use crate::report::{Change, Detail, DetailName, Report, Side, Step, StepCode, StepStatus};

/// Values of one change that are told; a server with a thousand folders may rename them all.
const VALUES_TOLD: usize = 20;
/// Values that stand in the sentence.
const VALUES_IN_TEXT: usize = 3;
/// The facts that are compared.
const COMPARED: [DetailName; 7] = [
    DetailName::Addresses,
    DetailName::Certificate,
    DetailName::Capabilities,
    DetailName::SignIn,
    DetailName::UserName,
    DetailName::Folders,
    DetailName::Roles,
];

/// What `new` found that `old` found otherwise. What one of them did not come to is not compared.
pub fn changes(old: &Report, new: &Report) -> Vec<Change> {
    let sending = |report: &Report| {
        let smtp = report.steps.iter().find(|step| step.code == StepCode::Smtp);
        smtp.map(|step| step.steps.clone()).unwrap_or_default()
    };
    let mut found = side(&old.steps, &new.steps, Side::Incoming);
    found.extend(side(&sending(old), &sending(new), Side::Outgoing));
    found
}

fn side(old: &[Step], new: &[Step], side: Side) -> Vec<Change> {
    let compared = |step: &&Step| step.code != StepCode::Smtp && step.code != StepCode::Send;
    new.iter()
        .filter(compared)
        .flat_map(|step| step.details.iter().map(move |detail| (step, detail)))
        .filter(|(_, detail)| COMPARED.contains(&detail.name))
        .filter(|(step, _)| {
            step.code != StepCode::Capabilities || (signed_in(old) && signed_in(new))
        })
        .filter_map(|(step, detail)| {
            let before = value_of(old, step.code, detail.name)?;
            change(side, step.code, before, detail, step)
        })
        .collect()
}

/// Many servers tell all they can do only to those who are signed in: what is told before and after cannot be compared.
fn signed_in(steps: &[Step]) -> bool {
    let login = steps.iter().find(|step| step.code == StepCode::Login);
    login.is_some_and(|step| matches!(step.status, StepStatus::Pass | StepStatus::Warn))
}

fn value_of(steps: &[Step], code: StepCode, name: DetailName) -> Option<&Detail> {
    let step = steps.iter().find(|step| step.code == code)?;
    step.details.iter().find(|detail| detail.name == name)
}

fn change(side: Side, code: StepCode, old: &Detail, new: &Detail, step: &Step) -> Option<Change> {
    let missing_in = |list: &[String], other: &[String]| -> Vec<String> {
        let these = list.iter().filter(|value| !other.contains(value));
        these.cloned().collect()
    };
    let before = missing_in(&old.values, &new.values);
    let after = missing_in(&new.values, &old.values);
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let some_left = old.values.iter().any(|value| new.values.contains(value));
    if new.name == DetailName::Addresses && some_left {
        return None;
    }
    let told = |values: &[String]| values.iter().take(VALUES_TOLD).cloned().collect();
    Some(Change {
        side,
        step: code,
        name: new.name,
        text: text(side, new.name, &before, &after, step),
        before: told(&before),
        after: told(&after),
    })
}

fn text(side: Side, name: DetailName, before: &[String], after: &[String], step: &Step) -> String {
    let server = match side {
        Side::Incoming => "receiving server",
        Side::Outgoing => "sending server",
    };
    match name {
        DetailName::Addresses => {
            format!("The {server} has other addresses: {}.", list(after))
        }
        DetailName::Certificate => {
            let issuer = step
                .details
                .iter()
                .find(|detail| detail.name == DetailName::Issuer);
            match issuer.and_then(|issuer| issuer.values.first()) {
                Some(issuer) => {
                    format!("The {server} has another certificate, signed by {issuer}.")
                }
                None => format!("The {server} has another certificate."),
            }
        }
        DetailName::Capabilities => both(&format!("The {server} can do"), before, after),
        DetailName::Folders => both("There are folders", before, after),
        DetailName::Roles => both("Folders have roles", before, after),
        DetailName::SignIn => format!(
            "The sign-in to the {server} goes by {} instead of {}.",
            list(after),
            list(before)
        ),
        _ => format!(
            "The {server} takes {} instead of {}.",
            list(after),
            list(before)
        ),
    }
}

/// "There are folders: new A, B; gone C."
fn both(what: &str, before: &[String], after: &[String]) -> String {
    let parts: Vec<String> = [("new", after), ("gone", before)]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(word, values)| format!("{word} {}", list(values)))
        .collect();
    format!("{what}: {}.", parts.join("; "))
}

fn list(values: &[String]) -> String {
    let shown: Vec<&str> = values
        .iter()
        .take(VALUES_IN_TEXT)
        .map(String::as_str)
        .collect();
    match values.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::report::{Trigger, Verdict};

    fn step(code: StepCode, details: &[(DetailName, &[&str])]) -> Step {
        Step {
            details: details
                .iter()
                .map(|(name, values)| Detail {
                    name: *name,
                    values: values.iter().map(|value| (*value).to_owned()).collect(),
                })
                .collect(),
            ..Step::running(code)
        }
    }

    fn report(steps: Vec<Step>) -> Report {
        Report {
            id: "rep_1".to_owned(),
            mailbox_id: None,
            trigger: Trigger::Button,
            started_at: Timestamp(0),
            finished_at: Timestamp(0),
            verdict: Verdict::Works,
            summary: String::new(),
            steps,
            accepted: Default::default(),
            folders: Vec::new(),
            megabytes_per_day: None,
            changed: Vec::new(),
            compared_with: None,
        }
    }

    fn texts(old: Step, new: Step) -> Vec<String> {
        let found = changes(&report(vec![old]), &report(vec![new]));
        found.into_iter().map(|change| change.text).collect()
    }

    #[test]
    fn a_new_certificate_is_told_with_its_signer() {
        let tls = |sha: &str| {
            step(
                StepCode::Tls,
                &[
                    (DetailName::Certificate, &[sha]),
                    (DetailName::Issuer, &["CN=R11"]),
                    (DetailName::Cipher, &[sha]),
                ],
            )
        };
        assert_eq!(
            texts(tls("aa"), tls("bb")),
            ["The receiving server has another certificate, signed by CN=R11."]
        );
        assert!(texts(tls("aa"), tls("aa")).is_empty());
    }

    #[test]
    fn abilities_told_before_and_after_a_sign_in_are_not_compared() {
        let seen = |login: StepStatus, abilities: &[&str]| {
            let ask = step(
                StepCode::Capabilities,
                &[(DetailName::Capabilities, abilities)],
            );
            let login = Step {
                status: login,
                ..step(StepCode::Login, &[])
            };
            report(vec![ask, login])
        };
        let good = seen(StepStatus::Pass, &["IDLE", "QUOTA"]);
        assert!(changes(&good, &seen(StepStatus::Fail, &["IDLE"])).is_empty());
        assert_eq!(changes(&good, &seen(StepStatus::Pass, &["IDLE"])).len(), 1);
    }

    #[test]
    fn addresses_that_take_turns_are_no_change() {
        let dns = |addresses: &[&str]| step(StepCode::Dns, &[(DetailName::Addresses, addresses)]);
        assert!(texts(dns(&["192.0.2.1", "192.0.2.2"]), dns(&["192.0.2.2"])).is_empty());
        assert_eq!(
            texts(dns(&["192.0.2.1"]), dns(&["198.51.100.7"])),
            ["The receiving server has other addresses: 198.51.100.7."]
        );
    }

    #[test]
    fn folders_that_came_and_went_are_named() {
        let folders = |names: &[&str]| step(StepCode::Folders, &[(DetailName::Folders, names)]);
        assert_eq!(
            texts(
                folders(&["INBOX", "Old"]),
                folders(&["INBOX", "A", "B", "C", "D"])
            ),
            ["There are folders: new A, B, C and 1 more; gone Old."]
        );
    }

    #[test]
    fn the_sending_side_is_compared_by_its_own_steps() {
        let smtp = |way: &str| {
            let inner = step(StepCode::Login, &[(DetailName::SignIn, &[way])]);
            let mut whole = step(StepCode::Smtp, &[]);
            whole.steps = vec![inner];
            report(vec![whole])
        };
        let found = changes(&smtp("PLAIN"), &smtp("XOAUTH2"));
        assert_eq!((found.len(), found[0].side), (1, Side::Outgoing));
        assert_eq!(
            found[0].text,
            "The sign-in to the sending server goes by XOAUTH2 instead of PLAIN."
        );
    }

    #[test]
    fn what_an_earlier_report_did_not_come_to_is_no_change() {
        let new = step(StepCode::Folders, &[(DetailName::Folders, &["INBOX"])]);
        assert!(texts(step(StepCode::Folders, &[]), new).is_empty());
    }
}
