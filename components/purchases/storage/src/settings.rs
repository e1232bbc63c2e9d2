//! The operator's settings of purchases.

use base::{Failure, text};
use purchases_domain::Settings;

/// The settings of the variables `compras_moneda`, `compras_stage` and `s3_region`.
///
/// # Errors
/// [`Failure::Misconfigured`] where a variable is missing, or the currency is not a code
/// of three upper-case letters (ISO 4217).
pub fn settings() -> Result<Settings, Failure> {
    let moneda = text("compras_moneda")?.trim().to_owned();
    let is_code = moneda.len() == 3 && moneda.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_code {
        return Err(Failure::misconfigured(
            "the variable compras_moneda must be a currency of ISO 4217, such as USD",
        ));
    }
    Ok(Settings {
        moneda,
        stage: text("compras_stage")?.trim().to_owned(),
        region: text("s3_region")?.trim().to_owned(),
    })
}
