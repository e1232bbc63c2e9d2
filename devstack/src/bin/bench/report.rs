//! Tables in Markdown, and the file that they are kept in.

use std::{
    fmt::{self, Display},
    fs,
    path::Path,
};

use anyhow::{Context, Result};

/// A table. Its first column has names, the others have numbers.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with the names of its columns and no rows.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            rows: vec![columns.into_iter().map(Into::into).collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, cells) in self.rows.iter().enumerate() {
            writeln!(f, "| {} |", cells.join(" | "))?;
            if at == 0 {
                writeln!(f, "|---|{}", "--:|".repeat(cells.len().saturating_sub(1)))?;
            }
        }
        Ok(())
    }
}

/// Fails early if [`write()`] could not write one of the chapters later.
///
/// # Errors
/// The file can't be read, or has no place for a chapter.
pub fn check<'a>(path: &Path, chapters: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let text = read(path)?;
    for chapter in chapters {
        split(&text, chapter).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Replaces the text between the markers of a chapter.
///
/// # Errors
/// The file can't be read or written, or lacks the markers.
pub fn write(path: &Path, chapter: &str, text: &str) -> Result<()> {
    let old = read(path)?;
    let (before, after) = split(&old, chapter).with_context(|| path.display().to_string())?;
    let new = format!("{before}\n{}\n{after}", text.trim_end());
    fs::write(path, new).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The text before and after a chapter, markers included.
fn split<'a>(text: &'a str, chapter: &str) -> Result<(&'a str, &'a str)> {
    let (begin, end) = (
        format!("<!-- {chapter} -->"),
        format!("<!-- end of {chapter} -->"),
    );
    let missing = || format!("the markers {begin} and {end} are missing");
    let start = text.find(&begin).with_context(missing)? + begin.len();
    let stop = text
        .find(&end)
        .filter(|stop| *stop >= start)
        .with_context(missing)?;
    text.get(..start)
        .zip(text.get(stop..))
        .with_context(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(["endpoint", "p50"]);
        table.row(["GET /a", "1.5"]);
        assert_eq!(
            table.to_string(),
            "| endpoint | p50 |\n|---|--:|\n| GET /a | 1.5 |\n"
        );
    }

    #[test]
    fn a_chapter_is_replaced_and_the_prose_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.md");
        fs::write(
            &path,
            "Why.\n<!-- http -->\nold\n<!-- end of http -->\nHence.\n",
        )
        .unwrap();
        for _ in 0..2 {
            write(&path, "http", "new\n").unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(
                text,
                "Why.\n<!-- http -->\nnew\n<!-- end of http -->\nHence.\n"
            );
        }
        let error = write(&path, "jobs", "new").unwrap_err();
        assert!(format!("{error:#}").contains("<!-- jobs -->"), "{error:#}");
    }
}
