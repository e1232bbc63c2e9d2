//! The endpoints in Redis. They are few and seldom changed, so all of them have one version:
//! a change counts for the endpoints as they were read, or is not made.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Failure;
use queue::{Change, Effect, Outcome, Queue};
use stores::{Arg, Redis, Value};

use crate::endpoint::wishes_of;
use crate::health::reset;
use crate::log::forgotten;
use crate::{Endpoint, EndpointId, Secrets, keys};

/// How often a change is tried that others forestall, and the pause in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// All endpoints that operators made, at one version.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The version, which each change raises; 0 before the first.
    pub version: u64,
    /// The endpoints by their ids, which begin with the time of their making.
    pub all: Vec<Endpoint>,
}

impl Endpoints {
    /// The endpoint with this id.
    pub fn get(&self, id: &str) -> Option<&Endpoint> {
        self.all.iter().find(|endpoint| endpoint.id.as_str() == id)
    }
}

/// A change of one endpoint.
#[derive(Clone, Debug)]
pub enum Changed {
    /// Nothing changes.
    Nothing,
    /// It is stored so.
    Put {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its secrets, if these change, too.
        secrets: Option<Secrets>,
        /// The effects of the same change.
        effects: Vec<Effect>,
    },
    /// It is removed.
    Removed(EndpointId),
}

/// Reads the version of the endpoints alone.
///
/// # Errors
/// Redis is out of reach.
pub fn version(redis: &impl Redis) -> Result<u64, Failure> {
    let reply = redis.call("GET", &[Arg::from(keys::VERSION)])?;
    let version = reply.first().and_then(Value::as_int);
    Ok(version.unwrap_or(0).unsigned_abs())
}

/// Reads all endpoints.
///
/// # Errors
/// Redis is out of reach, or holds an endpoint that cannot be read.
pub fn load(redis: &impl Redis) -> Result<Endpoints, Failure> {
    // First: a change that comes in between makes the version older than the endpoints, and
    // they are read again.
    let version = version(redis)?;
    let stored: BTreeMap<String, Endpoint> = hash(redis, keys::ENDPOINTS)?;
    let all = stored.into_values().collect();
    Ok(Endpoints { version, all })
}

/// Reads the secrets of all endpoints, by their ids.
///
/// # Errors
/// Redis is out of reach, or holds secrets that cannot be read.
pub fn load_secrets(redis: &impl Redis) -> Result<BTreeMap<String, Secrets>, Failure> {
    hash(redis, keys::SECRETS)
}

fn hash<T: serde::de::DeserializeOwned>(
    redis: &impl Redis,
    key: &str,
) -> Result<BTreeMap<String, T>, Failure> {
    let reply = redis.call("HGETALL", &[Arg::from(key)])?;
    let pairs = reply.chunks_exact(2).filter_map(|pair| match pair {
        [field, value] => Some((field.as_str()?, value.as_str()?)),
        _ => None,
    });
    pairs
        .map(|(field, value)| {
            // The value may be a secret, so the error has its place and not its text.
            let value = serde_json::from_slice(value.as_bytes());
            let value = value.map_err(|_| Failure::internal(format!("{key} {field} is no JSON")));
            Ok((field.to_owned(), value?))
        })
        .collect()
}

/// Makes the change that `decide` returns for all endpoints. If others change them meanwhile,
/// `decide` is called again. Returns the second value of `decide`.
///
/// # Errors
/// Those of `decide`, without a change; [`Failure::Contended`] where others change them all the
/// time; Redis is out of reach.
pub fn change<T, E: From<Failure>>(
    queue: &Queue<'_, impl Redis>,
    mut decide: impl FnMut(&Endpoints) -> Result<(Changed, T), E>,
) -> Result<T, E> {
    for _ in 0..TRIES {
        let known = load(queue.redis())?;
        let (changed, answer) = decide(&known)?;
        let mut after = known.all.clone();
        let effects = match changed {
            Changed::Nothing => return Ok(answer),
            Changed::Put {
                endpoint,
                secrets,
                mut effects,
            } => {
                effects.extend(put(&endpoint, secrets.as_ref())?);
                after.retain(|other| other.id != endpoint.id);
                after.push(endpoint);
                effects
            }
            Changed::Removed(id) => {
                after.retain(|other| other.id != id);
                removed(&id)
            }
        };
        let change = Change::new()
            .of_entity(keys::VERSION, known.version)
            .with_all(effects)
            .with_all(wanted(&after));
        if queue.commit(&change)? == Outcome::Committed {
            return Ok(answer);
        }
        std::thread::sleep(PAUSE.mul_f64(base::random()));
    }
    Err(Failure::Contended {
        what: "the list of webhooks",
    }
    .into())
}

fn put(endpoint: &Endpoint, secrets: Option<&Secrets>) -> Result<Vec<Effect>, Failure> {
    let set = |key: &str, value| Effect::Set {
        key: key.to_owned(),
        fields: vec![(endpoint.id.to_string(), value)],
    };
    let mut effects = vec![set(keys::ENDPOINTS, json(endpoint)?)];
    if let Some(secrets) = secrets {
        effects.push(set(keys::SECRETS, json(secrets)?));
    }
    Ok(effects)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    Ok(serde_json::to_vec(value)?)
}

fn removed(id: &EndpointId) -> Vec<Effect> {
    let fields = [keys::ENDPOINTS, keys::SECRETS].map(|key| Effect::Unset {
        key: key.to_owned(),
        field: id.to_string(),
    });
    let fields = fields.into_iter().chain(forgotten(id));
    fields.chain(reset(id.as_str())).collect()
}

/// The effects that make the set of wanted types that of these endpoints.
fn wanted(endpoints: &[Endpoint]) -> Vec<Effect> {
    let mut effects = vec![Effect::Remove {
        key: keys::WANTED.to_owned(),
    }];
    effects.extend(wishes_of(endpoints).into_iter().map(|wish| Effect::Index {
        key: keys::WANTED.to_owned(),
        member: wish.to_owned(),
        score: 0.0,
    }));
    effects
}
