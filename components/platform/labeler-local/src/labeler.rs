//! From a file to its labels.

use picture::{Picture, Unreadable};

use crate::{
    crop,
    network::{Network, SIDE},
    taxonomy::{self, Label, Taxonomy},
};

/// The published weights, by the name of their checkpoint.
const WEIGHTS: &str = "efficientnet-lite0-57934424";

/// Raised when the network gives other numbers for the same input.
const NETWORK: u32 = 2;

/// Raised when decoding or scaling changes the input of the network.
const PREPROCESSING: u32 = 1;

/// The minimum length of the shorter side of a picture that is scaled while it is decoded.
/// The better filter does the last step.
const ENOUGH: u16 = 2 * SIDE as u16;

/// Names everything that labels depend on. Another name means other labels.
pub fn model() -> String {
    format!(
        "{WEIGHTS} network-{NETWORK} preprocessing-{PREPROCESSING} taxonomy-{}",
        taxonomy::version()
    )
}

/// Decodes a file, as large as the network needs it.
pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    picture::decode(file, ENOUGH)
}

/// The model, ready for any number of images.
pub struct Labeler {
    network: Network,
    taxonomy: Taxonomy,
}

impl Labeler {
    /// Makes the model ready.
    pub fn new() -> Self {
        Self {
            network: Network::new(),
            taxonomy: Taxonomy::new(),
        }
    }

    /// The labels of an encoded image with at least `min_confidence` (0 to 100), the most
    /// confident first.
    pub fn label(&mut self, file: &[u8], min_confidence: f64) -> Result<Vec<Label>, Unreadable> {
        let picture = decode(file)?;
        let logits = self.network.run(&crop::square(&picture));
        Ok(self.taxonomy.labels(&softmax(&logits), min_confidence))
    }
}

impl Default for Labeler {
    fn default() -> Self {
        Self::new()
    }
}

/// The probability of each class.
fn softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - max).exp())
        .collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}
