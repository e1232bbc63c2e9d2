use std::fmt;

use bigdecimal::{BigDecimal, One, RoundingMode, Zero};

use crate::{Config, decimal};

/// Rows that a message names, for each column and kind of problem.
const NAMED: usize = 20;
/// Columns of the workbook that a message names.
const NAMED_COLUMNS: usize = 40;
/// Characters of a cell or a name in a message.
const SHOWN: usize = 40;
/// Decimals that are compared with the factor. Further ones are cut off.
const DECIMALS: i64 = 3;

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the workbook, from 1: the header is row 1.
    pub number: u32,
    /// Its cells, as many as the header has.
    pub cells: Vec<String>,
}

/// Some rows of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows, in the order of the workbook.
    pub rows: Vec<Row>,
}

/// Why a table can't be transformed, for the person that made the workbook. It names columns
/// and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// The rule for one quantity.
///
/// The base is Factor 9 where Factor F is 0; else Factor D where the traditional weighting
/// is 0; else Factor F and the traditional weighting together. Its decimals, cut to three,
/// are compared with the factor: with 0.47, 1.47 becomes 2 and 1.46 becomes 1.
///
/// All is counted in decimals. In binary, 2.47 - 2 is less than 0.47.
pub struct Rule {
    config: Config,
}

impl Rule {
    /// A rule with this factor and these columns.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Adds the rounded quantity to each row, as the last column.
    ///
    /// Only the cells that a row's base is made of must be numbers: Factor F, and then
    /// Factor 9, or the traditional weighting and perhaps Factor D.
    ///
    /// # Errors
    /// [`Invalid`] if a column is missing or there already, or if such a cell is no number.
    /// An empty one is none: it isn't 0, since the value of a formula may be missing.
    pub fn transform(&self, mut table: Table) -> Result<Table, Invalid> {
        let columns = self.columns(&table.header)?;
        let mut problems = Problems::default();
        for row in &mut table.rows {
            let rounded = columns
                .base(row)
                .map(|base| self.rounded(&base).to_plain_string());
            match rounded {
                Ok(rounded) => row.cells.push(rounded),
                Err(problem) => problems.add(row.number, problem),
            }
        }
        if let Some(invalid) = problems.into_invalid() {
            return Err(invalid);
        }
        table.header.push(self.config.rounded.clone());
        Ok(table)
    }

    /// The whole number below a quantity, or the one above if the decimals reach the factor.
    /// Below 0 it is the same: -1.2 lies 0.8 above -2, and becomes -1.
    fn rounded(&self, quantity: &BigDecimal) -> BigDecimal {
        let whole = quantity.with_scale_round(0, RoundingMode::Floor);
        let decimals = (quantity - &whole).with_scale_round(DECIMALS, RoundingMode::Floor);
        if decimals >= self.config.factor {
            whole + BigDecimal::one()
        } else {
            whole
        }
    }

    fn columns(&self, header: &[String]) -> Result<Columns<'_>, Invalid> {
        let config = &self.config;
        let place = |name: &str| {
            header
                .iter()
                .position(|column| column.trim() == name.trim())
        };
        if place(&config.rounded).is_some() {
            return Err(Invalid(format!(
                "the workbook already has a column \"{}\": take it out",
                config.rounded
            )));
        }
        let mut missing = Vec::new();
        let mut column = |name| {
            let place = place(name);
            if place.is_none() {
                missing.push(quoted(name));
            }
            Column {
                name,
                place: place.unwrap_or(usize::MAX),
            }
        };
        let columns = Columns {
            factor_f: column(&config.factor_f),
            ponderacion: column(&config.ponderacion),
            factor_9: column(&config.factor_9),
            factor_d: column(&config.factor_d),
        };
        if missing.is_empty() {
            return Ok(columns);
        }
        let there: Vec<_> = header
            .iter()
            .take(NAMED_COLUMNS)
            .map(|name| quoted(name))
            .collect();
        let more = match header.len().saturating_sub(NAMED_COLUMNS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Invalid(format!(
            "the workbook has no column {}; its columns are {}{more}",
            missing.join(" and no column "),
            there.join(", ")
        )))
    }
}

fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("\"{shown}{more}\"")
}

#[derive(Clone, Copy)]
struct Column<'c> {
    name: &'c str,
    place: usize,
}

struct Columns<'c> {
    factor_f: Column<'c>,
    ponderacion: Column<'c>,
    factor_9: Column<'c>,
    factor_d: Column<'c>,
}

impl<'c> Columns<'c> {
    /// The quantity of a row before it is rounded.
    fn base(&self, row: &Row) -> Result<BigDecimal, Problem<'c>> {
        let factor_f = self.factor_f.number(row)?;
        if factor_f.is_zero() {
            return self.factor_9.number(row);
        }
        let ponderacion = self.ponderacion.number(row)?;
        if ponderacion.is_zero() {
            return self.factor_d.number(row);
        }
        Ok(factor_f + ponderacion)
    }
}

impl<'c> Column<'c> {
    fn number(self, row: &Row) -> Result<BigDecimal, Problem<'c>> {
        let cell = row.cells.get(self.place).map_or("", |cell| cell.trim());
        decimal::parse(cell).ok_or_else(|| Problem {
            column: self.name,
            kind: Kind::of(cell),
            cell: quoted(cell),
        })
    }
}

/// Why a cell is no number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    /// A number by its digits. `1,470` may be either of two numbers, so none is guessed.
    Comma,
    Other,
}

impl Kind {
    fn of(cell: &str) -> Self {
        if cell.is_empty() {
            Self::Empty
        } else if cell.contains(',') && decimal::parse(&cell.replace([',', '.'], "")).is_some() {
            Self::Comma
        } else {
            Self::Other
        }
    }
}

struct Problem<'c> {
    column: &'c str,
    kind: Kind,
    cell: String,
}

/// The problems of all rows, by column and kind.
#[derive(Default)]
struct Problems<'c> {
    groups: Vec<Group<'c>>,
}

struct Group<'c> {
    column: &'c str,
    kind: Kind,
    named: Vec<String>,
    count: usize,
}

impl<'c> Problems<'c> {
    fn add(&mut self, row: u32, problem: Problem<'c>) {
        let Problem { column, kind, cell } = problem;
        let of_group = |group: &Group<'_>| group.column == column && group.kind == kind;
        if !self.groups.iter().any(of_group) {
            self.groups.push(Group {
                column,
                kind,
                named: Vec::new(),
                count: 0,
            });
        }
        let Some(group) = self.groups.iter_mut().find(|group| of_group(group)) else {
            return;
        };
        group.count += 1;
        if group.named.len() < NAMED {
            group.named.push(match kind {
                Kind::Empty => row.to_string(),
                _ => format!("{row} ({cell})"),
            });
        }
    }

    fn into_invalid(self) -> Option<Invalid> {
        let texts: Vec<_> = self.groups.iter().map(ToString::to_string).collect();
        (!texts.is_empty()).then(|| Invalid(texts.join("; ")))
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} ", quoted(self.column))?;
        f.write_str(match self.kind {
            Kind::Empty => "is empty",
            Kind::Comma => "has a comma in its numbers, where only a decimal point is read,",
            Kind::Other => "holds no number",
        })?;
        let rows = if self.count == 1 { "row" } else { "rows" };
        write!(f, " in {rows} {}", self.named.join(", "))?;
        match self.count.saturating_sub(self.named.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    const HEADER: [&str; 6] = [
        "Cliente",
        "Factor F",
        "Ponderación Tradicional",
        "Factor 9",
        "Factor D",
        "Precio",
    ];

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    /// Rows with the four factors, from row 2 on.
    fn table(rows: &[[&str; 4]]) -> Table {
        let row = |(number, [f, p, nine, d]): (u32, &[&str; 4])| Row {
            number,
            cells: strings(&["C1", f, p, nine, d, "9.99"]),
        };
        Table {
            header: strings(&HEADER),
            rows: (2..).zip(rows).map(row).collect(),
        }
    }

    fn rule(factor: &str) -> Rule {
        Rule::new(config(&[("ipp_factor", factor)]).unwrap())
    }

    fn rounded(factor: &str, quantity: &str) -> String {
        let table = rule(factor)
            .transform(table(&[["0", "", quantity, ""]]))
            .unwrap();
        table.rows[0].cells.last().unwrap().clone()
    }

    fn invalid(rows: &[[&str; 4]]) -> String {
        rule("0.47").transform(table(rows)).unwrap_err().to_string()
    }

    #[test]
    fn a_quantity_is_rounded_up_from_the_factor_on() {
        for (quantity, result) in [
            ("1.47", "2"),
            ("1.46", "1"),
            ("1.469", "1"),
            ("1.4699999", "1"),
            ("1.4700001", "2"),
            ("2.47", "3"),
            ("2", "2"),
            ("0", "0"),
            ("0.46", "0"),
            ("0.47", "1"),
            ("999999999999999.47", "1000000000000000"),
            ("1E+21", "1000000000000000000000"),
            ("4.7E-1", "1"),
            ("1.5E-21", "0"),
        ] {
            assert_eq!(rounded("0.47", quantity), result, "{quantity}");
        }
    }

    #[test]
    fn every_hundredth_is_rounded_as_its_digits_say() {
        for whole in 0..20 {
            for hundredths in 0..100 {
                let quantity = format!("{whole}.{hundredths:02}");
                let result = whole + u32::from(hundredths >= 47);
                assert_eq!(rounded("0.47", &quantity), result.to_string(), "{quantity}");
            }
        }
    }

    #[test]
    fn decimals_beyond_the_third_are_cut_off_before_they_are_compared() {
        assert_eq!(rounded("0.4705", "1.4709"), "1");
        assert_eq!(rounded("0.4705", "1.471"), "2");
        assert_eq!(rounded("1", "1.9999"), "1");
        assert_eq!(rounded("0.001", "1.001"), "2");
        assert_eq!(rounded("0.001", "1.0009"), "1");
    }

    #[test]
    fn a_quantity_below_0_is_counted_from_the_whole_number_below_it() {
        for (quantity, result) in [
            ("-1.2", "-1"),
            ("-1.53", "-1"),
            ("-1.54", "-2"),
            ("-0.1", "0"),
            ("-2", "-2"),
        ] {
            assert_eq!(rounded("0.47", quantity), result, "{quantity}");
        }
    }

    #[test]
    fn the_base_is_chosen_by_the_zeros() {
        let table = table(&[
            ["0", "5", "1.47", "9"],
            ["0.0", "x", "1.46", ""],
            ["3", "0", "x", "2.5"],
            ["1.2", "0.27", "", "#N/A"],
            ["1.2", "0.26", "", ""],
        ]);
        let table = rule("0.47").transform(table).unwrap();
        let last: Vec<_> = table
            .rows
            .iter()
            .map(|row| row.cells.last().unwrap())
            .collect();
        assert_eq!(last, ["2", "1", "3", "2", "1"]);
    }

    #[test]
    fn all_columns_are_kept_and_the_rounded_one_is_last() {
        let before = table(&[["0", "0", " 7.5 ", "0"]]);
        let after = rule("0.47").transform(before.clone()).unwrap();
        let header = [before.header, strings(&["valor optimo redondeado"])].concat();
        assert_eq!(after.header, header);
        let cells = [before.rows[0].cells.clone(), strings(&["8"])].concat();
        assert_eq!(after.rows, [Row { number: 2, cells }]);
        let empty = rule("0.47").transform(table(&[])).unwrap();
        assert_eq!((empty.header, empty.rows.len()), (header, 0));
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_are_there() {
        let mut table = table(&[]);
        table
            .header
            .retain(|name| name != "Factor 9" && name != "Factor F");
        assert_eq!(
            rule("0.47").transform(table).unwrap_err().to_string(),
            "the workbook has no column \"Factor F\" and no column \"Factor 9\"; its columns are \
             \"Cliente\", \"Ponderación Tradicional\", \"Factor D\", \"Precio\""
        );
        let many = Table {
            header: (0..100)
                .map(|number| format!("c{number}{}", "x".repeat(500)))
                .collect(),
            rows: Vec::new(),
        };
        let text = rule("0.47").transform(many).unwrap_err().to_string();
        assert!(text.ends_with("...\" and 60 more"));
        assert!(text.len() < 3000);
    }

    #[test]
    fn a_column_with_the_name_of_the_rounded_one_is_refused() {
        let mut table = table(&[]);
        table.header.push("valor optimo redondeado".to_owned());
        assert_eq!(
            rule("0.47").transform(table).unwrap_err().to_string(),
            "the workbook already has a column \"valor optimo redondeado\": take it out"
        );
    }

    #[test]
    fn cells_that_are_no_numbers_are_named_by_column_and_row() {
        assert_eq!(
            invalid(&[
                ["#N/A", "0", "1", "1"],
                ["0", "0", "1", "1"],
                ["", "0", "1", "1"],
                ["1", "1,47", "1", "1"],
                ["muchos", "0", "1", "1"],
                [" ", "0", "1", "1"],
            ]),
            "column \"Factor F\" holds no number in rows 2 (\"#N/A\"), 6 (\"muchos\"); \
             column \"Factor F\" is empty in rows 4, 7; \
             column \"Ponderación Tradicional\" has a comma in its numbers, where only a decimal \
             point is read, in row 5 (\"1,47\")"
        );
        assert!(invalid(&[["1.234,5", "0", "1", "1"]]).contains("comma"));
        assert!(invalid(&[["uno, dos", "0", "1", "1"]]).contains("no number"));
    }

    #[test]
    fn the_first_twenty_rows_are_named_and_the_others_counted() {
        let text = invalid(&[["x", "0", "1", "1"]; 500]);
        assert!(text.contains("21 (\"x\") and 480 more"), "{text}");
        assert!(!text.contains("22"));
        let long = "x".repeat(30_000);
        assert!(invalid(&[[&long, "0", "1", "1"]]).len() < 200);
    }

    #[test]
    fn a_number_of_a_billion_digits_costs_nothing() {
        let started = std::time::Instant::now();
        assert!(invalid(&[["1e999999999", "0", "1", "1"]]).contains("no number"));
        assert_eq!(rounded("0.47", "1e400").len(), 401);
        let far = table(&[["1e400", "1e-400", "", ""]]);
        assert!(rule("0.47").transform(far).is_ok());
        assert!(started.elapsed().as_secs() < 5);
    }
}
