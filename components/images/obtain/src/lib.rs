//! images-obtain.
