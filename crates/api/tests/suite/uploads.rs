//! Files that are uploaded before their message.

use crate::common::{Answer, Fixture};
use crate::composing::bytes_of;
use axum::body::{Body, Bytes};
use axum::http::Request;
use model::access::Scope;
use model::limits::UPLOAD_BYTES;
use serde_json::{Value, json};

pub async fn upload(fixture: &Fixture, token: &str, uri: &str, kind: &str, body: Body) -> Answer {
    let request = Request::post(uri)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind)
        .body(body)
        .unwrap();
    fixture.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_goes_along_for_the_one_who_brought_it() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let file: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    // It comes in pieces of no particular length, without a length before it.
    let pieces: Vec<_> = file
        .chunks(70_001)
        .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
        .collect();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let uri = "/v1/uploads?filename=Gr%C3%B6%C3%9Fe.bin";
    let made = upload(
        &fixture,
        &fixture.token,
        uri,
        "Application/X-Thing; a=b",
        body,
    )
    .await
    .expect(201);
    assert_eq!(
        (&made["size"], &made["content_type"]),
        (&json!(3_000_000), &json!("application/x-thing"))
    );
    assert_eq!(made["filename"], "Größe.bin");
    let id = made["blob_id"].as_str().unwrap();
    assert!(id.starts_with("upl_"));

    let message = |attachment: Value| json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t", "attachments": [attachment]});
    let submission = fixture
        .post("/v1/submissions", &message(json!({"blob_id": id})))
        .await
        .expect(202);
    let raw = bytes_of(&fixture, &submission).await;
    let read = mail_message::read(&raw);
    assert_eq!(read.attachments[0].filename, "Größe.bin");
    assert!(
        mail_message::attachment(&raw, read.attachments[0].index)
            .unwrap()
            .bytes
            == file
    );
    // It may be used again, as something else.
    let again = message(json!({"blob_id": id, "filename": "b.bin", "content_type": "image/png"}));
    let submission = fixture.post("/v1/submissions", &again).await.expect(202);
    let read = mail_message::read(&bytes_of(&fixture, &submission).await);
    assert_eq!(
        (
            read.attachments[0].filename.as_str(),
            read.attachments[0].content_type.as_str()
        ),
        ("b.bin", "image/png")
    );

    let other = fixture.token(&[Scope::Send, Scope::Read], &[]).await;
    let foreign = fixture
        .with(
            &other,
            "POST",
            "/v1/submissions",
            Some(&message(json!({"blob_id": id}))),
        )
        .await;
    assert_eq!(
        foreign.problem(422)["errors"][0]["pointer"],
        "/attachments/0/blob_id"
    );
    let both = message(json!({"blob_id": id, "content_base64": "AQ=="}));
    assert_eq!(
        fixture.post("/v1/submissions", &both).await.problem(422)["errors"][0]["pointer"],
        "/attachments/0"
    );
    fixture.clock.advance(25 * 3_600_000);
    let late = fixture
        .post("/v1/submissions", &message(json!({"blob_id": id})))
        .await;
    assert_eq!(
        late.problem(422)["errors"][0]["pointer"],
        "/attachments/0/blob_id"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drafts_files_are_there_for_everybody_who_goes_on_with_it() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let b = fixture.mailbox("bo@example.com").await;
    let uri = "/v1/uploads?filename=plan.txt";
    let made = upload(&fixture, &fixture.token, uri, "text/plain", "plan".into()).await;
    let files = json!([{"blob_id": made.expect(201)["blob_id"]}]);
    let draft = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "one", "attachments": files});
    let draft = fixture.post("/v1/drafts", &draft).await.expect(201);
    let path = format!("/v1/drafts/{}", draft["id"].as_str().unwrap());
    // Past the day for which an upload waits by itself.
    fixture.clock.advance(25 * 3_600_000);
    store::sweep::run(&fixture.store).await.unwrap();

    let scopes = [Scope::Read, Scope::Send];
    let other = fixture.token(&scopes, std::slice::from_ref(&a.id)).await;
    let ask = async |method: &str, uri: &str, body: &Value| {
        fixture.with(&other, method, uri, Some(body)).await
    };
    let changed = json!({"text": "two", "attachments": files});
    ask("PATCH", &path, &changed).await.expect(200);
    ask("PATCH", &path, &json!({"subject": "Plan"}))
        .await
        .expect(200);
    // Only with that draft: not in another one, not in a message of their own, and not for who does not see the draft.
    let foreign = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t", "attachments": files});
    let mut stranger = foreign.clone();
    (stranger["mailbox_id"], stranger["draft_id"]) = (json!(b.id), draft["id"].clone());
    let alone = fixture.token(&scopes, std::slice::from_ref(&b.id)).await;
    let stranger = fixture.with(&alone, "POST", "/v1/submissions", Some(&stranger));
    for (answer, pointer) in [
        (
            ask("POST", "/v1/drafts", &foreign).await,
            "/attachments/0/blob_id",
        ),
        (
            ask("POST", "/v1/submissions", &foreign).await,
            "/attachments/0/blob_id",
        ),
        (stranger.await, "/draft_id"),
    ] {
        assert_eq!(answer.problem(422)["errors"][0]["pointer"], pointer);
    }
    let sent = ask("POST", &format!("{path}/send"), &json!({}))
        .await
        .expect(202);
    let raw = bytes_of(&fixture, &sent).await;
    let read = mail_message::read(&raw);
    assert_eq!(read.text.as_deref().map(str::trim), Some("two"));
    let file = mail_message::attachment(&raw, read.attachments[0].index).unwrap();
    assert_eq!(
        (file.meta.filename.as_str(), &*file.bytes),
        ("plan.txt", &b"plan"[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_may_not_send_is_refused_before_it_is_kept() {
    let fixture = Fixture::new().await;
    let reader = fixture.token(&[Scope::Read], &[]).await;
    upload(&fixture, &reader, "/v1/uploads", "a/b", Body::from("x"))
        .await
        .problem(403);
    upload(
        &fixture,
        &fixture.token,
        "/v1/uploads?filename=a%0Ab",
        "a/b",
        Body::from("x"),
    )
    .await
    .problem(422);
    let announced = Request::post("/v1/uploads")
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("content-length", (UPLOAD_BYTES + 1).to_string())
        .body(Body::empty())
        .unwrap();
    fixture.send(announced).await.problem(413);
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    let pieces = (0..=UPLOAD_BYTES / piece.len() as u64)
        .map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let endless = Body::from_stream(futures_util::stream::iter(pieces));
    upload(&fixture, &fixture.token, "/v1/uploads", "a/b", endless)
        .await
        .problem(413);
    let broken =
        futures_util::stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("gone"))]);
    upload(
        &fixture,
        &fixture.token,
        "/v1/uploads",
        "a/b",
        Body::from_stream(broken),
    )
    .await
    .problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_brought_too_much_is_told_before_another_file_is_stored() {
    let fixture = Fixture::new().await;
    fixture.mailbox("ann@example.com").await;
    let send =
        async |body| upload(&fixture, &fixture.token, "/v1/uploads", "text/plain", body).await;
    send(Body::from("a file")).await.expect(201);
    let much = "UPDATE uploads SET size = $1";
    let args = [(model::limits::UPLOADS_BYTES - 10).into()];
    let grown = move |tx: &mut store::Tx<'_>| tx.exec(much, &args);
    fixture.store.db.write(grown).await.unwrap();
    // What is announced to be too much is not begun, and what is not announced ends where there is no more room.
    send(Body::from("eleven octets")).await.problem(429);
    send(Body::from("ten octets")).await.expect(201);
    // Nobody reads a body that has no place: this one never ends.
    let endless =
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let problem = send(endless).await.problem(429);
    assert_eq!(problem["code"], "rate_limited");
}
