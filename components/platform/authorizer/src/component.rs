//! The component: `wit/auth` on the outside, variables and clock on the inside.
//!
//! The bindings and the macro that exports them are unsafe code by wit-bindgen.
#![allow(unsafe_code, missing_docs)]

use std::time::Duration;

use wasi::clocks::wall_clock;

use self::exports::orilla::auth::authorizer::{Denial, Guest, Principal};
use self::fermyon::spin::variables;
use crate::config::{Config, ConfigError};
use crate::verify;

wit_bindgen::generate!({
    world: "orilla:authorizer/component",
    path: ["../../../wit/auth", "wit"],
    generate_all,
});

struct Authorizer;

export!(Authorizer);

impl Guest for Authorizer {
    fn authorize(authorization: Option<String>) -> Result<Principal, Denial> {
        let token = verify::bearer_token(authorization.as_deref())?;
        let config = Config::from_variables(variable)?;
        let now = Duration::from_secs(wall_clock::now().seconds);
        Ok(verify::verify(&config, token, now)?.into())
    }
}

/// A variable that is unset is none. One that cannot be read is not taken as unset:
/// tokens of another issuer would be let in.
fn variable(name: &str) -> Result<Option<String>, Denial> {
    match variables::get(name) {
        Ok(value) => Ok(Some(value)),
        Err(variables::Error::Undefined(_)) => Ok(None),
        Err(error) => Err(Denial::Unavailable(format!(
            "the variable `{name}` cannot be read: {error}"
        ))),
    }
}

impl From<ConfigError> for Denial {
    fn from(error: ConfigError) -> Self {
        Self::Misconfigured(error.to_string())
    }
}

impl From<verify::Denial> for Denial {
    fn from(denial: verify::Denial) -> Self {
        match denial {
            verify::Denial::Missing => Self::Missing,
            verify::Denial::Malformed(text) => Self::Malformed(text.into()),
            verify::Denial::Invalid(text) => Self::Invalid(text),
        }
    }
}

impl From<verify::Principal> for Principal {
    fn from(principal: verify::Principal) -> Self {
        Self {
            subject: principal.subject,
            tenant: principal.tenant,
            roles: principal.roles,
            email: principal.email,
            name: principal.name,
            expires_at: principal.expires_at,
        }
    }
}
