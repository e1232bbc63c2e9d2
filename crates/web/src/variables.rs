//! Configuration: the component's variables.

use std::fmt::Display;
use std::str::FromStr;

use spin_sdk::variables;

use crate::ApiError;

/// A variable as text.
pub fn text(name: &str) -> Result<String, ApiError> {
    variables::get(name).map_err(|error| match error {
        variables::Error::Undefined(_) | variables::Error::InvalidName(_) => {
            ApiError::misconfigured(format!(
                "the variable {name} is not given to this component"
            ))
        }
        other => ApiError::unavailable("the configuration", other.to_string()),
    })
}

/// A variable as a number that is at least `least`.
pub fn number<T: FromStr + PartialOrd + Display>(name: &str, least: T) -> Result<T, ApiError> {
    let text = text(name)?;
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| {
            ApiError::misconfigured(format!(
                "the variable {name} must be a number, at least {least}"
            ))
        })
}
