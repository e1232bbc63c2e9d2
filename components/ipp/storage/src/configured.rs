//! The mostradores that are configured, from a table of Databricks.

use std::collections::HashSet;
use std::time::Instant;

use base::{Failure, Trace, log};
use databricks::{Databricks, Statement};
use ipp_domain::Mostrador;
use outbound::Transport;
use serde_json::json;
use stores::Redis;

use crate::settings::{Sql, sleep};

/// Those of `ids` that are configured, in their order; without `ids`, all that are.
///
/// # Errors
/// Databricks is out of reach or not ready until `until`, or refuses the statement.
pub async fn configured<R: Redis, T: Transport>(
    databricks: &Databricks<'_, R, T>,
    sql: &Sql,
    ids: Option<&[Mostrador]>,
    until: Instant,
) -> Result<Vec<Mostrador>, Failure> {
    let table = &sql.table;
    let statement = match ids {
        // Numbers are compared as texts: a marker is one value, and there are no lists.
        Some(ids) => {
            let list: Vec<_> = ids.iter().map(Mostrador::as_str).collect();
            let text = format!(
                "SELECT DISTINCT mostrador FROM {table} \
                 WHERE array_contains(split(:ids, ','), cast(mostrador AS STRING))"
            );
            Statement::new(&sql.warehouse, text).with("ids", list.join(","))
        }
        None => {
            let text =
                format!("SELECT DISTINCT mostrador FROM {table} WHERE mostrador IS NOT NULL");
            Statement::new(&sql.warehouse, text)
        }
    };
    let cells = databricks.first_column(&statement, until, sleep).await?;
    let count = cells.len();
    let numbers = cells.into_iter().flatten();
    let numbers = numbers.filter_map(|cell| cell.trim().parse::<Mostrador>().ok());
    let mut found: Vec<_> = numbers.collect();
    if found.len() < count {
        let fields = json!({"table": table, "rows": count - found.len()});
        log::warn(
            &Trace::new(),
            "rows that are no mostradores are left out",
            fields,
        );
    }
    let Some(ids) = ids else {
        found.sort_by_key(|number| (number.as_str().len(), number.clone()));
        return Ok(found);
    };
    let found: HashSet<_> = found.into_iter().collect();
    Ok(ids
        .iter()
        .filter(|id| found.contains(id))
        .cloned()
        .collect())
}
