//! The process's metrics: one recorder, and what each metric says.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// What only grows.
const COUNTERS: [(&str, &str); 9] = [
    ("leadline_commands_total", "Commands, by name and by what became of them."),
    ("leadline_appends_total", "Appends to the log, by what became of them."),
    ("leadline_holds_total", "Decisions made with other servers kept out, after a bounce."),
    ("leadline_holes_total", "Positions missing from the log: above zero, it is damaged."),
    ("leadline_unknown_events_total", "Events of a newer version that were passed over."),
    ("leadline_projector_refills_total", "Pages read from the log instead of from NATS."),
    ("leadline_delivery_interruptions_total", "Times that events from NATS did not do, and why."),
    ("leadline_publisher_interruptions_total", "Times that publishing was interrupted."),
    ("leadline_http_requests_total", "Requests, by route and class of status."),
];
/// What goes up and down.
const GAUGES: [(&str, &str); 10] = [
    ("leadline_ready", "1 where /readyz answers 200."),
    ("leadline_log_ready", "1 where the log answers and took the last append."),
    ("leadline_commands_waiting", "Commands that wait to be decided."),
    ("leadline_view_here", "1 where this process keeps the view."),
    ("leadline_view_lag_events", "Events that the view is behind the log."),
    ("leadline_view_lag_seconds", "Seconds that the view is behind the log."),
    ("leadline_projector_road", "1 for the way by which events come to the views."),
    ("leadline_nats_connected", "1 where NATS is connected."),
    ("leadline_publishing_stalled", "1 where the log goes on and nobody publishes it."),
    ("leadline_publisher_stopped", "1 where something stops the publisher."),
];
/// What is summed up by quantiles.
const HISTOGRAMS: [(&str, &str); 2] = [
    ("leadline_batch_appends", "Appends in one commit."),
    ("leadline_http_request_seconds", "Seconds that a request took, by route."),
];

/// The process's one recorder.
pub(crate) fn handle() -> PrometheusHandle {
    static RECORDER: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Installed once in a process; a second one would only be left out.
            drop(metrics::set_global_recorder(recorder));
            describe();
            handle
        })
        .clone()
}

fn describe() {
    for (name, about) in COUNTERS {
        metrics::describe_counter!(name, about);
    }
    for (name, about) in GAUGES {
        metrics::describe_gauge!(name, about);
    }
    for (name, about) in HISTOGRAMS {
        metrics::describe_histogram!(name, about);
    }
}
