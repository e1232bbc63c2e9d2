//! The callers that may call a route, and the check of their credentials.

use std::borrow::Cow;

use base::{Failure, Trace};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use subtle::ConstantTimeEq;

use crate::bindings::orilla::auth::authorizer::{self, Denial};
use crate::{ApiError, rate};

/// A user whose token was verified: subject, tenant, roles, email, name and expiry.
///
/// The authorizer that verifies tokens is bound in `spin.toml` (`wit/auth`).
pub use crate::bindings::orilla::auth::authorizer::Principal;

impl Principal {
    /// Whether the user has this role, with exactly this spelling.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// The user for rules about ownership. The role `admin` may use records of other users.
    pub fn caller(&self) -> base::Caller<'_> {
        base::Caller {
            subject: &self.subject,
            is_admin: self.has_role("admin"),
        }
    }
}

/// Verifies the value of an `Authorization` header, or its absence, and counts the request.
pub(crate) type Authorize = fn(Option<&str>, &Trace) -> Result<Principal, ApiError>;

/// Asks the authorizer, and refuses a user's requests beyond `rate_limit`. Only routes for
/// users name this function, so that a component without any imports no authorizer.
pub(crate) fn authorize(sent: Option<&str>, trace: &Trace) -> Result<Principal, ApiError> {
    let user = authorizer::authorize(sent).map_err(refusal)?;
    rate::limit(&user.subject, trace)?;
    Ok(user)
}

/// The callers that may call a route.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Users with any roles, or none.
    User(Authorize),
    /// Users with this role.
    Role(Authorize, &'static str),
    /// Machines that send the token of this variable.
    Token(&'static str),
    /// Machines that send this token, and users with the role.
    TokenOrRole(fn() -> Result<String, Failure>, Authorize, &'static str),
    /// All callers, without credentials.
    Public,
}

/// The caller that a route admitted.
pub(crate) enum Admitted {
    Anybody,
    Machine,
    User(Principal),
}

impl Access {
    /// Checks the caller's credentials. The body has not been read yet.
    pub(crate) fn admit(self, headers: &HeaderMap, trace: &Trace) -> Result<Admitted, ApiError> {
        let sent = headers.get("authorization").and_then(|v| v.to_str().ok());
        match self {
            Self::Public => Ok(Admitted::Anybody),
            Self::User(authorize) => authorize(sent, trace).map(Admitted::User),
            Self::Role(authorize, role) => with_role(authorize(sent, trace)?, role),
            Self::Token(name) => {
                check_token(sent, name, &base::text(name)?)?;
                Ok(Admitted::Machine)
            }
            // An unset token admits no machine; users with the role are still admitted.
            Self::TokenOrRole(token, authorize, role) => match (sent, token()) {
                (Some(sent), Ok(token)) if is_token(sent, &token) => Ok(Admitted::Machine),
                _ => with_role(authorize(sent, trace)?, role),
            },
        }
    }
}

fn with_role(user: Principal, role: &str) -> Result<Admitted, ApiError> {
    if user.has_role(role) {
        return Ok(Admitted::User(user));
    }
    let message = format!("this route needs the role `{role}`");
    Err(ApiError::forbidden("missing_role", message))
}

/// Refuses an `Authorization` header that is not the token of the variable `name`.
fn check_token(sent: Option<&str>, name: &str, token: &str) -> Result<(), ApiError> {
    base::check_token(name, token)?;
    let Some(sent) = sent else {
        let message = "send Authorization: Bearer <token>";
        return Err(ApiError::unauthorized("missing_token", message, None));
    };
    if is_token(sent, token) {
        return Ok(());
    }
    let code = "invalid_token";
    let message = "the token is not the one that is configured for this route";
    Err(ApiError::unauthorized(code, message, Some(code)))
}

/// Whether an `Authorization` header has this token. An empty one is none.
fn is_token(sent: &str, token: &str) -> bool {
    !token.is_empty() && sent_token(sent).as_bytes().ct_eq(token.as_bytes()).into()
}

/// The token of an `Authorization` header: that of `Bearer`, or the password of `Basic`
/// (RFC 7617), since some services send nothing else. Empty where there is none.
fn sent_token(sent: &str) -> Cow<'_, str> {
    let (scheme, credentials) = sent.split_once(' ').unwrap_or_default();
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return credentials.into();
    }
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let pair = is_basic.then(|| BASE64_STANDARD.decode(credentials).ok());
    let pair = pair.flatten().and_then(|pair| String::from_utf8(pair).ok());
    let password = pair.as_deref().and_then(|pair| pair.split_once(':'));
    password
        .map_or("", |(_, password)| password)
        .to_owned()
        .into()
}

/// The answers to an authorizer's denials (RFC 6750, 3.1).
fn refusal(denial: Denial) -> ApiError {
    let invalid = Some("invalid_token");
    match denial {
        Denial::Missing => {
            ApiError::unauthorized("missing_token", "send Authorization: Bearer <JWT>", None)
        }
        Denial::Malformed(why) => ApiError::unauthorized("malformed_token", why, invalid),
        Denial::Invalid(why) => ApiError::unauthorized("invalid_token", why, invalid),
        Denial::Misconfigured(why) => Failure::Misconfigured(why).into(),
        Denial::Unavailable(why) => Failure::unavailable("the authorizer", why).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123";

    fn refused(sent: Option<&str>, token: &str) -> Option<(u16, &'static str)> {
        let error = check_token(sent, "events_token", token).err()?;
        Some((error.status.as_u16(), error.code))
    }

    #[test]
    fn only_the_exact_token_opens() {
        assert_eq!(refused(Some(&format!("Bearer {TOKEN}")), TOKEN), None);
        assert_eq!(refused(Some(&format!("bearer  {TOKEN}")), TOKEN), None);
        let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
        assert_eq!(refused(Some(&basic(format!("any:{TOKEN}"))), TOKEN), None);
        for wrong in [
            "Bearer 0123456789abcdef0124",
            "Bearer ",
            "Basic x",
            &basic(TOKEN.to_owned()),
            &basic(format!("{TOKEN}:")),
            TOKEN,
        ] {
            let invalid = Some((401, "invalid_token"));
            assert_eq!(refused(Some(wrong), TOKEN), invalid, "{wrong}");
        }
        assert_eq!(refused(None, TOKEN), Some((401, "missing_token")));
    }

    #[test]
    fn an_unset_token_is_never_an_open_door() {
        for token in ["", "short"] {
            let header = format!("Bearer {token}");
            let misconfigured = Some((500, "misconfigured"));
            assert_eq!(refused(Some(&header), token), misconfigured);
        }
        assert!(!is_token("Bearer ", ""));
    }

    #[test]
    fn a_role_is_spelled_just_so() {
        let user = |roles: &[&str]| Principal {
            subject: "456".into(),
            tenant: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            email: None,
            name: None,
            expires_at: 0,
        };
        assert!(with_role(user(&["admin", "ops"]), "ops").is_ok());
        for roles in [&["op"][..], &["admin"], &[]] {
            let error = with_role(user(roles), "ops").err().unwrap();
            assert_eq!((error.status.as_u16(), error.code), (403, "missing_role"));
        }
        assert!(user(&["admin"]).caller().may_use("7"));
        assert!(user(&["ops"]).caller().may_use("456"));
        assert!(!user(&["ops"]).caller().may_use("7"));
    }

    #[test]
    fn denials_become_the_answers_of_rfc_6750() {
        let answer = |denial| {
            let error = refusal(denial);
            let header = error.headers.first();
            let header = header.map(|(_, value)| value.to_str().unwrap().to_owned());
            (error.status.as_u16(), header.unwrap_or_default())
        };
        let bare = r#"Bearer realm="orilla""#.to_owned();
        assert_eq!(answer(Denial::Missing), (401, bare));
        for denial in [Denial::Invalid("old".into()), Denial::Malformed("x".into())] {
            let (status, challenge) = answer(denial);
            assert_eq!(status, 401);
            assert!(challenge.contains(r#"error="invalid_token""#));
        }
        let unset = Denial::Misconfigured("jwt_secret".into());
        assert_eq!(answer(unset), (500, String::new()));
        assert_eq!(answer(Denial::Unavailable("x".into())), (503, "2".into()));
    }
}
