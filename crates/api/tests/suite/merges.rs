//! One template to many, as a job.

use crate::common::Fixture;
use crate::composing::bytes_of;
use model::access::Scope;
use serde_json::{Value, json};
use std::time::Duration;

/// Waits until the job is as wanted: its messages are made in the background.
async fn until(fixture: &Fixture, uri: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let job = fixture.get(uri).await.expect(200);
        if wanted(&job) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", fixture.get(uri).await.text());
}

async fn template(fixture: &Fixture) -> Value {
    let body = json!({"name": "News", "subject": "News for {{ name }}", "text": "Dear {{ name }} of {{ place }}, {{ recipient.address }}"});
    fixture.post("/v1/templates", &body).await.expect(201)["id"].clone()
}

fn people(count: usize) -> Vec<Value> {
    let one = |n: usize| json!({"to": {"address": format!("p{n}@example.net")}, "data": {"name": format!("P{n}")}});
    (0..count).map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_gets_one_message_of_their_own_and_who_cannot_is_named() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mut recipients = people(3);
    recipients.push(json!({"to": {"address": "nameless@example.net"}}));
    let body = json!({
        "template_id": template(&fixture).await, "data": {"place": "Kiel"}, "recipients": recipients,
        "unsubscribe_url": "https://example.com/u?who={{ recipient.address|urlencode }}", "headers": {"X-Campaign": "7"},
    });
    let made = fixture.post("/v1/merges", &body).await;
    let job = made.expect(202);
    assert_eq!(
        (&job["total"], &job["kind"], &job["mailbox_id"]),
        (&json!(4), &json!("merge"), &json!(a.id))
    );
    let uri = made.header("location").to_owned();
    let done = until(&fixture, &uri, |job| job["phase"] == "done").await;
    assert_eq!(
        (&done["done"], &done["failed"]),
        (&json!(4), &json!(1)),
        "{done}"
    );
    assert_eq!(done["failures"][0]["address"], "nameless@example.net");
    assert!(
        done["failures"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("name"),
        "{done}"
    );
    let list = fixture.get("/v1/submissions").await.expect(200);
    let list = list["data"].as_array().unwrap().clone();
    assert_eq!(list.len(), 3);
    for one in &list {
        assert_eq!(
            (&one["job_id"], &one["priority"]),
            (&job["id"], &json!("low"))
        );
    }
    let one = list
        .iter()
        .find(|one| one["subject"] == "News for P1")
        .unwrap();
    let digest = store::submissions::digest(&fixture.store, one["id"].as_str().unwrap())
        .await
        .unwrap();
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    let bytes = fixture.store.blobs.read(&place, u64::MAX).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("Dear P1 of Kiel, p1@example.net"), "{text}");
    assert!(
        text.contains("List-Unsubscribe: <https://example.com/u?who=p1%40example.net>"),
        "{text}"
    );
    assert!(
        text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        "{text}"
    );
    assert!(
        text.contains("X-Campaign: 7") && !text.contains("p2@"),
        "{text}"
    );
    let events = fixture
        .get("/v1/events?types=job.completed")
        .await
        .expect(200);
    assert_eq!(events["data"][0]["data"]["job_id"], job["id"]);
    assert_eq!(
        fixture.get("/v1/jobs").await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    fixture
        .post(&format!("{uri}/pause"), &json!({}))
        .await
        .problem(409);
    // What is wrong with all is told at once, and nothing is made.
    let nobody = json!([{"to": {"address": "no"}}]);
    let plain = json!("http://example.com");
    for (field, value, pointer) in [
        ("recipients", json!([]), "/recipients"),
        ("recipients", nobody, "/recipients/0/to/address"),
        ("data", json!({}), "/data"),
        ("template_id", json!("tpl_none"), "/template_id"),
        ("unsubscribe_url", plain, "/unsubscribe_url"),
        ("headers", json!({"Bcc": "x@y.z"}), ""),
        ("text", json!("x"), "/text"),
        ("send_at", json!("2026-03-30T09:00"), "/send_at"),
        ("time_zone", json!("Europe/Vienna"), "/time_zone"),
    ] {
        let mut bad = body.clone();
        bad[field] = value;
        let problem = fixture.post("/v1/merges", &bad).await.problem(422);
        let at = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(at.starts_with(pointer), "{field}: {problem}");
    }
    let foreign = json!({"from": {"address": "eve@example.com"}});
    let mut bad = body.clone();
    bad["from"] = foreign["from"].clone();
    assert_eq!(
        fixture.post("/v1/merges", &bad).await.problem(403)["code"],
        "identity_not_allowed"
    );
    assert_eq!(
        fixture.get("/v1/jobs").await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let other = fixture
        .token(&[Scope::Send, Scope::Read], std::slice::from_ref(&a.id))
        .await;
    fixture.with(&other, "GET", &uri, None).await.problem(404);
    fixture
        .with(&other, "POST", &format!("{uri}/cancel"), Some(&json!({})))
        .await
        .problem(404);
    assert_eq!(
        fixture
            .with(&other, "GET", "/v1/jobs", None)
            .await
            .expect(200)["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_waits_for_the_outbox_is_paused_and_cancelled_with_what_waits() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let body = json!({"template_id": template(&fixture).await, "mailbox_id": a.id, "data": {"place": "Kiel"}, "recipients": people(150)});
    let made = fixture.post("/v1/merges", &body).await;
    made.expect(202);
    let uri = made.header("location").to_owned();
    // Nobody sends here: the outbox stays full, and no more is made.
    let full = until(&fixture, &uri, |job| job["done"] == store::jobs::OPEN).await;
    assert_eq!(
        (&full["phase"], &full["total"]),
        (&json!("running"), &json!(150))
    );
    assert!(
        full["rate"].is_number() && full["eta"].is_string(),
        "{full}"
    );
    let act = async |verb: &str| fixture.post(&format!("{uri}/{verb}"), &json!({})).await;
    assert_eq!(act("pause").await.expect(200)["phase"], "paused");
    let list = fixture.get("/v1/submissions?limit=200").await.expect(200);
    let first = list["data"][0]["id"].as_str().unwrap().to_owned();
    fixture
        .delete(&format!("/v1/submissions/{first}"))
        .await
        .expect(200);
    fixture.clock.advance(10_000);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        fixture.get(&uri).await.expect(200)["done"],
        100,
        "it is paused"
    );
    assert_eq!(act("resume").await.expect(200)["phase"], "running");
    until(&fixture, &uri, |job| job["done"] == 101).await;
    assert_eq!(act("cancel").await.expect(200)["phase"], "cancelled");
    assert_eq!(act("cancel").await.expect(200)["phase"], "cancelled");
    act("resume").await.problem(409);
    let waiting = fixture
        .get("/v1/submissions?state=queued")
        .await
        .expect(200);
    assert_eq!(waiting["data"], json!([]));
    let ended = fixture.get(&uri).await.expect(200);
    assert!(
        ended["finished_at"].is_string() && ended["rate"].is_null(),
        "{ended}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_all_stops_a_merge_and_it_goes_on_by_itself_with_the_template_that_it_began_with()
 {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let template = template(&fixture).await;
    let body = json!({"template_id": template, "mailbox_id": a.id, "data": {"place": "Kiel"}, "recipients": people(130)});
    let made = fixture.post("/v1/merges", &body).await;
    let job = made.expect(202);
    let uri = made.header("location").to_owned();
    until(&fixture, &uri, |job| job["done"] == store::jobs::OPEN).await;
    // The template is another one now, and then none at all.
    let other = json!({"subject": "Other", "text": "other words"});
    let path = format!("/v1/templates/{}", template.as_str().unwrap());
    fixture.patch(&path, &other).await.expect(200);
    fixture.delete(&path).await;
    let mailbox = async |verb: &str| {
        let uri = format!("/v1/mailboxes/{}/{verb}", a.id);
        fixture.post(&uri, &json!({})).await
    };
    mailbox("disable").await.expect(200);
    fixture.clock.advance(10_000);
    let stopped = until(&fixture, &uri, |job| job["phase"] == "paused").await;
    let why = stopped["last_error"].as_str().unwrap();
    assert!(why.contains("disabled"), "{stopped}");
    assert_eq!(
        (&stopped["done"], &stopped["failed"]),
        (&json!(100), &json!(0))
    );
    // As long as it lasts nothing more comes of it, by hand neither.
    let act = async |verb: &str| fixture.post(&format!("{uri}/{verb}"), &json!({})).await;
    assert_eq!(act("resume").await.expect(200)["phase"], "running");
    until(&fixture, &uri, |job| job["phase"] == "paused").await;
    // There is room again, and it goes on without anybody's doing.
    for one in store::jobs::waiting(&fixture.store, job["id"].as_str().unwrap())
        .await
        .unwrap()
    {
        store::submissions::cancel(&fixture.store, &one)
            .await
            .unwrap();
    }
    mailbox("enable").await.expect(200);
    fixture.clock.advance(10_000);
    let done = until(&fixture, &uri, |job| job["phase"] == "done").await;
    assert_eq!(
        (&done["done"], &done["failed"], &done["last_error"]),
        (&json!(130), &json!(0), &Value::Null)
    );
    let list = fixture
        .get("/v1/submissions?state=queued")
        .await
        .expect(200);
    let list = list["data"].as_array().unwrap().clone();
    assert_eq!(list.len(), 30);
    let words = |one: &Value| one["subject"].as_str().unwrap().starts_with("News for P1");
    assert!(list.iter().all(words), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_ends_with_the_right_of_whoever_asked_and_what_waits_is_taken_back() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let token = fixture
        .token(&[Scope::Send, Scope::Read], std::slice::from_ref(&a.id))
        .await;
    let body = json!({"template_id": template(&fixture).await, "mailbox_id": a.id, "data": {"place": "Kiel"}, "recipients": people(130)});
    let made = fixture
        .with(&token, "POST", "/v1/merges", Some(&body))
        .await;
    made.expect(202);
    let uri = made.header("location").to_owned();
    until(&fixture, &uri, |job| job["done"] == store::jobs::OPEN).await;
    let tokens = store::access::list_tokens(&fixture.store, None, 10)
        .await
        .unwrap();
    let its = tokens
        .iter()
        .find(|one| !one.mailbox_ids.is_empty())
        .unwrap();
    store::access::revoke_token(&fixture.store, &its.id)
        .await
        .unwrap();
    fixture.clock.advance(10_000);
    let ended = until(&fixture, &uri, |job| job["phase"] == "cancelled").await;
    let why = ended["last_error"].as_str().unwrap();
    assert!(
        why.contains("revoked") && ended["finished_at"].is_string(),
        "{ended}"
    );
    let events = fixture.get("/v1/events?types=job.failed").await.expect(200);
    let told = &events["data"][0]["data"];
    assert_eq!((&told["done"], &told["reason"]), (&json!(100), &json!(why)));
    // What waits goes first: a job that has ended is looked at by nobody any more.
    nothing_waits(&fixture).await;
}

async fn nothing_waits(fixture: &Fixture) {
    let waiting = fixture
        .get("/v1/submissions?state=queued&limit=1")
        .await
        .expect(200);
    assert_eq!(waiting["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_whose_cancelling_was_cut_short_is_ended_once_nothing_waits_any_more() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let body = json!({"template_id": template(&fixture).await, "mailbox_id": a.id, "data": {"place": "Kiel"}, "recipients": people(130)});
    let made = fixture.post("/v1/merges", &body).await;
    let id = made.expect(202)["id"].as_str().unwrap().to_owned();
    let uri = made.header("location").to_owned();
    until(&fixture, &uri, |job| job["done"] == store::jobs::OPEN).await;
    // A courier has one, and has not begun with it.
    store::submissions::begin(&fixture.store, &a.id, 1)
        .await
        .unwrap();
    // The first step of cancelling, and nobody who takes the others.
    store::jobs::begin_cancel(&fixture.store, &id)
        .await
        .unwrap();
    let ended = until(&fixture, &uri, |job| job["phase"] == "cancelled").await;
    assert_eq!(
        (&ended["done"], &ended["last_error"]),
        (&json!(100), &Value::Null)
    );
    nothing_waits(&fixture).await;
    let under_way = "/v1/submissions?state=sending&limit=1";
    assert_eq!(fixture.get(under_way).await.expect(200)["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_may_wait_for_a_time_in_a_zone_and_is_dated_then() {
    let fixture = Fixture::new().await;
    fixture.mailbox("ann@example.com").await;
    let body = json!({
        "template_id": template(&fixture).await, "data": {"place": "Kiel"}, "recipients": people(2),
        "send_at": "2026-03-30T09:00", "time_zone": "Europe/Vienna",
    });
    let made = fixture.post("/v1/merges", &body).await;
    made.expect(202);
    until(&fixture, made.header("location"), |job| {
        job["phase"] == "done"
    })
    .await;
    let list = fixture
        .get("/v1/submissions?scheduled=true")
        .await
        .expect(200);
    let list = list["data"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    for one in list {
        assert_eq!(
            (&one["send_at"], &one["time_zone"]),
            (&json!("2026-03-30T07:00:00.000Z"), &json!("Europe/Vienna"))
        );
        let text = String::from_utf8(bytes_of(&fixture, one).await).unwrap();
        assert!(
            text.contains("Date: Mon, 30 Mar 2026 07:00:00 +0000\r\n"),
            "{text}"
        );
    }
    let mut wrong = body.clone();
    wrong["time_zone"] = json!("Mars/Olympus");
    let problem = fixture.post("/v1/merges", &wrong).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/time_zone");
}
