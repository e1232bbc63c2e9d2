//! Pages of those entries of an index that are wanted.

use base::Failure;
use stores::Redis;

use crate::{Entries, Place, Slice, entries};

/// A page of the wanted values of an index's entries.
#[derive(Debug)]
pub struct Found<T> {
    /// The wanted values, in the order of their entries: the highest score first.
    pub found: Vec<T>,
    /// Where the next page goes on, if there may be more.
    pub last: Option<Place>,
}

/// How far a page is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The max entries that are read at once.
    pub chunk: u32,
    /// The max times that they are.
    pub rounds: u32,
}

/// Searches a slice of an index for as many wanted entries as its limit says. `read` gets
/// entries, and returns for each its value, or `None` where the entry is not wanted. A page
/// ends early where few are wanted within `reach`.
///
/// # Errors
/// Redis is out of reach, or those of `read`.
pub fn search<T>(
    redis: &impl Redis,
    slice: Slice<'_>,
    reach: Reach,
    mut read: impl FnMut(&[Place]) -> Result<Vec<Option<T>>, Failure>,
) -> Result<Found<T>, Failure> {
    let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let mut page = Found {
        found: Vec::new(),
        last: slice.after.cloned(),
    };
    for _ in 0..reach.rounds {
        let next = Slice {
            after: page.last.as_ref(),
            limit: reach.chunk,
            ..slice
        };
        let Entries { places, last } = entries(redis, next)?;
        for (place, found) in places.iter().zip(read(&places)?) {
            page.found.extend(found);
            if page.found.len() == limit {
                let is_end = last.is_none() && places.last() == Some(place);
                page.last = (!is_end).then(|| place.clone());
                return Ok(page);
            }
        }
        page.last = last;
        if page.last.is_none() {
            break;
        }
    }
    Ok(page)
}
