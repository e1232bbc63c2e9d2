//! The size of a measurement.

use std::time::Duration;

/// The size of a measurement.
pub struct Plan {
    /// The number of runs of each endpoint, in turn with the others.
    pub rounds: usize,
    /// A text that the names of the endpoints to run contain.
    pub endpoint: String,
    /// The time for which requests are sent before they count.
    pub warm_up: Duration,
    /// The time for which they count.
    pub run: Duration,
    /// The number of toons in a job beside which others are measured.
    pub large_job: usize,
    /// The numbers of toons in a job.
    pub job_sizes: &'static [usize],
    /// The number of jobs of each size.
    pub jobs: usize,
    /// The numbers of photos of the users who search.
    pub scan_sizes: &'static [u32],
    /// The number of times that each single request is timed.
    pub samples: usize,
    /// The number of photos analyzed in one go.
    pub photos: u32,
    /// The number of photos analyzed one by one.
    pub single_photos: u32,
    /// The number of purchases that are posted, each by a request.
    pub posted_purchases: u64,
    /// The number of purchases that come by a stream.
    pub streamed_purchases: u64,
    /// The numbers of purchases in reports, from few to many.
    pub report_sizes: &'static [u64],
    /// The numbers of rows of workbooks.
    pub workbook_rows: &'static [usize],
    /// The number of workbooks of each size.
    pub workbooks: usize,
    /// The part of its full size that a hostile workbook has.
    pub worst_share: f64,
    /// The number of times that the memory is looked at under mixed load.
    pub memory_looks: usize,
    /// The numbers of starts without and with compiled components.
    pub starts: (usize, usize),
}

impl Plan {
    /// Long enough for numbers to be repeatable.
    pub const FULL: Self = Self {
        rounds: 5,
        endpoint: String::new(),
        warm_up: Duration::from_millis(500),
        run: Duration::from_secs(3),
        large_job: 10_000,
        job_sizes: &[100, 1_000, 10_000],
        jobs: 15,
        scan_sizes: &[100, 1_000, 10_000],
        samples: 500,
        photos: 400,
        single_photos: 40,
        posted_purchases: 5_000,
        streamed_purchases: 10_000,
        report_sizes: &[1_000, 10_000, 100_000],
        workbook_rows: &[1_000, 10_000, 100_000],
        workbooks: 5,
        worst_share: 1.0,
        memory_looks: 12,
        starts: (3, 7),
    };

    /// Just long enough to see that everything works.
    pub const QUICK: Self = Self {
        rounds: 1,
        endpoint: String::new(),
        warm_up: Duration::from_millis(50),
        run: Duration::from_millis(300),
        large_job: 500,
        job_sizes: &[10, 100],
        jobs: 1,
        scan_sizes: &[20, 100],
        samples: 20,
        photos: 8,
        single_photos: 2,
        posted_purchases: 200,
        streamed_purchases: 1_000,
        report_sizes: &[1_000],
        workbook_rows: &[1_000],
        workbooks: 1,
        worst_share: 0.01,
        memory_looks: 1,
        starts: (1, 1),
    };
}
