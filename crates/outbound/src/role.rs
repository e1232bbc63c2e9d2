//! Temporary credentials of a role, which the component `aws-credentials` keeps.

use base::Failure;
use http::{Request, StatusCode};
use serde::Deserialize;

use crate::sigv4::Credentials;
use crate::{Transport, call};

/// The address of the component, which components alone can reach.
const URL: &str = "http://aws-credentials.spin.internal/credentials";

/// The name of the component in errors.
const WHAT: &str = "the credentials of AWS";

/// The max length of an answer. A session token may have a few KiB.
const MAX_ANSWER: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Kept {
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The variables `own`, completed for requests to `service`: where
/// `{service}_access_key_id` is not set, that one, `{service}_secret_access_key` and
/// `{service}_session_token` are those of the role.
///
/// # Errors
/// Those of [`assumed`].
pub async fn variables<T: Transport>(
    transport: &T,
    service: &'static str,
    own: impl Fn(&str) -> Option<String>,
) -> Result<impl Fn(&str) -> Option<String>, Failure> {
    let key = own(&format!("{service}_access_key_id"));
    let assumed = match key.is_some_and(|key| !key.trim().is_empty()) {
        true => None,
        false => Some(assumed(transport).await?),
    };
    Ok(move |name: &str| {
        let part = name
            .strip_prefix(service)
            .and_then(|part| part.strip_prefix('_'));
        match (&assumed, part) {
            (Some(assumed), Some("access_key_id")) => Some(assumed.access_key_id.clone()),
            (Some(assumed), Some("secret_access_key")) => Some(assumed.secret_access_key.clone()),
            (Some(assumed), Some("session_token")) => assumed.session_token.clone(),
            _ => own(name),
        }
    })
}

/// The credentials of the role `aws_role_arn`. They hold for some minutes at least, unless
/// STS is away for long.
///
/// # Errors
/// [`Failure::Misconfigured`] where no role is set or STS refuses it, and
/// [`Failure::Unavailable`] where STS is out of reach.
pub async fn assumed<T: Transport>(transport: &T) -> Result<Credentials, Failure> {
    let away = |detail: String| Failure::unavailable(WHAT, detail);
    let request = Request::get(URL).body(Vec::new());
    let request = request.map_err(|error| Failure::misconfigured(error.to_string()))?;
    let (head, answer) = call(transport, request, WHAT, MAX_ANSWER)
        .await?
        .into_parts();
    let status = head.status;
    if status == StatusCode::OK {
        // The text of this error could have a part of the answer, and with it a secret.
        let kept = serde_json::from_slice::<Kept>(&answer);
        return kept
            .map(|kept| kept.credentials)
            .map_err(|_| away("the answer of aws-credentials cannot be read".into()));
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer);
    let told = refusal.map_or_else(|_| status.to_string(), |refusal| refusal.error);
    Err(match status {
        StatusCode::INTERNAL_SERVER_ERROR => Failure::misconfigured(told),
        _ => away(told),
    })
}
