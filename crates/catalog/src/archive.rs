//! Listing and reading the objects of the archive.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use objects::{Error, Objects};
use outbound::Transport;
use purchases_domain::archive::encoded;

use crate::key::{self, CHANGES, DAYS};

/// The keys to ask for at once. S3 gives 1,000, and stores that walk through all files for
/// each page give more.
const PAGE: u32 = 10_000;

/// How often an object is asked for while the store is not available.
const TRIES: u32 = 4;

/// The wait before the second time, which doubles.
const WAIT: Duration = Duration::from_millis(200);

/// A table of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `compras_json`: an object for each change.
    Changes,
    /// `compras_dia`: the changes of a day together.
    Days,
}

impl Table {
    /// The start of its keys.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Changes => CHANGES,
            Self::Days => DAYS,
        }
    }

    /// The start of its keys for one tenant, or for all.
    pub(crate) fn prefix_of(self, tenant: Option<&str>) -> String {
        match tenant {
            Some(tenant) => format!("{}{}/", self.prefix(), encoded(tenant)),
            None => self.prefix().to_owned(),
        }
    }

    /// The max bytes of an object: far more than the purchase of most lines has, and than
    /// are put together into a part of a day.
    fn max_bytes(self) -> u64 {
        match self {
            Self::Changes => 4 << 20,
            Self::Days => 128 << 20,
        }
    }

    /// How many objects to read at once.
    fn concurrency(self) -> usize {
        match self {
            Self::Changes => 32,
            Self::Days => 2,
        }
    }
}

/// All keys with `prefix`, in their order.
pub(crate) async fn keys<T: Transport>(
    objects: &Objects<T>,
    prefix: &str,
) -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let after_key = after.as_deref();
        let page = patiently(|| objects.list(prefix, after_key, PAGE)).await?;
        keys.extend(page.objects.into_iter().map(|object| object.key));
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

/// Asks again while the store is not available, for a short while.
async fn patiently<R, F: Future<Output = Result<R, Error>>>(
    ask: impl Fn() -> F,
) -> Result<R, Error> {
    let mut wait = WAIT;
    for _ in 1..TRIES {
        match ask().await {
            Err(Error::Unavailable(_)) => tokio::time::sleep(wait).await,
            answer => return answer,
        }
        wait *= 2;
    }
    ask().await
}

/// The tenants and years that have objects. It skips from one to the next, so its cost
/// follows their number and not that of the objects.
pub(crate) async fn years<T: Transport>(
    objects: &Objects<T>,
    table: Table,
) -> Result<Vec<(String, i32)>, Error> {
    let prefix = table.prefix();
    let mut years = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let after_key = after.as_deref();
        let page = patiently(|| objects.list(prefix, after_key, 1)).await?;
        let Some(object) = page.objects.into_iter().next() else {
            return Ok(years);
        };
        after = match key::partition(&object.key, prefix) {
            Some(day) => {
                let year = key::date(&day).next().unwrap_or_default();
                years.extend(year.parse().map(|year| (day.tenant.clone(), year)));
                // The character after `/`: past all that the year contains.
                Some(format!("{prefix}{}/{year}0", day.tenant))
            }
            None => Some(object.key),
        };
    }
}

/// The content of an object: `None` if it is gone, and a reason if it is too large to be of
/// the archive.
pub(crate) type Content = Option<Result<Vec<u8>, String>>;

/// Calls `each` with every object of `keys`, in their order.
pub(crate) async fn for_each<T: Transport>(
    objects: &Objects<T>,
    table: Table,
    keys: &[String],
    mut each: impl FnMut(&str, Content),
) -> Result<(), Error> {
    let contents = keys.iter().map(|key| async move {
        let content = match patiently(|| objects.get(key, table.max_bytes())).await {
            Ok(object) => object.map(|object| Ok(object.bytes)),
            Err(error @ Error::TooLarge { .. }) => Some(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        Ok((key, content))
    });
    let mut contents = stream::iter(contents).buffered(table.concurrency());
    while let Some((key, content)) = contents.try_next().await? {
        each(key, content);
    }
    Ok(())
}
