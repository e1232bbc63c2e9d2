//! Values of the application's variables.

use std::collections::BTreeMap;

use crate::manifest::{LoadedManifest, ManifestError};
use crate::runtime_config::RuntimeConfig;

/// Finds the value of every variable: from the command line, else from
/// `SPIN_VARIABLE_<NAME>` of the environment, else from the static providers of
/// the runtime configuration, else the default.
///
/// # Errors
/// A value is given for a variable that isn't in the manifest, or a required variable has none.
pub fn resolve(
    loaded: &LoadedManifest,
    given: &BTreeMap<String, String>,
    environment: impl Fn(&str) -> Option<String>,
    runtime_config: &RuntimeConfig,
) -> Result<BTreeMap<String, String>, ManifestError> {
    let declared = &loaded.manifest.variables;
    if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
        return Err(loaded.invalid(
            "variables",
            name,
            "a value was given for it, but the manifest has no such variable",
        ));
    }
    declared
        .iter()
        .map(|(name, variable)| {
            let value = given
                .get(name)
                .cloned()
                .or_else(|| environment(&format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())))
                .or_else(|| runtime_config.variable(name).cloned())
                .or_else(|| variable.default.clone());
            match value {
                Some(value) => Ok((name.clone(), value)),
                None => Err(loaded.invalid(
                    "variables",
                    name,
                    format!(
                        "required, and no value was given: set SPIN_VARIABLE_{} or pass --variable {name}=VALUE",
                        name.to_ascii_uppercase()
                    ),
                )),
            }
        })
        .collect()
}
