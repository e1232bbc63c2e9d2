/// An encoded image, as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its media type as found in the bytes.
    pub content_type: String,
}

/// Which labels are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The min confidence, 0 to 100.
    pub min_confidence: f64,
    /// The max labels an image.
    pub max_labels: u32,
}

/// Something that is to be seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// As Rekognition spells it.
    pub name: String,
    /// How sure Rekognition is, 0 to 100.
    pub confidence: f64,
    /// What this is a kind of, nearest first.
    pub parents: Vec<String>,
}

/// Why an image has no labels; `wit/labels` says which of them are worth another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No image that Rekognition reads.
    InvalidImage(String),
    /// More bytes or pixels than Rekognition takes.
    TooLarge(String),
    /// Asked too often.
    Throttled(String),
    /// Out of reach for now.
    Unavailable(String),
    /// Configuration or permissions are wrong.
    Refused(String),
}
