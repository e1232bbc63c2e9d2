//! images-domain.
