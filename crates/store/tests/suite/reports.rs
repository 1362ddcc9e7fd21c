//! Connection reports that are compared with the last good one.

use crate::common::{Fixture, both};
use model::fresh_id;
use model::report::Report;
use serde_json::json;
use store::reports;

/// A report whose step 3 saw this certificate.
fn report(fixture: &Fixture, mailbox_id: &str, trigger: &str, verdict: &str, seen: &str) -> Report {
    fixture.clock.advance(1_000);
    let now = fixture.clock.now();
    let tls = json!({
        "n": 3, "code": "tls", "status": "pass", "ms": 1, "did": "", "server_said": null, "means": null,
        "remedy": null, "problem_id": null, "retry": null, "others": [],
        "details": [{"name": "certificate", "values": [seen]}],
    });
    let report = json!({
        "id": fresh_id("rep", now), "mailbox_id": mailbox_id, "trigger": trigger, "started_at": now,
        "finished_at": now, "verdict": verdict, "summary": "", "steps": [tls],
    });
    serde_json::from_value(report).expect("a report")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_changed_since_the_last_good_one() {
    both(|fixture| async move {
        let store = &fixture.store;
        let id = fixture.mailbox("a@example.com").await.id;
        let keep = async |trigger, verdict, seen| {
            let report = report(&fixture, &id, trigger, verdict, seen);
            reports::insert(store, report).await.expect("kept")
        };
        let first = keep("button", "works", "aa").await;
        assert_eq!((first.compared_with, first.changed.len()), (None, 0));
        let same = keep("command", "works", "aa").await;
        assert_eq!(same.compared_with, Some(first.id));
        assert!(same.changed.is_empty());
        let broken = keep("runtime", "fails", "bb").await;
        assert_eq!(broken.compared_with.as_ref(), Some(&same.id));
        assert_eq!(
            broken.changed[0].text,
            "The receiving server has another certificate."
        );
        // It is kept as it was told; a report that failed, or was about one side, is nothing to compare with.
        assert_eq!(reports::get(store, &broken.id).await.unwrap(), broken);
        keep("runtime", "works", "bb").await;
        let again = keep("button", "works", "bb").await;
        assert_eq!(again.compared_with, Some(same.id));
        assert_eq!(again.changed.len(), 1);
        let last = keep("button", "works", "bb").await;
        assert!(last.changed.is_empty());
    })
    .await;
}
