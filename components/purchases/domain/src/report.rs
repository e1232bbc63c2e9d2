//! `GET /compras/report`: sums of the purchases of some days.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use base::{Invalid, Query};
use bigdecimal::BigDecimal;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::content::minor_digits;
use crate::counted::{self, Named, Totals};
use crate::decimal::{self, plain, rounded};
use crate::keys::Sums;
use crate::query::Days;

/// The max days of a report.
const MAX_DAYS: u64 = 366;
/// The max rows of a report.
const MAX_ROWS: u32 = 1_000;
/// The number of best products of a currency.
const BEST: usize = 20;

/// The subject of a report's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Days.
    Dia,
    /// Products.
    Producto,
    /// Users.
    Usuario,
}

/// The query of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportQuery {
    /// The days.
    pub days: Days,
    /// The subject of the rows.
    pub by: By,
    /// The max rows, 1 to 1,000.
    pub limit: u32,
}

impl ReportQuery {
    /// Reads `desde`, `hasta` (366 days at most), `por` (`dia` if it is not there) and
    /// `limit`.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let by = match query.once("por")? {
            None | Some("dia") => By::Dia,
            Some("producto") => By::Producto,
            Some("usuario") => By::Usuario,
            Some(_) => return Err(Invalid::query("por must be dia, producto or usuario")),
        };
        Ok(Self {
            days: Days::parse(query, MAX_DAYS)?,
            by,
            limit: query.limit(MAX_ROWS, MAX_ROWS)?,
        })
    }

    /// The kinds of sums that the report is made of.
    pub fn kinds(&self) -> Vec<Sums> {
        let mut kinds = vec![Sums::Total, Sums::Product];
        if self.by == By::Usuario {
            kinds.push(Sums::User);
        }
        kinds
    }
}

/// A row of a report.
#[derive(Clone, Debug, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    dia: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    codigo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nombre: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    moneda: String,
    compras: i64,
    cantidad: Option<Box<RawValue>>,
    ingresos: Option<Box<RawValue>>,
    ticket_promedio: Option<Box<RawValue>>,
}

impl Row {
    fn new(moneda: &str, totals: &Totals) -> Self {
        let digits = minor_digits(moneda);
        let mean = match totals.count {
            0 => BigDecimal::default(),
            count => &totals.revenue / BigDecimal::from(count),
        };
        Self {
            dia: None,
            codigo: None,
            nombre: None,
            user_id: None,
            moneda: moneda.to_owned(),
            compras: totals.count,
            cantidad: serde_json::from_slice(plain(&totals.quantity).as_bytes()).ok(),
            ingresos: decimal::json(&rounded(&totals.revenue, digits)),
            ticket_promedio: decimal::json(&rounded(&mean, digits)),
        }
    }
}

/// A report: sums of the purchases of some days, as they are now.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    desde: String,
    hasta: String,
    por: By,
    filas: Vec<Row>,
    /// The number of rows without the limit.
    total_filas: usize,
    totales: Vec<Row>,
    mejores_productos: Vec<Row>,
    /// When the sums last changed; null before the first change.
    actualizado_al: Option<String>,
    /// The changes that the sums do not have yet, of all tenants.
    pendientes: u64,
}

/// The sums of a report, as they are read day by day.
#[derive(Debug, Default)]
pub struct Sheet {
    days: Vec<(String, Named)>,
    products: Named,
    users: Named,
    names: BTreeMap<String, String>,
}

impl Sheet {
    /// Adds the fields of a hash of sums.
    pub fn add(&mut self, day: &str, kind: Sums, fields: &[(String, String)]) {
        match kind {
            Sums::Total => {
                let mut sums = Named::new();
                counted::read(fields, &mut sums, &mut self.names);
                self.days.push((day.to_owned(), sums));
            }
            Sums::Product => counted::read(fields, &mut self.products, &mut self.names),
            Sums::User => counted::read(fields, &mut self.users, &mut self.names),
        }
    }

    fn product(&self, moneda: &str, code: &str, totals: &Totals) -> Row {
        Row {
            codigo: Some(code.to_owned()),
            nombre: self.names.get(code).cloned(),
            ..Row::new(moneda, totals)
        }
    }
}

/// The sums that count a purchase, the highest revenue of a currency first.
fn by_revenue(sums: &Named) -> Vec<(&str, &str, &Totals)> {
    let sums = sums.iter().filter(|(_, totals)| totals.count != 0);
    let mut sums: Vec<_> = sums
        .map(|((moneda, name), totals)| (&**moneda, &**name, totals))
        .collect();
    sums.sort_by_key(|(moneda, name, totals)| (*moneda, Reverse(&totals.revenue), *name));
    sums
}

/// The first rows of each currency.
fn best_of_each(rows: Vec<Row>) -> Vec<Row> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = rows;
    rows.retain(|row| {
        let count = counts.entry(row.moneda.clone()).or_default();
        *count += 1;
        *count <= BEST
    });
    rows
}

impl Report {
    /// The report of a sheet. `updated` is when the sums last changed, and `pending` the
    /// number of changes that they do not have yet.
    pub fn new(query: &ReportQuery, sheet: &Sheet, updated: Option<String>, pending: u64) -> Self {
        let best = by_revenue(&sheet.products);
        let best: Vec<_> = best
            .iter()
            .map(|(moneda, code, totals)| sheet.product(moneda, code, totals))
            .collect();
        let mut rows: Vec<Row> = match query.by {
            By::Dia => {
                let days = sheet.days.iter().flat_map(|(day, sums)| {
                    let sums = sums.iter().filter(|(_, totals)| totals.count != 0);
                    sums.map(move |((moneda, _), totals)| Row {
                        dia: Some(day.clone()),
                        ..Row::new(moneda, totals)
                    })
                });
                days.collect()
            }
            By::Producto => best.clone(),
            By::Usuario => by_revenue(&sheet.users)
                .into_iter()
                .map(|(moneda, user, totals)| Row {
                    user_id: Some(user.to_owned()),
                    ..Row::new(moneda, totals)
                })
                .collect(),
        };
        let total_filas = rows.len();
        rows.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
        let mut totals: BTreeMap<&str, Totals> = BTreeMap::new();
        for ((moneda, _), day) in sheet.days.iter().flat_map(|(_, sums)| sums) {
            let total = totals.entry(moneda).or_default();
            total.count += day.count;
            total.quantity += &day.quantity;
            total.revenue += &day.revenue;
        }
        totals.retain(|_, totals| totals.count != 0);
        Self {
            desde: query.days.from.day(),
            hasta: query.days.to.day(),
            por: query.by,
            filas: rows,
            total_filas,
            totales: totals
                .iter()
                .map(|(moneda, totals)| Row::new(moneda, totals))
                .collect(),
            mejores_productos: best_of_each(best),
            actualizado_al: updated,
            pendientes: pending,
        }
    }

    /// The rows as CSV (RFC 4180) with a head.
    ///
    /// # Errors
    /// None known.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let by: &[&str] = match self.por {
            By::Dia => &["dia"],
            By::Producto => &["codigo", "nombre"],
            By::Usuario => &["user_id"],
        };
        let sums = [
            "moneda",
            "compras",
            "cantidad",
            "ingresos",
            "ticket_promedio",
        ];
        writer.write_record(by.iter().chain(&sums))?;
        for row in &self.filas {
            let number = |number: &Option<Box<RawValue>>| {
                number
                    .as_ref()
                    .map_or(String::new(), |n| n.get().to_owned())
            };
            let named = match self.por {
                By::Dia => vec![row.dia.clone()],
                By::Producto => vec![row.codigo.clone(), row.nombre.clone()],
                By::Usuario => vec![row.user_id.clone()],
            };
            let named = named.into_iter().map(Option::unwrap_or_default);
            let sums = [
                row.moneda.clone(),
                row.compras.to_string(),
                number(&row.cantidad),
                number(&row.ingresos),
                number(&row.ticket_promedio),
            ];
            writer.write_record(named.chain(sums))?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sheet() -> Sheet {
        let fields = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
            let fields = fields.iter();
            fields
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect()
        };
        let mut sheet = Sheet::default();
        let total = [
            ("USD|n|", "2"),
            ("USD|c0|", "3"),
            ("USD|i0|", "19"),
            ("USD|i-1|", "980000000"),
        ];
        sheet.add("2025-07-13", Sums::Total, &fields(&total));
        sheet.add(
            "2025-07-14",
            Sums::Total,
            &fields(&[
                ("USD|n|", "1"),
                ("USD|i0|", "1"),
                ("EUR|n|", "1"),
                ("EUR|i0|", "7"),
            ]),
        );
        let products = [
            ("|a,b", "=\"Pan\""),
            ("USD|n|a,b", "2"),
            ("USD|c0|a,b", "2"),
            ("USD|i0|a,b", "19"),
            ("USD|n|gone", "0"),
            ("EUR|n|c", "1"),
            ("EUR|i0|c", "7"),
            ("USD|n|d", "1"),
            ("USD|i0|d", "20"),
        ];
        sheet.add("2025-07-13", Sums::Product, &fields(&products));
        sheet
    }

    fn report(by: &str, limit: &str) -> Report {
        let query = [
            ("desde", "2025-07-13"),
            ("hasta", "2025-07-14"),
            ("por", by),
            ("limit", limit),
        ];
        let query = ReportQuery::parse(&query.into_iter().collect()).unwrap();
        Report::new(&query, &sheet(), Some("2025-07-15T00:00:00.000Z".into()), 0)
    }

    #[test]
    fn a_report_has_a_row_a_day_and_never_adds_currencies() {
        let report = serde_json::to_value(report("dia", "10")).unwrap();
        let row = |moneda, n, quantity: Value, revenue, mean| json!({"moneda": moneda, "compras": n, "cantidad": quantity, "ingresos": revenue, "ticket_promedio": mean});
        let day = |day: &str, mut row: Value| {
            row["dia"] = day.into();
            row
        };
        assert_eq!(
            report["filas"],
            json!([
                day("2025-07-13", row("USD", 2, json!(3), 19.98, 9.99)),
                day("2025-07-14", row("EUR", 1, json!(0), 7.0, 7.0)),
                day("2025-07-14", row("USD", 1, json!(0), 1.0, 1.0)),
            ])
        );
        assert_eq!(
            report["totales"],
            json!([
                row("EUR", 1, json!(0), 7.0, 7.0),
                row("USD", 3, json!(3), 20.98, 6.99)
            ])
        );
        let best: Vec<_> = report["mejores_productos"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["codigo"])
            .collect();
        assert_eq!(best, ["c", "d", "a,b"]);
    }

    #[test]
    fn rows_have_a_limit_and_are_csv_as_well() {
        let report = report("producto", "2");
        assert_eq!((report.filas.len(), report.total_filas), (2, 3));
        let all = self::report("producto", "3").csv().unwrap();
        assert_eq!(
            String::from_utf8(all).unwrap(),
            "codigo,nombre,moneda,compras,cantidad,ingresos,ticket_promedio\r\n\
             c,,EUR,1,0,7.00,7.00\r\n\
             d,,USD,1,0,20.00,20.00\r\n\
             \"a,b\",\"=\"\"Pan\"\"\",USD,2,2,19.00,9.50\r\n"
        );
    }
}
