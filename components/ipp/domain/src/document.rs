//! A job as a document: its keys, its indexes, and the effects of its changes.

use std::collections::BTreeMap;

use base::{Failure, Trace};
use queue::Effect;
use records::{Document, Entity, Owned};

use crate::effects::effects;
use crate::{Job, keys};

impl Document for Job {
    const RECORD: &'static str = "ipp.record";
    const SCHEMA: u32 = 1;
    const KEEPS_HISTORY: bool = false;

    fn entity(&self) -> Entity {
        keys::entity(&self.job_id)
    }

    fn member(&self) -> &str {
        self.job_id.as_str()
    }

    fn indexes(&self) -> BTreeMap<String, f64> {
        let score = self.created_at.millis() as f64;
        BTreeMap::from([
            (keys::ALL.to_owned(), score),
            (keys::of_user(&self.owner), score),
        ])
    }

    fn effects(
        &self,
        before: Option<&Self>,
        version: u64,
        _: &Trace,
    ) -> Result<Vec<Effect>, Failure> {
        before.map_or(Ok(Vec::new()), |before| effects(before, self, version))
    }
}

impl Owned for Job {
    fn owner(&self) -> &str {
        &self.owner
    }
}
