//! The component: `wit/auth` on the outside, variables and clock on the inside.
//!
//! The bindings and the macro that exports them are unsafe code by wit-bindgen.
#![allow(unsafe_code, missing_docs)]

use std::time::Duration;

use self::exports::orilla::auth::authorizer::{Denial, Guest, Principal};
use self::fermyon::spin::variables;
use self::wasi::clocks::wall_clock;
use crate::config::Config;
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
        let config = Config::from_variables(|name| variables::get(name).ok())
            .map_err(|error| Denial::Misconfigured(error.to_string()))?;
        let now = Duration::from_secs(wall_clock::now().seconds);

        verify::verify(&config, authorization.as_deref(), now)
            .map(|principal| Principal {
                subject: principal.subject,
                roles: principal.roles,
                email: principal.email,
                name: principal.name,
                expires_at: principal.expires_at,
            })
            .map_err(|denial| match denial {
                verify::Denial::Missing => Denial::Missing,
                verify::Denial::Malformed(text) => Denial::Malformed(text.into()),
                verify::Denial::Invalid(text) => Denial::Invalid(text),
            })
    }
}
