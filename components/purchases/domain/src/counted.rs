//! The share of each purchase in the sums of reports, and the effects that bring the sums
//! from one change to the next.
//!
//! The sums of a day are hashes of whole numbers, which Redis can add to in the script that
//! settles a change. A field is named `{currency}|{measure}|{product or user}`. An amount is
//! kept in parts of nine digits, each in a field of its own: the part `i0` has the nine
//! digits before the point, `i1` those before these, `i-1` the nine after the point. Parts
//! are added on their own and carried when they are read, so that sums are exact at any
//! size.

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use queue::Effect;
use serde::{Deserialize, Serialize};

use crate::content::{quantity, total};
use crate::decimal::plain;
use crate::keys::{self, Sums};
use crate::{Change, Event, Sequence};

/// The digits of a part.
const PART: usize = 9;

/// The share of a purchase in the sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The last change that was counted.
    pub sequence: Sequence,
    /// The purchase after that change; `None` after its removal.
    pub entry: Option<Entry>,
}

/// A purchase, as sums count it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    tenant: String,
    day: String,
    moneda: String,
    user: String,
    quantity: String,
    total: String,
    lines: Vec<EntryLine>,
}

/// A line of a purchase: code, name, quantity and price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EntryLine(String, String, String, String);

impl Entry {
    /// The tenant that it belongs to.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The purchase after a change; `None` if the change removed it.
    pub fn of(change: &Change) -> Option<Self> {
        if change.event == Event::Remove {
            return None;
        }
        let moneda = &change.settings.moneda;
        let lines = &change.content.productos;
        Some(Self {
            tenant: change.tenant_id.clone(),
            day: change.content.fecha.day(),
            moneda: moneda.clone(),
            user: change.user_id.clone(),
            quantity: plain(&quantity(lines)),
            total: plain(&total(lines, moneda)),
            lines: lines
                .iter()
                .map(|line| {
                    EntryLine(
                        line.codigo.clone(),
                        line.nombre.clone(),
                        plain(&line.cantidad.value()),
                        plain(&line.amount()),
                    )
                })
                .collect(),
        })
    }

    /// Adds the purchase to sums, or with the sign -1 takes it away.
    fn add_to(&self, sums: &mut BTreeMap<String, BTreeMap<String, i64>>, sign: i64) {
        let mut add = |kind, name: &str, quantity: &str, amount: &str| {
            let fields = sums
                .entry(keys::sums(&self.tenant, &self.day, kind))
                .or_default();
            let mut add = |measure: &str, by: i64| {
                let field = format!("{}|{measure}|{name}", self.moneda);
                *fields.entry(field).or_default() += sign * by;
            };
            add("n", 1);
            for (letter, number) in [("c", quantity), ("i", amount)] {
                for (part, by) in parts(number) {
                    add(&format!("{letter}{part}"), by);
                }
            }
        };
        add(Sums::Total, "", &self.quantity, &self.total);
        add(Sums::User, &self.user, &self.quantity, &self.total);
        // A product counts once for a purchase, also if it is in several lines.
        let mut products: BTreeMap<&str, (BigDecimal, BigDecimal)> = BTreeMap::new();
        for EntryLine(code, _, quantity, amount) in &self.lines {
            let product = products.entry(code).or_default();
            // Each text was written by `plain`.
            product.0 += quantity.parse::<BigDecimal>().unwrap_or_default();
            product.1 += amount.parse::<BigDecimal>().unwrap_or_default();
        }
        for (code, (quantity, amount)) in products {
            add(Sums::Product, code, &plain(&quantity), &plain(&amount));
        }
    }

    /// The effects that remember the names of its products.
    fn names(&self) -> impl Iterator<Item = Effect> {
        let fields: Vec<_> = self
            .lines
            .iter()
            .map(|EntryLine(code, name, ..)| (name_field(code), name.clone().into_bytes()))
            .collect();
        let key = keys::sums(&self.tenant, &self.day, Sums::Product);
        let set = (!fields.is_empty()).then_some(Effect::Set { key, fields });
        set.into_iter()
    }
}

/// The start of the field with the name of a product. No currency has this form.
const NAME: &str = "|";

fn name_field(code: &str) -> String {
    format!("{NAME}{code}")
}

/// The effects that bring the sums from a purchase as it was to the purchase as it is.
pub fn deltas(before: Option<&Entry>, after: Option<&Entry>) -> Vec<Effect> {
    if before == after {
        return Vec::new();
    }
    let mut sums = BTreeMap::new();
    if let Some(before) = before {
        before.add_to(&mut sums, -1);
    }
    if let Some(after) = after {
        after.add_to(&mut sums, 1);
    }
    let sums = sums.into_iter().map(|(key, fields)| {
        let fields: Vec<_> = fields.into_iter().filter(|(_, by)| *by != 0).collect();
        (key, fields)
    });
    let added = sums.filter(|(_, fields)| !fields.is_empty());
    let added = added.map(|(key, fields)| Effect::Add { key, fields });
    added
        .chain(after.into_iter().flat_map(Entry::names))
        .collect()
}

/// The parts of a number that is written in plain digits, without those that are 0.
fn parts(number: &str) -> impl Iterator<Item = (i32, i64)> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.as_bytes().rchunks(PART).map(<[u8]>::to_vec);
    let fraction = fraction.as_bytes().chunks(PART).map(|digits| {
        let mut digits = digits.to_vec();
        digits.resize(PART, b'0');
        digits
    });
    let parts = (0..)
        .zip(whole)
        .chain((1..).map(|part: i32| -part).zip(fraction));
    parts.filter_map(move |(part, digits)| {
        let digits: i64 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
        (digits != 0).then_some((part, sign * digits))
    })
}

/// Sums of purchases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of purchases.
    pub count: i64,
    /// The sum of quantities.
    pub quantity: BigDecimal,
    /// The sum of prices.
    pub revenue: BigDecimal,
}

/// Sums by currency and by the name of a product or user.
pub(crate) type Named = BTreeMap<(String, String), Totals>;

/// Adds the fields of a hash to sums, and to the names of products by their codes.
pub(crate) fn read(
    fields: &[(String, String)],
    sums: &mut Named,
    names: &mut BTreeMap<String, String>,
) {
    for (field, value) in fields {
        if let Some(code) = field.strip_prefix(NAME) {
            names.insert(code.to_owned(), value.clone());
            continue;
        }
        let mut words = field.splitn(3, '|');
        let (Some(moneda), Some(measure), Some(name), Ok(value)) = (
            words.next(),
            words.next(),
            words.next(),
            value.parse::<i64>(),
        ) else {
            continue;
        };
        let totals = sums
            .entry((moneda.to_owned(), name.to_owned()))
            .or_default();
        match measure.split_at_checked(1) {
            Some(("n", "")) => totals.count += value,
            Some((letter, part)) => {
                let Ok(part) = part.parse::<i64>() else {
                    continue;
                };
                let places = -part * i64::try_from(PART).unwrap_or(0);
                let value = BigDecimal::new(BigInt::from(value), places);
                match letter {
                    "c" => totals.quantity += value,
                    "i" => totals.revenue += value,
                    _ => {}
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::purchase::tests::purchase;
    use crate::{Content, Decimal, Fecha};

    /// The hashes in Redis.
    type Hashes = BTreeMap<String, BTreeMap<String, String>>;

    fn apply(hashes: &mut Hashes, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Add { key, fields } => {
                    for (field, by) in fields {
                        let hash = hashes.entry(key.clone()).or_default();
                        let before: i64 = hash.get(&field).map_or(0, |n| n.parse().unwrap());
                        match before + by {
                            0 => hash.remove(&field),
                            sum => hash.insert(field, sum.to_string()),
                        };
                    }
                }
                Effect::Set { key, fields } => {
                    let fields = fields.into_iter();
                    let fields = fields.map(|(n, v)| (n, String::from_utf8(v).unwrap()));
                    hashes.entry(key).or_default().extend(fields);
                }
                other => unreachable!("{other:?} is no effect on sums"),
            }
        }
    }

    fn totals(hashes: &Hashes) -> BTreeMap<(String, String, String), (i64, String, String)> {
        let mut all = BTreeMap::new();
        for (key, fields) in hashes {
            let fields: Vec<_> = fields.clone().into_iter().collect();
            let (mut sums, mut names) = Default::default();
            read(&fields, &mut sums, &mut names);
            for ((moneda, name), sums) in sums {
                let sums = (sums.count, plain(&sums.quantity), plain(&sums.revenue));
                all.insert((key.clone(), moneda, name), sums);
            }
        }
        all
    }

    #[test]
    fn a_number_is_kept_in_parts_of_nine_digits() {
        let all = |number| parts(number).collect::<Vec<_>>();
        assert_eq!(all("199.98"), [(0, 199), (-1, 980_000_000)]);
        assert_eq!(all("-1000000002"), [(0, -2), (1, -1)]);
        assert_eq!(all("0.0000000001"), [(-2, 100_000_000)]);
        assert_eq!(all("0"), []);
    }

    #[test]
    fn a_purchase_is_counted_by_day_product_and_user_until_it_is_removed() {
        let entry = Entry::of(&purchase(Event::Insert).change(1));
        let mut hashes = Hashes::new();
        apply(&mut hashes, deltas(None, entry.as_ref()));
        let sums = (1, "2".to_owned(), "199.98".to_owned());
        let key = |kind: &str, name: &str| {
            let key = format!("{{compras}}:sums:cafe:2025-07-13:{kind}");
            (key, "USD".to_owned(), name.to_owned())
        };
        let expected = [
            key("total", ""),
            key("user", "ana"),
            key("product", "PROD001"),
        ];
        assert_eq!(
            totals(&hashes),
            expected.map(|key| (key, sums.clone())).into()
        );
        assert_eq!(deltas(entry.as_ref(), entry.as_ref()), []);
        assert_eq!(Entry::of(&purchase(Event::Remove).change(2)), None);
        apply(&mut hashes, deltas(entry.as_ref(), None));
        assert_eq!(totals(&hashes), BTreeMap::new());
    }

    fn change() -> impl Strategy<Value = Change> {
        let number = "-?[1-9][0-9]{0,25}(\\.[0-9]{1,10})?|0|[1-9]e-?[0-9]{1,2}";
        let line = ("[a-c|]", number, number);
        let lines = prop::collection::vec(line, 0..4);
        let event = prop::sample::select(Event::ALL.to_vec());
        (lines, event, 0_u64..3, "[xy|]").prop_map(|(lines, event, day, user)| {
            let mut purchase = purchase(event);
            purchase.user_id = user;
            let model = purchase.content.productos[0].clone();
            let line = |(codigo, price, quantity): (String, String, String)| crate::Product {
                codigo,
                precio_unitario: price.parse::<Decimal>().unwrap(),
                cantidad: quantity.parse::<Decimal>().unwrap(),
                ..model.clone()
            };
            purchase.content = Content {
                fecha: Fecha::from_millis(day * 86_400_000),
                productos: lines.into_iter().map(line).collect(),
                otros: Default::default(),
            };
            purchase.change(1)
        })
    }

    proptest! {
        #[test]
        fn after_any_history_sums_are_those_of_the_latest_state(
            changes in prop::collection::vec((0_usize..3, change()), 0..12)
        ) {
            let mut hashes = Hashes::new();
            let mut state: BTreeMap<usize, Entry> = BTreeMap::new();
            for (purchase, change) in changes {
                let before = state.remove(&purchase);
                let after = Entry::of(&change);
                apply(&mut hashes, deltas(before.as_ref(), after.as_ref()));
                state.extend(after.map(|after| (purchase, after)));
            }
            let mut anew = Hashes::new();
            for entry in state.values() {
                apply(&mut anew, deltas(None, Some(entry)));
            }
            prop_assert_eq!(totals(&hashes), totals(&anew));
            // And the same without parts.
            let revenue: BigDecimal = state.values().map(|entry| entry.total.parse::<BigDecimal>().unwrap()).sum();
            let told: BigDecimal = totals(&hashes).iter()
                .filter(|((key, ..), _)| key.ends_with("total"))
                .map(|(_, (.., revenue))| revenue.parse::<BigDecimal>().unwrap())
                .sum();
            prop_assert_eq!(told, revenue);
        }
    }
}
