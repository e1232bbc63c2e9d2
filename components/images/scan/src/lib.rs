//! images-scan.
