//! Toons that ended in one batch.

use std::collections::HashMap;

use base::Trace;

use crate::{JobId, Message};

/// Toons that ended and are not settled yet, by their jobs.
#[derive(Debug, Default)]
pub struct Ends(HashMap<JobId, Ended>);

/// The toons of a job that ended.
#[derive(Debug)]
pub struct Ended {
    /// The run of the job.
    pub run: String,
    /// The ids of the first of them.
    pub trace: Trace,
    /// Their number.
    pub toons: usize,
}

impl Ends {
    /// Notes that a toon ended.
    pub fn note(&mut self, toon: &Message<'_>, trace: &Trace) {
        match self.0.get_mut(&*toon.job) {
            Some(ended) => ended.toons += 1,
            None => {
                let first = Ended {
                    run: toon.run.clone().into_owned(),
                    trace: trace.clone(),
                    toons: 1,
                };
                self.0.insert(toon.job.clone().into_owned(), first);
            }
        }
    }
}

impl IntoIterator for Ends {
    type Item = (JobId, Ended);
    type IntoIter = std::collections::hash_map::IntoIter<JobId, Ended>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
