/// An encoded image, as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its media type as found in the bytes.
    pub content_type: String,
}

/// The wanted labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The minimum confidence, 0 to 100.
    pub min_confidence: f64,
    /// The maximum number of labels per image.
    pub max_labels: u32,
}

/// A label of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The name, as Rekognition spells it.
    pub name: String,
    /// The confidence, 0 to 100.
    pub confidence: f64,
    /// The groups that it belongs to, nearest first.
    pub parents: Vec<String>,
}

/// Why an image has no labels; `wit/labels` says which failures are worth another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The image is not one that Rekognition reads.
    InvalidImage(String),
    /// It has more bytes or pixels than Rekognition accepts.
    TooLarge(String),
    /// Too many requests.
    Throttled(String),
    /// Rekognition is out of reach for now.
    Unavailable(String),
    /// Configuration or permissions are wrong.
    Refused(String),
}
