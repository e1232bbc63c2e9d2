//! The content of a purchase.

use base::Fields;
use bigdecimal::BigDecimal;
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::decimal::{self, Decimal};
use crate::fecha::Fecha;

/// The digits after the point of a currency that ISO 4217 does not have.
const DEFAULT_DIGITS: u16 = 2;

/// The fields of a purchase that clients set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// When it was made.
    pub fecha: Fecha,
    /// The bought products.
    pub productos: Vec<Product>,
    /// All other fields, as they came.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub otros: Fields,
}

/// A line of a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its code.
    pub codigo: String,
    /// Its name.
    pub nombre: String,
    /// The price of one.
    pub precio_unitario: Decimal,
    /// How many, or how much.
    pub cantidad: Decimal,
    /// All other fields, as they came.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub otros: Fields,
}

impl Product {
    /// The price of the line, exact.
    pub fn amount(&self) -> BigDecimal {
        self.precio_unitario.value() * self.cantidad.value()
    }
}

/// The members of a product, taken apart and not yet read.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) codigo: Option<Box<RawValue>>,
    pub(crate) nombre: Option<Box<RawValue>>,
    pub(crate) precio_unitario: Option<Box<RawValue>>,
    pub(crate) cantidad: Option<Box<RawValue>>,
    pub(crate) otros: Fields,
}

impl From<Fields> for Members {
    fn from(all: Fields) -> Self {
        let mut members = Self::default();
        let mut others = Vec::new();
        for (name, value) in all {
            let member = match &*name {
                "codigo" => &mut members.codigo,
                "nombre" => &mut members.nombre,
                "precio_unitario" => &mut members.precio_unitario,
                "cantidad" => &mut members.cantidad,
                _ => {
                    others.push((name, value));
                    continue;
                }
            };
            *member = Some(value);
        }
        members.otros = others.into_iter().collect();
        members
    }
}

/// The operator's settings, as they were when a change was made. The archive of the change
/// stays the same if the operator sets them anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The currency, a code of ISO 4217.
    pub moneda: String,
    /// The stage of the deployment, such as `dev`.
    pub stage: String,
    /// The region of the change.
    pub region: String,
}

/// `resumen`: the sums of a purchase.
#[derive(Clone, Debug, Serialize)]
pub struct Summary<'a> {
    total_productos: usize,
    total_cantidad: Option<Box<RawValue>>,
    total_precio: Option<Box<RawValue>>,
    moneda: &'a str,
}

impl<'a> Summary<'a> {
    /// The sums of these lines: the number of lines, the quantities, and the price rounded
    /// half up to the minor unit of the currency.
    pub fn of(productos: &[Product], moneda: &'a str) -> Self {
        let quantity = quantity(productos);
        Self {
            total_productos: productos.len(),
            total_cantidad: serde_json::from_slice(decimal::plain(&quantity).as_bytes()).ok(),
            total_precio: decimal::json(&total(productos, moneda)),
            moneda,
        }
    }
}

pub(crate) fn quantity(productos: &[Product]) -> BigDecimal {
    productos
        .iter()
        .map(|product| product.cantidad.value())
        .sum()
}

/// The price of all lines, rounded half up to the minor unit of the currency.
pub(crate) fn total(productos: &[Product], moneda: &str) -> BigDecimal {
    let exact: BigDecimal = productos.iter().map(Product::amount).sum();
    decimal::rounded(&exact, minor_digits(moneda))
}

/// The digits after the point of a currency (ISO 4217).
pub fn minor_digits(moneda: &str) -> u16 {
    let currency = Currency::from_code(moneda);
    let digits = currency.and_then(Currency::exponent);
    digits.unwrap_or(DEFAULT_DIGITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(lines: &[(&str, &str)], moneda: &str) -> String {
        let product = |(price, quantity): &(&str, &str)| Product {
            codigo: "PROD001".into(),
            nombre: "Producto Test".into(),
            precio_unitario: price.parse().unwrap(),
            cantidad: quantity.parse().unwrap(),
            otros: Fields::default(),
        };
        let productos: Vec<_> = lines.iter().map(product).collect();
        serde_json::to_string(&Summary::of(&productos, moneda)).unwrap()
    }

    #[test]
    fn the_sums_of_the_seeds_example() {
        let told = json!({"total_productos": 1, "total_cantidad": 2, "total_precio": 199.98,
            "moneda": "USD"});
        let summary = summary(&[("99.99", "2")], "USD");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&summary).unwrap(),
            told
        );
    }

    #[test]
    fn sums_are_exact_and_only_the_price_is_rounded() {
        for (lines, moneda, told) in [
            (
                &[("0.1", "1"), ("0.1", "1"), ("0.1", "1")][..],
                "USD",
                r#""total_cantidad":3,"total_precio":0.30"#,
            ),
            (
                &[("0.333", "1.5")],
                "USD",
                r#""total_cantidad":1.5,"total_precio":0.50"#,
            ),
            (&[("0.335", "1")], "USD", r#""total_precio":0.34"#),
            (&[("1.5", "1")], "JPY", r#""total_precio":2"#),
            (&[("1.0005", "1")], "KWD", r#""total_precio":1.001"#),
            (&[("1", "1")], "ZZZ", r#""total_precio":1.00"#),
            (
                &[],
                "USD",
                r#""total_productos":0,"total_cantidad":0,"total_precio":0.00"#,
            ),
            (
                &[("99999999999999999999999999999999999999", "2")],
                "USD",
                r#""total_precio":199999999999999999999999999999999999998.00"#,
            ),
        ] {
            let summary = summary(lines, moneda);
            assert!(summary.contains(told), "{summary} {told}");
        }
    }
}
