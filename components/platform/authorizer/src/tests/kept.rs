//! The key set of a URL: verdicts on tokens while the set is old, new or out of reach.

use std::cell::{Cell, RefCell};

use jwks::{KeySet, Origin, Record};

use super::sets::{UNKNOWN, jwk, set, signed};
use super::*;
use crate::kept::{Shelf, authorize};

const URL: &str = "https://issuer.example/jwks";

/// A store, and an issuer that publishes `keys` or is away.
struct Double {
    now: Cell<i64>,
    kept: RefCell<Option<Record>>,
    keys: RefCell<Option<Vec<Value>>>,
    readings: Cell<usize>,
}

impl Double {
    fn new(keys: Option<Vec<Value>>) -> Self {
        Self {
            now: Cell::new(NOW),
            kept: RefCell::default(),
            keys: RefCell::new(keys),
            readings: Cell::new(0),
        }
    }

    /// Not at a full millisecond.
    fn now(&self) -> Duration {
        let seconds = u64::try_from(self.now.get()).expect("is after 1970");
        Duration::new(seconds, 999_999)
    }

    fn pass(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds);
    }

    /// The verdict on a token, and whether the URL was read for it.
    fn outcome(&self, token: &str) -> (Result<Principal, Denial>, bool) {
        let before = self.readings.get();
        let config = configure(&[("jwt_jwks_url", URL)]).expect("is a configuration");
        let judged = authorize(self, self.now(), |keys| {
            verify(&config, keys, token, self.now())
        });
        (judged, self.readings.get() > before)
    }
}

impl Shelf for Double {
    fn kept(&self) -> Result<Option<Record>, String> {
        Ok(self.kept.borrow().clone())
    }

    fn read_again(&self) -> Result<(), String> {
        self.readings.set(self.readings.get() + 1);
        let old = self.kept.borrow_mut().take();
        let record = match &*self.keys.borrow() {
            Some(keys) => {
                let (set, _) = KeySet::parse(&set(keys), Origin::Url).expect("is a set");
                Record::read(URL, set, self.now())
            }
            None => Record::not_read(URL, old, self.now()),
        };
        self.kept.replace(Some(record));
        Ok(())
    }
}

/// A token of this time.
fn issued(issuer: &Issuer, kid: &str, iat: i64) -> String {
    let header = json!({"alg": issuer.algorithm(), "kid": kid});
    let claims = json!({"sub": "456", "iat": iat, "exp": NOW + 1_000_000});
    issuer.token_with_header(&header, &claims)
}

fn is_unavailable(judged: &Result<Principal, Denial>) -> bool {
    matches!(judged, Err(Denial::Unavailable(_)))
}

#[test]
fn a_known_key_costs_no_reading_and_an_unknown_one_a_reading_a_minute() {
    let (issuer, stranger) = (Issuer::es256(), Issuer::es256());
    let shelf = Double::new(Some(vec![jwk(&issuer, json!({"kid": "1"}))]));
    let good = signed(&issuer, "1");
    let (judged, has_read) = shelf.outcome(&good);
    assert!(judged.is_ok() && has_read);
    for _ in 0..100 {
        let (judged, has_read) = shelf.outcome(&good);
        assert!(judged.is_ok() && !has_read);
        let (judged, has_read) = shelf.outcome(&signed(&stranger, "x"));
        assert!(judged.is_err() && !has_read);
        // Under a known name, no set could make it hold.
        let (judged, has_read) = shelf.outcome(&signed(&stranger, "1"));
        assert_eq!((reason(judged), has_read), (UNSIGNED.to_owned(), false));
    }
    shelf.pass(60);
    let (judged, has_read) = shelf.outcome(&signed(&stranger, "x"));
    assert_eq!((reason(judged), has_read), (UNKNOWN.to_owned(), true));
    assert!(!shelf.outcome(&signed(&stranger, "y")).1);
    assert_eq!(shelf.readings.get(), 2);
}

#[test]
fn a_rotation_costs_nobody_a_refusal() {
    let [old, new, newest] = [Issuer::es256(), Issuer::eddsa(), Issuer::es256()];
    let keys = [(&old, "1"), (&new, "2"), (&newest, "3")];
    let keys = keys.map(|(issuer, kid)| jwk(issuer, json!({"kid": kid})));
    let shelf = Double::new(Some(vec![keys[0].clone()]));
    let first = issued(&old, "1", NOW);
    assert!(shelf.outcome(&first).0.is_ok());

    shelf.pass(100);
    shelf.keys.replace(Some(keys[..2].to_vec()));
    let second = issued(&new, "2", NOW + 100);
    assert!(shelf.outcome(&second).0.is_ok());
    assert!(shelf.outcome(&first).0.is_ok());

    // The next one comes before the set may be read again: it is asked to wait.
    shelf.pass(10);
    shelf.keys.replace(Some(keys[1..].to_vec()));
    let third = issued(&newest, "3", NOW + 110);
    let (judged, has_read) = shelf.outcome(&third);
    assert!(is_unavailable(&judged) && !has_read, "{judged:?}");
    assert!(shelf.outcome(&first).0.is_ok());
    shelf.pass(50);
    let (judged, has_read) = shelf.outcome(&third);
    assert!(judged.is_ok() && has_read);

    // The key of the first is gone since: a set that is newer than the token says so.
    assert_eq!(reason(shelf.outcome(&first).0), UNKNOWN);
    assert!(shelf.outcome(&second).0.is_ok());
}

#[test]
fn the_old_set_serves_while_the_issuer_is_away() {
    let [issuer, new] = [Issuer::es256(), Issuer::es256()];
    let keys = vec![jwk(&issuer, json!({"kid": "1"}))];
    let shelf = Double::new(Some(keys));
    let token = issued(&issuer, "1", NOW);
    assert!(shelf.outcome(&token).0.is_ok());
    shelf.keys.replace(None);
    for _ in 0..20 {
        shelf.pass(3600);
        let (judged, has_read) = shelf.outcome(&token);
        assert!(judged.is_ok() && has_read, "an old set is read again");
        shelf.pass(59);
        let (judged, has_read) = shelf.outcome(&token);
        assert!(judged.is_ok() && !has_read, "once a minute");
    }
    // A new key cannot be told from a forged one now.
    let fresh = issued(&new, "2", shelf.now.get());
    assert!(is_unavailable(&shelf.outcome(&fresh).0));
    let present = vec![jwk(&new, json!({"kid": "2"}))];
    shelf.keys.replace(Some(present));
    shelf.pass(60);
    assert!(shelf.outcome(&fresh).0.is_ok());
    assert_eq!(reason(shelf.outcome(&token).0), UNKNOWN);
}

#[test]
fn a_removed_key_is_trusted_for_an_hour_at_most() {
    let [issuer, other] = [Issuer::es256(), Issuer::es256()];
    let keys = [(&issuer, "1"), (&other, "2")];
    let keys = keys.map(|(issuer, kid)| jwk(issuer, json!({"kid": kid})));
    let shelf = Double::new(Some(keys.to_vec()));
    let token = issued(&issuer, "1", NOW);
    assert!(shelf.outcome(&token).0.is_ok());
    shelf.keys.replace(Some(keys[1..].to_vec()));
    shelf.pass(3599);
    assert!(shelf.outcome(&token).0.is_ok());
    shelf.pass(1);
    assert_eq!(reason(shelf.outcome(&token).0), UNKNOWN);
}

#[test]
fn nobody_is_judged_without_a_set() {
    let issuer = Issuer::es256();
    let shelf = Double::new(None);
    let token = signed(&issuer, "1");
    for expected in [true, false, false] {
        let (judged, has_read) = shelf.outcome(&token);
        assert!(is_unavailable(&judged), "{judged:?}");
        assert_eq!(has_read, expected);
    }
    let keys = vec![jwk(&issuer, json!({"kid": "1"}))];
    shelf.keys.replace(Some(keys));
    shelf.pass(60);
    assert!(shelf.outcome(&token).0.is_ok());
}

/// Some issuers name no key at all.
#[test]
fn a_nameless_key_is_rotated_too() {
    let [old, new] = [Issuer::es256(), Issuer::eddsa()];
    let shelf = Double::new(Some(vec![jwk(&old, json!({}))]));
    assert!(shelf.outcome(&old.token(&claims())).0.is_ok());
    let keys = vec![jwk(&new, json!({}))];
    shelf.keys.replace(Some(keys));
    shelf.pass(1);
    assert!(is_unavailable(&shelf.outcome(&new.token(&claims())).0));
    shelf.pass(60);
    assert!(shelf.outcome(&new.token(&claims())).0.is_ok());
}

#[test]
fn a_token_of_no_time_or_of_the_future_is_refused_by_the_set_read_for_it() {
    let (issuer, stranger) = (Issuer::es256(), Issuer::es256());
    let shelf = Double::new(Some(vec![jwk(&issuer, json!({"kid": "1"}))]));
    let header = json!({"alg": "ES256", "kid": "x"});
    let mut timeless = claims();
    timeless
        .as_object_mut()
        .expect("is an object")
        .remove("iat");
    for claims in [timeless, with("iat", NOW + 90_000), with("iat", -1)] {
        let token = stranger.token_with_header(&header, &claims);
        let (judged, has_read) = shelf.outcome(&token);
        assert_eq!((reason(judged), has_read), (UNKNOWN.to_owned(), true));
        shelf.pass(1);
        let (judged, has_read) = shelf.outcome(&token);
        assert!(is_unavailable(&judged) && !has_read);
        shelf.pass(60);
    }
}
