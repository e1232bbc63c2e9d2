//! Who is asking, and whether they may.

use base::Failure;
use subtle::ConstantTimeEq;

use crate::auth::{self, Denial, Principal};
use crate::{ApiError, Call};

/// The caller, or the refusal to send.
pub fn authenticate(call: &Call) -> Result<Principal, ApiError> {
    auth::authorize(call.header("authorization")).map_err(refusal)
}

/// Refuses a caller that does not have a role.
pub fn require_role(principal: &Principal, role: &str) -> Result<(), ApiError> {
    if principal.has_role(role) {
        Ok(())
    } else {
        Err(ApiError::forbidden(
            "missing_role",
            format!("this needs the role `{role}`"),
        ))
    }
}

/// Refuses a caller that does not send the token that variable `name` holds.
pub fn require_bearer(call: &Call, name: &str, token: &str) -> Result<(), ApiError> {
    base::check_token(name, token)?;
    let Some(header) = call.header("authorization") else {
        return Err(ApiError::unauthorized(
            "missing_token",
            "send Authorization: Bearer <token>",
            None,
        ));
    };
    let sent = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    if bool::from(sent.as_bytes().ct_eq(token.as_bytes())) {
        Ok(())
    } else {
        Err(ApiError::unauthorized(
            "invalid_token",
            "this is not the token",
            Some("invalid_token"),
        ))
    }
}

fn refusal(denial: Denial) -> ApiError {
    match denial {
        Denial::Missing => {
            ApiError::unauthorized("missing_token", "send Authorization: Bearer <JWT>", None)
        }
        Denial::Malformed(why) => {
            ApiError::unauthorized("malformed_token", why, Some("invalid_token"))
        }
        Denial::Invalid(why) => ApiError::unauthorized("invalid_token", why, Some("invalid_token")),
        Denial::Misconfigured(why) => Failure::Misconfigured(why).into(),
        Denial::Unavailable(why) => Failure::unavailable("the authorizer", why).into(),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::*;
    use base::Trace;

    const TOKEN: &str = "0123456789abcdef0123";

    fn refused(authorization: Option<&str>, token: &str) -> Option<(StatusCode, &'static str)> {
        let mut request = Request::builder();
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let call = Call {
            parts: parts.into(),
            body: Vec::new(),
            trace: Trace::new(),
        };
        require_bearer(&call, "events_token", token)
            .err()
            .map(|error| (error.status, error.code))
    }

    #[test]
    fn only_the_exact_token_opens() {
        assert_eq!(refused(Some(&format!("Bearer {TOKEN}")), TOKEN), None);
        assert_eq!(refused(Some(&format!("bearer  {TOKEN}")), TOKEN), None);
        for wrong in ["Bearer 0123456789abcdef0124", "Bearer ", "Basic x", TOKEN] {
            assert_eq!(
                refused(Some(wrong), TOKEN),
                Some((StatusCode::UNAUTHORIZED, "invalid_token")),
                "{wrong}"
            );
        }
        assert_eq!(
            refused(None, TOKEN),
            Some((StatusCode::UNAUTHORIZED, "missing_token"))
        );
    }

    #[test]
    fn an_unset_token_is_never_an_open_door() {
        for token in ["", "short"] {
            let header = format!("Bearer {token}");
            assert_eq!(
                refused(Some(&header), token),
                Some((StatusCode::INTERNAL_SERVER_ERROR, "misconfigured"))
            );
        }
    }

    #[test]
    fn denials_become_the_answers_of_rfc_6750() {
        let challenge = |denial| {
            let error = refusal(denial);
            (
                error.status.as_u16(),
                error
                    .headers
                    .first()
                    .map(|(_, v)| v.to_str().unwrap().to_owned()),
            )
        };
        assert_eq!(
            challenge(Denial::Missing),
            (401, Some(r#"Bearer realm="orilla""#.into()))
        );
        let (status, header) = challenge(Denial::Invalid("the token has expired".into()));
        assert_eq!(status, 401);
        assert!(header.unwrap().contains(r#"error="invalid_token""#));
        assert_eq!(
            challenge(Denial::Misconfigured("jwt_secret".into())),
            (500, None)
        );
        assert_eq!(
            challenge(Denial::Unavailable("x".into())),
            (503, Some("2".into()))
        );
    }
}
