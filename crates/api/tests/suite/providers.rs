//! What is known of mail providers.

use crate::common::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_listed_found_and_dated() {
    let fixture = Fixture::new().await;
    let page = fixture.get("/v1/providers?domain=GMX.de").await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let gmx = &page["data"][0];
    assert_eq!(gmx["id"], "gmx");
    assert_eq!(gmx["compiled"], "2026-11");
    assert_eq!(gmx["origin"], "built_in");
    assert_eq!(page["compiled"], "2026-11");
    assert_eq!(page["file_problem"], serde_json::Value::Null);
    assert_eq!(&fixture.get("/v1/providers/gmx").await.expect(200), gmx);
    let certified = fixture
        .get("/v1/providers?kind=pec&q=aruba")
        .await
        .expect(200);
    assert_eq!(certified["data"][0]["id"], "aruba-pec");
    let none = fixture
        .get("/v1/providers?domain=nobody.example")
        .await
        .expect(200);
    assert_eq!(none["data"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_list_hold_every_provider_once() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    let mut uri = "/v1/providers?limit=50".to_owned();
    loop {
        let page = fixture.get(&uri).await.expect(200);
        let data = page["data"].as_array().unwrap();
        ids.extend(data.iter().map(|p| p["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        uri = format!("/v1/providers?limit=50&cursor={cursor}");
    }
    assert!(ids.len() > 100, "{}", ids.len());
    let once: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(once.len(), ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let fixture = Fixture::new().await;
    for uri in [
        "/v1/providers?kind=nonsense",
        "/v1/providers?cursor=bm9ib2R5",
        "/v1/providers?limit=0",
        "/v1/providers?other=1",
    ] {
        fixture.get(uri).await.problem(400);
    }
    for uri in ["/v1/providers/nobody", "/v1/providers/..%2f..%2fetc"] {
        fixture.get(uri).await.problem(404);
    }
    let token = fixture.token(&[model::access::Scope::Send], &[]).await;
    let answer = fixture.with(&token, "GET", "/v1/providers", None).await;
    answer.problem(403);
}
