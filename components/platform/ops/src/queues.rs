//! The state of the queues.

use queue::Counts;
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
        let overview: Overview = [("images".to_owned(), counts)].into_iter().collect();
        assert_eq!(
            serde_json::to_value(overview).unwrap(),
            json!({"queues": [{
                "name": "images", "depth": 3, "inFlight": 2, "oldestAgeSeconds": 1.5,
                "delayed": 0, "due": 0, "dead": 1, "held": 0, "processed": 0, "retried": 0,
            }]})
        );
    }
}
