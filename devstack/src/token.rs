use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::{Error, Result};

/// A JWT (RFC 7519) for `subject` with `roles`, signed with HS256 and valid for
/// `valid_for` from now.
///
/// It is not made with the authorizer's library, so that the two check
/// each other.
///
/// # Errors
/// The secret can't be a key.
pub fn token(secret: &str, subject: &str, roles: &[&str], valid_for: Duration) -> Result<String> {
    sign(secret, &claims(subject, roles, valid_for))
}

/// The same for a user of `tenant`, in the claim that `jwt_tenant_claim` names by default.
///
/// # Errors
/// The secret can't be a key.
pub fn tenant_token(
    secret: &str,
    subject: &str,
    tenant: &str,
    roles: &[&str],
    valid_for: Duration,
) -> Result<String> {
    let mut claims = claims(subject, roles, valid_for);
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("tenant_id".into(), tenant.into());
    }
    sign(secret, &claims)
}

fn claims(subject: &str, roles: &[&str], valid_for: Duration) -> Value {
    let now = OffsetDateTime::now_utc();
    json!({
        "sub": subject,
        "roles": roles,
        "iat": now.unix_timestamp(),
        "exp": (now + valid_for).unix_timestamp(),
    })
}

pub(crate) fn sign(secret: &str, claims: &Value) -> Result<String> {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|error| Error::Option(format!("the JWT secret is no key: {error}")))?;
    mac.update(signed.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed with `openssl dgst -sha256 -hmac`.
    #[test]
    fn the_signature_is_that_of_another_implementation() {
        assert_eq!(
            sign("secret", &json!({ "sub": "456" })).unwrap(),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0NTYifQ.NI8iIrRHnYHzPkC7IrCq68GTJzLScnqvPOjSfuVkx3Y"
        );
    }

    #[test]
    fn a_token_says_who_it_is_for_and_until_when() {
        let minute = Duration::from_secs(60);
        let claims = claims_of(&token("secret", "456", &["ops"], minute).unwrap());
        assert_eq!(claims["sub"], "456");
        assert_eq!(claims["roles"], json!(["ops"]));
        let valid_for = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(valid_for, 60);
        assert_eq!(claims.get("tenant_id"), None);

        let token = tenant_token("secret", "456", "cafe-azul", &["ops"], minute).unwrap();
        let claims = claims_of(&token);
        assert_eq!(claims["sub"], "456");
        assert_eq!(claims["tenant_id"], "cafe-azul");
    }

    fn claims_of(token: &str) -> Value {
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }
}
