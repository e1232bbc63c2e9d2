//! Searches of users with few and with many photos.

use anyhow::{Result, ensure};
use devstack::client::routes::{Found, scan};

use crate::{app::App, load, numbers::thousands, plan::Plan, report::Table, seed};

/// A search.
struct Search {
    name: &'static str,
    query: &'static str,
    is_of_a_post: bool,
    has_label: bool,
}

/// The labels to search for: one that about half of the photos have, or any.
const SEARCHES: [Search; 4] = [
    Search {
        name: "a post of 20",
        query: "post_id=0",
        is_of_a_post: true,
        has_label: false,
    },
    Search {
        name: "a post of 20, one label",
        query: "post_id=0&label=cat%3E75",
        is_of_a_post: true,
        has_label: true,
    },
    Search {
        name: "all, the first 100 names",
        query: "limit=100",
        is_of_a_post: false,
        has_label: false,
    },
    Search {
        name: "all, one label, the first 100 names",
        query: "limit=100&label=cat%3E75",
        is_of_a_post: false,
        has_label: true,
    },
];

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let users: Vec<_> = (1..).zip(plan.scan_sizes.iter().copied()).collect();
    for &(user, photos) in &users {
        seed::photos(app.redis_url(), user, photos).await?;
    }
    let columns = users
        .iter()
        .map(|(_, photos)| format!("{} photos", thousands((*photos).into())));
    let mut table = Table::new([String::new()].into_iter().chain(columns));
    let mut connection = app.connect().await?;
    for search in &SEARCHES {
        let mut cells = vec![search.name.to_owned()];
        for &(user, photos) in &users {
            let call = scan::<Found>(search.query).with_token(&app.token(user)?);
            let found = connection.ask(&call).await?;
            search.check(found.total_count, photos)?;
            let latencies = load::one_by_one(&mut connection, &call, plan.samples).await?;
            cells.push(latencies.summary());
        }
        table.row(cells);
    }
    Ok(format!("p50 / p99 in ms, one search at a time:\n\n{table}"))
}

impl Search {
    /// Fails where a search finds other photos than it should: its time would be that of other work.
    fn check(&self, found: u32, photos: u32) -> Result<()> {
        let among = if self.is_of_a_post {
            seed::GROUP
        } else {
            photos
        };
        let is_right = if self.has_label {
            (1..among).contains(&found)
        } else {
            found == among
        };
        ensure!(is_right, "{} finds {found} of {among} photos", self.query);
        Ok(())
    }
}
