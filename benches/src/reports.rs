//! Connection reports: how long one takes against a healthy server, and what a thousand at once take.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use testkit::{Api, Generator, TestUser, servers, user};

use crate::meter::{median, percentile};
use crate::table::Row;
use crate::{World, product, say};

/// The longest that a report of a healthy server on loopback may take, in milliseconds.
const ONE_GOAL: f64 = 150.0;
/// The most memory while all reports are asked for at once.
const MEMORY_GOAL: u64 = 150_000_000;
/// Reports that may go on at once at one host (`AT_ONE_HOST` in `connect/src/engine.rs`).
const AT_ONE_HOST: usize = 6;
/// The longest that settings of a provider in the table may take to be found, in milliseconds.
const DETECTION_GOAL: f64 = 5.0;
/// Providers whose settings are asked for, each once.
const DETECTIONS: usize = 40;
/// Single reports, one after the other.
const SINGLE: usize = 20;
/// Reports for one token: the server lets a caller make 600 in a minute.
const FOR_ONE_TOKEN: usize = 500;
/// Mailboxes that the reports are spread over.
const USERS: usize = 20;

pub fn measure(world: &World) -> Vec<Row> {
    let postroom = product::start(world);
    let users: Vec<TestUser> = (0..USERS).map(seeded).collect();
    let body = |number: usize, to: Option<&str>| settings(&users[number % USERS], to);
    let api = token(&postroom);
    run(&api, &body(0, None));
    let mut found = detections(&api);
    let alone: Vec<f64> = (0..SINGLE)
        .map(|n| took(&run(&api, &body(n, None))))
        .collect();
    let to = &users[0].address;
    let round_trip = took(&run(&api, &body(0, Some(to))));
    say(&format!(
        "one report: {:.0} ms",
        median(alone.iter().copied())
    ));

    let count = world.options.reports;
    let tokens: Vec<Api> = (0..count.div_ceil(FOR_ONE_TOKEN))
        .map(|_| token(&postroom))
        .collect();
    let bodies: Vec<Value> = (0..count).map(|number| body(number, None)).collect();
    let before = postroom.resident_memory();
    let since = Instant::now();
    let reports: Vec<Value> = thread::scope(|scope| {
        let asking: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(number, body)| {
                let api = &tokens[number / FOR_ONE_TOKEN];
                scope.spawn(move || run(api, body))
            })
            .collect();
        let done = asking.into_iter();
        done.map(|one| one.join().expect("a report")).collect()
    });
    let wall = since.elapsed().as_secs_f64();
    let peak = postroom.peak_memory();
    let at_once = most_at_once(&reports);
    let mut times: Vec<f64> = reports.iter().map(took).collect();
    say(&format!("{count} reports: {wall:.1} s, {at_once} at once"));
    let mut single = alone;
    let detection = median(found.iter().copied());
    vec![
        Row::new(
            "settings of a provider in the table, asked for over HTTP, each domain once: median",
            format!("{detection:.1} ms"),
        )
        .goal("< 5 ms", detection < DETECTION_GOAL),
        Row::new(
            "  95 % of them",
            format!("{:.1} ms", percentile(&mut found, 0.95)),
        ),
        Row::new(
            "connection report, healthy server, both sides over TLS, median of 20",
            format!("{:.0} ms", median(single.iter().copied())),
        )
        .goal("< 150 ms", median(single.iter().copied()) < ONE_GOAL),
        Row::new(
            "  95 % of them",
            format!("{:.0} ms", percentile(&mut single, 0.95)),
        ),
        Row::new(
            "  with a test message that comes back",
            format!("{round_trip:.0} ms"),
        ),
        Row::new(
            format!("{count} reports asked for at once: largest resident memory"),
            format!(
                "{:.1} MB ({:.1} MB before)",
                peak as f64 / 1e6,
                before as f64 / 1e6
            ),
        )
        .goal("< 150 MB", peak < MEMORY_GOAL),
        Row::new("  reports at once at the one host", format!("{at_once}"))
            .goal(format!("<= {AT_ONE_HOST}"), at_once <= AT_ONE_HOST),
        Row::new(
            "  all of them",
            format!(
                "{wall:.1} s ({:.0} reports/s, median {:.0} ms each)",
                count as f64 / wall,
                percentile(&mut times, 0.5)
            ),
        ),
    ]
}

/// Milliseconds of each detection, as who asks sees them.
fn detections(api: &Api) -> Vec<f64> {
    let (status, providers) = api.get("/v1/providers?limit=200");
    assert_eq!(status, 200, "{providers:#}");
    let listed = providers["data"].as_array().into_iter().flatten();
    let domains = listed.filter_map(|provider| provider["domains"][0].as_str());
    let found: Vec<f64> = domains
        .take(DETECTIONS)
        .map(|domain| {
            let since = Instant::now();
            let body = json!({"address": format!("ann@{domain}")});
            let (status, detection) = api.post("/v1/detect", &body);
            let took = since.elapsed().as_secs_f64() * 1e3;
            assert_eq!(status, 200, "{detection:#}");
            assert!(!detection["provider"].is_null(), "{detection:#}");
            took
        })
        .collect();
    assert!(!found.is_empty(), "no provider has a domain: {providers:#}");
    found
}

fn seeded(number: usize) -> TestUser {
    let user = user("reports");
    user.seed("INBOX", Generator::new(number as u64).take(3));
    user
}

fn token(api: &Api) -> Api {
    let body = json!({"name": "bench", "scopes": ["read", "manage"]});
    let (status, token) = api.post("/v1/tokens", &body);
    assert_eq!(status, 201, "{token:#}");
    let text = token["token"].as_str().expect("a token is shown once");
    Api {
        port: api.port,
        token: Some(text.to_owned()),
    }
}

/// Both sides over TLS.
fn settings(user: &TestUser, to: Option<&str>) -> Value {
    let side = |port: u16| json!({"host": "localhost", "port": port, "security": "tls", "username": user.address, "auth": "password"});
    let mut incoming = side(servers().imaps_port);
    incoming["protocol"] = json!("imap");
    json!({
        "address": user.address,
        "incoming": incoming,
        "outgoing": side(servers().submissions_port),
        "password": user.password,
        "test_recipient": to,
    })
}

fn run(api: &Api, body: &Value) -> Value {
    let (status, report) = api.post("/v1/connection-tests", body);
    assert_eq!(
        (status, &report["verdict"]),
        (201, &json!("works")),
        "{report:#}"
    );
    report
}

/// Milliseconds of all steps together.
fn took(report: &Value) -> f64 {
    let steps = report["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| step["ms"].as_f64()).sum()
}

/// How many reports overlap at most, by their own times.
fn most_at_once(reports: &[Value]) -> usize {
    let time = |report: &Value, name: &str| report[name].as_str().unwrap_or_default().to_owned();
    // A report that ends in the millisecond in which another begins does not overlap with it: ends first.
    let mut moments: Vec<(String, i32)> = reports
        .iter()
        .flat_map(|report| {
            [
                (time(report, "started_at"), 1),
                (time(report, "finished_at"), -1),
            ]
        })
        .collect();
    moments.sort();
    let mut now = 0;
    let most = moments.iter().map(|(_, step)| {
        now += step;
        now
    });
    usize::try_from(most.max().unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::most_at_once;
    use serde_json::json;

    #[test]
    fn overlapping_reports_are_counted() {
        let report = |from: &str, to: &str| json!({"started_at": from, "finished_at": to});
        let reports = [
            report("1", "3"),
            report("2", "4"),
            report("3", "5"),
            report("6", "7"),
        ];
        assert_eq!(most_at_once(&reports), 2);
        assert_eq!(most_at_once(&[]), 0);
    }
}
