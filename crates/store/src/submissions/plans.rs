//! What is asked again and again walks through an index, and through nothing but what it is about.

use super::{claim, due, evidence, rests_sql, wire_ids};
use crate::db::{Db, Dialect, Location, migrate};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_and_again_has_an_index() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = Location::Sqlite(dir.path().join("store.db"));
    let db = Db::open(&file, None).await.expect("a database");
    migrate::run(&db).await.expect("the schema");
    let doubts = claim::open_sql(claim::DOUBT, "next_attempt_at, id");
    for (sql, index) in [
        (due::HELD.to_owned(), "submissions_held"),
        (evidence::RELEASE.to_owned(), "submissions_held"),
        (doubts, "submissions_doubted"),
        (wire_ids::unseen_sql(), "submissions_unseen"),
        (
            rests_sql(Dialect::Sqlite),
            "sqlite_autoindex_sending_rests_1",
        ),
    ] {
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let plan = db.read(move |tx| {
            let args = ["a".into(), 1.into(), 1.into()];
            let wanted = (1..=3)
                .filter(|n| explained.contains(&format!("${n}")))
                .count();
            let rows = tx.rows(&explained, &args[..wanted])?;
            rows.iter().map(|row| row.get(3)).collect()
        });
        let plan: Vec<String> = plan.await.expect("a plan");
        let uses = |step: &String| step.contains("SEARCH") && step.contains(index);
        assert!(plan.iter().any(uses), "{sql}: {plan:?}");
        let walks = |step: &String| step.contains("SCAN sub") || step.contains("SCAN sending");
        assert!(!plan.iter().any(walks), "{sql}: {plan:?}");
        let sorts = |step: &String| step.contains("TEMP B-TREE");
        assert!(!plan.iter().any(sorts), "{sql}: {plan:?}");
    }
}
