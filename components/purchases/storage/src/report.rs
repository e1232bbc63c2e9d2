//! Reads reports.

use base::{Failure, Tenant};
use purchases_domain::{Report, ReportQuery, Sheet, keys};
use queue::{Queue, Script};
use stores::{Arg, Redis, Value};

static REPORT: Script = Script::new(&[queue::lua!("report.lua")]);

/// The number of hashes that are read at once.
const CHUNK: usize = 32;

/// The report of a tenant, from its sums. `queue` is that of changes.
///
/// # Errors
/// Redis is out of reach.
pub fn report(
    queue: &Queue<'_, impl Redis>,
    tenant: &Tenant,
    query: &ReportQuery,
) -> Result<Report, Failure> {
    let redis = queue.redis();
    let counts = queue.counts()?;
    let args = [Arg::from(keys::STATE), Arg::from(tenant.as_str())];
    let updated = redis.call("HGET", &args)?.into_iter().next();
    let updated = updated.as_ref().and_then(Value::as_str).map(str::to_owned);

    let days: Vec<_> = query.days.iter().collect();
    let hashes: Vec<_> = days
        .iter()
        .flat_map(|day| query.kinds().into_iter().map(move |kind| (day, kind)))
        .collect();
    let mut sheet = Sheet::default();
    for chunk in hashes.chunks(CHUNK) {
        let names: Vec<_> = chunk
            .iter()
            .map(|(day, kind)| keys::sums(tenant.as_str(), day, *kind))
            .collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut reply = REPORT.run(redis, &names, &[])?.into_iter();
        for (day, kind) in chunk {
            let length = reply.next().and_then(|length| length.as_int()).unwrap_or(0);
            let length = usize::try_from(length).unwrap_or(0);
            let words: Vec<_> = reply.by_ref().take(length).collect();
            let fields: Vec<_> = words
                .chunks_exact(2)
                .filter_map(|pair| match pair {
                    [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
                    _ => None,
                })
                .collect();
            sheet.add(day, *kind, &fields);
        }
    }
    let pending = counts.depth + counts.in_flight + counts.delayed + counts.held;
    Ok(Report::new(query, &sheet, updated, pending))
}
