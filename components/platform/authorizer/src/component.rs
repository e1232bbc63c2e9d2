//! The component: `wit/auth` on the outside; variables, the store and the clock on the
//! inside.
//!
//! The bindings and the macro that exports them are unsafe code by wit-bindgen.
#![allow(unsafe_code, missing_docs)]

use std::time::Duration;

use jwks::{Record, record};
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::http::outgoing_handler;
use wasi::http::types::{ErrorCode, Fields, OutgoingRequest, Scheme};
use wasi::io::poll::poll;

use self::exports::orilla::auth::authorizer::{Denial, Guest, Principal};
use self::fermyon::spin::key_value::{self, Store};
use self::fermyon::spin::variables;
use crate::config::{ConfigError, KeptConfig, Keys, Source};
use crate::kept::{self, Shelf};
use crate::verify;

/// The component that reads `jwt_jwks_url` into the key-value store. It alone may call the
/// issuer; only components of the application reach it.
const READER: &str = "jwks-reader.spin.internal";

/// The maximum time that a request waits for a reading, in nanoseconds: longer than the
/// reader waits for the begin of the issuer's answer.
const MAX_WAIT: u64 = 8_000_000_000;

wit_bindgen::generate!({
    world: "orilla:authorizer/component",
    path: ["../../../wit/auth", "wit"],
    generate_all,
});

thread_local! {
    static KEPT: KeptConfig = const { KeptConfig::new() };
}

struct Authorizer;

export!(Authorizer);

impl Guest for Authorizer {
    fn authorize(authorization: Option<String>) -> Result<Principal, Denial> {
        let token = verify::bearer_token(authorization.as_deref())?;
        let jwt = jwt()?;
        let config = KEPT.with(|kept| kept.config(jwt))?;
        let now = now();
        let verify = |keys: &Keys| verify::verify(&config, keys, token, now);
        let principal = match &config.source {
            Source::Keys(keys) => verify(keys),
            Source::Url(url) => kept::authorize(&Spin(url), now, verify),
        };
        Ok(principal?.into())
    }
}

fn now() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

/// The store and the reader of the set of this URL.
struct Spin<'a>(&'a str);

impl Shelf for Spin<'_> {
    fn kept(&self) -> Result<Option<Record>, String> {
        let store = Store::open("default").map_err(|error| describe(&error))?;
        let bytes = store.get(record::KEY).map_err(|error| describe(&error))?;
        Ok(bytes.and_then(|bytes| Record::stored(&bytes, self.0)))
    }

    fn read_again(&self) -> Result<(), String> {
        ask_reader().map_err(|error| format!("{READER} did not answer: {error}"))
    }
}

fn describe(error: &key_value::Error) -> String {
    format!("the key-value store cannot be read: {error}")
}

fn ask_reader() -> Result<(), ErrorCode> {
    let refused = |()| ErrorCode::HttpRequestUriInvalid;
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    request.set_authority(Some(READER)).map_err(refused)?;
    request
        .set_path_with_query(Some("/read"))
        .map_err(refused)?;
    let response = outgoing_handler::handle(request, None)?;
    // Limits of a request do not count for one from component to component everywhere.
    poll(&[
        &response.subscribe(),
        &monotonic_clock::subscribe_duration(MAX_WAIT),
    ]);
    let Some(Ok(answer)) = response.get() else {
        return Err(ErrorCode::HttpResponseTimeout);
    };
    let status = answer?.status();
    match status {
        200..300 => Ok(()),
        _ => Err(ErrorCode::InternalError(Some(format!("status {status}")))),
    }
}

/// The variable `jwt`. One that cannot be read is not taken as unset: tokens of another
/// issuer would be let in.
fn jwt() -> Result<String, Denial> {
    variables::get("jwt").map_err(|error| match error {
        variables::Error::Undefined(_) => ConfigError::undefined().into(),
        error => Denial::Unavailable(format!("the variable `jwt` cannot be read: {error}")),
    })
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
            verify::Denial::UnknownKey { reason, .. } => Self::Invalid(reason),
            verify::Denial::Unavailable(text) => Self::Unavailable(text),
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
