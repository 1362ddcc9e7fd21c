//! Tell: one log of events, read by cursor, by stream and by webhooks; nothing is missed, nothing told twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_sim::{HookRequest, HookSim, Reaction};
use ring::hmac;
use serde_json::{Value, json};
use testkit::{Generator, deliver, user, wait_for};

use crate::setting::{SOON, all, connect_whole, events, mail, postroom, text, wait_count};

#[test]
fn the_log_is_read_in_order_by_cursor_in_pages_of_any_size() {
    let user = user("cursor");
    user.seed("INBOX", Generator::new(30).take(30));
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let whole = all(&postroom, "/v1/events");
    let ids = |events: &[Value]| -> Vec<String> {
        events.iter().map(|e| text(e, "id").to_owned()).collect()
    };
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = postroom.get(&format!("/v1/events?limit=7{cursor}"));
        assert_eq!(status, 200);
        let data = page["data"].as_array().expect("a list");
        if data.is_empty() {
            break;
        }
        paged.extend(data.iter().cloned());
        cursor = format!("&cursor={}", text(&page, "next_cursor"));
    }
    assert_eq!(ids(&paged), ids(&whole));
    let (_, rest) = postroom.get(&format!(
        "/v1/events?limit=500&cursor={}",
        text(&whole[9], "cursor")
    ));
    assert_eq!(
        ids(rest["data"].as_array().expect("a list")),
        ids(&whole[10..])
    );
    let (status, problem) = postroom.get("/v1/events?cursor=nonsense%20");
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (400, &json!("/cursor")),
        "{problem:#}"
    );
}

#[test]
fn i41_a_stream_that_broke_off_goes_on_where_it_was_and_misses_nothing() {
    let user = user("stream");
    let mut postroom = postroom();
    connect_whole(&postroom, &user);
    let path = "/v1/events?types=message.received";
    let mut stream = postroom.events(path, "");
    deliver(&user, &mail("one", "1"));
    let first = stream.next(SOON).expect("an event");
    assert_eq!(first.json()["data"]["subject"], "one");
    assert_eq!(
        (first.event.as_str(), first.json()["cursor"].as_str()),
        ("message.received", Some(first.id.as_str()))
    );
    drop(stream);
    deliver(&user, &mail("two", "2"));
    wait_count(&postroom, path, 2);
    // Not even a power cut takes away what was told, or tells it again.
    postroom.kill9();
    postroom.restart();
    deliver(&user, &mail("three", "3"));
    let mut stream = postroom.events(path, &first.id);
    let subjects: Vec<String> = (0..2)
        .map(|_| {
            text(
                &stream.next(SOON).expect("an event").json()["data"],
                "subject",
            )
            .to_owned()
        })
        .collect();
    assert_eq!(subjects, ["two", "three"]);
    deliver(&user, &mail("four", "4"));
    assert_eq!(
        stream.next(SOON).expect("an event").json()["data"]["subject"],
        "four"
    );
    assert_eq!(all(&postroom, path).len(), 4);
}

/// Checks a request's signature by Standard Webhooks 1.0, with an HMAC of our own.
#[track_caller]
fn verify(request: &HookRequest, secret: &str) {
    let key = secret.strip_prefix("whsec_").expect("a secret");
    let key = STANDARD.decode(key).expect("base64");
    assert!((24..=64).contains(&key.len()), "{} bytes", key.len());
    let header = |name: &str| {
        request
            .header(name)
            .unwrap_or_else(|| panic!("no {name}: {:?}", request.headers))
    };
    let signed = [
        header("webhook-id").as_bytes(),
        b".",
        header("webhook-timestamp").as_bytes(),
        b".",
        &request.body,
    ]
    .concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let wanted = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &signed)));
    assert!(
        header("webhook-signature")
            .split(' ')
            .any(|signature| signature == wanted)
    );
    assert_eq!(
        header("content-type").split(';').next(),
        Some("application/json")
    );
}

#[test]
fn webhooks_are_signed_retried_listed_and_replayed() {
    let user = user("webhook");
    let hook = HookSim::with_statuses(&[500]);
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let (status, webhook) = postroom.post(
        "/v1/webhooks",
        &json!({"url": hook.url(), "types": ["message.received"], "mailbox_ids": [mailbox]}),
    );
    assert_eq!(status, 201, "{webhook:#}");
    let secret = text(&webhook, "secret");
    let path = format!("/v1/webhooks/{}", text(&webhook, "id"));
    assert!(
        postroom.get(&path).1["secret"].is_null(),
        "the secret is shown once"
    );

    deliver(&user, &mail("Hook me", "please"));
    let requests = hook.wait(2, SOON);
    assert_eq!(requests.len(), 2, "a 500 is tried again");
    for request in &requests {
        verify(request, secret);
    }
    assert_eq!(
        requests[0].header("webhook-id"),
        requests[1].header("webhook-id")
    );
    assert_eq!(requests[0].body, requests[1].body);
    assert!(
        requests[1].at - requests[0].at >= std::time::Duration::from_secs(4),
        "with a pause"
    );
    let body: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    let event = events(&postroom, "message.received").remove(0);
    assert_eq!(
        (&body["type"], &body["data"]["subject"]),
        (&json!("message.received"), &json!("Hook me")),
        "{body:#}"
    );
    assert!(
        body.to_string().contains(text(&event, "id"))
            || requests[0].header("webhook-id") == event["id"].as_str(),
        "{body:#}"
    );

    let deliveries = format!("{path}/deliveries");
    let delivery = postroom.poll(&deliveries, SOON, |_, value| {
        let delivery = &value["data"][0];
        (delivery["state"] == "delivered").then(|| delivery.clone())
    });
    assert_eq!(
        (&delivery["attempts"], &delivery["last_status"]),
        (&json!(2), &json!(204)),
        "{delivery:#}"
    );

    let (status, _) = postroom.post(
        &format!("{deliveries}/{}/replay", text(&delivery, "id")),
        &json!({}),
    );
    assert_eq!(status, 202);
    let requests = hook.wait(3, SOON);
    assert_eq!(requests.len(), 3, "a replay posts again");
    verify(&requests[2], secret);
    assert_eq!(
        (requests[2].header("webhook-id"), &requests[2].body),
        (requests[0].header("webhook-id"), &requests[0].body)
    );
    let (status, _) = postroom.post(&format!("{path}/test"), &json!({}));
    assert_eq!(status, 202);
    let requests = hook.wait(4, SOON);
    verify(&requests[3], secret);
    assert!(String::from_utf8_lossy(&requests[3].body).contains("webhook.test"));
}

#[test]
fn a_dead_endpoint_delays_no_other_and_a_gone_one_is_switched_off() {
    let user = user("slow hook");
    let (stalled, gone, good) = (
        HookSim::start(&[]),
        HookSim::with_statuses(&[410]),
        HookSim::start(&[]),
    );
    stalled.set_usual(Reaction::Stall);
    let postroom = postroom();
    connect_whole(&postroom, &user);
    let add = |hook: &HookSim| {
        let (status, webhook) = postroom.post(
            "/v1/webhooks",
            &json!({"url": hook.url(), "types": ["message.*"]}),
        );
        assert_eq!(status, 201, "{webhook:#}");
        text(&webhook, "id").to_owned()
    };
    let (_, gone_id, _) = (add(&stalled), add(&gone), add(&good));
    for n in 0..5 {
        deliver(&user, &mail(&format!("m{n}"), "x"));
    }
    assert_eq!(good.wait(5, std::time::Duration::from_secs(15)).len(), 5);
    postroom.poll(&format!("/v1/webhooks/{gone_id}"), SOON, |_, webhook| {
        (webhook["enabled"] == false && webhook["disabled_reason"].is_string()).then_some(())
    });
    assert_eq!(events(&postroom, "webhook.disabled").len(), 1);
}

#[test]
fn what_a_webhook_missed_while_the_server_was_down_comes_after_the_start() {
    let user = user("hook restart");
    let hook = HookSim::start(&[]);
    hook.set_usual(Reaction::Status(503));
    let mut postroom = postroom();
    connect_whole(&postroom, &user);
    let (_, webhook) = postroom.post(
        "/v1/webhooks",
        &json!({"url": hook.url(), "types": ["message.received"]}),
    );
    deliver(&user, &mail("kept", "x"));
    hook.wait(1, SOON);
    postroom.kill9();
    hook.set_usual(Reaction::Status(204));
    let before = hook.requests().len();
    postroom.restart();
    let requests = hook.wait(before + 1, SOON);
    assert!(requests.len() > before, "it is tried again");
    verify(&requests[before], text(&webhook, "secret"));
    wait_for(SOON, "it is delivered", || {
        let list = all(
            &postroom,
            &format!("/v1/webhooks/{}/deliveries", text(&webhook, "id")),
        );
        (list.len() == 1 && list[0]["state"] == "delivered").then_some(())
    });
}
