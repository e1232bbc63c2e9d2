//! Pages of documents, in the order of an index.

use base::Failure;
use queue::Script;
use stores::{Arg, KeyValue, Redis, Value};

use crate::{Document, Versioned, latest};

static LIST: Script = Script::new(include_str!("list.lua"));

/// The place of a document in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its score, such as the time of its creation in milliseconds.
    pub score: u64,
    /// Its member, which [`Document::member`] gives.
    pub member: String,
}

/// A page of documents.
#[derive(Debug)]
pub struct Page<D> {
    /// The documents, the highest score first.
    pub documents: Vec<Versioned<D>>,
    /// The place of the last one, if others follow it.
    pub last: Option<Place>,
}

/// Reads the documents of up to `limit` entries of `index`, a sorted set, after the place
/// `after` or from the beginning. `key` gives the key of a member's document. Documents
/// that are not `is_wanted` are left out: an index may be ahead of a document for a moment.
///
/// # Errors
/// A store is out of reach, or holds a document that cannot be read.
pub fn list<D: Document>(
    redis: &impl Redis,
    store: &impl KeyValue,
    index: &str,
    after: Option<&Place>,
    limit: u32,
    key: impl Fn(&str) -> Option<String>,
    is_wanted: impl Fn(&D) -> bool,
) -> Result<Page<D>, Failure> {
    let score = after.map_or(String::new(), |after| after.score.to_string());
    let args = [
        Arg::Int(limit.into()),
        Arg::from(&score),
        Arg::from(after.map_or("", |after| after.member.as_str())),
    ];
    let reply = LIST.run(redis, &[index], &args)?;
    let more = reply.first().and_then(Value::as_int) == Some(1);
    let mut documents = Vec::new();
    let mut last = None;
    for pair in reply.get(1..).unwrap_or_default().chunks_exact(2) {
        let [member, score] = pair else { continue };
        let (Some(member), Some(score)) = (member.as_str(), score.as_int()) else {
            continue;
        };
        if let Some(key) = key(member) {
            let document = latest::<D>(store, &key)?;
            documents.extend(document.filter(|found| is_wanted(&found.document)));
        }
        last = Some(Place {
            score: score.unsigned_abs(),
            member: member.to_owned(),
        });
    }
    Ok(Page {
        documents,
        last: last.filter(|_| more),
    })
}
