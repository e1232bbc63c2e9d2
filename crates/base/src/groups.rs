//! Lists in pieces that fit into a request, or into memory.

/// Divides `items` into runs of neighbours: each of up to `max` items, which have up to
/// `max_bytes` by `size`. An item that is larger is a run by itself.
pub fn groups<T>(
    items: &[T],
    max: usize,
    max_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    let mut left = items;
    std::iter::from_fn(move || {
        let mut bytes: usize = 0;
        let fitting = left.iter().take(max).take_while(|item| {
            bytes = bytes.saturating_add(size(item));
            bytes <= max_bytes
        });
        let (group, others) = left.split_at_checked(fitting.count().max(1))?;
        left = others;
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(items: &[usize], max: usize) -> Vec<Vec<usize>> {
        let groups = groups(items, max, 10, |size| *size);
        groups.map(<[usize]>::to_vec).collect()
    }

    #[test]
    fn neighbours_that_fit_are_together() {
        assert_eq!(divided(&[4, 6, 1, 9], 9), [vec![4, 6], vec![1, 9]]);
        assert_eq!(
            divided(&[1, 1, 1, 1, 1], 2),
            [vec![1, 1], vec![1, 1], vec![1]]
        );
        assert!(divided(&[], 9).is_empty());
    }

    #[test]
    fn an_item_that_is_too_large_is_alone() {
        assert_eq!(divided(&[1, 11, 1], 9), [vec![1], vec![11], vec![1]]);
        assert_eq!(divided(&[usize::MAX, usize::MAX], 9).len(), 2);
        assert_eq!(divided(&[0, 0], 0), [vec![0], vec![0]]);
    }
}
