//! The bearer token of requests. A component keeps nothing between two requests, so tokens
//! of OAuth are kept in Redis.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Request, header};
use outbound::Transport;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stores::{Arg, Redis, Value};

use crate::Error;
use crate::answer::Answer;
use crate::config::{Config, Credentials};

/// The max bytes of the answer with a token.
const MAX_BYTES: u64 = 64 * 1024;

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// The token for a request, and whether it was kept from an earlier one.
pub(crate) async fn token<R: Redis, T: Transport>(
    config: &Config,
    redis: &R,
    transport: &T,
) -> Result<(String, bool), Error> {
    let (id, secret) = match &config.credentials {
        Credentials::Token(token) => return Ok((token.clone(), false)),
        Credentials::Client { id, secret } => (id, secret),
    };
    let key = key(config, id, secret);
    let kept = redis.call("GET", &[Arg::from(&key)]);
    let kept = kept.map_err(|error| Error::unavailable(format!("Redis: {error}")))?;
    if let Some(token) = kept.first().and_then(Value::as_str) {
        return Ok((token.to_owned(), true));
    }
    let Granted {
        access_token,
        expires_in,
    } = ask(config, id, secret, transport).await?;
    let left = Duration::from_secs(expires_in).saturating_sub(MARGIN);
    let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    if left > 0 {
        let args = [
            Arg::from(&key),
            Arg::from(&access_token),
            Arg::from("PX"),
            Arg::Int(left),
        ];
        // A token that cannot be kept can still be used.
        _ = redis.call("SET", &args);
    }
    Ok((access_token, false))
}

/// Forgets a token that Databricks does not take any more.
pub(crate) fn forget(config: &Config, redis: &impl Redis) {
    if let Credentials::Client { id, secret } = &config.credentials {
        // Where Redis is away, the next request tells.
        _ = redis.call("DEL", &[Arg::from(&key(config, id, secret))]);
    }
}

/// The key of a client's token. Another secret has another one.
fn key(config: &Config, id: &str, secret: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{id}\n{secret}", config.workspace));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{{databricks}}:token:{digest}")
}

async fn ask<T: Transport>(
    config: &Config,
    id: &str,
    secret: &str,
    transport: &T,
) -> Result<Granted, Error> {
    let basic = BASE64_STANDARD.encode(format!("{id}:{secret}"));
    let request = Request::post(format!("{}/oidc/v1/token", config.workspace))
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(b"grant_type=client_credentials&scope=all-apis".to_vec())
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    let answer = Answer::read(transport.send(request).await?, MAX_BYTES).await?;
    let body = answer.success(&[secret, &basic]);
    let body = body.map_err(|error| match error {
        // OAuth answers wrong credentials with 400 or 401 (RFC 6749, 5.2).
        Error::Refused(text) | Error::Unknown(text) => Error::Misconfigured(format!(
            "Databricks gives no token ({text}): check databricks_client_id and \
             databricks_client_secret"
        )),
        error => error,
    })?;
    serde_json::from_slice(&body)
        .map_err(|_| Error::unavailable("the answer with the token cannot be read"))
}
