//! Holds a token against the configuration.

use std::fmt;
use std::time::Duration;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use jwks::Key;
use jwt_compact::alg::{Ed25519, Es256, Hs256, Rsa};
use jwt_compact::{AlgorithmExt, Claims, UntrustedToken, ValidationError};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::config::{Config, Keys};

/// The maximum length of a token in bytes, which is the limit of common servers for a header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of issuer and verifier may be apart, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// The end of the year 9999, the last that RFC 3339 can write, in seconds since
/// the Unix epoch. Later dates are milliseconds by mistake.
const MAX_DATE: i64 = 253_402_300_799;

/// The bearer of a valid token; `wit/auth` has the meaning of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The id of the user.
    pub subject: String,
    /// The tenant of the user, of any form.
    pub tenant: Option<String>,
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
    /// None of the keys verifies the token, and a newer set may have one that does.
    UnknownKey {
        /// The reason why the token fails with the keys that there are.
        reason: String,
        /// The claim `iat`, which nothing vouches for.
        issued_at: Option<i64>,
    },
    /// It cannot be told now.
    Unavailable(String),
}

/// The fields of a header or the claims that the caller knows by name. Two members
/// of one name are an error (RFC 7515, 4, and RFC 7519, 4), for another reader might
/// take the other one.
#[derive(Debug, Clone)]
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut all = Map::new();
                while let Some((name, value)) = members.next_entry()? {
                    if all.insert(name, value).is_some() {
                        return Err(A::Error::custom("two members have the same name"));
                    }
                }
                Ok(Fields(all))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Verifies a token with `keys`, in place of those of `config`, at the time `now`, which
/// counts from the Unix epoch.
///
/// # Errors
/// A [`Denial`] if it does not hold against `config`.
pub fn verify(
    config: &Config,
    keys: &Keys,
    token: &str,
    now: Duration,
) -> Result<Principal, Denial> {
    let token = UntrustedToken::<Fields>::try_from(token)
        .map_err(|_| Denial::Malformed("the bearer token is no JSON Web Token"))?;
    if token.header().other_fields.0.contains_key("crit") {
        // RFC 7515, 4.1.11: a critical header field that is not understood makes a token
        // invalid.
        return Err(invalid("it has critical header fields, and none is known"));
    }
    let claims = verify_signature(keys, &token)?;
    let expires_at = check_time(&claims, now)?;
    let Fields(claims) = claims.custom;
    check_issuer(config, &claims)?;
    check_audience(config, &claims)?;

    Ok(Principal {
        subject: subject(config, &claims)?,
        tenant: tenant(config, &claims)?,
        roles: roles(&claims)?,
        email: text(&claims, "email"),
        name: text(&claims, "name"),
        expires_at,
    })
}

fn invalid(text: impl Into<String>) -> Denial {
    Denial::Invalid(text.into())
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

/// The claims, if they are signed with a key that the token may name, and with that key's
/// own algorithm. The token's `alg` has to be the same and chooses nothing.
fn verify_signature(
    keys: &Keys,
    token: &UntrustedToken<'_, Fields>,
) -> Result<Claims<Fields>, Denial> {
    let kid = token.header().key_id.as_deref();
    let (candidates, is_set): (Vec<&Key>, bool) = match keys {
        Keys::One(key) => (vec![key], false),
        Keys::Set(set) => (set.named(kid).collect(), true),
    };
    // Without a `kid`, nothing says that a key is the issuer's present one.
    let may_be_of_another = is_set && (candidates.is_empty() || kid.is_none());
    let mut denial = match (candidates.first(), kid) {
        (Some(key), _) => invalid(format!("it is not signed with {}", key.algorithm())),
        (None, Some(_)) => invalid("its `kid` is that of no known key"),
        (None, None) => invalid("it has no `kid`, and there are several keys"),
    };
    // Keys of different kinds may have one `kid` (RFC 7517, 4.5).
    for key in candidates {
        if key.algorithm() != token.algorithm() {
            continue;
        }
        match verify_with(key, token) {
            Err(mismatch) if mismatch == unsigned() => denial = mismatch,
            judged => return judged,
        }
    }
    Err(match denial {
        Denial::Invalid(reason) if may_be_of_another => Denial::UnknownKey {
            reason,
            issued_at: issued_at(token),
        },
        denial => denial,
    })
}

/// The claim `iat` of a token that is not verified.
fn issued_at(token: &UntrustedToken<'_, Fields>) -> Option<i64> {
    let claims = token.deserialize_claims_unchecked::<Fields>().ok()?;
    Some(claims.issued_at?.timestamp())
}

/// The claims, if they are signed with just this algorithm and key.
fn verify_with(key: &Key, token: &UntrustedToken<'_, Fields>) -> Result<Claims<Fields>, Denial> {
    let verified = match key {
        Key::Hs256(key) => Hs256.validator::<Fields>(key).validate(token),
        Key::Rs256(key) => Rsa::rs256().validator(key).validate(token),
        Key::Es256(key) => Es256.validator(key).validate(token),
        // RFC 8032 leaves it to the verifier to refuse them, and jwt-compact does not.
        Key::EdDsa(_) if has_small_order(token.signature_bytes()) => return Err(unsigned()),
        Key::EdDsa(key) => Ed25519.validator(key).validate(token),
    };
    match verified {
        Ok(verified) => Ok(verified.into_parts().1),
        Err(ValidationError::MalformedClaims(_)) => Err(invalid(
            "its claims are not a JSON object with numeric dates and each member once",
        )),
        Err(_) => Err(unsigned()),
    }
}

fn unsigned() -> Denial {
    invalid("its signature does not match")
}

/// Whether the point R of an Ed25519 signature is of small order.
fn has_small_order(signature: &[u8]) -> bool {
    let point = signature.first_chunk().map(Ed25519Key::from_bytes);
    matches!(point, Some(Ok(point)) if point.is_weak())
}

/// RFC 7519, 4.1.4 to 4.1.6; returns `exp`.
fn check_time(claims: &Claims<Fields>, now: Duration) -> Result<u64, Denial> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let [exp, nbf, iat] = [claims.expiration, claims.not_before, claims.issued_at]
        .map(|date| date.map(|date| date.timestamp()));
    for (name, date) in [("exp", exp), ("nbf", nbf), ("iat", iat)] {
        if date > Some(MAX_DATE) {
            return Err(invalid(format!(
                "its `{name}` is after the year 9999: dates count seconds since 1970"
            )));
        }
    }
    let expires_at = exp.ok_or_else(|| invalid("it has no `exp`"))?;
    if now >= expires_at.saturating_add(LEEWAY_SECONDS) {
        return Err(invalid("it has expired"));
    }
    if nbf.is_some_and(|start| now < start.saturating_sub(LEEWAY_SECONDS)) {
        return Err(invalid("it is not valid yet"));
    }
    u64::try_from(expires_at).map_err(|_| invalid("it has expired"))
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
        Some(value) => id(value).ok_or_else(|| {
            invalid(format!(
                "its `{name}` is no integer and no text that could name a user"
            ))
        }),
        None => Err(invalid(format!("it has no `{name}`"))),
    }
}

/// A user may have no tenant. A claim of another type is refused, so that its user is
/// not taken for one without a tenant.
fn tenant(config: &Config, claims: &Map<String, Value>) -> Result<Option<String>, Denial> {
    let name = &config.tenant_claim;
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => id(value).map(Some).ok_or_else(|| {
            invalid(format!(
                "its `{name}` is no integer and no text that could name a tenant"
            ))
        }),
    }
}

/// A text as it is, unless it is blank, or the digits of an integer.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.trim().is_empty() => Some(id.clone()),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(id.to_string()),
        _ => None,
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
