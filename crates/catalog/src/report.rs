use std::fmt;

/// The max offenders that a row keeps.
const MAX_OFFENDERS: usize = 10;

/// The classes of checks, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Keys are in the grammar.
    Keys,
    /// An object is one line of JSON and one line feed, with the members of the format, and
    /// none twice.
    Lines,
    /// Tenant, day, event, time and suffix of a key are those of its document.
    Places,
    /// The versions of a purchase are 1, 2, 3, ..., each once, and sequences are distinct.
    /// After an erasure they go on with the one that created the purchase again.
    Versions,
    /// The sums of a purchase are those of its lines.
    Sums,
    /// The partitions that the table definitions project cover the keys.
    Ranges,
    /// The lines of days are those of the changes, each once.
    Days,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 7] = [
        Self::Keys,
        Self::Lines,
        Self::Places,
        Self::Versions,
        Self::Sums,
        Self::Ranges,
        Self::Days,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Lines => "lines",
            Self::Places => "places",
            Self::Versions => "versions",
            Self::Sums => "sums",
            Self::Ranges => "ranges",
            Self::Days => "days",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Keys => "keys in the grammar",
            Self::Lines => "one line of JSON of the right form",
            Self::Places => "keys that agree with their documents",
            Self::Versions => "purchases with each version once",
            Self::Sums => "sums that equal the lines",
            Self::Ranges => "partitions within the DDL's ranges",
            Self::Days => "lines of days as in their originals",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender {
    /// A key, the number of a line in one, or a purchase.
    pub at: String,
    /// The fault.
    pub problem: String,
}

/// The result of a class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The number of things that were checked.
    pub checked: u64,
    /// The number of those that were wrong.
    pub wrong: u64,
    /// The first of them.
    pub offenders: Vec<Offender>,
}

impl Row {
    /// Counts one more, `at` a place.
    pub(crate) fn check(&mut self, at: impl FnOnce() -> String, result: Result<(), String>) {
        self.checked += 1;
        if let Err(problem) = result {
            self.wrong(at(), problem);
        }
    }

    /// Notes a fault of something that is counted already.
    pub(crate) fn wrong(&mut self, at: String, problem: String) {
        self.wrong += 1;
        if self.offenders.len() < MAX_OFFENDERS {
            self.offenders.push(Offender { at, problem });
        }
    }
}

/// The result of [`verify`](crate::verify()).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The classes that were checked: up to the first one that failed, and without those that
    /// there is nothing for.
    pub rows: Vec<(Class, Row)>,
    /// The objects that were listed and gone before they were read.
    pub gone: u64,
}

impl Report {
    /// The class that failed.
    pub fn failed(&self) -> Option<Class> {
        let failed = self.rows.iter().find(|(_, row)| row.wrong > 0);
        failed.map(|(class, _)| *class)
    }
}

/// A table, and the faults.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:10}{:38}{:>10}{:>10}", "class", "", "checked", "wrong")?;
        for class in Class::ALL {
            write!(f, "{:10}{:38}", class.name(), class.meaning())?;
            match self.rows.iter().find(|(of, _)| *of == class) {
                Some((_, row)) => writeln!(f, "{:>10}{:>10}", row.checked, row.wrong)?,
                None => writeln!(f, "{:>10}{:>10}", "-", "-")?,
            }
        }
        if self.gone > 0 {
            writeln!(f, "\n{} objects were removed meanwhile", self.gone)?;
        }
        for (class, row) in self.rows.iter().filter(|(_, row)| row.wrong > 0) {
            writeln!(f)?;
            for Offender { at, problem } in &row.offenders {
                writeln!(f, "{}: {at}: {problem}", class.name())?;
            }
            let more = row.wrong - row.offenders.len() as u64;
            if more > 0 {
                writeln!(f, "{}: and {more} more", class.name())?;
            }
        }
        Ok(())
    }
}
