//! The labels of images: stored ones, or new ones from the labeler.

use std::collections::BTreeMap;

use base::Failure;
use images_domain::{StoredLabels, keys};
use stores::KeyValue;

use crate::analyzer::Analyzer;
use crate::finding::{Fetched, Labels, Upload};
use crate::labeler;

impl Analyzer<'_> {
    /// The labels of each fetched image. Labels that are stored for the content, of any
    /// user, are used again; one call of the labeler makes the others.
    pub(crate) fn label(
        &self,
        uploads: &[&Upload<'_>],
        fetched: &mut [Fetched],
    ) -> Result<Labels, Failure> {
        let model = labeler::model();
        let min_confidence = self.censorship.lowest_confidence();
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
                self.store
                    .set(&keys::labels(file), &serde_json::to_vec(&stored)?)?;
            }
            labels.insert(file.image(), result);
        }
        Ok(labels)
    }
}
