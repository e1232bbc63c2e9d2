//! Log lines: one JSON object a line on standard output.
//!
//! No token, secret or presigned URL is ever given to these functions.

use serde_json::{Map, Value};

use crate::{Trace, now_millis, rfc3339};

/// Something that happened as it should.
pub fn info(trace: &Trace, message: &str, fields: Value) {
    write("INFO", trace, message, fields);
}

/// Something that somebody may want to look at.
pub fn warn(trace: &Trace, message: &str, fields: Value) {
    write("WARN", trace, message, fields);
}

/// Something that failed.
pub fn error(trace: &Trace, message: &str, fields: Value) {
    write("ERROR", trace, message, fields);
}

fn write(level: &str, trace: &Trace, message: &str, fields: Value) {
    println!(
        "{}",
        line(&rfc3339(now_millis()), level, trace, message, fields)
    );
}

fn line(timestamp: &str, level: &str, trace: &Trace, message: &str, fields: Value) -> Value {
    let mut line = Map::new();
    line.insert("timestamp".into(), timestamp.into());
    line.insert("level".into(), level.into());
    line.insert("message".into(), message.into());
    line.insert("requestId".into(), trace.request_id().into());
    line.insert("traceId".into(), trace.trace_id().into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_has_the_ids_at_hand_and_stays_one_line() {
        let trace = Trace::from_headers(Some("req-1"), None);
        let line = line(
            "2026-01-01T00:00:00.000Z",
            "INFO",
            &trace,
            "a\nb",
            json!({"jobId": "J"}),
        );
        assert_eq!(line["requestId"], "req-1");
        assert_eq!(line["jobId"], "J");
        assert!(!line.to_string().contains('\n'));
    }
}
