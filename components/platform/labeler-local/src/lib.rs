//! labeler-local.
