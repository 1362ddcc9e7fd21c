//! Prometheus metrics: the recorder, every metric with its help, and the page.
//!
//! Counters and histograms are written by whoever does the thing; gauges that the database knows are
//! read when the page is asked for. No address is ever a label.

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use store::Store;

/// How often histograms are compacted.
const UPKEEP: Duration = Duration::from_secs(5);
/// Buckets for times from a millisecond to a minute.
const SECONDS: &[f64] = &[
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
];
/// Buckets for the delay of arrivals, up to a day.
const DELAYS: &[f64] = &[
    0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0,
];

/// The recorder's page.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder of this process.
    ///
    /// # Errors
    /// There is one already.
    pub fn install() -> Result<Self, String> {
        let recorder = builder()?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|e| e.to_string())?;
        describe();
        Ok(Self(handle))
    }

    /// The page, with the gauges as the store knows them now.
    pub async fn render(&self, store: &Store) -> String {
        match store::mailboxes::count_by_connection(store).await {
            Ok(counts) => set_mailboxes(&counts),
            Err(error) => tracing::warn!(%error, "mailboxes could not be counted for the metrics"),
        }
        match store::mailboxes::backfill_remaining(store).await {
            Ok(left) => metrics::gauge!("postroom_backfill_remaining_messages").set(left as f64),
            Err(error) => {
                tracing::warn!(%error, "the backfill could not be counted for the metrics")
            }
        }
        match store::submissions::depth(store).await {
            Ok(depth) => metrics::gauge!("postroom_outbox_depth").set(depth as f64),
            Err(error) => tracing::warn!(%error, "the outbox could not be counted for the metrics"),
        }
        self.0.render()
    }

    /// Keeps histograms small, for ever.
    pub async fn upkeep(self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, String> {
    PrometheusBuilder::new()
        .set_buckets(SECONDS)
        .and_then(|builder| {
            let delay = Matcher::Full("postroom_arrival_delay_seconds".to_owned());
            builder.set_buckets_for_metric(delay, DELAYS)
        })
        .map_err(|e| e.to_string())
}

/// Names every metric once, so that the page explains itself from the first minute.
fn describe() {
    describe_gauge!(
        "postroom_mailboxes",
        "Mailboxes by the state of their connection."
    );
    describe_counter!(
        "postroom_messages_stored_total",
        "Messages stored, by how we came to know of them."
    );
    describe_counter!(
        "postroom_ingest_bytes_total",
        "Octets of raw messages stored."
    );
    describe_histogram!(
        "postroom_arrival_delay_seconds",
        "Time from a message's arrival at its server to its event."
    );
    describe_gauge!(
        "postroom_backfill_remaining_messages",
        "Messages that the first copies still lack."
    );
    describe_counter!(
        "postroom_problems_total",
        "Problems met, by their id in the catalogue."
    );
    describe_counter!(
        "postroom_audits_total",
        "Comparisons of everything with a server, by outcome."
    );
    describe_counter!(
        "postroom_audit_differences_total",
        "Messages that such a comparison found different, by kind."
    );
    describe_counter!(
        "postroom_submissions_total",
        "Submissions that ended, by result."
    );
    describe_gauge!(
        "postroom_outbox_depth",
        "Submissions that are not settled yet."
    );
    describe_counter!(
        "postroom_webhook_deliveries_total",
        "Tries to deliver an event to a webhook, by result."
    );
    describe_histogram!(
        "postroom_imap_command_seconds",
        "Time that IMAP servers took to answer, by command."
    );
    describe_gauge!(
        "postroom_build_info",
        "1, with the program's version as a label."
    );
    metrics::gauge!("postroom_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::counter!("postroom_ingest_bytes_total").increment(0);
    for origin in model::event::Origin::ALL {
        metrics::counter!("postroom_messages_stored_total", "origin" => origin.as_str())
            .increment(0);
    }
}

fn set_mailboxes(counts: &[(String, i64)]) {
    for state in model::mailbox::ConnectionState::ALL {
        let count = counts.iter().find(|(name, _)| name == state.as_str());
        let count = count.map_or(0, |(_, count)| *count);
        metrics::gauge!("postroom_mailboxes", "connection" => state.as_str()).set(count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_help_and_all_connection_states_before_anything_happened() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            set_mailboxes(&[("live".to_owned(), 3)]);
        });
        let page = handle.render();
        assert!(page.contains("# HELP postroom_build_info"), "{page}");
        assert!(
            page.contains("postroom_mailboxes{connection=\"live\"} 3"),
            "{page}"
        );
        assert!(
            page.contains("postroom_mailboxes{connection=\"held\"} 0"),
            "{page}"
        );
        assert!(
            page.contains("postroom_messages_stored_total{origin=\"backfill\"} 0"),
            "{page}"
        );
    }
}
