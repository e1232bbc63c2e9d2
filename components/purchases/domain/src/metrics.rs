//! The counters of the archive: how many changes were archived, how many failed, and how
//! long, large and late they were.

use std::collections::BTreeMap;

use queue::Effect;

use crate::keys;

/// A histogram: its metric, help, the upper bounds of its buckets in the unit of the metric,
/// and how many of the counted units are one of the metric.
pub struct Histogram {
    /// The name in the hash of counters.
    pub name: &'static str,
    /// The name of the metric.
    pub metric: &'static str,
    /// Its help text.
    pub help: &'static str,
    /// The upper bounds of its buckets, in counted units.
    pub bounds: &'static [u64],
    /// The counted units in one unit of the metric.
    pub per_unit: f64,
}

/// All histograms. Times are counted in milliseconds.
pub const HISTOGRAMS: [Histogram; 3] = [
    Histogram {
        name: "time",
        metric: "orilla_compras_processing_seconds",
        help: "Time to archive a change, from its start to the store's answer.",
        bounds: &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
        per_unit: 1_000.0,
    },
    Histogram {
        name: "lag",
        metric: "orilla_compras_archive_lag_seconds",
        help: "Time from the commit of a change to its object in the archive.",
        bounds: &[
            50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000, 3_600_000,
        ],
        per_unit: 1_000.0,
    },
    Histogram {
        name: "bytes",
        metric: "orilla_compras_object_bytes",
        help: "Size of an object of the archive.",
        bounds: &[
            256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 65_536, 262_144,
        ],
        per_unit: 1.0,
    },
];

/// The counter of archived changes.
pub const ARCHIVED: &str = "archived";
/// The counter of records without a place in the archive and of dead letters.
pub const FAILED: &str = "failed";

/// Counts that are kept until a batch is settled.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, i64>);

impl Tally {
    /// Adds one to a counter.
    pub fn count(&mut self, counter: &str) {
        *self.0.entry(counter.to_owned()).or_default() += 1;
    }

    /// Adds a value to the histogram `name`.
    pub fn observe(&mut self, name: &str, value: u64) {
        let Some(histogram) = HISTOGRAMS.iter().find(|own| own.name == name) else {
            return;
        };
        let bucket = histogram.bounds.iter().find(|bound| value <= **bound);
        let bucket = bucket.map_or("inf".to_owned(), u64::to_string);
        self.count(&format!("{name}:{bucket}"));
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let sum = self.0.entry(format!("{name}:sum")).or_default();
        *sum = sum.saturating_add(value);
    }

    /// Takes the counts as an effect; `None` if nothing was counted.
    pub fn take(&mut self) -> Option<Effect> {
        let fields: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        let key = keys::METRICS.to_owned();
        let fields: Vec<_> = fields.into_iter().filter(|(_, by)| *by != 0).collect();
        (!fields.is_empty()).then_some(Effect::Add { key, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_its_bucket_and_in_the_sum() {
        let mut tally = Tally::default();
        tally.count(ARCHIVED);
        for value in [0, 256, 257, 1_000_000] {
            tally.observe("bytes", value);
        }
        let Some(Effect::Add { key, fields }) = tally.take() else {
            panic!("nothing was counted");
        };
        assert_eq!(key, "{compras}:metrics");
        let fields: BTreeMap<_, _> = fields.into_iter().collect();
        let expected = [
            ("archived", 1),
            ("bytes:256", 2),
            ("bytes:512", 1),
            ("bytes:inf", 1),
            ("bytes:sum", 1_000_513),
        ];
        assert_eq!(
            fields,
            expected.map(|(name, by)| (name.to_owned(), by)).into()
        );
        assert_eq!(tally.take(), None);
    }
}
