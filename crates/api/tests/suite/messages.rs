//! Reading mail, and changing it.

use crate::common::{Answer, Fixture, raw};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

const RICH: &str = "From: =?utf-8?q?Z=C3=B6e?= <zoe@example.com>\r\nTo: ann@example.com\r\nSubject: Rich\r\n\
Message-ID: <rich@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=\"x()\">Hi<script>alert(1)</script>\
<img src=\"https://tracker.example/p.gif\"><img src=\"cid:pic\"></p>\r\n\
--b\r\nContent-Type: image/png\r\nContent-ID: <pic>\r\nContent-Disposition: inline; filename=pic.png\r\n\
Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n\
--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"../../evil\\\".html\"\r\n\r\n<script>1</script>\r\n--b--\r\n";

fn subjects(page: &Value) -> Vec<String> {
    let list = page["data"].as_array().unwrap();
    list.iter()
        .map(|m| m["subject"].as_str().unwrap().to_owned())
        .collect()
}

async fn ranged(fixture: &Fixture, uri: &str, range: &str) -> Answer {
    let request = Request::get(uri)
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("range", range);
    fixture.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_newest_first_in_pages_without_gap_or_repetition() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let b = fixture.mailbox("b@example.com").await;
    for n in 0..7 {
        let (mailbox, text) = (if n % 2 == 0 { &a } else { &b }, raw(n, &format!("s{n}")));
        fixture.fill(mailbox, "INBOX", &[(n + 1, &text)]).await;
    }
    for narrow in ["", "&role=inbox"] {
        let mut seen = Vec::new();
        let mut uri = format!("/v1/messages?limit=3{narrow}");
        loop {
            let page = fixture.get(&uri).await.expect(200);
            seen.extend(subjects(&page));
            match page["next_cursor"].as_str() {
                Some(cursor) => uri = format!("/v1/messages?limit=3&cursor={cursor}{narrow}"),
                None => break,
            }
        }
        assert_eq!(seen, ["s6", "s5", "s4", "s3", "s2", "s1", "s0"], "{narrow}");
    }
    let of_b = fixture
        .get(&format!("/v1/messages?mailbox_id={}", b.id))
        .await
        .expect(200);
    assert_eq!(subjects(&of_b), ["s5", "s3", "s1"]);
    let inbox = fixture
        .get(&format!(
            "/v1/messages?folder_id={}&limit=2",
            a.folders["INBOX"]
        ))
        .await
        .expect(200);
    assert_eq!(subjects(&inbox), ["s6", "s4"]);
    let message = &inbox["data"][0];
    assert_eq!(message["folders"][0]["role"], "inbox");
    assert_eq!(message["from"][0]["address"], "bob@example.com");
    assert_eq!(message["flags"]["seen"], false);
    assert!(message["received_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_narrowed_by_what_is_asked() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let zebra = raw(1, "Zebra stripes");
    fixture.fill(&a, "INBOX", &[(1, &zebra), (2, RICH)]).await;
    let archived = raw(3, "Archived zebra");
    fixture.fill(&a, "Archive", &[(3, &archived)]).await;
    let cases = [
        ("q=zebra", vec!["Archived zebra", "Zebra stripes"]),
        ("q=ZEB*", vec!["Archived zebra", "Zebra stripes"]),
        ("q=zebra%20-archived", vec!["Zebra stripes"]),
        ("q=subject:rich", vec!["Rich"]),
        ("q=from:zoe", vec!["Rich"]),
        ("q=to:zoe", vec![]),
        ("q=from:bob", vec!["Archived zebra", "Zebra stripes"]),
        ("q=to:bob", vec![]),
        (
            "q=to:ann@example.com%20zebra",
            vec!["Archived zebra", "Zebra stripes"],
        ),
        ("q=from:ann", vec![]),
        ("q=zebra%20-to:ann", vec![]),
        (
            "q=zebra%20-from:ann",
            vec!["Archived zebra", "Zebra stripes"],
        ),
        ("q=%22zebra%20stripes%22", vec!["Zebra stripes"]),
        ("q=%22stripes%20zebra%22", vec![]),
        ("q=%22%27%3A*%28", vec![]),
        ("q=nothing", vec![]),
        ("q=zebra&role=archive", vec!["Archived zebra"]),
        ("from=zoe%40", vec!["Rich"]),
        ("from=%25", vec![]),
        ("has_attachments=true", vec!["Rich"]),
        ("unread=false", vec![]),
        ("direction=outgoing", vec![]),
        ("role=archive", vec!["Archived zebra"]),
        ("since=2026-01-02T03:04:08Z", vec!["Archived zebra"]),
        ("before=2026-01-02T03:04:07Z", vec!["Zebra stripes"]),
    ];
    for (query, wanted) in cases {
        let page = fixture
            .get(&format!("/v1/messages?{query}"))
            .await
            .expect(200);
        assert_eq!(subjects(&page), wanted, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_made_inert_and_its_files_are_inert_downloads() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, RICH)]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let uri = format!("/v1/messages/{}", id.as_str().unwrap());
    let head = fixture.get(&uri).await.expect(200);
    assert!(head.get("html").is_none());
    let message = fixture
        .get(&format!("{uri}?body=text,html"))
        .await
        .expect(200);
    assert_eq!(message["from"][0]["name"], "Zöe");
    let html = message["html"].as_str().unwrap();
    assert!(
        !html.contains("script") && !html.contains("onclick"),
        "{html}"
    );
    assert!(!html.contains(" src=\"https://tracker"), "{html}");
    assert!(html.contains(&format!("{uri}/attachments/att_")), "{html}");
    assert_eq!(message["blocked_remote_images"], 1);
    let open = fixture
        .get(&format!("{uri}?body=html&remote_images=allowed"))
        .await
        .expect(200);
    assert!(open["html"].as_str().unwrap().contains("https://tracker"));
    assert_eq!(open["text"], Value::Null);
    let files = message["attachments"].as_array().unwrap();
    let evil = files
        .iter()
        .find(|f| f["filename"].as_str().unwrap().contains("evil"))
        .unwrap();
    let file = format!("{uri}/attachments/{}", evil["id"].as_str().unwrap());
    let answer = fixture.get(&file).await;
    assert_eq!(answer.status, 200);
    let disposition = answer.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"") && !disposition.contains(".."),
        "{disposition}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("sandbox")
    );
    let part = ranged(&fixture, &file, "bytes=0-6").await;
    assert_eq!(
        (part.status.as_u16(), part.text().as_str()),
        (206, "<script")
    );
    for bad in ["att_99", "att_x", "att_-1", "..%2f..%2fetc"] {
        fixture
            .get(&format!("{uri}/attachments/{bad}"))
            .await
            .problem(404);
    }
    fixture.get(&format!("{uri}?body=pdf")).await.problem(400);
    fixture
        .get(&format!("{uri}?remote_images=some"))
        .await
        .problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_huge_message_comes_whole_or_not_at_all() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let file = |name: &str, content: &str| {
        format!(
            "--b\r\nContent-Type: application/x\r\nContent-Disposition: attachment; filename={name}\r\n\r\n{content}\r\n"
        )
    };
    let line = format!("{}\r\n", "x".repeat(998));
    let raw = format!(
        "From: a@x.test\r\nSubject: Huge\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}{}{}--b--\r\n",
        file("small", "all of it"),
        file("large", &line.repeat(70_000)),
        file("last", "the end"),
    );
    fixture.fill(&a, "INBOX", &[(1, &raw)]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let uri = format!("/v1/messages/{}", id.as_str().unwrap());
    let message = fixture.get(&format!("{uri}?body=text")).await.expect(200);
    let problem = message["parse_problem"].as_str().unwrap();
    assert!(problem.contains("64 MiB"), "{problem}");
    let files = message["attachments"].as_array().unwrap();
    assert_eq!(files.len(), 2, "the third lies behind what is read");
    let path = |n: usize| format!("{uri}/attachments/{}", files[n]["id"].as_str().unwrap());
    assert_eq!(fixture.get(&path(0)).await.text(), "all of it");
    for refused in [path(1), format!("{uri}/attachments/att_3")] {
        let answer = fixture.get(&refused).await.problem(422);
        assert_eq!(answer["code"], "attachment_out_of_reach", "{answer:#}");
    }
    let forward =
        json!({"mailbox_id": a.id, "to": [{"address": "b@x.test"}], "forward_message_id": id});
    let refused = fixture.post("/v1/submissions", &forward).await.problem(422);
    assert_eq!(refused["errors"][0]["pointer"], "/forward_message_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_raw_message_comes_byte_for_byte_whole_or_in_part() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    // Longer than one piece of a read.
    let long = format!("{}{}", raw(1, "long"), "0123456789abcde\n".repeat(200_000));
    fixture.fill(&a, "INBOX", &[(1, &long)]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let uri = format!("/v1/messages/{}/raw", id.as_str().unwrap());
    let whole = fixture.get(&uri).await;
    assert_eq!(whole.header("content-type"), "message/rfc822");
    assert!(whole.body == long.as_bytes());
    let part = ranged(&fixture, &uri, "bytes=1000000-2500000").await;
    assert_eq!(part.status, 206);
    assert!(part.body == long.as_bytes()[1_000_000..=2_500_000]);
    assert_eq!(
        part.header("content-range"),
        format!("bytes 1000000-2500000/{}", long.len())
    );
    let beyond = ranged(&fixture, &uri, "bytes=999999999-").await;
    beyond.problem(416);
    assert_eq!(
        beyond.header("content-range"),
        format!("bytes */{}", long.len())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_change_at_once_and_are_owed_to_the_server() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let uri = format!("/v1/messages/{id}");
    let body = json!({"flags": {"seen": true, "keywords": ["$Label1"]}, "folder_id": a.folders["Archive"]});
    let changed = fixture.patch(&uri, &body).await.expect(200);
    assert_eq!(changed["flags"]["seen"], true);
    assert_eq!(changed["flags"]["keywords"], json!(["$Label1"]));
    assert_eq!(
        store::owed::pending(&fixture.store, &id).await.unwrap(),
        ["move", "flags"]
    );
    let read = fixture.get("/v1/messages?unread=true").await.expect(200);
    assert_eq!(read["data"], json!([]));
    assert_eq!(fixture.delete(&uri).await.status, 204);
    let problem = fixture
        .patch(&uri, &json!({"folder_id": "fld_none"}))
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/folder_id");
    for bad in [
        json!({}),
        json!({"flags": {"seen": "yes"}}),
        json!({"flags": {"keywords": ["a b"]}}),
        json!({"flags": {"keywords": ["a\r\nA1 LOGOUT"]}}),
        json!({"flags": {"keywords": ["\\Deleted"]}}),
        json!({"flags": {"shiny": true}}),
        json!({"folder": "x"}),
    ] {
        fixture.patch(&uri, &bad).await.problem(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_change_at_once_where_the_server_has_them() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    assert_eq!(list["data"][0]["takes_labels"], false);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let uri = format!("/v1/messages/{id}");
    let later = json!({"labels": {"add": ["Later"]}});
    let refused = fixture.patch(&uri, &later).await.problem(409);
    assert_eq!(refused["code"], "labels_unsupported");
    let has_labels = fixture
        .store
        .db
        .write(|tx| tx.exec("UPDATE messages SET labels = '[\"\\\\Inbox\"]'", &[]));
    assert_eq!(has_labels.await.unwrap(), 1);
    let change = json!({"labels": {"add": ["Later"], "remove": ["\\Inbox", "Never"]}});
    let changed = fixture.patch(&uri, &change).await.expect(200);
    assert_eq!(changed["labels"], json!(["Later"]));
    let owed = fixture.get(&format!("/v1/mailboxes/{}/owed", a.id)).await;
    let owed = owed.expect(200);
    assert_eq!(owed["data"][0]["kind"], "labels");
    let what = "put on the label Later, take off the label \\Inbox";
    assert_eq!(owed["data"][0]["what"], what);
    for bad in [
        json!({"labels": {"add": [""]}}),
        json!({"labels": {"add": ["a\r\nA1 LOGOUT"]}}),
        json!({"labels": {"add": ["x".repeat(226)]}}),
        json!({"labels": {"set": ["x"]}}),
    ] {
        fixture.patch(&uri, &bad).await.problem(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_are_narrowed_by_a_label() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let (one, two, three) = (raw(1, "one"), raw(2, "two"), raw(3, "three"));
    let mail = [(1, one.as_str()), (2, &two), (3, &three)];
    fixture.fill(&a, "INBOX", &mail).await;
    for (subject, labels) in [
        ("one", json!(["Customers/Acme, Inc.", "\\Inbox"])),
        ("two", json!(["Customers", "with \"quotes\""])),
    ] {
        let list = fixture
            .get(&format!("/v1/messages?q=subject:{subject}"))
            .await;
        let id = list.expect(200)["data"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let labels = labels.to_string();
        let given = fixture.store.db.write(move |tx| {
            let sql = "UPDATE messages SET labels = $2 WHERE id = $1";
            tx.exec(sql, &[(&id).into(), (&labels).into()])
        });
        assert_eq!(given.await.unwrap(), 1);
    }
    let cases = [
        ("label=Customers", vec!["two"]),
        ("label=customers%2Facme%2C%20inc.", vec!["one"]),
        ("label=%5CInbox", vec!["one"]),
        ("label=with%20%22quotes%22", vec!["two"]),
        ("label=Custom", vec![]),
        ("label=Customers&q=two", vec!["two"]),
        ("label=Customers&q=one", vec![]),
        ("q=label:customers", vec!["two"]),
        ("q=label:%22Customers/Acme,%20Inc.%22%20hello", vec!["one"]),
        ("label=", vec!["three", "two", "one"]),
    ];
    for (query, wanted) in cases {
        let page = fixture.get(&format!("/v1/messages?{query}")).await;
        assert_eq!(subjects(&page.expect(200)), wanted, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_change_while_a_move_is_owed_and_while_the_message_is_on_its_way() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let uri = format!("/v1/messages/{}", list["data"][0]["id"].as_str().unwrap());
    let made = fixture.post("/v1/tags", &json!({"name": "Urgent"})).await;
    let tag = made.expect(201)["id"].clone();
    let (on, off) = (json!({"add": [tag]}), json!({"remove": [tag]}));
    let both = json!({"folder_id": a.folders["Archive"], "tags": on});
    let tagged = fixture.patch(&uri, &both).await.expect(200);
    assert_eq!(tagged["tags"][0]["id"], tag);
    let owed = fixture.get(&format!("/v1/mailboxes/{}/owed", a.id)).await;
    assert_eq!(owed.expect(200)["data"][0]["kind"], "move");
    let plain = fixture.patch(&uri, &json!({"tags": off})).await.expect(200);
    assert_eq!(plain["tags"], json!([]));
    // Gone from the one folder, and not seen in the other yet.
    let left = fixture.store.db.write(|tx| {
        tx.exec("DELETE FROM placements", &[])?;
        tx.exec("UPDATE messages SET vanished_at = received_at", &[])
    });
    assert_eq!(left.await.unwrap(), 1);
    let tagged = fixture.patch(&uri, &json!({"tags": on})).await.expect(200);
    assert_eq!(tagged["tags"][0]["id"], tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_owed_once_and_only_within_the_mailbox() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let b = fixture.mailbox("b@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let uri = format!("/v1/messages/{id}/copy");
    let body = json!({"folder_id": a.folders["Archive"]});
    let owed = fixture.post(&uri, &body).await.expect(202);
    assert_eq!(owed["kind"], "copy");
    assert_eq!(owed["what"], "copy the message");
    let again = fixture.post(&uri, &body).await.expect(202);
    assert_eq!(again["id"], owed["id"]);
    let here = json!({"folder_id": a.folders["INBOX"]});
    fixture.post(&uri, &here).await.problem(409);
    for bad in [
        json!({}),
        json!({"folder_id": "fld_none"}),
        json!({"folder_id": b.folders["Archive"]}),
    ] {
        fixture.post(&uri, &bad).await.problem(422);
    }
    let none = "/v1/messages/msg_none/copy";
    fixture.post(none, &body).await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_shown_tried_again_and_given_up() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let uri = format!("/v1/messages/{id}");
    let archive = a.folders["Archive"].clone();
    let body = json!({"flags": {"seen": true}, "folder_id": archive});
    fixture.patch(&uri, &body).await.expect(200);
    let owed = format!("/v1/mailboxes/{}/owed", a.id);
    let first = fixture.get(&format!("{owed}?limit=1")).await.expect(200);
    let entry = &first["data"][0];
    assert_eq!(entry["kind"], "move");
    assert_eq!(entry["state"], "pending");
    assert_eq!(entry["message_id"], json!(id));
    assert_eq!(entry["folder_id"], json!(archive));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = fixture.get(&format!("{owed}?cursor={cursor}")).await;
    let rest = rest.expect(200);
    assert_eq!(rest["data"][0]["what"], "set \\Seen");
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    let one = format!("{owed}/{}", entry["id"].as_str().unwrap());
    let tried = fixture.post(&format!("{one}/retry"), &json!({})).await;
    assert_eq!(tried.expect(200)["attempts"], 0);
    let cancelled = fixture.post(&format!("{one}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 204);
    fixture.get(&one).await.problem(404);
    let left = store::owed::pending(&fixture.store, &id).await.unwrap();
    assert_eq!(left, ["flags"]);
    let taken = store::owed::take(&fixture.store, &a.lease, 10).await;
    let flags = &taken.unwrap()[0];
    let at_work = format!("{owed}/{}/cancel", flags.id);
    fixture.post(&at_work, &json!({})).await.problem(409);
    let refusal = store::owed::Refusal {
        problem_id: "command_refused",
        reason: "no".to_owned(),
    };
    store::owed::failed(&fixture.store, &a.lease, flags, refusal, None)
        .await
        .unwrap();
    let failed = fixture.get(&owed).await.expect(200);
    let failed = &failed["data"][0];
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["problem_id"], "command_refused");
    assert_eq!(failed["next_attempt_at"], Value::Null);
    let events = fixture
        .get("/v1/events?from=start&types=change.failed")
        .await;
    let events = events.expect(200);
    assert_eq!(events["data"][0]["data"]["owed_id"], failed["id"]);
    assert_eq!(events["data"][0]["data"]["kind"], "flags");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_the_server_are_owed_and_those_it_needs_are_protected() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let folders = format!("/v1/mailboxes/{}/folders", a.id);
    let inbox = format!("{folders}/{}", a.folders["INBOX"]);
    let body = json!({"name": "Clients"});
    let made = fixture.post(&folders, &body).await.expect(202);
    assert_eq!(made["kind"], "create");
    assert_eq!(made["what"], "make the folder Clients");
    let again = fixture.post(&folders, &body).await.expect(202);
    assert_eq!(again["id"], made["id"], "asked for twice, owed once");
    for (name, status, code) in [
        ("INBOX", 409, "folder_exists"),
        ("inbox", 409, "folder_exists"),
        ("", 422, "folder_name_invalid"),
        ("a/b", 422, "folder_name_invalid"),
        ("a\r\nA1 LOGOUT", 422, "folder_name_invalid"),
    ] {
        let body = json!({"name": name});
        let problem = fixture.post(&folders, &body).await.problem(status);
        assert_eq!(problem["code"], code, "{name:?}");
    }
    let problem = fixture.patch(&inbox, &json!({"name": "In"})).await;
    assert_eq!(problem.problem(409)["code"], "folder_protected");
    let problem = fixture.delete(&inbox).await.problem(409);
    assert_eq!(problem["code"], "folder_protected");
    let elsewhere = json!({"name": "Deep", "parent_id": "fld_none"});
    fixture.post(&folders, &elsewhere).await.problem(404);
    let archive = format!("{folders}/{}", a.folders["Archive"]);
    for parent in [json!("fld_none"), json!(a.folders["Archive"])] {
        let status = if parent == "fld_none" { 422 } else { 409 };
        let body = json!({"parent_id": parent});
        fixture.patch(&archive, &body).await.problem(status);
    }
    let read_only = json!({"read_only": true});
    let mailbox = format!("/v1/mailboxes/{}", a.id);
    fixture.patch(&mailbox, &read_only).await.expect(200);
    let problem = fixture.post(&folders, &body).await.problem(409);
    assert_eq!(problem["code"], "mailbox_read_only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_may_only_be_read_takes_no_change() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let mailbox = format!("/v1/mailboxes/{}", a.id);
    let read_only = json!({"read_only": true});
    fixture.patch(&mailbox, &read_only).await.expect(200);
    let uri = format!("/v1/messages/{id}");
    for change in [
        json!({"flags": {"seen": true}}),
        json!({"folder_id": a.folders["Archive"]}),
    ] {
        let problem = fixture.patch(&uri, &change).await.problem(409);
        assert_eq!(problem["code"], "mailbox_read_only");
        assert!(problem["remedy"].as_str().unwrap().contains("read only"));
    }
    let problem = fixture.delete(&uri).await.problem(409);
    assert_eq!(problem["code"], "mailbox_read_only");
    let owed = store::owed::pending(&fixture.store, &id).await.unwrap();
    assert!(owed.is_empty(), "{owed:?}");
    let message = fixture.get(&uri).await.expect(200);
    assert_eq!(message["flags"]["seen"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_show_who_takes_part() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    fixture
        .fill(&a, "INBOX", &[(1, &raw(1, "one")), (2, RICH)])
        .await;
    fixture.fill(&a, "Archive", &[(3, &raw(3, "three"))]).await;
    let page = fixture
        .get("/v1/threads?role=inbox&limit=1")
        .await
        .expect(200);
    let thread = &page["data"][0];
    assert_eq!(
        (&thread["subject"], &thread["messages"]),
        (&json!("Rich"), &json!(1))
    );
    assert_eq!(thread["participants"][0]["name"], "Zöe");
    assert_eq!(thread["has_attachments"], true);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = fixture
        .get(&format!("/v1/threads?role=inbox&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(subjects(&next), ["one"]);
    let uri = format!("/v1/threads/{}", thread["id"].as_str().unwrap());
    let whole = fixture.get(&uri).await.expect(200);
    assert_eq!(whole["messages"][0]["subject"], "Rich");
    fixture.get("/v1/threads/thr_none").await.problem(404);
}
