//! orilla.
