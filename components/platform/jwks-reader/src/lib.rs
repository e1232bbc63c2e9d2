//! Reads the key set at `jwt_jwks_url` into the key-value store, for the authorizers of the
//! endpoints. It is private: no client reaches it, and it alone may call the issuer.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use base::{Failure, Timestamp, Trace, log};
use http::{Request, StatusCode, header};
use jwks::record::MIN_INTERVAL;
use jwks::{KeySet, Origin, Record, record};
use outbound::{Error, Spin, Transport};
use serde_json::json;
use stores::{Arg, KeyValue, Redis, SpinKeyValue, SpinRedis, Value};
use web::{Call, Reply, Route};

/// The maximum time that a request waits for the reading of another one. An issuer that
/// has not begun to answer by then does not (`outbound::Spin`).
const MAX_WAIT: Duration = Duration::from_secs(7);

/// How long a turn is taken before its reading ends. One whose client left has no end, and
/// must not keep others from reading for a minute.
const MAX_READING: Duration = Duration::from_secs(8);

/// The pause between two looks at the reading of another request.
const PAUSE: Duration = Duration::from_millis(50);

web::exports![Route::get_public("/read", read)];

/// Reads the URL unless an instance of this component read it within the last minute, and
/// waits for the end of a reading that is under way.
async fn read(call: Call) -> Reply {
    let url = base::text("jwt_jwks_url")?.trim().to_owned();
    if url.is_empty() {
        return Err(Failure::misconfigured("the variable `jwt_jwks_url` is not set").into());
    }
    let redis = SpinRedis::open()?;
    let turn = format!("orilla:jwks:{url}");
    let started = Instant::now();
    while started.elapsed() < MAX_WAIT {
        match take(&redis, &turn)? {
            Turn::Ours => {
                let began = now();
                let outcome = fetch(&url).await;
                keep(&url, outcome, began, &call.trace)?;
                end(&redis, &turn)?;
                break;
            }
            Turn::Taken => sleep(PAUSE),
            Turn::Ended => break,
        }
    }
    Ok(web::empty(StatusCode::NO_CONTENT))
}

fn now() -> Duration {
    Duration::from_millis(Timestamp::now().millis())
}

/// The turn to read, one a minute, of all instances together.
enum Turn {
    /// This request reads.
    Ours,
    /// Another request reads.
    Taken,
    /// The last minute had a reading.
    Ended,
}

/// The value of a turn while its request reads.
const READING: &str = "reading";

/// Its value afterwards.
const ENDED: &str = "ended";

/// Takes the turn if it is free.
fn take(redis: &SpinRedis, turn: &str) -> Result<Turn, Failure> {
    let taken = set(redis, turn, READING, MAX_READING, &["NX".into()])?;
    if matches!(taken.as_slice(), [Value::Status(_)]) {
        return Ok(Turn::Ours);
    }
    let value = redis.call("GET", &[turn.into()]).map_err(Failure::from)?;
    Ok(match value.first().and_then(Value::as_str) {
        Some(ENDED) => Turn::Ended,
        _ => Turn::Taken,
    })
}

fn end(redis: &SpinRedis, turn: &str) -> Result<(), Failure> {
    set(redis, turn, ENDED, MIN_INTERVAL, &[]).map(drop)
}

fn set(
    redis: &SpinRedis,
    turn: &str,
    value: &str,
    lives: Duration,
    more: &[Arg<'_>],
) -> Result<Vec<Value>, Failure> {
    let lives = i64::try_from(lives.as_millis()).unwrap_or(i64::MAX);
    let args = [turn.into(), value.into(), "PX".into(), lives.into()];
    let args = [&args, more].concat();
    redis.call("SET", &args).map_err(Failure::from)
}

/// The set at the URL, or why there is none.
async fn fetch(url: &str) -> Result<(KeySet, Vec<jwks::Unfit>), String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Vec::new())
        .map_err(|error| format!("`jwt_jwks_url` is no URL: {error}"))?;
    let response = Spin.send(request).await.map_err(|error| match error {
        Error::NotAllowed { host } => {
            format!("calls to {host} are not allowed: set `jwt_jwks_host` to it")
        }
        error => error.to_string(),
    })?;
    if response.status() != StatusCode::OK {
        return Err(format!("the issuer answered {}", response.status()));
    }
    let response = outbound::collect(response, jwks::MAX_BYTES as u64).await;
    let response = response.map_err(|error| error.to_string())?;
    let text = str::from_utf8(response.body()).map_err(|_| "the answer is no text")?;
    let (set, unfit) =
        KeySet::parse(text, Origin::Url).map_err(|problem| format!("the answer {problem}"))?;
    match unfit.first() {
        Some(unfit) if set.is_empty() => Err(format!("no key can be used: {unfit}")),
        _ => Ok((set, unfit)),
    }
}

/// Stores the new set, or that it could not be read; then the old one stays.
fn keep(
    url: &str,
    outcome: Result<(KeySet, Vec<jwks::Unfit>), String>,
    began: Duration,
    trace: &Trace,
) -> Result<(), Failure> {
    let store = SpinKeyValue::open()?;
    let record = match outcome {
        Ok((set, unfit)) => {
            for unfit in unfit {
                let fields = json!({"reason": unfit.to_string()});
                log::warn(trace, "a key of jwt_jwks_url is passed over", fields);
            }
            let fields = json!({"keys": set.len()});
            log::info(trace, "the key set was read", fields);
            Record::read(url, set, began)
        }
        Err(reason) => {
            let fields = json!({"reason": reason});
            log::error(
                trace,
                "the key set at jwt_jwks_url could not be read",
                fields,
            );
            let old = store.get(record::KEY)?;
            let old = old.and_then(|bytes| Record::stored(&bytes, url));
            Record::not_read(url, old, began)
        }
    };
    store.set(record::KEY, &record.to_bytes()?)
}
