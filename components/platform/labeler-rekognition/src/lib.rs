//! labeler-rekognition.
