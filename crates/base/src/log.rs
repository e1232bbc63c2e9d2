//! Log lines: one JSON object a line on standard output.
//!
//! No token, secret or presigned URL is ever given to these functions.

use std::io::Write;

use serde::Serialize;

use crate::{Trace, now_millis, rfc3339};

/// A log line. The fields that readers need first come first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a, F> {
    timestamp: &'a str,
    level: &'a str,
    message: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

/// Something that happened as it should. `fields` is a JSON object.
pub fn info(trace: &Trace, message: &str, fields: impl Serialize) {
    write("INFO", trace, message, fields);
}

/// Something unusual that needs no action by itself. `fields` is a JSON object.
pub fn warn(trace: &Trace, message: &str, fields: impl Serialize) {
    write("WARN", trace, message, fields);
}

/// Something that failed. `fields` is a JSON object.
pub fn error(trace: &Trace, message: &str, fields: impl Serialize) {
    write("ERROR", trace, message, fields);
}

fn write(level: &str, trace: &Trace, message: &str, fields: impl Serialize) {
    let line = line(&rfc3339(now_millis()), level, trace, message, &fields);
    // An error is ignored: without a log there is no place to report it.
    let _ = std::io::stdout().write_all(&line);
}

fn line(
    timestamp: &str,
    level: &str,
    trace: &Trace,
    message: &str,
    fields: &impl Serialize,
) -> Vec<u8> {
    let line = Line {
        timestamp,
        level,
        message,
        request_id: trace.request_id(),
        trace_id: trace.trace_id(),
        fields,
    };
    let mut bytes = Vec::with_capacity(512);
    // Fails only for fields that are no JSON object, and no caller passes such.
    let _ = serde_json::to_writer(&mut bytes, &line);
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_has_the_ids_at_hand_and_stays_one_line() {
        let trace = Trace::from_headers(Some("req-1"), None, None);
        let line = line(
            "2026-01-01T00:00:00.000Z",
            "INFO",
            &trace,
            "a\nb",
            &json!({"jobId": "J"}),
        );
        let [text @ .., b'\n'] = line.as_slice() else {
            panic!("the line does not end");
        };
        assert!(!text.contains(&b'\n'));
        let line: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(line["requestId"], "req-1");
        assert_eq!(line["message"], "a\nb");
        assert_eq!(line["jobId"], "J");
    }
}
