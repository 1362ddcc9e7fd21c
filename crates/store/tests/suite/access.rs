//! Users, sessions, tokens, the audit log and idempotency keys: the same on both databases.

use crate::common::{START, both};
use model::Secret;
use model::access::Scope;
use serde_json::json;
use store::idempotency::{self, Claim, Key};
use store::{StoreError, access, audit};

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_secret_makes_one_owner() {
    both(|fixture| async move {
        let store = &fixture.store;
        let first = access::new_setup_secret(store).await.unwrap().unwrap();
        let second = access::new_setup_secret(store).await.unwrap().unwrap();
        assert_ne!(first.expose(), second.expose());
        let stale =
            access::create_owner(store, &first, "Ann", "ann@example.com", "hash".into()).await;
        assert!(matches!(stale, Err(StoreError::NotFound(_))));
        let (a, b) = tokio::join!(
            access::create_owner(store, &second, "Ann", " Ann@Example.com", "hash".into()),
            access::create_owner(store, &second, "Eve", "eve@example.com", "hash".into()),
        );
        assert!(a.is_ok() != b.is_ok(), "one of two at once");
        assert!(!access::setup_needed(store).await.unwrap());
        assert!(access::new_setup_secret(store).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_leads_to_its_user_until_it_ends() {
    both(|fixture| async move {
        let store = &fixture.store;
        let setup = access::new_setup_secret(store).await.unwrap().unwrap();
        let user = access::create_owner(store, &setup, "Ann", "ann@example.com", "hash".into())
            .await
            .unwrap();
        let (found, hash) = access::find_user(store, "ANN@example.com")
            .await
            .unwrap()
            .unwrap();
        assert_eq!((&found, hash.as_str()), (&user, "hash"));
        assert!(
            access::find_user(store, "eve@example.com")
                .await
                .unwrap()
                .is_none()
        );
        let secret = access::create_session(store, &user.id).await.unwrap();
        let digest = access::secret_digest(secret.expose());
        let (who, ends) = access::session_user(store, &digest).await.unwrap().unwrap();
        assert_eq!(
            (who, ends),
            (user.clone(), START.plus_millis(access::SESSION_MILLIS))
        );
        let other = access::create_session(store, &user.id).await.unwrap();
        access::end_session(store, &digest).await.unwrap();
        assert!(
            access::session_user(store, &digest)
                .await
                .unwrap()
                .is_none()
        );
        let other = access::secret_digest(other.expose());
        assert!(access::session_user(store, &other).await.unwrap().is_some());
        fixture.clock.advance(access::SESSION_MILLIS);
        assert!(access::session_user(store, &other).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_by_its_digest_until_it_ends_or_is_revoked() {
    both(|fixture| async move {
        let store = &fixture.store;
        let ends = START.plus_millis(1_000);
        let only = ["mbx_1".to_owned()];
        let scopes = [Scope::Read, Scope::Send];
        let (made, secret) = access::create_token(store, "crm", &scopes, &only, Some(ends))
            .await
            .unwrap();
        let digest = access::secret_digest(secret.expose());
        assert_eq!(
            access::token_by_digest(store, &digest).await.unwrap(),
            Some(made.clone())
        );
        assert_eq!(
            access::token_by_digest(store, secret.expose())
                .await
                .unwrap(),
            None
        );
        access::token_used(store, &made).await.unwrap();
        let used = access::get_token(store, &made.id).await.unwrap();
        assert_eq!(used.last_used_at, Some(START));
        fixture.clock.advance(1_000);
        access::token_used(store, &used).await.unwrap();
        assert_eq!(
            access::get_token(store, &made.id)
                .await
                .unwrap()
                .last_used_at,
            Some(START)
        );
        assert_eq!(access::token_by_digest(store, &digest).await.unwrap(), None);
        let (lasting, secret) = access::create_token(store, "all", &[Scope::All], &[], None)
            .await
            .unwrap();
        let all = access::list_tokens(store, None, 10).await.unwrap();
        assert_eq!(
            all.iter().map(|t| &t.id).collect::<Vec<_>>(),
            [&made.id, &lasting.id]
        );
        access::revoke_token(store, &lasting.id).await.unwrap();
        let digest = access::secret_digest(secret.expose());
        assert_eq!(access::token_by_digest(store, &digest).await.unwrap(), None);
        assert!(matches!(
            access::revoke_token(store, &lasting.id).await,
            Err(StoreError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_read_backwards() {
    both(|fixture| async move {
        let store = &fixture.store;
        for n in 0..3 {
            let subject = format!("tok_{n}");
            audit::append(store, "usr_1", "token.created", &subject, json!({"n": n}))
                .await
                .unwrap();
        }
        audit::append(store, &"x".repeat(5_000), "session.refused", "", json!({}))
            .await
            .unwrap();
        let newest = audit::list(store, None, 2).await.unwrap();
        assert_eq!(
            (newest[0].actor.len(), newest[1].subject.as_str()),
            (300, "tok_2")
        );
        let before = newest[1].id.parse().ok();
        let older = audit::list(store, before, 10).await.unwrap();
        assert_eq!(
            older.iter().map(|l| l.subject.as_str()).collect::<Vec<_>>(),
            ["tok_1", "tok_0"]
        );
        assert_eq!(older[1].detail, json!({"n": 0}));
    })
    .await;
}

fn key(process: &str, digest: &str) -> Key {
    Key {
        owner: "tok_1".into(),
        key: "k".into(),
        request_digest: digest.into(),
        process: process.into(),
        claimed: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_claimed_once_and_answers_the_same_for_a_day() {
    both(|fixture| async move {
        let store = &fixture.store;
        let claim = async |key, running| idempotency::claim(store, key, running).await.unwrap();
        assert!(matches!(claim(key("p", "d"), false).await, Claim::Yours));
        assert!(matches!(
            claim(key("p", "d"), true).await,
            Claim::InProgress
        ));
        assert!(matches!(
            claim(key("p", "other"), true).await,
            Claim::OtherRequest
        ));
        idempotency::give_up(store, key("p", "d")).await.unwrap();
        assert!(matches!(claim(key("p", "d"), false).await, Claim::Yours));
        let body = Secret::new("{\"token\":\"prm_x\"}");
        idempotency::settle(store, key("p", "d"), 201, body.clone())
            .await
            .unwrap();
        let Claim::Answered {
            status,
            body: again,
        } = claim(key("q", "d"), false).await
        else {
            panic!("not answered");
        };
        assert_eq!((status, again.expose()), (201, body.expose()));
        // What was shown once is not to be read in the database.
        let stored = store.db.read(|tx| {
            tx.row("SELECT body FROM idempotency", &[])?
                .unwrap()
                .get::<String>(0)
        });
        assert!(!stored.await.unwrap().contains("prm_"));
        idempotency::give_up(store, key("p", "d")).await.unwrap();
        assert!(matches!(
            claim(key("p", "d"), false).await,
            Claim::Answered { .. }
        ));
        fixture.clock.advance(24 * 3_600_000 + 1);
        assert!(matches!(claim(key("p", "d"), false).await, Claim::Yours));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_nobody_works_under_is_taken_over_and_then_cannot_be_settled() {
    both(|fixture| async move {
        let store = &fixture.store;
        let claim = async |key, running| idempotency::claim(store, key, running).await.unwrap();
        assert!(matches!(claim(key("dead", "d"), false).await, Claim::Yours));
        // The same process, whose work was dropped.
        assert!(matches!(claim(key("dead", "d"), false).await, Claim::Yours));
        // Another node may be alive for a while; another process on SQLite cannot.
        if store.db.dialect() == store::db::Dialect::Postgres {
            assert!(matches!(
                claim(key("new", "d"), false).await,
                Claim::InProgress
            ));
            fixture.clock.advance(120_001);
        }
        assert!(matches!(claim(key("new", "d"), false).await, Claim::Yours));
        let late = idempotency::settle(store, key("dead", "d"), 201, Secret::new("{}")).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))));
        idempotency::settle(store, key("new", "d"), 202, Secret::new("{}"))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_claims_its_key_itself_and_only_one_does() {
    both(|fixture| async move {
        let store = &fixture.store;
        let unclaimed = |process: &str| Key {
            claimed: false,
            ..key(process, "d")
        };
        let settle = async |key| idempotency::settle(store, key, 202, Secret::new("{}")).await;
        assert!(!idempotency::is_known(store, &unclaimed("p")).await.unwrap());
        settle(unclaimed("p")).await.unwrap();
        assert!(idempotency::is_known(store, &unclaimed("p")).await.unwrap());
        let second = settle(unclaimed("q")).await;
        assert!(matches!(second, Err(StoreError::Conflict(_))));
        let again = idempotency::claim(store, key("q", "d"), false).await;
        assert!(matches!(again, Ok(Claim::Answered { status: 202, .. })));
        // A day later it is free again.
        fixture.clock.advance(24 * 3_600_000 + 1);
        settle(unclaimed("q")).await.unwrap();
    })
    .await;
}
