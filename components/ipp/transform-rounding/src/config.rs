use std::fmt;

use bigdecimal::{BigDecimal, One, Zero};

use crate::decimal;

/// A variable that an operator must set or change before a table can be transformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable `{}` {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The factor and the names of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// From which decimals on a quantity is rounded up: above 0, at most 1.
    pub factor: BigDecimal,
    /// Column of Factor F.
    pub factor_f: String,
    /// Column of the traditional weighting, Ponderación Tradicional.
    pub ponderacion: String,
    /// Column of Factor 9.
    pub factor_9: String,
    /// Column of Factor D.
    pub factor_d: String,
    /// Name of the column that is added.
    pub rounded: String,
}

impl Config {
    /// Reads the configuration from variables. Spaces around a value don't count, and an
    /// empty variable counts as unset.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `ipp_factor` | the factor, such as `0.47` |
    /// | `ipp_column_factor_f`, `ipp_column_ponderacion`, `ipp_column_factor_9`, `ipp_column_factor_d` | columns that the base quantity is made of |
    /// | `ipp_column_rounded` | name of the column that is added |
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or can't be used.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |variable| {
            get(variable)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .ok_or(ConfigError {
                    variable,
                    problem: "is not set",
                })
        };
        let factor = decimal::parse(&required("ipp_factor")?)
            .filter(|factor| *factor > BigDecimal::zero() && *factor <= BigDecimal::one())
            .ok_or(ConfigError {
                variable: "ipp_factor",
                problem: "has to be a number above 0 and at most 1, such as 0.47",
            })?;
        Ok(Self {
            factor,
            factor_f: required("ipp_column_factor_f")?,
            ponderacion: required("ipp_column_ponderacion")?,
            factor_9: required("ipp_column_factor_9")?,
            factor_d: required("ipp_column_factor_d")?,
            rounded: required("ipp_column_rounded")?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const DEFAULTS: [(&str, &str); 6] = [
        ("ipp_factor", "0.47"),
        ("ipp_column_factor_f", "Factor F"),
        ("ipp_column_ponderacion", "Ponderación Tradicional"),
        ("ipp_column_factor_9", "Factor 9"),
        ("ipp_column_factor_d", "Factor D"),
        ("ipp_column_rounded", "valor optimo redondeado"),
    ];

    pub(crate) fn config(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|name| {
            let mut all = changes.iter().chain(&DEFAULTS);
            all.find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        for (variable, _) in DEFAULTS {
            assert_eq!(
                config(&[(variable, " ")]).unwrap_err().to_string(),
                format!("the variable `{variable}` is not set")
            );
        }
    }

    #[test]
    fn the_factor_is_above_0_and_at_most_1() {
        for factor in ["1", "0.001", " 0.47 ", "1e-3", "1.0"] {
            assert!(config(&[("ipp_factor", factor)]).is_ok(), "{factor}");
        }
        for factor in ["0", "-0.47", "1.001", "47%", "0,47", "half", "1e999999999"] {
            assert_eq!(
                config(&[("ipp_factor", factor)]).unwrap_err().to_string(),
                "the variable `ipp_factor` has to be a number above 0 and at most 1, such as 0.47",
                "{factor}"
            );
        }
    }
}
