//! Files made to do harm: their cost is known before they are decoded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "worst/files.rs"]
mod files;

use files::Fate;
use labeler_local::picture::{self, Unreadable};

fn fate(file: &[u8]) -> Fate {
    match picture::decode(file) {
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
    let refused = picture::decode(&files::progressive(64, 64, 100))
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("more than 100 scans"),
        "{refused}"
    );
    assert!(picture::decode(&files::progressive(64, 64, 99)).is_ok());
}
