//! Tags and folders of the application's own.

use crate::common::{Fixture, raw};
use model::access::Scope;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<String> {
    let list = page["data"].as_array().unwrap();
    list.iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_a_conversation_get_tags_and_lists_are_narrowed_by_them() {
    let fixture = Fixture::new().await;
    let ann = fixture.mailbox("ann@example.com").await;
    let (one, two) = (raw(1, "one"), raw(2, "two"));
    fixture.fill(&ann, "INBOX", &[(1, &one), (2, &two)]).await;
    let body = json!({"name": "Urgent", "color": "#cc3300"});
    let tag = fixture.post("/v1/tags", &body).await.expect(201);
    let id = tag["id"].as_str().unwrap();
    fixture.post("/v1/tags", &body).await.expect(409);
    let all = fixture.get("/v1/messages").await.expect(200);
    let first = &ids(&all)[0];
    let put = json!({"tags": {"add": [id]}});
    let message = fixture
        .patch(&format!("/v1/messages/{first}"), &put)
        .await
        .expect(200);
    assert_eq!(message["tags"][0]["name"], "Urgent");
    assert_eq!(message["tags"][0]["kind"], "tag");
    let tagged = fixture.get(&format!("/v1/messages?tag_id={id}")).await;
    assert_eq!(ids(&tagged.expect(200)), [first.as_str()]);
    let found = fixture
        .get(&format!("/v1/messages?tag_id={id}&q=one"))
        .await;
    assert!(ids(&found.expect(200)).is_empty());
    let threads = fixture
        .get(&format!("/v1/threads?tag_id={id}"))
        .await
        .expect(200);
    assert_eq!(threads["data"][0]["tags"][0]["id"], *id);
    let other = &ids(&all)[1];
    let other = fixture
        .get(&format!("/v1/messages/{other}"))
        .await
        .expect(200);
    let thread = other["thread_id"].as_str().unwrap();
    let thread = fixture
        .patch(&format!("/v1/threads/{thread}"), &put)
        .await
        .expect(200);
    assert_eq!(thread["tags"][0]["id"], *id);
    let counted = fixture.get("/v1/tags?counts=true").await.expect(200);
    assert_eq!(counted["data"][0]["messages"], 2);
    assert_eq!(counted["data"][0]["unread"], 2);
    let off = json!({"tags": {"remove": [id]}});
    let message = fixture
        .patch(&format!("/v1/messages/{first}"), &off)
        .await
        .expect(200);
    assert_eq!(message["tags"], json!([]));
    let bad = json!({"tags": {"add": ["tag_nothing"]}});
    let problem = fixture
        .patch(&format!("/v1/messages/{first}"), &bad)
        .await
        .expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/tags/add");
    fixture.delete(&format!("/v1/tags/{id}")).await.expect(204);
    fixture.get(&format!("/v1/tags/{id}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_folder_receives_the_mail_of_the_mailboxes_that_it_names() {
    let fixture = Fixture::new().await;
    let ann = fixture.mailbox("ann@example.com").await;
    let body = json!({"name": "Deals", "kind": "folder", "receives_from": [ann.id]});
    let folder = fixture.post("/v1/tags", &body).await.expect(201);
    let one = raw(1, "one");
    fixture.fill(&ann, "INBOX", &[(1, &one)]).await;
    let page = fixture.get("/v1/messages").await.expect(200);
    assert_eq!(page["data"][0]["tags"][0]["id"], folder["id"]);
    for (body, pointer) in [
        (json!({"name": "", "color": "red"}), "/name"),
        (json!({"name": "x", "color": "red"}), "/color"),
        (
            json!({"name": "x", "receives_from": [ann.id]}),
            "/receives_from",
        ),
        (
            json!({"name": "x", "kind": "folder", "receives_from": ["mbx_1"]}),
            "/receives_from/0",
        ),
        (json!({"name": "x", "mailbox_id": "mbx_1"}), "/mailbox_id"),
    ] {
        let problem = fixture.post("/v1/tags", &body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let id = folder["id"].as_str().unwrap();
    let change = json!({"name": "Sales", "color": null, "receives_from": []});
    let changed = fixture
        .patch(&format!("/v1/tags/{id}"), &change)
        .await
        .expect(200);
    assert_eq!(changed["name"], "Sales");
    assert_eq!(changed["receives_from"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_mailbox_sees_and_makes_only_what_is_for_that_mailbox() {
    let fixture = Fixture::new().await;
    let ann = fixture.mailbox("ann@example.com").await;
    let bob = fixture.mailbox("bob@example.com").await;
    let for_all = fixture
        .post("/v1/tags", &json!({"name": "All"}))
        .await
        .expect(201);
    let body = json!({"name": "Bob's", "mailbox_id": bob.id});
    let bobs = fixture.post("/v1/tags", &body).await.expect(201);
    let limited = fixture
        .token(&[Scope::Read, Scope::Write], std::slice::from_ref(&ann.id))
        .await;
    let page = fixture
        .with(&limited, "GET", "/v1/tags", None)
        .await
        .expect(200);
    assert_eq!(ids(&page), [for_all["id"].as_str().unwrap()]);
    let path = format!("/v1/tags/{}", bobs["id"].as_str().unwrap());
    fixture.with(&limited, "GET", &path, None).await.expect(404);
    fixture
        .with(&limited, "POST", "/v1/tags", Some(&body))
        .await
        .expect(422);
    let all = json!({"name": "Mine"});
    fixture
        .with(&limited, "POST", "/v1/tags", Some(&all))
        .await
        .expect(403);
    let own = json!({"name": "Mine", "mailbox_id": ann.id});
    fixture
        .with(&limited, "POST", "/v1/tags", Some(&own))
        .await
        .expect(201);
}
