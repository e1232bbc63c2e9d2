//! Configuration: the component's variables.

use std::fmt::Display;
use std::str::FromStr;

use spin_sdk::variables;

use crate::Failure;

/// The separator of the values of a variable that [packs](split) several where they may hold
/// blanks: the unit separator.
pub const UNIT_SEPARATOR: char = '\u{1f}';

/// The variable `name` as text.
///
/// # Errors
/// [`Failure::Misconfigured`] if `spin.toml` does not give the variable to the component,
/// and [`Failure::Unavailable`] if the platform's provider fails.
pub fn text(name: &str) -> Result<String, Failure> {
    variables::get(name).map_err(|error| match error {
        variables::Error::Undefined(_) | variables::Error::InvalidName(_) => {
            Failure::variable(name, "is not given to this component: add it to spin.toml")
        }
        other => Failure::unavailable("the configuration", other),
    })
}

/// The `N` values that `spin.toml` packs into `text`, the variable `name`. The last one may
/// hold the separator.
///
/// # Errors
/// [`Failure::Misconfigured`] for fewer values.
pub fn split<'a, const N: usize>(
    name: &str,
    text: &'a str,
    separator: char,
) -> Result<[&'a str; N], Failure> {
    let values: Vec<_> = text.splitn(N, separator).collect();
    values.try_into().map_err(|_| {
        let problem = format!("must have {N} values: take its line from Orilla's spin.toml");
        Failure::variable(name, problem)
    })
}

/// The variable `name` as `true` or `false`.
///
/// # Errors
/// Those of [`text`], and [`Failure::Misconfigured`] for another text.
pub fn flag(name: &str) -> Result<bool, Failure> {
    let value = text(name)?.trim().parse();
    value.map_err(|_| Failure::variable(name, "must be true or false"))
}

/// The variable `name` as a number that is at least `min`.
///
/// # Errors
/// Those of [`text`] and [`parse_number`].
pub fn number<T: FromStr + PartialOrd + Display>(name: &str, min: T) -> Result<T, Failure> {
    parse_number(name, &text(name)?, min)
}

/// The value of the variable `name` as a number that is at least `min`.
///
/// # Errors
/// [`Failure::Misconfigured`] for a text that is no such number.
pub fn parse_number<T: FromStr + PartialOrd + Display>(
    name: &str,
    value: &str,
    min: T,
) -> Result<T, Failure> {
    let number = value.trim().parse().ok().filter(|number| *number >= min);
    number.ok_or_else(|| Failure::variable(name, format_args!("must be a number, at least {min}")))
}

/// The minimum length of a token in the configuration, in bytes.
const MIN_TOKEN_LENGTH: usize = 16;

/// Refuses a token that is not set or is too short to be safe from guessing.
///
/// # Errors
/// [`Failure::Misconfigured`], which names the variable.
pub fn check_token(name: &str, token: &str) -> Result<(), Failure> {
    if token.len() < MIN_TOKEN_LENGTH {
        let problem = format!("must be set to at least {MIN_TOKEN_LENGTH} characters");
        return Err(Failure::variable(name, problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_variable_is_split_into_its_values() {
        let values = split("bell", "http  a token of blanks", ' ');
        assert_eq!(values, Ok(["http", "", "a token of blanks"]));
        let values = split("s3", "\u{1f}\u{1f}", UNIT_SEPARATOR);
        assert_eq!(values, Ok(["", "", ""]));
        for (text, separator) in [("", ' '), ("redis http://self.alt", ' '), ("a b c", ',')] {
            let error = split::<3>("bell", text, separator).unwrap_err().to_string();
            assert!(
                error.starts_with("the variable bell must have 3 values: "),
                "{error}"
            );
        }
    }

    #[test]
    fn a_number_is_at_least_its_minimum() {
        assert_eq!(parse_number("queue_attempts", " 5 ", 1), Ok(5));
        for wrong in ["", "0", "-1", "5.5", "five"] {
            assert_eq!(
                parse_number::<u32>("queue_attempts", wrong, 1),
                Err(Failure::misconfigured(
                    "the variable queue_attempts must be a number, at least 1"
                )),
                "{wrong}"
            );
        }
    }
}
