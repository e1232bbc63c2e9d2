//! The configured queues and their state.

use std::collections::BTreeSet;

use queue::Counts;
use serde::Serialize;

/// Reads the variable `queues`: names, separated by commas.
///
/// # Errors
/// A name is listed twice or has characters other than `A-Z a-z 0-9 . _ -`, or there is
/// no name. The text says what the variable must be and follows its name.
pub fn names(list: &str) -> Result<Vec<String>, &'static str> {
    let names: Vec<_> = list
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let is_name = |name: &String| {
        let mut bytes = name.bytes();
        bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    // Prometheus refuses two samples of one queue.
    let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    if names.is_empty() || !distinct || !names.iter().all(is_name) {
        return Err(
            "must be names of queues, each once, of letters, digits, `.`, `_` and `-`, separated by commas",
        );
    }
    Ok(names)
}

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
    fn the_variable_lists_queues() {
        assert_eq!(names("images,jobs").unwrap(), ["images", "jobs"]);
        assert_eq!(names(" a-1 , b_2.c,").unwrap(), ["a-1", "b_2.c"]);
        for wrong in [
            "",
            " , ",
            "images jobs",
            "{images}",
            "images,a/b",
            "jobs,jobs",
        ] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }

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
