//! images-record.
