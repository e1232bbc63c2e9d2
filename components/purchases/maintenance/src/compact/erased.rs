//! The erased purchases whose lines a day may still have.

use base::Failure;
use purchases_domain::archive::Day;
use purchases_domain::compaction::Erased;
use purchases_domain::keys;
use queue::Script;
use stores::{Arg, Redis, SpinRedis};

/// The purchases that are read at once, about, and that one run has at most.
const PAGE: i64 = 500;
const MAX: usize = 5_000;

/// Removes purchases whose erasure is still the one that was done: a purchase may have been
/// created and erased again.
static FORGET: Script = Script::new(&["for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 0"]);

/// Erased purchases of a day, and whether there are more.
pub(super) fn read(redis: &SpinRedis, day: &Day) -> Result<(Erased, bool), Failure> {
    let key = keys::erased(&day.tenant, &day.date);
    let mut erased = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let args = [
            Arg::from(&key),
            Arg::from(&cursor),
            Arg::from("COUNT"),
            Arg::Int(PAGE),
        ];
        let mut reply = redis.call("HSCAN", &args)?.into_iter();
        let next = reply
            .next()
            .and_then(|next| next.as_str().map(str::to_owned));
        cursor = next.ok_or_else(|| Failure::unavailable("Redis", "HSCAN has no cursor"))?;
        while let (Some(id), Some(version)) = (reply.next(), reply.next()) {
            let id = id.as_str().map(str::to_owned);
            let version = version
                .as_int()
                .and_then(|version| u64::try_from(version).ok());
            erased.extend(id.zip(version));
        }
        let is_last = cursor == "0";
        if is_last || erased.len() >= MAX {
            return Ok((erased.into_iter().collect(), !is_last));
        }
    }
}

/// Forgets erased purchases: no line of theirs is left.
pub(super) fn forget(redis: &SpinRedis, day: &Day, erased: &Erased) -> Result<(), Failure> {
    let key = keys::erased(&day.tenant, &day.date);
    let erased: Vec<_> = erased
        .iter()
        .map(|(id, version)| (id, version.to_string()))
        .collect();
    for erased in erased.chunks(1_000) {
        let pairs = erased.iter();
        let args: Vec<_> = pairs
            .flat_map(|(id, version)| [Arg::from(*id), Arg::from(version)])
            .collect();
        FORGET.run(redis, &[&key], &args)?;
    }
    Ok(())
}
