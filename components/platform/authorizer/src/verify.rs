//! Holds a token against the configuration.

use std::time::Duration;

use jwt_compact::alg::{Ed25519, Es256, Hs256, Rsa};
use jwt_compact::{AlgorithmExt, Claims, UntrustedToken, ValidationError};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::config::{Config, Key};

/// The max length of a token, in bytes: that of a header field of common servers.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of issuer and verifier may be apart, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// Somebody whose token holds; `wit/auth` says what the fields mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The id of the user.
    pub subject: String,
    /// From `roles`, or from `scope` where there are no `roles`.
    pub roles: Vec<String>,
    /// The claim `email`.
    pub email: Option<String>,
    /// The claim `name`.
    pub name: Option<String>,
    /// The claim `exp`: seconds since the Unix epoch, without leeway.
    pub expires_at: u64,
}

/// Why a token does not let its bearer in. The texts quote nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// No token was sent.
    Missing,
    /// This is no token that could be verified.
    Malformed(&'static str),
    /// The token does not hold.
    Invalid(String),
}

/// Header fields that change the meaning of a token.
#[derive(Debug, Clone, Deserialize)]
struct HeaderFields {
    crit: Option<IgnoredAny>,
}

type Custom = Map<String, Value>;

/// Verifies the value of an `Authorization` header at the time `now`, which
/// counts from the Unix epoch.
///
/// # Errors
/// A [`Denial`] if there is no token, or it does not hold against `config`.
pub fn verify(
    config: &Config,
    authorization: Option<&str>,
    now: Duration,
) -> Result<Principal, Denial> {
    let token = bearer_token(authorization)?;
    let token = UntrustedToken::<HeaderFields>::try_from(token)
        .map_err(|_| Denial::Malformed("the bearer token is no JSON Web Token"))?;
    if token.header().other_fields.crit.is_some() {
        // RFC 7515, 4.1.11: what is critical and not understood makes a token invalid.
        return Err(invalid("it has critical header fields, and none is known"));
    }
    let claims = verify_signature(&config.key, &token)?;
    let expires_at = check_time(&claims, now)?;
    check_issuer(config, &claims.custom)?;
    check_audience(config, &claims.custom)?;

    Ok(Principal {
        subject: subject(config, &claims.custom)?,
        roles: roles(&claims.custom)?,
        email: text(&claims.custom, "email"),
        name: text(&claims.custom, "name"),
        expires_at,
    })
}

fn invalid(text: impl Into<String>) -> Denial {
    Denial::Invalid(text.into())
}

/// The token of RFC 6750, 2.1.
fn bearer_token(authorization: Option<&str>) -> Result<&str, Denial> {
    let credentials = authorization.map(str::trim).unwrap_or_default();
    if credentials.is_empty() {
        return Err(Denial::Missing);
    }
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denial::Malformed("the scheme has to be `Bearer`"));
    }
    let token = token.trim_start();
    if token.is_empty() {
        return Err(Denial::Malformed("there is no token after `Bearer`"));
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Denial::Malformed("the token is longer than 8 KiB"));
    }
    Ok(token)
}

/// The claims, if they are signed with just this algorithm and key.
fn verify_signature(
    key: &Key,
    token: &UntrustedToken<'_, HeaderFields>,
) -> Result<Claims<Custom>, Denial> {
    let verified = match key {
        Key::Hs256(key) => Hs256.validator::<Custom>(key).validate(token),
        Key::Rs256(key) => Rsa::rs256().validator(key).validate(token),
        Key::Es256(key) => Es256.validator(key).validate(token),
        Key::EdDsa(key) => Ed25519.validator(key).validate(token),
    };
    match verified {
        Ok(verified) => Ok(verified.into_parts().1),
        Err(ValidationError::AlgorithmMismatch { .. }) => Err(invalid(format!(
            "it is not signed with {}",
            key.algorithm()
        ))),
        Err(ValidationError::MalformedClaims(_)) => Err(invalid(
            "its claims are not a JSON object with numeric dates",
        )),
        Err(_) => Err(invalid("its signature does not match")),
    }
}

/// RFC 7519, 4.1.4 and 4.1.5; returns `exp`.
fn check_time(claims: &Claims<Custom>, now: Duration) -> Result<u64, Denial> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let expires_at = claims
        .expiration
        .ok_or_else(|| invalid("it has no `exp`"))?
        .timestamp();
    if now >= expires_at.saturating_add(LEEWAY_SECONDS) {
        return Err(invalid("it has expired"));
    }
    if let Some(not_before) = claims.not_before
        && now < not_before.timestamp().saturating_sub(LEEWAY_SECONDS)
    {
        return Err(invalid("it is not valid yet"));
    }
    u64::try_from(expires_at).map_err(|_| invalid("it has expired"))
}

fn check_issuer(config: &Config, claims: &Custom) -> Result<(), Denial> {
    let Some(issuer) = &config.issuer else {
        return Ok(());
    };
    match claims.get("iss") {
        Some(Value::String(iss)) if iss == issuer => Ok(()),
        _ => Err(invalid("it is of another issuer")),
    }
}

fn check_audience(config: &Config, claims: &Custom) -> Result<(), Denial> {
    let Some(audience) = &config.audience else {
        return Ok(());
    };
    let is_ours = |value: &Value| value.as_str() == Some(audience);
    let addressed = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    };
    if addressed {
        Ok(())
    } else {
        Err(invalid("it is for another audience"))
    }
}

fn subject(config: &Config, claims: &Custom) -> Result<String, Denial> {
    let name = &config.subject_claim;
    match claims.get(name) {
        Some(Value::String(id)) if !id.trim().is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Ok(id.to_string()),
        None => Err(invalid(format!("it has no `{name}`"))),
        Some(_) => Err(invalid(format!(
            "its `{name}` is no integer and no text that could name a user"
        ))),
    }
}

/// `roles` wins over `scope`: the issuer grants roles, while clients ask for scopes.
fn roles(claims: &Custom) -> Result<Vec<String>, Denial> {
    match (claims.get("roles"), claims.get("scope")) {
        (Some(Value::String(role)), _) => Ok(vec![role.clone()]),
        (Some(Value::Array(roles)), _) => roles
            .iter()
            .map(|role| role.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("its `roles` are no texts")),
        (None | Some(Value::Null), Some(Value::String(scopes))) => {
            Ok(scopes.split_whitespace().map(str::to_owned).collect())
        }
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(Vec::new()),
        (None | Some(Value::Null), Some(_)) => Err(invalid("its `scope` is no text")),
        (Some(_), _) => Err(invalid("its `roles` are no texts")),
    }
}

fn text(claims: &Custom, name: &str) -> Option<String> {
    claims.get(name)?.as_str().map(str::to_owned)
}
