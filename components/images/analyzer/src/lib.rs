//! images-analyzer.
