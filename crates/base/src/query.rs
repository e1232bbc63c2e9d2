//! The query of a URL: typed parameters, and one wording for every refusal.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::Invalid;

/// The parameters of a query in their order, decoded. Those that no rule asks for are
/// ignored, unless [`Query::only`] refuses them.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(pairs.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

impl Query {
    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.iter().filter(move |(own, _)| *own == name);
        named.map(|(_, value)| value)
    }

    /// The value of a parameter that may be sent once.
    ///
    /// # Errors
    /// It was sent more than once.
    pub fn once(&self, name: &str) -> Result<Option<&str>, Invalid> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Invalid::query(format!("{name} must be there only once"))),
        }
    }

    /// A parameter of any type. `must` describes its form in the error: "must be true or
    /// false".
    ///
    /// # Errors
    /// It was sent more than once, or has another form.
    pub fn parsed<T: FromStr>(&self, name: &str, must: impl Display) -> Result<Option<T>, Invalid> {
        let value = self.once(name)?.map(str::parse).transpose();
        value.map_err(|_| Invalid::query(format!("{name} {must}")))
    }

    /// A whole number in `range`, in decimal digits alone.
    ///
    /// # Errors
    /// It was sent more than once, or is anything else.
    pub fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Invalid> {
        let Some(text) = self.once(name)? else {
            return Ok(None);
        };
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_digits);
        let number = number.filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (min, max) = range.into_inner();
            Invalid::query(format!("{name} must be an integer from {min} to {max}"))
        })
    }

    /// `limit`: the maximum number of entries in a page, 1 to `max`.
    ///
    /// # Errors
    /// Those of [`Query::number`].
    pub fn limit(&self, default: u32, max: u32) -> Result<u32, Invalid> {
        Ok(self.number("limit", 1..=max)?.unwrap_or(default))
    }

    /// `cursor`: the position of a page. Clients send the cursor of an earlier answer and
    /// do not interpret it.
    ///
    /// # Errors
    /// It was sent more than once, or is not of the form that answers have.
    pub fn cursor<T: FromStr>(&self) -> Result<Option<T>, Invalid> {
        self.parsed("cursor", "must be the cursor of an answer")
    }

    /// Refuses parameters that are not named, for routes where a misspelt one would do
    /// harm.
    ///
    /// # Errors
    /// There is another parameter.
    pub fn only(&self, names: &[&str]) -> Result<(), Invalid> {
        match self.iter().find(|(name, _)| !names.contains(name)) {
            None => Ok(()),
            Some((other, _)) => Err(Invalid::query(format!(
                "{} is not a parameter here; use only {}",
                crate::shorten(other, 64),
                names.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_page_has_the_default_number_of_entries_unless_the_query_says_another() {
        assert_eq!(query(&[("color", "blue")]).limit(20, 100), Ok(20));
        assert_eq!(query(&[("limit", "100")]).limit(20, 100), Ok(100));
        for wrong in ["0", "101", "", "-1", "+1", "1.0", "1e1", " 1", "4294967297"] {
            assert_eq!(
                query(&[("limit", wrong)]).limit(20, 100),
                Err(Invalid::query("limit must be an integer from 1 to 100")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_parameter_that_is_repeated_is_refused_and_not_chosen_from() {
        let twice = query(&[("limit", "1"), ("limit", "1"), ("cursor", "2")]);
        let refused = Invalid::query("limit must be there only once");
        assert_eq!(twice.limit(20, 100), Err(refused));
        assert_eq!(twice.cursor::<u8>(), Ok(Some(2)));
        assert_eq!(twice.all("limit").count(), 2);
    }

    #[test]
    fn a_misspelt_parameter_is_refused_where_it_would_do_harm() {
        assert_eq!(query(&[("post_id", "1")]).only(&["post_id"]), Ok(()));
        let told = query(&[("postid", "1")]).only(&["post_id"]).unwrap_err();
        assert_eq!(
            told.message,
            "postid is not a parameter here; use only post_id"
        );
    }
}
