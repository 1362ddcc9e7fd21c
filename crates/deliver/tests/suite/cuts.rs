//! The connection cut at every place there is: whatever was going on, the message ends up sent, and whoever got it twice can
//! see that it is marked.

use crate::Fixture;
use crate::outbox::{queue, until};
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use model::mailbox::Auth;
use model::submission::State;

const MINUTE: i64 = 60_000;
/// More replies than one message takes.
const REPLIES: usize = 7;

fn faults(chunks: bool) -> Vec<SmtpFault> {
    let bye = || "421 4.3.2 going down".to_owned();
    let mut faults = vec![
        SmtpFault::CloseAfterDot,
        SmtpFault::RejectData(bye()),
        SmtpFault::ByeAtOnce(bye()),
    ];
    for replies in 0..=REPLIES {
        faults.push(SmtpFault::CutAfterReplies(replies));
        faults.push(SmtpFault::ByeAfterReplies(replies, bye()));
    }
    let last = if chunks { "BDAT" } else { "DATA" };
    for verb in ["EHLO", "MAIL", "RCPT", last] {
        faults.push(SmtpFault::CutInside(verb));
        faults.push(SmtpFault::CloseAt(verb));
        faults.push(SmtpFault::Refuse(verb, bye()));
    }
    if chunks {
        faults.extend([0, 1, 20].map(SmtpFault::CloseInChunk));
        faults.push(SmtpFault::RefuseChunk(1, bye()));
    } else {
        faults.extend([1, 4].map(SmtpFault::CloseInData));
    }
    faults
}

#[tokio::test]
async fn wherever_the_connection_is_cut_the_message_is_sent_and_twice_only_when_marked() {
    let f = Fixture::started().await;
    let mut cases = Vec::new();
    for extensions in [
        &["PIPELINING"][..],
        &["SIZE 1000000"],
        &["PIPELINING", "CHUNKING"],
        &["CHUNKING"],
    ] {
        for fault in faults(extensions.contains(&"CHUNKING")) {
            let script = SmtpScript::new().extensions(extensions);
            let sim = SmtpSim::start(script.fault(fault.clone()));
            let mailbox = f.mailbox(sim.port(), Auth::None).await;
            let id = queue(&f, &mailbox, &["bob@x.org", "eve@x.org"]).await.id;
            cases.push((extensions, fault, sim, id));
        }
    }
    for (extensions, fault, sim, id) in &cases {
        let first = until(&f, id, |s| s.attempts >= 1 && s.state != State::Sending).await;
        let (has, said) = (sim.mails().len(), format!("{extensions:?} {fault:?}"));
        match first.state {
            State::Accepted => assert_eq!(has, 1, "{said}"),
            State::Deferred => assert_eq!(has, 0, "{said}: {first:?}"),
            State::Unclear => assert!(has <= 1, "{said}"),
            _ => panic!("{said} gave {first:?}"),
        }
        sim.set_faults(&[]);
    }
    f.advance(20 * MINUTE);
    for (extensions, fault, sim, id) in &cases {
        let sent = until(&f, id, |s| s.state == State::Accepted).await;
        let has = sim.mails().len();
        assert!(
            has == 1 || has == 2 && sent.possible_duplicate,
            "{extensions:?} {fault:?}: received {has} times, marked: {}",
            sent.possible_duplicate
        );
        assert!(sim.mails().iter().all(|mail| mail.to.len() == 2));
    }
    let twice = cases
        .iter()
        .filter(|(_, _, sim, _)| sim.mails().len() == 2)
        .count();
    assert!(
        twice > 0,
        "a lost answer to the end of the message is among the cases"
    );
    f.end().await;
}
