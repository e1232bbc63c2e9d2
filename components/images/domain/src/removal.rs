//! What `DELETE /images/{file}` is asked to remove.

/// The post that a photo is to be taken out of; `None` for the photo itself.
///
/// # Errors
/// What is wrong with the query. A parameter that is not known is refused: who
/// misspells the post must not lose the photo.
pub fn parse_removal(query: &[(String, String)]) -> Result<Option<i64>, String> {
    match query {
        [] => Ok(None),
        [(name, id)] if name == "post_id" => id
            .parse()
            .map(Some)
            .map_err(|_| format!("post_id must be an integer, not {id:?}")),
        _ => Err("give one post_id, or nothing to remove the photo from all posts".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Option<i64>, String> {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        parse_removal(&query)
    }

    #[test]
    fn a_photo_is_removed_from_one_post_or_from_all() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&[("post_id", "7")]), Ok(Some(7)));
        assert_eq!(parse(&[("post_id", "-7")]), Ok(Some(-7)));
    }

    #[test]
    fn what_is_not_understood_removes_nothing() {
        for query in [
            &[("post_id", "")][..],
            &[("post_id", "1.5")],
            &[("postid", "7")],
            &[("post_id", "7"), ("post_id", "8")],
            &[("post_id", "7"), ("trip_id", "1")],
        ] {
            assert!(parse(query).is_err(), "{query:?}");
        }
    }
}
