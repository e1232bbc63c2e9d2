//! images-events.
