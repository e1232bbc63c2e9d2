//! The state of queues and schedules for Prometheus: its text exposition format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;

use purchases_domain::metrics::{ARCHIVED, FAILED, HISTOGRAMS};
use queue::Counts;
use schedule::{Seen, State};
use telemetry::{BUCKETS, Histogram, Request};

/// The media type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric: name, type, help, and its value for a queue.
type Metric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Counts) -> String,
);

const METRICS: [Metric; 12] = [
    (
        "orilla_queue_depth",
        "gauge",
        "Messages that are ready and wait for a worker.",
        |counts| counts.depth.to_string(),
    ),
    (
        "orilla_queue_in_flight",
        "gauge",
        "Messages that a worker has a lease of.",
        |counts| counts.in_flight.to_string(),
    ),
    (
        "orilla_queue_oldest_age_seconds",
        "gauge",
        "Age of the oldest message that is ready or in flight, 0 if there is none.",
        |counts| counts.oldest_age.as_secs_f64().to_string(),
    ),
    (
        "orilla_queue_delayed",
        "gauge",
        "Messages that are delivered after a delay.",
        |counts| counts.delayed.to_string(),
    ),
    (
        "orilla_queue_due",
        "gauge",
        "Delayed messages that are due and that no timer has made ready yet.",
        |counts| counts.due.to_string(),
    ),
    (
        "orilla_queue_dead",
        "gauge",
        "Dead letters that wait to be sent back or thrown away.",
        |counts| counts.dead.to_string(),
    ),
    (
        "orilla_queue_held",
        "gauge",
        "Messages that wait for another one of their message group.",
        |counts| counts.held.to_string(),
    ),
    (
        "orilla_queue_paused",
        "gauge",
        "1 while an operator has paused the queue, 0 otherwise.",
        |counts| u8::from(counts.paused_since.is_some()).to_string(),
    ),
    (
        "orilla_queue_processed_total",
        "counter",
        "Messages that were processed.",
        |counts| counts.processed.to_string(),
    ),
    (
        "orilla_queue_retried_total",
        "counter",
        "Failed attempts at messages that are tried again.",
        |counts| counts.retried.to_string(),
    ),
    (
        "orilla_queue_postponed_total",
        "counter",
        "Deliveries that were postponed for a reason other than a failure of the message.",
        |counts| counts.postponed.to_string(),
    ),
    (
        "orilla_queue_dead_lettered_total",
        "counter",
        "Messages that became dead letters.",
        |counts| counts.dead_lettered.to_string(),
    ),
];

/// Writes the metrics of all queues.
pub fn render(queues: &[(String, Counts)]) -> String {
    let mut text = String::new();
    for (name, kind, help, value) in METRICS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}");
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for (queue, counts) in queues {
            let (queue, value) = (label_value(queue), value(counts));
            let _ = writeln!(text, "{name}{{queue=\"{queue}\"}} {value}");
        }
    }
    text
}

/// Writes the metrics of the archive of purchases, from its counters.
pub fn render_archive(counters: &BTreeMap<String, i64>) -> String {
    let mut text = String::new();
    let counter = |name: &str| counters.get(name).copied().unwrap_or(0);
    for (name, metric, help) in [
        (
            ARCHIVED,
            "orilla_compras_archived_total",
            "Changes of purchases that were written to the archive.",
        ),
        (
            FAILED,
            "orilla_compras_failed_total",
            "Records without a place in the archive, and dead letters.",
        ),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {metric} {help}");
        let _ = writeln!(text, "# TYPE {metric} counter");
        let _ = writeln!(text, "{metric} {}", counter(name));
    }
    for histogram in HISTOGRAMS {
        let (name, metric) = (histogram.name, histogram.metric);
        let _ = writeln!(text, "# HELP {metric} {}", histogram.help);
        let _ = writeln!(text, "# TYPE {metric} histogram");
        let mut count = 0;
        for bound in histogram.bounds {
            count += counter(&format!("{name}:{bound}"));
            let bound = *bound as f64 / histogram.per_unit;
            let _ = writeln!(text, "{metric}_bucket{{le=\"{bound}\"}} {count}");
        }
        count += counter(&format!("{name}:inf"));
        let _ = writeln!(text, "{metric}_bucket{{le=\"+Inf\"}} {count}");
        let sum = counter(&format!("{name}:sum")) as f64 / histogram.per_unit;
        let _ = writeln!(text, "{metric}_sum {sum}");
        let _ = writeln!(text, "{metric}_count {count}");
    }
    text
}

/// Writes the durations of requests, a histogram for each method, route and status.
pub fn render_requests(requests: &BTreeMap<Request, Histogram>) -> String {
    let metric = "orilla_http_request_duration_seconds";
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP {metric} Time to answer a request, from its head to the last byte."
    );
    let _ = writeln!(text, "# TYPE {metric} histogram");
    for (request, histogram) in requests {
        let labels = format!(
            "method=\"{}\",route=\"{}\",status=\"{}\"",
            label_value(&request.method),
            label_value(&request.route),
            request.status
        );
        let mut count = 0;
        let bounds = BUCKETS.map(seconds).map(|bound| bound.to_string());
        let bounds = bounds.into_iter().chain(["+Inf".to_owned()]);
        for (bound, in_bucket) in bounds.zip(histogram.counts) {
            count += in_bucket;
            let _ = writeln!(text, "{metric}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{metric}_sum{{{labels}}} {}", seconds(histogram.sum));
        let _ = writeln!(text, "{metric}_count{{{labels}}} {count}");
    }
    text
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// A metric of a schedule: name, type, help, and its value for a state, if it has one.
type ScheduleMetric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&State) -> Option<String>,
);

const SCHEDULES: [ScheduleMetric; 4] = [
    (
        "orilla_schedule_runs_total",
        "counter",
        "Times of the schedule that ran.",
        |state| Some(state.runs.to_string()),
    ),
    (
        "orilla_schedule_missed_total",
        "counter",
        "Times that were looked at too late, or together with a later one.",
        |state| Some(state.missed.to_string()),
    ),
    (
        "orilla_schedule_skipped_total",
        "counter",
        "Times at which the message of an earlier one was still on the queue.",
        |state| Some(state.skipped.to_string()),
    ),
    (
        "orilla_schedule_next_timestamp_seconds",
        "gauge",
        "The next time, in seconds since the Unix epoch; missing if there is none.",
        |state| Some((state.next? as f64 / 1_000.0).to_string()),
    ),
];

/// Writes the metrics of the schedules.
pub fn render_schedules(schedules: &[Seen<'_>]) -> String {
    let mut text = String::new();
    for (name, kind, help, value) in SCHEDULES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}");
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for seen in schedules {
            if let Some(value) = value(&seen.state) {
                let schedule = label_value(seen.schedule.name());
                let _ = writeln!(text, "{name}{{schedule=\"{schedule}\"}} {value}");
            }
        }
    }
    text
}

/// The value of a label, with escapes.
fn label_value(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_metric_has_its_help_its_type_and_a_sample_a_queue() {
        let counts = Counts {
            depth: 3,
            oldest_age: Duration::from_millis(1500),
            processed: 12_345_678_901,
            dead_lettered: 1,
            paused_since: Some(1_795_343_445_123),
            ..Counts::default()
        };
        let text = render(&[
            ("images".into(), counts),
            ("jobs".into(), Counts::default()),
        ]);
        assert!(text.starts_with(
            "# HELP orilla_queue_depth Messages that are ready and wait for a worker.\n\
             # TYPE orilla_queue_depth gauge\n\
             orilla_queue_depth{queue=\"images\"} 3\n\
             orilla_queue_depth{queue=\"jobs\"} 0\n\
             # HELP orilla_queue_in_flight "
        ));
        for line in [
            "orilla_queue_oldest_age_seconds{queue=\"images\"} 1.5",
            "# TYPE orilla_queue_processed_total counter",
            "orilla_queue_processed_total{queue=\"images\"} 12345678901",
            "orilla_queue_dead_lettered_total{queue=\"images\"} 1",
            "orilla_queue_dead{queue=\"images\"} 0",
            "orilla_queue_paused{queue=\"images\"} 1",
            "orilla_queue_paused{queue=\"jobs\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().count(), METRICS.len() * 4);
    }

    #[test]
    fn a_histogram_counts_each_value_in_all_buckets_above_it() {
        let counters = [
            ("archived", 3),
            ("lag:50", 1),
            ("lag:250", 1),
            ("lag:inf", 1),
            ("lag:sum", 4_000_300),
        ];
        let text = render_archive(&counters.map(|(name, n)| (name.to_owned(), n)).into());
        for line in [
            "orilla_compras_archived_total 3",
            "orilla_compras_failed_total 0",
            "# TYPE orilla_compras_archive_lag_seconds histogram",
            "orilla_compras_archive_lag_seconds_bucket{le=\"0.05\"} 1",
            "orilla_compras_archive_lag_seconds_bucket{le=\"0.1\"} 1",
            "orilla_compras_archive_lag_seconds_bucket{le=\"0.25\"} 2",
            "orilla_compras_archive_lag_seconds_bucket{le=\"3600\"} 2",
            "orilla_compras_archive_lag_seconds_bucket{le=\"+Inf\"} 3",
            "orilla_compras_archive_lag_seconds_sum 4000.3",
            "orilla_compras_archive_lag_seconds_count 3",
            "orilla_compras_object_bytes_bucket{le=\"256\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn each_route_has_the_durations_of_its_answers_by_status() {
        let request = |status| Request {
            method: "GET".into(),
            route: "/orders/{orderId}".into(),
            status,
        };
        let mut quick = Histogram {
            sum: 12_500,
            ..Histogram::default()
        };
        (quick.counts[0], quick.counts[3]) = (2, 1);
        let mut slow = Histogram {
            sum: 20_000_000,
            ..Histogram::default()
        };
        slow.counts[BUCKETS.len()] = 1;
        let text = render_requests(&[(request(200), quick), (request(503), slow)].into());
        let labels = "method=\"GET\",route=\"/orders/{orderId}\",status=";
        for line in [
            "_bucket{LABELS\"200\",le=\"0.001\"} 2",
            "_bucket{LABELS\"200\",le=\"0.005\"} 2",
            "_bucket{LABELS\"200\",le=\"0.01\"} 3",
            "_bucket{LABELS\"200\",le=\"+Inf\"} 3",
            "_sum{LABELS\"200\"} 0.0125",
            "_count{LABELS\"200\"} 3",
            "_bucket{LABELS\"503\",le=\"10\"} 0",
            "_bucket{LABELS\"503\",le=\"+Inf\"} 1",
            "_sum{LABELS\"503\"} 20",
        ] {
            let line = line.replace("LABELS", labels);
            let line = format!("orilla_http_request_duration_seconds{line}");
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), 2 + 2 * (BUCKETS.len() + 3));
    }

    #[test]
    fn a_schedule_has_its_counts_and_its_next_time_if_there_is_one() {
        let line = |name| format!(r#"{name} | rate(1 day) | jobs | {{"type":"x","schema":1}}"#);
        let lines = [line("a"), line("b")].join("\n");
        let schedules = schedule::Schedules::parse(&lines, &[], &["jobs".to_owned()]);
        let nexts = [Some(1_795_680_000_500), None];
        let seen: Vec<_> = schedules
            .iter()
            .zip(nexts)
            .map(|(schedule, next)| Seen {
                schedule,
                state: State {
                    expression: "rate(1 day)".to_owned(),
                    queue: "jobs".to_owned(),
                    next,
                    last: None,
                    runs: 3,
                    missed: 2,
                    skipped: 1,
                },
            })
            .collect();
        let text = render_schedules(&seen);
        for line in [
            "# TYPE orilla_schedule_runs_total counter",
            "orilla_schedule_runs_total{schedule=\"a\"} 3",
            "orilla_schedule_missed_total{schedule=\"b\"} 2",
            "orilla_schedule_skipped_total{schedule=\"a\"} 1",
            "# TYPE orilla_schedule_next_timestamp_seconds gauge",
            "orilla_schedule_next_timestamp_seconds{schedule=\"a\"} 1795680000.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), 4 * 2 + 3 * 2 + 1);
    }

    #[test]
    fn counters_and_no_others_end_in_total() {
        let queues = METRICS.iter().map(|(name, kind, ..)| (name, kind));
        let schedules = SCHEDULES.iter().map(|(name, kind, ..)| (name, kind));
        for (name, kind) in queues.chain(schedules) {
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
        }
    }

    #[test]
    fn no_two_metrics_are_one_without_the_total() {
        // OpenMetrics names a counter without its suffix.
        let families: BTreeSet<_> = METRICS
            .iter()
            .map(|(name, ..)| name.trim_end_matches("_total"))
            .collect();
        assert_eq!(families.len(), METRICS.len());
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(label_value("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
