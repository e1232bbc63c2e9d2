//! Sums of a purchase.

use bigdecimal::{BigDecimal, RoundingMode};
use purchases_domain::minor_digits;

use crate::json::Number;

/// A line of a purchase.
pub(crate) struct Item {
    /// The price of one.
    pub price: Number,
    /// How many, or how much.
    pub quantity: Number,
}

/// `resumen`: the sums as the document has them.
pub(crate) struct Summary {
    /// The number of lines.
    pub items: u64,
    /// The sum of their quantities.
    pub quantity: Number,
    /// The price of all, rounded half up to the minor unit of the currency.
    pub price: Number,
    /// The currency.
    pub currency: String,
}

/// Whether the sums are those of the lines.
pub(crate) fn check(items: &[Item], summary: &Summary) -> Result<(), String> {
    if summary.items != items.len() as u64 {
        return Err(format!(
            "total_productos is {}, and there are {} lines",
            summary.items,
            items.len()
        ));
    }
    let quantity: BigDecimal = items.iter().map(|item| &item.quantity.value).sum();
    if summary.quantity.value != quantity {
        return Err(format!(
            "total_cantidad is {}, and the lines have {}",
            plain(&summary.quantity.value),
            plain(&quantity)
        ));
    }
    let exact: BigDecimal = items
        .iter()
        .map(|item| &item.price.value * &item.quantity.value)
        .sum();
    let digits = minor_digits(&summary.currency);
    let price = exact.with_scale_round(digits.into(), RoundingMode::HalfUp);
    if summary.price.value != price {
        return Err(format!(
            "total_precio is {}, and the lines make {}",
            plain(&summary.price.value),
            plain(&price)
        ));
    }
    if summary.price.digits != Some(digits.into()) {
        return Err(format!(
            "total_precio has not the {digits} digits of {} after the point",
            summary.currency
        ));
    }
    Ok(())
}

fn plain(number: &BigDecimal) -> String {
    number.to_plain_string()
}
