//! The labels of images: those that are known, and else the labeler's.

use std::collections::BTreeMap;

use images_domain::{Label, StoredLabels, keys};
use stores::{KeyValue, Redis};

use crate::labeler::{self, Unlabeled};
use crate::upload::{Fetched, Upload};
use crate::work::Worker;

/// Labels by image, whoever has it.
pub(crate) type Labels = BTreeMap<String, Result<Vec<Label>, Unlabeled>>;

impl<R: Redis> Worker<'_, R> {
    /// The labels of each image that was fetched: those there are already, for
    /// whomever they were made, and else the labeler's, asked once for all.
    pub(crate) fn label(
        &self,
        uploads: &[Upload],
        fetched: &mut [Fetched],
    ) -> Result<Labels, base::Failure> {
        let model = labeler::model();
        let min_confidence = self.settings.censorship.lowest_confidence();
        let mut labels = Labels::new();
        let mut asked = BTreeMap::new();
        for (upload, fetched) in uploads.iter().zip(fetched) {
            let (Ok(verified), image) = (fetched, upload.file.image()) else {
                continue;
            };
            if labels.contains_key(&image) || asked.contains_key(&image) {
                continue;
            }
            let stored = self
                .store
                .get(&keys::labels(&upload.file))?
                .and_then(|stored| serde_json::from_slice::<StoredLabels>(&stored).ok())
                .filter(|stored| stored.answers(&model, min_confidence));
            match stored {
                Some(stored) => {
                    labels.insert(image, Ok(stored.labels));
                }
                None => {
                    asked.insert(image, (&upload.file, &mut verified.bytes));
                }
            }
        }
        if asked.is_empty() {
            return Ok(labels);
        }
        let mut images: Vec<_> = asked.into_values().collect();
        let results = labeler::detect(&mut images, min_confidence);
        for ((file, _), result) in images.into_iter().zip(results) {
            if let Ok(found) = &result {
                let stored = StoredLabels {
                    model: model.clone(),
                    min_confidence,
                    labels: found.clone(),
                };
                let stored = serde_json::to_vec(&stored)
                    .map_err(|error| base::Failure::internal(error.to_string()))?;
                self.store.set(&keys::labels(file), &stored)?;
            }
            labels.insert(file.image(), result);
        }
        Ok(labels)
    }
}
