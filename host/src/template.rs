//! Templates of the manifest: text with `{{ variable }}` in it.

use std::collections::BTreeMap;

/// A text with the names of variables in it, parsed by the rules of Spin's expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Parses a template. An opening `{{` without its `}}` is an error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some((name, tail)) = after.split_once("}}") else {
                return Err(format!("`{text}` opens `{{{{` and never closes it"));
            };
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Whether the template has no variables in it.
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The names of the variables in the template.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Fills the variables in. A name that is not among the values is an error.
    pub fn render(&self, values: &BTreeMap<String, String>) -> Result<String, String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(text.as_str()),
                Part::Variable(name) => values
                    .get(name)
                    .map(String::as_str)
                    .ok_or_else(|| format!("there is no variable `{name}` in [variables]")),
            })
            .collect()
    }
}

/// Checks the name of a variable: lower-case ASCII letters, digits and single
/// underscores between them, a letter first.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let problem = if name.is_empty() {
        "it must not be empty"
    } else if !name.chars().all(allowed) {
        "only lower-case letters, digits and underscores are allowed"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it must start with a letter"
    } else if name.ends_with('_') || name.contains("__") {
        "underscores stand one at a time between other characters"
    } else {
        return Ok(());
    };
    Err(format!("`{name}` can't name a variable: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> Result<String, String> {
        let values = [("host", "127.0.0.1"), ("empty", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Template::parse(text)?.render(&values.into())
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{{ host }}", "127.0.0.1"),
            ("{{host}}:{{  host  }}", "127.0.0.1:127.0.0.1"),
            ("redis://{{ empty }}{{ host }}/", "redis://127.0.0.1/"),
            ("}} is text, { too", "}} is text, { too"),
        ] {
            assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(render("a {{ host").unwrap_err().contains("never closes"));
        assert!(render("{{ hots }}").unwrap_err().contains("`hots`"));
    }

    #[test]
    fn names_follow_the_rules_of_spin() {
        for good in ["a", "redis_host", "s3_key", "a1_b2"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "redis-host", "1a", "_a", "a_", "a__b", "á"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
