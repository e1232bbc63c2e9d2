//! Photos to upload.

use devstack::client::Photo;

use crate::root;

/// Photos of `data/photos`.
pub trait SamplePhoto {
    /// The photo of that name.
    fn of(name: &str) -> Self;

    /// A small PNG that is unique for its number.
    fn distinct(number: u32) -> Self;
}

impl SamplePhoto for Photo {
    fn of(name: &str) -> Self {
        let photo = Self::read(&root().join("data/photos").join(name));
        photo
            .unwrap()
            .unwrap_or_else(|| panic!("{name} is no photo"))
    }

    fn distinct(number: u32) -> Self {
        Self::of("camera.png").numbered(number)
    }
}
