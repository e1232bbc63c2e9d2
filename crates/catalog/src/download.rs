use std::fs;
use std::path::Path;

use objects::Objects;
use outbound::Transport;

use crate::Error;
use crate::archive::{self, Table};
use crate::key;

/// The max bytes of a file's name on Linux, which keys may exceed.
const MAX_NAME_BYTES: usize = 255;

/// Writes the objects of a table that Athena would read to the folder `to`, under their keys:
/// those of `tenant`, or all. Returns the number of files.
///
/// # Errors
/// The archive was not read, or a file not written.
pub async fn download<T: Transport>(
    objects: &Objects<T>,
    table: Table,
    tenant: Option<&str>,
    to: &Path,
) -> Result<u64, Error> {
    let mut keys = archive::keys(objects, &table.prefix_of(tenant)).await?;
    keys.retain(|key| key::partition(key, table.prefix()).is_some());
    let mut files = 0;
    let mut written = Ok(());
    archive::for_each(objects, table, &keys, |key, content| {
        // One that is gone is not there for Athena either.
        if let (Some(content), true) = (content, written.is_ok()) {
            written = write(to, key, files, content);
            files += 1;
        }
    })
    .await?;
    written.map(|()| files)
}

fn write(to: &Path, key: &str, n: u64, content: Result<Vec<u8>, String>) -> Result<(), Error> {
    let bytes = content.map_err(|reason| Error::Object {
        key: key.to_owned(),
        reason,
    })?;
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    let folder = to.join(folder);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let path = match name.len() {
        ..=MAX_NAME_BYTES => folder.join(name),
        _ => folder.join(format!("{n}.json")),
    };
    fs::write(&path, bytes).map_err(Error::file(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{bucket, objects};

    #[tokio::test]
    async fn what_athena_reads_is_downloaded_and_nothing_else() {
        let long = format!(
            "compras/b/2025/07/14/insert_{}_20250714_000000_000001.json",
            "x".repeat(300)
        );
        let store = bucket([
            (
                "compras/a/2025/07/13/insert_x_20250713_103045_000001.json",
                "1\n",
            ),
            ("compras/a/2025/07/13/foreign.txt", "2\n"),
            ("compras/a/2025/07/13/_hidden", "3\n"),
            ("compras/error/INSERT_x.json", "4\n"),
            ("compras_dia/a/2025/07/13/part-000.json", "5\n"),
            (long.as_str(), "6\n"),
        ]);
        let store = objects(&store);
        let dir = tempfile::tempdir().unwrap();
        let files = download(&store, Table::Changes, None, dir.path()).await;
        assert_eq!(files.unwrap(), 3);
        let read = |path: &str| fs::read_to_string(dir.path().join(path)).unwrap();
        assert_eq!(
            read("compras/a/2025/07/13/insert_x_20250713_103045_000001.json"),
            "1\n"
        );
        assert_eq!(read("compras/a/2025/07/13/foreign.txt"), "2\n");
        let days = fs::read_dir(dir.path().join("compras/b/2025/07/14")).unwrap();
        assert_eq!(days.count(), 1);

        let dir = tempfile::tempdir().unwrap();
        let files = download(&store, Table::Changes, Some("a"), dir.path()).await;
        assert_eq!(files.unwrap(), 2);
        let files = download(&store, Table::Days, Some("a"), dir.path()).await;
        assert_eq!(files.unwrap(), 1);
    }
}
