//! The log, read in pages and followed as it grows.

use crate::common::{Fixture, raw};
use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use model::access::Scope;
use serde_json::json;
use std::time::Duration;
use tower::ServiceExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_with_a_cursor_misses_nothing() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    for n in 1..=6 {
        fixture.fill(&a, "INBOX", &[(n, &raw(n, "x"))]).await;
    }
    let all = fixture.get("/v1/events?limit=500").await.expect(200);
    let all: Vec<_> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].clone())
        .collect();
    let (mut seen, mut uri) = (Vec::new(), "/v1/events?limit=4".to_owned());
    loop {
        let page = fixture.get(&uri).await.expect(200);
        let data = page["data"].as_array().unwrap().clone();
        uri = format!(
            "/v1/events?limit=4&cursor={}",
            page["next_cursor"].as_str().unwrap()
        );
        if data.is_empty() {
            break;
        }
        seen.extend(data.iter().map(|e| e["id"].clone()));
    }
    assert_eq!(seen, all);
    let received = fixture.get("/v1/events?types=message.*").await.expect(200);
    assert_eq!(received["data"].as_array().unwrap().len(), 6);
    assert_eq!(received["data"][0]["origin"], "live");
    fixture
        .get("/v1/events?types=mesage.received")
        .await
        .problem(400);
    fixture.get("/v1/events?cursor=4711").await.problem(400);
    let now = fixture.get("/v1/events?from=now").await.expect(200);
    assert_eq!(now["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_of_events_as_they_happen_and_goes_on_where_it_broke_off() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let open = async |last: Option<String>| {
        let mut request = Request::get("/v1/events?types=message.received")
            .header("authorization", format!("Bearer {}", fixture.token))
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = fixture
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let mut stream = response.into_body().into_data_stream();
        stream.next().await.unwrap().unwrap();
        stream
    };
    let mut stream = open(None).await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let piece = tokio::time::timeout(Duration::from_secs(1), stream.next())
        .await
        .unwrap();
    let piece = String::from_utf8(piece.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        piece.contains("\nevent: message.received\ndata: {\"id\":\"evt_"),
        "{piece}"
    );
    drop(stream);
    fixture.fill(&a, "INBOX", &[(2, &raw(2, "two"))]).await;
    let last = piece
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    let mut stream = open(Some(last)).await;
    let piece = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(piece.matches("event: ").count(), 1);
    assert!(piece.contains("\"subject\":\"two\""), "{piece}");
    fixture.shutdown.cancel();
    assert!(stream.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_token_is_revoked() {
    let fixture = Fixture::new().await;
    let (info, secret) =
        store::access::create_token(&fixture.store, "t", &[Scope::Read], &[], None)
            .await
            .unwrap();
    let request = Request::get("/v1/events")
        .header("authorization", format!("Bearer {}", secret.expose()))
        .header("accept", "text/event-stream");
    let response = fixture
        .router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let mut stream = response.into_body().into_data_stream();
    stream.next().await.unwrap().unwrap();
    store::access::revoke_token(&fixture.store, &info.id)
        .await
        .unwrap();
    let end = tokio::time::timeout(Duration::from_secs(10), async {
        while stream.next().await.is_some() {}
    });
    end.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_the_log_has_outlived_is_refused_and_so_is_one_from_the_future() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    for n in 1..=3 {
        fixture.fill(&a, "INBOX", &[(n, &raw(n, "x"))]).await;
    }
    let newest = store::events::newest(&fixture.store).await.unwrap();
    let gone = fixture
        .store
        .db
        .write(move |tx| tx.exec("DELETE FROM events WHERE position < $1", &[newest.into()]));
    gone.await.unwrap();
    let stream = async |last: i64| {
        let request = Request::get("/v1/events")
            .header("authorization", format!("Bearer {}", fixture.token))
            .header("accept", "text/event-stream")
            .header("last-event-id", store::events::cursor(last));
        let request = request.body(Body::empty()).unwrap();
        let response = fixture.router.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    };
    let page = async |after: i64| {
        let cursor = store::events::cursor(after);
        fixture.get(&format!("/v1/events?cursor={cursor}")).await
    };
    let expired = page(newest - 2).await.problem(410);
    assert_eq!(expired["code"], "cursor_expired");
    assert_eq!(stream(newest - 2).await, 410);
    let ahead = page(newest + 1).await.problem(400);
    assert_eq!(ahead["errors"][0]["pointer"], "/cursor");
    assert_eq!(stream(newest + 1).await, 400);
    let whole = page(newest - 1).await.expect(200);
    assert_eq!(whole["data"].as_array().unwrap().len(), 1);
    assert_eq!(stream(newest - 1).await, 200);
    // What is kept can always be read.
    fixture.get("/v1/events?from=start").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_finds_a_rare_event_behind_many_others() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let first = store::events::newest(&fixture.store).await.unwrap();
    let examined = store::events::EXAMINED;
    let many = fixture.store.db.write(move |tx| {
        let sql = format!(
            "INSERT INTO events (position, id, kind, mailbox_id, origin, occurred_at, data)
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2 * {examined})
             SELECT n + $1, 'evt_' || n, 'message.changed', NULL, 'live', 0, '{{}}' FROM n"
        );
        tx.exec(&sql, &[first.into()])?;
        let sql = "UPDATE counters SET value = $1 WHERE name = 'events'";
        tx.exec(sql, &[(first + 2 * examined).into()])
    });
    many.await.unwrap();
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "rare"))]).await;
    let uri = "/v1/events?types=message.received&from=start";
    let page = fixture.get(uri).await.expect(200);
    assert_eq!(page["data"], json!([]), "one look is bounded");
    let request = Request::get(uri)
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("accept", "text/event-stream");
    let request = request.body(Body::empty()).unwrap();
    let response = fixture.router.clone().oneshot(request).await.unwrap();
    let mut stream = response.into_body().into_data_stream();
    stream.next().await.unwrap().unwrap();
    let next = tokio::time::timeout(Duration::from_secs(10), stream.next());
    let piece = next.await.unwrap().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&piece).contains("\"subject\":\"rare\""));
}
