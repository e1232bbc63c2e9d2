//! The state of the queues.

use base::rfc3339;
use queue::{Counts, Minute};
use serde::Serialize;

/// The body of `GET /ops/queues`.
#[derive(Debug, Serialize)]
pub struct Overview {
    queues: Vec<State>,
}

/// A queue in the overview.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    name: String,
    depth: u64,
    in_flight: u64,
    oldest_age_seconds: f64,
    delayed: u64,
    due: u64,
    dead: u64,
    held: u64,
    processed: u64,
    retried: u64,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_since: Option<String>,
}

/// The body of `GET /ops/queues/{queue}/history`.
#[derive(Debug, Serialize)]
pub struct History<'a> {
    queue: &'a str,
    minutes: Vec<Past>,
}

/// A minute of a queue.
#[derive(Debug, Serialize)]
struct Past {
    at: String,
    processed: u64,
    retried: u64,
    dead: u64,
}

impl<'a> History<'a> {
    /// The counts of a queue, for each minute.
    pub fn new(queue: &'a str, minutes: Vec<Minute>) -> Self {
        let minutes = minutes.into_iter().map(|minute| Past {
            at: rfc3339(minute.at),
            processed: minute.processed,
            retried: minute.retried,
            dead: minute.dead,
        });
        Self {
            queue,
            minutes: minutes.collect(),
        }
    }
}

/// The body of the answers to a pause and to its end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause<'a> {
    queue: &'a str,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_since: Option<String>,
}

impl<'a> Pause<'a> {
    /// The state of a queue that is paused since a time, in milliseconds since the Unix
    /// epoch, or is not paused.
    pub fn new(queue: &'a str, since: Option<u64>) -> Self {
        Self {
            queue,
            paused: since.is_some(),
            paused_since: since.map(rfc3339),
        }
    }
}

impl FromIterator<(String, Counts)> for Overview {
    fn from_iter<I: IntoIterator<Item = (String, Counts)>>(counts: I) -> Self {
        let queues = counts.into_iter().map(|(name, counts)| State {
            name,
            depth: counts.depth,
            in_flight: counts.in_flight,
            oldest_age_seconds: counts.oldest_age.as_secs_f64(),
            delayed: counts.delayed,
            due: counts.due,
            dead: counts.dead,
            held: counts.held,
            processed: counts.processed,
            retried: counts.retried,
            paused: counts.paused_since.is_some(),
            paused_since: counts.paused_since.map(rfc3339),
        });
        Self {
            queues: queues.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_overview_tells_of_each_queue() {
        let counts = Counts {
            depth: 3,
            in_flight: 2,
            oldest_age: Duration::from_millis(1500),
            dead: 1,
            ..Counts::default()
        };
        let paused = Counts {
            paused_since: Some(1_795_343_445_123),
            ..Counts::default()
        };
        let counts = [("images".to_owned(), counts), ("jobs".to_owned(), paused)];
        let overview: Overview = counts.into_iter().collect();
        assert_eq!(
            serde_json::to_value(overview).unwrap(),
            json!({"queues": [{
                "name": "images", "depth": 3, "inFlight": 2, "oldestAgeSeconds": 1.5,
                "delayed": 0, "due": 0, "dead": 1, "held": 0, "processed": 0, "retried": 0,
                "paused": false,
            }, {
                "name": "jobs", "depth": 0, "inFlight": 0, "oldestAgeSeconds": 0.0,
                "delayed": 0, "due": 0, "dead": 0, "held": 0, "processed": 0, "retried": 0,
                "paused": true, "pausedSince": "2026-11-22T10:30:45.123Z",
            }]})
        );
    }

    #[test]
    fn a_pause_tells_since_when_it_is() {
        let paused = Pause::new("jobs", Some(1_795_343_445_123));
        assert_eq!(
            serde_json::to_value(paused).unwrap(),
            json!({"queue": "jobs", "paused": true, "pausedSince": "2026-11-22T10:30:45.123Z"})
        );
        let ended = serde_json::to_value(Pause::new("jobs", None)).unwrap();
        assert_eq!(ended, json!({"queue": "jobs", "paused": false}));
    }
}
