//! Holds a token against the configuration.
//!
//! A token is a JWS in compact form (RFC 7515, 7.1) with claims (RFC 7519). What
//! is cheap is looked at first: the form, the algorithm, the length of the
//! signature. Claims are read when the signature holds, so that a stranger has
//! nothing parsed but a header.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac;
use p256::ecdsa::signature::Verifier;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest, Sha256};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::config::{Config, Key};

/// The maximum length of a token in bytes: what common servers take of a header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of issuer and verifier may be apart, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// The end of the year 9999, the last that RFC 3339 can write, in seconds since
/// the Unix epoch. Later dates are milliseconds by mistake.
const MAX_DATE: i64 = 253_402_300_799;

/// The bearer of a token that holds; `wit/auth` says what the fields mean.
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

/// A JSON object. Two members of one name are an error (RFC 7515, 4, and RFC 7519,
/// 4), for another reader might take the other one.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
                let mut all = Map::new();
                while let Some((name, value)) = members.next_entry()? {
                    if all.insert(name, value).is_some() {
                        return Err(A::Error::custom("two members have the same name"));
                    }
                }
                Ok(Object(all))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Finds the token in the value of an `Authorization` header (RFC 6750, 2.1).
///
/// # Errors
/// A [`Denial`] if there is none.
pub fn bearer_token(authorization: Option<&str>) -> Result<&str, Denial> {
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

/// Verifies a token at the time `now`, which counts from the Unix epoch.
///
/// # Errors
/// A [`Denial`] if it does not hold against `config`.
pub fn verify(config: &Config, token: &str, now: Duration) -> Result<Principal, Denial> {
    let malformed = Denial::Malformed("the bearer token is no JSON Web Token");
    let (signed, signature) = token.rsplit_once('.').ok_or(malformed.clone())?;
    let (header, claims) = signed.split_once('.').ok_or(malformed.clone())?;
    let (Some(header), Some(claims), Some(signature)) =
        (decode(header), decode(claims), decode(signature))
    else {
        return Err(malformed);
    };
    let Ok(Object(header)) = serde_json::from_slice(&header) else {
        return Err(malformed);
    };

    check_header(&header, config.key.algorithm())?;
    if !is_signed(&config.key, signed.as_bytes(), &signature) {
        return Err(invalid("its signature does not match"));
    }
    let Object(claims) =
        serde_json::from_slice(&claims).map_err(|_| invalid("its claims are not a JSON object"))?;

    let expires_at = check_time(&claims, now)?;
    check_issuer(config, &claims)?;
    check_audience(config, &claims)?;
    Ok(Principal {
        subject: subject(config, &claims)?,
        roles: roles(&claims)?,
        email: text(&claims, "email"),
        name: text(&claims, "name"),
        expires_at,
    })
}

fn invalid(text: impl Into<String>) -> Denial {
    Denial::Invalid(text.into())
}

/// Base64url without padding, in the one way that it is written (RFC 7515, 2).
fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

fn check_header(header: &Map<String, Value>, algorithm: &str) -> Result<(), Denial> {
    if header.get("alg").and_then(Value::as_str) != Some(algorithm) {
        return Err(invalid(format!("it is not signed with {algorithm}")));
    }
    if header.contains_key("crit") {
        // RFC 7515, 4.1.11: what is critical and not understood makes a token invalid.
        return Err(invalid("it has critical header fields, and none is known"));
    }
    Ok(())
}

/// Whether a signature was made with just this algorithm and key.
fn is_signed(key: &Key, signed: &[u8], signature: &[u8]) -> bool {
    match key {
        // Compares in constant time.
        Key::Hs256(key) => key
            .clone()
            .chain_update(signed)
            .verify_slice(signature)
            .is_ok(),
        Key::Rs256(key) => {
            let padding = Pkcs1v15Sign::new::<Sha256>();
            let hash = Sha256::digest(signed);
            key.verify(padding, &hash, signature).is_ok()
        }
        Key::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
        // Refuses what RFC 8032 leaves to the verifier: points of small order.
        Key::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok()),
    }
}

/// RFC 7519, 4.1.4 to 4.1.6; returns `exp`.
fn check_time(claims: &Map<String, Value>, now: Duration) -> Result<u64, Denial> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    date(claims, "iat")?;
    let expires_at = date(claims, "exp")?.ok_or_else(|| invalid("it has no `exp`"))?;
    if now >= expires_at.saturating_add(LEEWAY_SECONDS) {
        return Err(invalid("it has expired"));
    }
    if date(claims, "nbf")?.is_some_and(|start| now < start.saturating_sub(LEEWAY_SECONDS)) {
        return Err(invalid("it is not valid yet"));
    }
    u64::try_from(expires_at).map_err(|_| invalid("it has expired"))
}

/// A date, whose fraction of a second does not count.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Denial> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    // Where a float is converted, it saturates.
    let seconds = value
        .as_i64()
        .or_else(|| Some(value.as_f64()? as i64))
        .ok_or_else(|| invalid(format!("its `{name}` is not a number of seconds")))?;
    if seconds > MAX_DATE {
        return Err(invalid(format!(
            "its `{name}` is after the year 9999: dates count seconds since 1970"
        )));
    }
    Ok(Some(seconds))
}

fn check_issuer(config: &Config, claims: &Map<String, Value>) -> Result<(), Denial> {
    let Some(issuer) = &config.issuer else {
        return Ok(());
    };
    match claims.get("iss") {
        Some(Value::String(iss)) if iss == issuer => Ok(()),
        _ => Err(invalid("it is of another issuer")),
    }
}

fn check_audience(config: &Config, claims: &Map<String, Value>) -> Result<(), Denial> {
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

fn subject(config: &Config, claims: &Map<String, Value>) -> Result<String, Denial> {
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
fn roles(claims: &Map<String, Value>) -> Result<Vec<String>, Denial> {
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

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.as_str().map(str::to_owned)
}
