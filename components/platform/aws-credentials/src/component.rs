//! The component: one route, and the credentials in Redis.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use base::{Failure, log, now_millis};
use http::StatusCode;
use outbound::Spin;
use serde_json::json;
use stores::{Arg, Redis, SpinRedis, Value};
use web::{Call, Reply, Route};

use crate::kept::Kept;
use crate::sts::{Config, assume};

/// The maximum time that a request waits for another one that assumes the role.
const MAX_WAIT: Duration = Duration::from_secs(7);

/// How long a turn to assume the role is taken. One whose client left has no end.
const MAX_TURN_MS: i64 = 8_000;

/// The pause between two looks at the turn of another request.
const PAUSE: Duration = Duration::from_millis(50);

web::exports![Route::get_public("/credentials", credentials)];

/// Answers credentials that hold for a while, and assumes the role for new ones where those
/// that are kept are about to end.
async fn credentials(call: Call) -> Reply {
    let config = Config::from_variables(base::text)?;
    let redis = SpinRedis::open()?;
    let key = format!("orilla:aws:{}", config.role());
    let started = Instant::now();
    let kept = loop {
        let now = now_millis();
        let kept = read(&redis, &key)?.filter(|kept| kept.left(now) > 0);
        if let Some(kept) = &kept
            && !kept.is_due(now)
        {
            break kept.clone();
        }
        if take_turn(&redis, &key)? {
            match renew(&redis, &key, &config).await {
                Ok(kept) => {
                    let seconds = kept.left(now_millis()) / 1_000;
                    let fields = json!({"role": config.role(), "seconds": seconds});
                    log::info(&call.trace, "the role was assumed", fields);
                    break kept;
                }
                // The old ones hold a while longer.
                Err(failure) => {
                    let fields = json!({"role": config.role(), "error": failure.to_string()});
                    log::error(&call.trace, "the role could not be assumed", fields);
                    break kept.ok_or(failure)?;
                }
            }
        }
        if let Some(kept) = kept {
            break kept;
        }
        if started.elapsed() >= MAX_WAIT {
            let detail = "another request assumes the role and has no answer yet";
            return Err(Failure::unavailable("AWS STS", detail).into());
        }
        sleep(PAUSE);
    };
    web::json(StatusCode::OK, &kept)
}

fn read(redis: &SpinRedis, key: &str) -> Result<Option<Kept>, Failure> {
    let value = redis.call("GET", &[Arg::from(key)])?;
    let value = value.into_iter().next().map(Value::into_bytes);
    Ok(value.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn turn(key: &str) -> String {
    format!("{key}:turn")
}

/// Takes the turn to assume the role, of all instances, if it is free.
fn take_turn(redis: &SpinRedis, key: &str) -> Result<bool, Failure> {
    let turn = turn(key);
    let args = ["", "NX", "PX"].map(Arg::from);
    let args = [&[Arg::from(&turn)], &args[..], &[Arg::Int(MAX_TURN_MS)]].concat();
    let taken = redis.call("SET", &args)?;
    Ok(matches!(taken.as_slice(), [Value::Status(_)]))
}

/// Assumes the role, keeps the credentials until they end, and ends the turn.
async fn renew(redis: &SpinRedis, key: &str, config: &Config) -> Result<Kept, Failure> {
    let assumed = assume(&Spin, config, now_millis()).await;
    if let Ok(kept) = &assumed {
        let left = i64::try_from(kept.left(now_millis()).max(1)).unwrap_or(i64::MAX);
        let value = serde_json::to_vec(kept)?;
        let args = [key.into(), Arg::from(&*value), "PX".into(), Arg::Int(left)];
        redis.call("SET", &args)?;
    }
    // After a failure the turn stays for a second, so that STS is not asked by every request.
    let last = if assumed.is_ok() { 1 } else { 1_000 };
    redis.call("PEXPIRE", &[Arg::from(&turn(key)), Arg::Int(last)])?;
    assumed
}
