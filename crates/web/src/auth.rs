//! Who is asking: the consumer's side of `orilla:auth/authorizer`.
//!
//! Which component answers is decided in `spin.toml`. Outside of a component
//! there is none, and [`authorize`] panics.

use crate::bindings::orilla::auth::authorizer;

/// Somebody whose credentials have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The stable id of the user, unique for the issuer.
    pub subject: String,
    /// What the user may do beyond their own data, such as `admin` or `ops`.
    pub roles: Vec<String>,
    /// The user's e-mail address, if the credentials tell it.
    pub email: Option<String>,
    /// The user's name, if the credentials tell it.
    pub name: Option<String>,
    /// When the credentials end, in seconds since the Unix epoch.
    pub expires_at: u64,
}

impl Principal {
    /// Whether `role` is among the roles, spelled just so.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// Why nobody was let in. The texts are for people and hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No credentials were sent.
    #[error("credentials are missing: send `Authorization: Bearer <token>`")]
    Missing,
    /// The credentials are not of a form that is understood.
    #[error("the credentials are malformed: {0}")]
    Malformed(String),
    /// The credentials are well formed and do not hold.
    #[error("the credentials are not valid: {0}")]
    Invalid(String),
    /// The authorizer is not set up: nobody can be let in.
    #[error("authorization is misconfigured: {0}")]
    Misconfigured(String),
    /// Something that the authorizer needs is out of reach: try again later.
    #[error("authorization is not available: {0}")]
    Unavailable(String),
}

/// Verifies the value of an `Authorization` header (RFC 9110, 11.6.2), or its absence.
///
/// # Errors
/// The [`Denial`] of the authorizer.
pub fn authorize(authorization: Option<&str>) -> Result<Principal, Denial> {
    match authorizer::authorize(authorization) {
        Ok(principal) => Ok(principal.into()),
        Err(denial) => Err(denial.into()),
    }
}

impl From<authorizer::Principal> for Principal {
    fn from(principal: authorizer::Principal) -> Self {
        Self {
            subject: principal.subject,
            roles: principal.roles,
            email: principal.email,
            name: principal.name,
            expires_at: principal.expires_at,
        }
    }
}

impl From<authorizer::Denial> for Denial {
    fn from(denial: authorizer::Denial) -> Self {
        match denial {
            authorizer::Denial::Missing => Self::Missing,
            authorizer::Denial::Malformed(text) => Self::Malformed(text),
            authorizer::Denial::Invalid(text) => Self::Invalid(text),
            authorizer::Denial::Misconfigured(text) => Self::Misconfigured(text),
            authorizer::Denial::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_authorizer_verified_arrives_whole() {
        let principal = Principal::from(authorizer::Principal {
            subject: "456".into(),
            roles: vec!["ops".into()],
            email: Some("ana@example.com".into()),
            name: None,
            expires_at: 1_900_000_000,
        });
        assert_eq!(
            principal,
            Principal {
                subject: "456".into(),
                roles: vec!["ops".into()],
                email: Some("ana@example.com".into()),
                name: None,
                expires_at: 1_900_000_000,
            }
        );
        assert!(principal.has_role("ops"));
        assert!(!principal.has_role("op"));
        assert!(!principal.has_role("admin"));
    }

    #[test]
    fn every_denial_keeps_its_kind_and_its_text() {
        use authorizer::Denial as Wit;
        for (wit, plain) in [
            (Wit::Missing, Denial::Missing),
            (Wit::Malformed("a".into()), Denial::Malformed("a".into())),
            (Wit::Invalid("b".into()), Denial::Invalid("b".into())),
            (
                Wit::Misconfigured("c".into()),
                Denial::Misconfigured("c".into()),
            ),
            (
                Wit::Unavailable("d".into()),
                Denial::Unavailable("d".into()),
            ),
        ] {
            assert_eq!(Denial::from(wit), plain);
        }
    }
}
