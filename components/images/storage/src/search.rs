//! Searches, in one script on the indexes.

use images_domain::{Operator, ScanQuery, ScanResponse, UserId, keys};
use queue::Script;
use stores::{Arg, Redis, Value};

static SEARCH: Script = Script::new(&[queue::lua!("search.lua")]);

/// Searches the photos of a user.
pub fn search(
    redis: &impl Redis,
    user: &UserId,
    query: ScanQuery,
) -> Result<ScanResponse, base::Failure> {
    let mut names = vec![keys::group(user, query.grouping), keys::analyzed(user)];
    let mut conditions = Vec::new();
    for filter in &query.filters {
        names.push(keys::label(user, &filter.name));
        let operator = match filter.operator {
            Operator::Above => ">",
            Operator::Below => "<",
        };
        conditions.push((operator, filter.confidence_threshold.to_string()));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut args = vec![
        Arg::Int(query.limit.into()),
        Arg::from(query.cursor.as_deref().unwrap_or_default()),
    ];
    for (operator, threshold) in &conditions {
        args.extend([Arg::from(*operator), Arg::from(threshold)]);
    }

    let mut reply = SEARCH.run(redis, &names, &args)?.into_iter();
    let mut number = || reply.next().as_ref().and_then(Value::as_int).unwrap_or(0);
    let (total, more) = (number().unsigned_abs(), number() == 1);
    let images = reply
        .filter_map(|name| String::from_utf8(name.into_bytes()).ok())
        .collect();
    Ok(query.response(total, images, more))
}
