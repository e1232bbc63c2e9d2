//! Configuration: the component's variables.

use std::fmt::Display;
use std::str::FromStr;

use spin_sdk::variables;

use crate::Failure;

/// The variable `name` as text.
///
/// # Errors
/// [`Failure::Misconfigured`] if `spin.toml` does not give the variable to the component,
/// and [`Failure::Unavailable`] if the platform's provider fails.
pub fn text(name: &str) -> Result<String, Failure> {
    variables::get(name).map_err(|error| match error {
        variables::Error::Undefined(_) | variables::Error::InvalidName(_) => {
            Failure::misconfigured(format!(
                "the variable {name} is not given to this component: add it to spin.toml"
            ))
        }
        other => Failure::unavailable("the configuration", other),
    })
}

/// The variable `name` as `true` or `false`.
///
/// # Errors
/// Those of [`text`], and [`Failure::Misconfigured`] for another text.
pub fn flag(name: &str) -> Result<bool, Failure> {
    let value = text(name)?.trim().parse();
    value.map_err(|_| Failure::misconfigured(format!("the variable {name} must be true or false")))
}

/// The variable `name` as a number that is at least `min`.
///
/// # Errors
/// Those of [`text`], and [`Failure::Misconfigured`] for a text that is no such number.
pub fn number<T: FromStr + PartialOrd + Display>(name: &str, min: T) -> Result<T, Failure> {
    let text = text(name)?;
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number >= min)
        .ok_or_else(|| {
            Failure::misconfigured(format!(
                "the variable {name} must be a number, at least {min}"
            ))
        })
}

/// The minimum length of a token in the configuration, in bytes.
const MIN_TOKEN_LENGTH: usize = 16;

/// The variable `name` as a token that authenticates callers.
///
/// # Errors
/// Those of [`text`], and [`Failure::Misconfigured`] for a token that is not set or is
/// too short to be safe from guessing.
pub fn token(name: &str) -> Result<String, Failure> {
    let token = text(name)?.trim().to_owned();
    check_token(name, &token)?;
    Ok(token)
}

/// Refuses a token that is not set or is too short to be safe from guessing.
///
/// # Errors
/// [`Failure::Misconfigured`], which names the variable.
pub fn check_token(name: &str, token: &str) -> Result<(), Failure> {
    if token.len() < MIN_TOKEN_LENGTH {
        return Err(Failure::misconfigured(format!(
            "the variable {name} must be set to at least {MIN_TOKEN_LENGTH} characters"
        )));
    }
    Ok(())
}
