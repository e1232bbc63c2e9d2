//! EXIF that tells the orientation alone.

use image::metadata::Orientation;

/// The length of [`exif`].
pub const EXIF: usize = 26;

/// EXIF that tells nothing but the orientation, if the EXIF of a file names another one than
/// upright.
pub fn orientation(exif: Option<&[u8]>) -> Option<[u8; EXIF]> {
    match Orientation::from_exif_chunk(exif?)? {
        Orientation::NoTransforms => None,
        orientation => Some(self::exif(orientation)),
    }
}

/// A TIFF structure in little endian: its header, one entry (tag 274, one 16-bit number) and
/// the end of the list (EXIF 2.32, 4.6).
pub fn exif(orientation: Orientation) -> [u8; EXIF] {
    let number = orientation.to_exif();
    [
        b'I', b'I', 42, 0, 8, 0, 0, 0, // the list begins at 8
        1, 0, // one entry
        0x12, 0x01, 3, 0, 1, 0, 0, 0, number, 0, 0, 0, // the orientation
        0, 0, 0, 0, // no further list
    ]
}
