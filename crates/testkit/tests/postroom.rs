//! The launcher and the REST helpers, tried on a shell script that plays the program and a thread that plays its port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;
use testkit::{Api, Launch};

const LIMIT: Duration = Duration::from_secs(10);

/// Prints the ready line and waits; makes tokens.
const PROGRAM: &str = r#"#!/bin/sh
case "$1" in
serve)
    echo "arguments: $*" >&2
    echo "postroom is ready at http://127.0.0.1:$FAKE_PORT (set-up link: ...)"
    exec sleep 600
    ;;
token) echo '{"token": "tok_fake"}' ;;
esac
"#;

/// Answers every connection with the same bytes, piece by piece, and gives back the last request.
fn fake_server(pieces: &'static [&'static str]) -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (requests, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = requests.send(read_request(&mut stream));
            for piece in pieces {
                let _ = stream.write_all(piece.as_bytes());
            }
        }
    });
    (port, received)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the whole body comes");
    head + &String::from_utf8_lossy(&body)
}

#[test]
fn the_program_is_started_killed_restarted_and_terminated() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let program = dir.path().join("postroom");
    std::fs::write(&program, PROGRAM).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");

    let launch = Launch::new(&program)
        .env("FAKE_PORT", "4711")
        .arg("--log-format=json");
    let data = launch.data_dir().to_owned();
    let mut postroom = launch.start();
    assert_eq!(
        (postroom.port, postroom.token.as_deref()),
        (4711, Some("tok_fake"))
    );
    let arguments = testkit::wait_for(LIMIT, "the arguments are seen", || {
        postroom
            .output()
            .lines()
            .find(|line| line.starts_with("arguments"))
            .map(str::to_owned)
    });
    assert!(arguments.contains("serve --listen 127.0.0.1:0 --network-allow 127.0.0.0/8"));
    assert!(
        arguments.contains("ca.pem") && arguments.ends_with("--log-format=json"),
        "{arguments}"
    );
    assert!(postroom.peak_memory() > 100_000);

    let first = postroom.pid();
    postroom.kill9();
    postroom.restart();
    assert_ne!(postroom.pid(), first);
    assert!(data.exists());
    assert!(!postroom.terminate().success());
    drop(postroom);
    assert!(!data.exists());
}

#[test]
fn json_goes_both_ways() {
    let (port, requests) = fake_server(&[
        "HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n",
        "{\"id\": 1}",
    ]);
    let api = Api {
        port,
        token: Some("t".into()),
    };
    assert_eq!(
        api.post("/v1/things", &json!({"a": "ü"})),
        (201, json!({"id": 1}))
    );
    let request = requests.recv().expect("a request");
    assert!(
        request.starts_with("POST /v1/things HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer t\r\n")
            && request.ends_with("\r\n\r\n{\"a\":\"ü\"}"),
        "{request}"
    );
    assert_eq!(api.get("/v1/things").0, 201);
}

#[test]
fn events_are_read_across_chunks() {
    let (port, requests) = fake_server(&[
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "9\r\n: hello\n\n\r\n1a\r\nid: 5\nevent: a.b\ndata: {\"\r\n",
        "7\r\nx\":1}\n\n\r\n",
        "0\r\n\r\n",
    ]);
    let api = Api { port, token: None };
    let mut events = api.events("/v1/events", "4");
    let event = events.next(LIMIT).expect("an event");
    assert_eq!((event.id.as_str(), event.event.as_str()), ("5", "a.b"));
    assert_eq!(event.json(), json!({"x": 1}));
    assert_eq!(events.next(LIMIT), None);
    assert!(
        requests
            .recv()
            .expect("a request")
            .contains("last-event-id: 4\r\n")
    );
}
