//! The client of a collector: OTLP over HTTP, in its JSON encoding
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::time::{Duration, SystemTime};

use base::Failure;
use http::{HeaderValue, Request, Response, StatusCode, header};
use outbound::{Transport, collect, retry_after};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::config::Config;

/// The max length of an answer that is read.
const MAX_ANSWER: u64 = 64 * 1024;

/// The outcome of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The collector has the spans, but for those that it refused one by one.
    Exported {
        /// The number of spans that it refused, and why.
        refused: Option<(i64, String)>,
    },
    /// It will not take these spans at another time either.
    Refused(String),
    /// It may take them later.
    Failed {
        /// The reason.
        error: String,
        /// The time that it asks to wait.
        not_before: Duration,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "resourceSpans")]
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
struct ResourceSpans<'a> {
    resource: serde_json::Value,
    #[serde(rename = "scopeSpans")]
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: serde_json::Value,
    spans: Vec<&'a RawValue>,
}

/// The answer to an export of which a part was refused.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// A number, or a number as a text.
    rejected_spans: serde_json::Value,
    error_message: String,
}

/// Sends spans, each as JSON, to the collector.
///
/// # Errors
/// [`Failure::Internal`] where they cannot be written into one body.
pub async fn export<T: Transport>(
    transport: &T,
    config: &Config,
    spans: &[String],
) -> Result<Outcome, Failure> {
    let request = request(config, spans)?;
    let answer = match transport.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            return Ok(Outcome::Failed {
                error: error.to_string(),
                not_before: Duration::ZERO,
            });
        }
    };
    let status = answer.status();
    if status.is_success() {
        // An answer that cannot be read is one of success all the same.
        let answer = collect(answer, MAX_ANSWER).await.map(Response::into_body);
        let answer = answer.unwrap_or_default();
        let refused = refused(&serde_json::from_slice(&answer).unwrap_or_default());
        return Ok(Outcome::Exported { refused });
    }
    let error = format!("the collector answered {status}");
    Ok(match status {
        // These and no others are to be tried again (OTLP, "Retryable Response Codes").
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Failed {
            error,
            not_before: retry_after(answer.headers(), SystemTime::now()).unwrap_or_default(),
        },
        _ => Outcome::Refused(error),
    })
}

fn request(config: &Config, spans: &[String]) -> Result<Request<Vec<u8>>, Failure> {
    let attribute = |key, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let version = env!("CARGO_PKG_VERSION");
    let spans = spans
        .iter()
        .map(|span| serde_json::from_slice(span.as_bytes()));
    let body = Body {
        resource_spans: [ResourceSpans {
            resource: json!({"attributes": [
                attribute("service.name", &config.service),
                attribute("service.version", version),
            ]}),
            scope_spans: [ScopeSpans {
                scope: json!({"name": "orilla", "version": version}),
                spans: spans.collect::<Result<_, _>>()?,
            }],
        }],
    };
    let mut request = Request::post(&config.url)
        .body(serde_json::to_vec(&body)?)
        .map_err(|error| Failure::misconfigured(format!("the variable otlp_path: {error}")))?;
    request.headers_mut().extend(config.headers.clone());
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(request)
}

/// The number of spans that were refused, and why.
fn refused(answer: &Answer) -> Option<(i64, String)> {
    let PartialSuccess {
        rejected_spans,
        error_message,
    } = &answer.partial_success;
    let as_text = || rejected_spans.as_str()?.parse().ok();
    let count = rejected_spans.as_i64().or_else(as_text).unwrap_or_default();
    (count > 0 || !error_message.is_empty()).then(|| (count, error_message.clone()))
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use futures::executor::block_on;
    use outbound_double::{Answer as DoubleAnswer, Double, answer, down};
    use telemetry::{Kind, Span};

    use super::*;

    fn config() -> Config {
        Config::from_variables(|name| {
            Ok(match name {
                "otlp_host" => "http://collector:4318",
                "otlp_path" => "/v1/traces",
                "otlp_headers" => "x-key=a%20b,content-type=text/plain",
                _ => "orilla",
            }
            .to_owned())
        })
        .unwrap()
    }

    fn exported(answer: impl Fn() -> DoubleAnswer) -> Outcome {
        let double = Double::new(|_| answer());
        block_on(export(&&double, &config(), &["{}".to_owned()])).unwrap()
    }

    #[test]
    fn spans_are_sent_as_one_request_with_the_name_of_the_service() {
        let double = Double::new(|_| answer(200, "{}"));
        let mut trace = Trace::new();
        trace.sample(1.0);
        let took = Duration::from_millis(5);
        let attributes = [("http.response.status_code", 200.into())];
        let span = Span::new(&trace, Kind::Server, "GET /x", took, attributes);
        let spans = [serde_json::to_string(&span).unwrap(), "{}".to_owned()];
        let outcome = block_on(export(&&double, &config(), &spans)).unwrap();
        assert_eq!(outcome, Outcome::Exported { refused: None });
        let sent = double.sent();
        assert_eq!(sent[0].uri(), "http://collector:4318/v1/traces");
        assert_eq!(sent[0].headers()["content-type"], "application/json");
        assert_eq!(sent[0].headers()["x-key"], "a b");
        let body: serde_json::Value = serde_json::from_slice(sent[0].body()).unwrap();
        let resource = &body["resourceSpans"][0];
        let name = &resource["resource"]["attributes"][0];
        assert_eq!(name["value"]["stringValue"], "orilla");
        let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0]["traceId"], trace.trace_id());
        let nanos = |name: &str| spans[0][name].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(
            nanos("endTimeUnixNano") - nanos("startTimeUnixNano"),
            5_000_000
        );
    }

    #[test]
    fn what_the_collector_asks_for_later_is_sent_later_and_nothing_else() {
        for status in [429, 502, 503, 504] {
            let outcome = exported(|| answer(status, ""));
            assert!(matches!(outcome, Outcome::Failed { .. }), "{status}");
        }
        assert!(matches!(
            exported(|| down("http://collector:4318")),
            Outcome::Failed { .. }
        ));
        for status in [301, 400, 401, 404, 413, 500] {
            let outcome = exported(|| answer(status, ""));
            assert!(matches!(outcome, Outcome::Refused(_)), "{status}");
        }
    }

    #[test]
    fn spans_that_were_refused_one_by_one_are_told() {
        for (body, refused) in [
            (
                r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}"#,
                Some((2, "old")),
            ),
            (r#"{"partialSuccess":{"rejectedSpans":1}}"#, Some((1, ""))),
            (r#"{"partialSuccess":{}}"#, None),
            (r#"{"partialSuccess":{"rejectedSpans":null}}"#, None),
            ("", None),
            ("<html>", None),
        ] {
            let refused = refused.map(|(count, why): (i64, &str)| (count, why.to_owned()));
            assert_eq!(
                exported(|| answer(200, body)),
                Outcome::Exported { refused },
                "{body}"
            );
        }
    }
}
