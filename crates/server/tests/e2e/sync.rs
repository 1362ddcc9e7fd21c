//! Synchronise: the copy equals the mailbox, whatever is killed or cut, and stays in step.

use testkit::{Generator, deliver, user};

use crate::setting::{SOON, connect_whole, copy, each_told_once, original, postroom};

#[test]
fn a_whole_mailbox_is_copied_byte_for_byte() {
    let user = user("whole mailbox");
    user.seed("INBOX", Generator::new(1).take(60));
    user.seed("Archive", Generator::new(2).take(30));
    user.seed("Kunden/Größe", Generator::new(3).take(10));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    each_told_once(&postroom, &mailbox);
}

#[test]
fn new_mail_is_an_event_on_the_stream_at_once() {
    let user = user("new mail");
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let mut stream = postroom.events("/v1/events?types=message.received", "");
    deliver(&user, &crate::setting::mail("Hello there", "Hello."));
    let event = stream.next(SOON).expect("an event").json();
    assert_eq!(event["origin"], "live", "{event:#}");
    assert_eq!(event["data"]["folder_role"], "inbox", "{event:#}");
}
