//! images-receiver.
