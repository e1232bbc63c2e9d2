//! Files made to do harm: their cost is known before they are decoded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "worst/files.rs"]
mod files;

use files::Fate;
use labeler_local::labeler::decode;
use picture::Unreadable;

fn fate(file: &[u8]) -> Fate {
    match decode(file) {
        Ok(_) => Fate::Decoded,
        Err(Unreadable::Invalid(_)) => Fate::Invalid,
        Err(Unreadable::TooLarge(_)) => Fate::TooLarge,
    }
}

#[test]
fn the_worst_files_are_refused_or_cost_no_more_than_a_large_photo() {
    for worst in files::all() {
        assert!(
            worst.bytes.len() <= files::MAX_FILE + (64 << 10),
            "{}",
            worst.name
        );
        assert_eq!(fate(&worst.bytes), worst.fate, "{}", worst.name);
    }
}

#[test]
fn scans_are_counted_before_they_are_decoded() {
    let refused = decode(&files::progressive(64, 64, 100)).err().unwrap();
    assert!(
        refused.to_string().contains("more than 100 scans"),
        "{refused}"
    );
    assert!(decode(&files::progressive(64, 64, 99)).is_ok());
}

#[test]
fn the_blocks_of_usual_encoders_are_decoded() {
    // Without compression, blocks are copies of up to 64 KiB.
    for level in [0, 1, 6] {
        let file = files::flushed(flate2::Compression::new(level));
        assert!(file.len() > 2 << 20, "too short to be counted");
        assert_eq!(fate(&file), Fate::Decoded, "level {level}");
    }
}

#[test]
fn pixels_that_do_not_inflate_are_invalid() {
    let mut file = files::flushed(flate2::Compression::new(6));
    // The type of the first block is none.
    let data = file.windows(4).position(|kind| kind == b"IDAT").unwrap() + 4;
    file[data + 2] = 0b111;
    let refused = decode(&file).err().unwrap();
    assert!(
        refused.to_string().contains("does not inflate"),
        "{refused}"
    );
}
