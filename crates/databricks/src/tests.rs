//! The client against answers that a workspace, or a proxy before it, may give.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response};
use outbound_double::{Answer, Double, answer, down};
use serde_json::{Value as Json, json};
use stores::{Arg, Redis, RedisError, Value};

use crate::{Config, Databricks, Error, RunId, RunNow, Statement};

const TOKEN: &str = "dapi0123456789";
const WORKSPACE: &str = "https://workspace.example";

/// The commands that the client sends, on a map.
#[derive(Default)]
struct Map(RefCell<BTreeMap<String, String>>);

impl Redis for Map {
    fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, RedisError> {
        let text = |arg: &Arg<'_>| match arg {
            Arg::Text(text) => (*text).to_owned(),
            other => panic!("{other:?} is no text"),
        };
        let (key, mut map) = (text(&args[0]), self.0.borrow_mut());
        Ok(vec![match command {
            "GET" => map
                .get(&key)
                .map_or(Value::Nil, |value| Value::Bytes(value.clone().into_bytes())),
            "SET" => {
                map.insert(key, text(&args[1]));
                Value::Status("OK".to_owned())
            }
            "DEL" => Value::Int(i64::from(map.remove(&key).is_some())),
            other => panic!("{other} is not expected"),
        }])
    }
}

fn config(variables: &[(&str, &str)]) -> Config {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let value = |name: &str| Ok(variables.get(name).copied().unwrap_or_default().to_owned());
    Config::read(value).unwrap()
}

fn with_token() -> Config {
    config(&[
        ("databricks_workspace_url", WORKSPACE),
        ("databricks_access_token", TOKEN),
    ])
}

fn with_client() -> Config {
    config(&[
        ("databricks_workspace_url", WORKSPACE),
        ("databricks_client_id", "robot"),
        ("databricks_client_secret", "s3cret/"),
    ])
}

fn run_now() -> RunNow {
    RunNow {
        job_id: 9,
        idempotency_token: "0198".to_owned(),
        notebook_params: BTreeMap::new(),
    }
}

/// The result of `run-now` with an answer.
fn started(reply: impl Fn(&Request<Vec<u8>>) -> Answer) -> Result<RunId, Error> {
    let (double, redis) = (Double::new(reply), Map::default());
    let databricks = Databricks::with_transport(with_token(), &redis, &double);
    block_on(databricks.run_now(&run_now()))
}

/// The outcome of a statement, the pauses before it, and the requests.
type Column = (
    Result<Vec<Option<String>>, Error>,
    Vec<Duration>,
    Vec<String>,
);

fn column(reply: impl Fn(&Request<Vec<u8>>) -> Answer, patience: Duration) -> Column {
    let (double, redis) = (Double::new(reply), Map::default());
    let databricks = Databricks::with_transport(with_token(), &redis, &double);
    let pauses: RefCell<Vec<Duration>> = RefCell::default();
    let result = block_on(databricks.first_column(
        &Statement::new("w", "SELECT 1"),
        Instant::now() + patience,
        async |pause| pauses.borrow_mut().push(pause),
    ));
    let sent = double.sent();
    let sent = sent
        .iter()
        .map(|request| format!("{} {}", request.method(), request.uri().path()));
    (result, pauses.into_inner(), sent.collect())
}

fn with_retry_after(status: u16, value: &str) -> Answer {
    let response = Response::builder().status(status);
    let response = response.header(RETRY_AFTER, value);
    (0, Ok(response.body("{}".to_owned()).unwrap()))
}

fn succeeded(rows: &Json, rest: Json) -> Answer {
    let mut body = json!({"statement_id": "01-ab", "status": {"state": "SUCCEEDED"},
        "result": {"data_array": rows}});
    let body_map = body.as_object_mut().unwrap();
    body_map.extend(rest.as_object().unwrap().clone());
    answer(200, body.to_string())
}

fn pending() -> Answer {
    let body = json!({"statement_id": "01-ab", "status": {"state": "PENDING"}});
    answer(200, body.to_string())
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn the_id_of_a_run_is_exact() {
    let id = started(|_| answer(200, r#"{"run_id": 9007199254740993}"#));
    assert_eq!(id, Ok(RunId(9_007_199_254_740_993)));
}

#[test]
fn the_status_of_a_page_counts_however_long_it_is() {
    let page = "<p>the workspace is being updated</p>".repeat(10_000);
    let error = started(|_| answer(503, page.clone())).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let error = started(|_| answer(400, page.clone())).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    // The run may be there, so the request has to be sent again.
    let error = started(|_| answer(200, page.clone())).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[test]
fn an_answer_can_ask_to_wait() {
    for status in [429, 503] {
        let error = started(|_| with_retry_after(status, "12")).unwrap_err();
        let Error::Unavailable { retry_after, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(12)));
    }
}

#[test]
fn no_error_repeats_a_secret() {
    let echo = |request: &Request<Vec<u8>>| {
        let bearer = request.headers()[AUTHORIZATION].to_str().unwrap();
        // As long as the kept part of a text, so that a cut would go through the secret.
        let message = format!("{}{bearer}", "x".repeat(490));
        answer(
            403,
            json!({"error_code": "DENIED", "message": message}).to_string(),
        )
    };
    let error = started(echo).unwrap_err().to_string();
    assert!(error.contains("DENIED"), "{error}");
    assert!(!error.contains("dapi"), "{error}");

    let (double, redis) = (Double::new(echo), Map::default());
    let databricks = Databricks::with_transport(with_client(), &redis, &double);
    let error = block_on(databricks.run(RunId(1))).unwrap_err().to_string();
    // base64("robot:s3cret/")
    assert!(!error.contains("cm9ib3Q"), "{error}");
}

#[test]
fn a_token_that_was_revoked_is_asked_for_anew_once() {
    let granted = Cell::new(0);
    let double = Double::new(|request: &Request<Vec<u8>>| {
        if request.uri().path() == "/oidc/v1/token" {
            granted.set(granted.get() + 1);
            let token = format!("token{}", granted.get());
            return answer(
                200,
                json!({"access_token": token, "expires_in": 3600}).to_string(),
            );
        }
        match request.headers()[AUTHORIZATION].to_str().unwrap() {
            "Bearer token1" if granted.get() == 1 => answer(200, r#"{"run_id": 1}"#),
            "Bearer token3" if granted.get() == 3 => answer(200, r#"{"run_id": 3}"#),
            _ => answer(401, "{}"),
        }
    });
    let redis = Map::default();
    let databricks = Databricks::with_transport(with_client(), &redis, &double);
    assert_eq!(block_on(databricks.run_now(&run_now())), Ok(RunId(1)));
    assert_eq!(block_on(databricks.run_now(&run_now())), Ok(RunId(1)));
    assert_eq!(granted.get(), 1, "the token is kept");
    granted.set(2);
    assert_eq!(block_on(databricks.run_now(&run_now())), Ok(RunId(3)));
    granted.set(9);
    let error = block_on(databricks.run_now(&run_now())).unwrap_err();
    assert!(matches!(error, Error::Misconfigured(_)), "{error:?}");
    assert_eq!(granted.get(), 10);
}

#[test]
fn a_statement_waits_as_long_as_it_is_asked_to() {
    let turn = Cell::new(0);
    let reply = |_: &Request<Vec<u8>>| {
        turn.set(turn.get() + 1);
        match turn.get() {
            1 => with_retry_after(429, "4"),
            2 => pending(),
            3 => with_retry_after(503, "9"),
            4 => down(WORKSPACE),
            _ => succeeded(
                &json!([["1"], [null], ["3"]]),
                json!({"manifest": {"total_row_count": 3}}),
            ),
        }
    };
    let (cells, pauses, sent) = column(reply, LONG);
    let cells = cells.unwrap();
    assert_eq!(cells, [Some("1".to_owned()), None, Some("3".to_owned())]);
    let pauses: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [4_000, 200, 9_000, 800]);
    let (submit, look) = (
        "POST /api/2.0/sql/statements",
        "GET /api/2.0/sql/statements/01-ab",
    );
    assert_eq!(sent, [submit, submit, look, look, look]);
}

#[test]
fn a_statement_without_time_is_canceled() {
    let reply = |request: &Request<Vec<u8>>| match request.uri().path() {
        "/api/2.0/sql/statements" => pending(),
        _ => with_retry_after(429, "60"),
    };
    let (result, _, sent) = column(reply, Duration::from_secs(20));
    let error = result.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { retry_after: Some(wait), .. } if wait.as_secs() == 60),
        "{error:?}"
    );
    assert_eq!(
        sent.last().unwrap(),
        "POST /api/2.0/sql/statements/01-ab/cancel"
    );
}

#[test]
fn all_chunks_are_read_and_counted() {
    let chunked = |count: u64| {
        move |request: &Request<Vec<u8>>| match request.uri().path() {
            "/api/2.0/sql/statements" => succeeded(
                &json!([["1", "more"]]),
                json!({"manifest": {"total_row_count": count},
                    "result": {"data_array": [["1", "more"]], "next_chunk_index": 1}}),
            ),
            "/api/2.0/sql/statements/01-ab/result/chunks/1" => {
                answer(200, r#"{"data_array": [["2"], []]}"#)
            }
            other => panic!("{other}"),
        }
    };
    let cells = column(chunked(3), LONG).0.unwrap();
    assert_eq!(cells, [Some("1".to_owned()), Some("2".to_owned()), None]);
    let error = column(chunked(4), LONG).0.unwrap_err();
    assert!(
        error.to_string().contains("3 rows in place of 4"),
        "{error}"
    );
}

#[test]
fn a_result_that_is_not_whole_fails() {
    let truncated = json!({"manifest": {"total_row_count": 1, "truncated": true}});
    let looping = json!({"result": {"data_array": [], "next_chunk_index": 0}});
    for rest in [truncated, looping] {
        let reply = |_: &Request<Vec<u8>>| succeeded(&json!([["1"]]), rest.clone());
        let error = column(reply, LONG).0.unwrap_err();
        assert!(matches!(error, Error::Failed(_)), "{error:?}");
    }
    let failed = json!({"statement_id": "1", "status": {"state": "FAILED",
        "error": {"error_code": "BAD_REQUEST", "message": "no such table"}}});
    let reply = |_: &Request<Vec<u8>>| answer(200, failed.to_string());
    let error = column(reply, LONG).0.unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
}

#[test]
fn rows_without_end_do_not_fill_the_memory() {
    let rows = format!("[{}[]]", "[],".repeat(250_000));
    let body = format!(
        r#"{{"statement_id": "1", "status": {{"state": "SUCCEEDED"}}, "result": {{"data_array": {rows}}}}}"#
    );
    let error = column(|_| answer(200, body.clone()), LONG).0.unwrap_err();
    assert!(
        error.to_string().contains("more than 200000 rows"),
        "{error}"
    );

    // Each chunk has five megabytes, and the next one follows.
    let cell = "x".repeat(5 * 1024 * 1024);
    let reply = |request: &Request<Vec<u8>>| {
        let path = request.uri().path();
        let next = path.rsplit('/').next().unwrap().parse::<u64>();
        let chunk =
            json!({"data_array": [[cell]], "next_chunk_index": next.as_ref().map_or(1, |n| n + 1)});
        match next {
            Ok(_) => answer(200, chunk.to_string()),
            Err(_) => succeeded(&json!([]), json!({"result": chunk})),
        }
    };
    let (result, _, sent) = column(reply, LONG);
    assert!(matches!(result, Err(Error::TooLong(_))), "{result:?}");
    assert_eq!(sent.len(), 4);
}

#[test]
fn an_id_that_could_lead_elsewhere_is_not_followed() {
    let body = json!({"statement_id": "../../2.2/jobs", "status": {"state": "PENDING"}});
    let (result, _, sent) = column(|_| answer(200, body.to_string()), LONG);
    assert!(result.is_err());
    assert_eq!(sent.len(), 1);
}
