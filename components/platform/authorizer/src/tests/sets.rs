//! Key sets: which key verifies a token, and which sets are refused.

use super::*;

/// The public half of an issuer in a set.
pub fn jwk(issuer: &Issuer, changes: Value) -> Value {
    let mut jwk = match issuer {
        Issuer::Hs256(secret) => json!({"kty": "oct", "alg": "HS256", "k": encode(secret)}),
        Issuer::Rs256(key) => json!({
            "kty": "RSA",
            "n": encode(key.n().to_bytes_be()),
            "e": encode(key.e().to_bytes_be()),
        }),
        Issuer::Es256(key) => {
            let point = key.verifying_key().to_encoded_point(false);
            let (x, y) = (point.x().expect("has x"), point.y().expect("has y"));
            json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
        }
        Issuer::EdDsa(key) => json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode(key.verifying_key().as_bytes()),
        }),
    };
    for (name, value) in changes.as_object().expect("is an object") {
        jwk[name] = value.clone();
    }
    jwk
}

pub fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The configuration with this set, or the reason for its refusal.
fn configure_text(set: &str) -> Result<Config, String> {
    configure(&[("jwt_jwks", set)])
}

fn configure_set(keys: &[Value]) -> Result<Config, String> {
    configure_text(&set(keys))
}

pub fn signed(issuer: &Issuer, kid: impl Into<Value>) -> String {
    let header = json!({"alg": issuer.algorithm(), "kid": kid.into()});
    issuer.token_with_header(&header, &claims())
}

pub const UNKNOWN: &str = "its `kid` is that of no known key";

#[test]
fn the_kid_chooses_the_key_and_the_key_its_algorithm() {
    let issuers = Issuer::all();
    let kids = ["h", "r", "e", "d"];
    let keys = issuers.iter().zip(kids);
    let keys: Vec<_> = keys
        .map(|(issuer, kid)| jwk(issuer, json!({"kid": kid})))
        .collect();
    let config = configure_set(&keys).expect("is a configuration");
    for (issuer, own) in issuers.iter().zip(kids) {
        assert!(check(&config, &signed(issuer, own)).is_ok(), "{own}");
        for (other, kid) in issuers.iter().zip(kids) {
            if kid == own {
                continue;
            }
            // With another's kid, with its own algorithm and with the other's.
            assert_eq!(
                reason(check(&config, &signed(issuer, kid))),
                format!("it is not signed with {}", other.algorithm())
            );
            let header = json!({"alg": other.algorithm(), "kid": kid});
            let disguised = issuer.token_with_header(&header, &claims());
            assert_eq!(reason(check(&config, &disguised)), UNSIGNED);
        }
        for unknown in ["", "R", "x"] {
            assert_eq!(reason(check(&config, &signed(issuer, unknown))), UNKNOWN);
        }
        let nameless = issuer.token(&claims());
        assert_eq!(
            reason(check(&config, &nameless)),
            "it has no `kid`, and there are several keys"
        );
    }
    let none = encode(r#"{"alg":"none","kid":"r"}"#);
    let none = format!("{none}.{}.", encode(claims().to_string()));
    assert_eq!(reason(check(&config, &none)), "it is not signed with RS256");
}

/// A public key is known to all, so anyone can sign with it as a secret.
#[test]
fn a_public_key_of_a_set_is_no_secret() {
    let key = jwk(&Issuer::rs256(), json!({"kid": "r"}));
    let config = configure_set(std::slice::from_ref(&key)).expect("is a configuration");
    let texts = [pem(&RSA.to_public_key()), key.to_string(), set(&[key])];
    for text in texts {
        let forger = Issuer::Hs256(text.leak());
        for header in [
            json!({"alg": "HS256", "kid": "r"}),
            json!({"alg": "HS256"}),
            json!({"alg": "RS256", "kid": "r"}),
        ] {
            let forged = forger.token_with_header(&header, &claims());
            assert!(check(&config, &forged).is_err(), "{header}");
        }
    }
}

#[test]
fn a_token_without_a_kid_may_be_of_the_only_key() {
    let (issuer, other) = (Issuer::es256(), Issuer::eddsa());
    let keys = [
        jwk(&issuer, json!({"kid": "1"})),
        jwk(&other, json!({"kid": "2", "use": "enc"})),
    ];
    let config = configure_set(&keys).expect("is a configuration");
    assert!(check(&config, &issuer.token(&claims())).is_ok());
    assert_eq!(
        reason(check(&config, &Issuer::es256().token(&claims()))),
        UNSIGNED
    );
    // The only key, and not the name of it.
    assert_eq!(reason(check(&config, &signed(&issuer, "2"))), UNKNOWN);
    let nameless = configure_set(&[jwk(&issuer, json!({}))]).expect("is a configuration");
    assert!(check(&nameless, &issuer.token(&claims())).is_ok());
    assert_eq!(reason(check(&nameless, &signed(&issuer, "1"))), UNKNOWN);
}

#[test]
fn keys_of_one_kid_are_each_tried_with_their_own_algorithm() {
    let [first, second] = [Issuer::es256(), Issuer::es256()];
    let third = Issuer::eddsa();
    let keys = [&first, &second, &third].map(|issuer| jwk(issuer, json!({"kid": "1"})));
    let config = configure_set(&keys).expect("is a configuration");
    for issuer in [&first, &second, &third] {
        assert!(check(&config, &signed(issuer, "1")).is_ok());
    }
    assert_eq!(
        reason(check(&config, &signed(&Issuer::es256(), "1"))),
        UNSIGNED
    );
    assert_eq!(
        reason(check(&config, &signed(&Issuer::hs256(), "1"))),
        "it is not signed with ES256"
    );
}

#[test]
fn keys_for_another_use_and_of_unknown_kinds_are_passed_over() {
    let (issuer, other) = (Issuer::es256(), Issuer::eddsa());
    let own = jwk(
        &issuer,
        json!({"kid": "1", "alg": "ES256", "use": "sig", "x5t": 7}),
    );
    for passed in [
        jwk(&other, json!({"use": "enc"})),
        jwk(&other, json!({"use": "other"})),
        jwk(&other, json!({"key_ops": ["sign"]})),
        jwk(&other, json!({"key_ops": []})),
        jwk(&other, json!({"alg": "ES256"})),
        jwk(&other, json!({"alg": "none"})),
        jwk(&other, json!({"alg": "eddsa"})),
        jwk(&other, json!({"crv": "Ed448"})),
        jwk(&other, json!({"kty": "okp"})),
        jwk(&Issuer::es256(), json!({"crv": "P-384"})),
        jwk(
            &Issuer::es256(),
            json!({"crv": "secp256k1", "alg": "ES256K"}),
        ),
        jwk(&Issuer::rs256(), json!({"alg": "PS256"})),
        jwk(&Issuer::rs256(), json!({"alg": "RSA-OAEP"})),
        jwk(&Issuer::rs256(), json!({"alg": "HS256"})),
        jwk(&Issuer::hs256(), json!({"alg": "HS512"})),
        jwk(&Issuer::hs256(), json!({"alg": "A128KW"})),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "1"}),
    ] {
        let config = configure_set(&[passed.clone(), own.clone()]);
        let config = config.unwrap_or_else(|error| panic!("{error}: {passed}"));
        assert!(check(&config, &signed(&issuer, "1")).is_ok(), "{passed}");
        // It is the only one.
        assert!(check(&config, &issuer.token(&claims())).is_ok(), "{passed}");
        let alone = configure_set(&[passed]).err().expect("is refused");
        assert!(alone.contains("has no key that verifies"), "{alone}");
    }
    let verifier = jwk(&other, json!({"key_ops": ["sign", "verify"], "kid": "2"}));
    let config = configure_set(&[own, verifier]).expect("is a configuration");
    assert!(check(&config, &signed(&other, "2")).is_ok());
}

#[test]
fn a_set_that_cannot_be_used_is_refused_with_the_reason() {
    let [secret, rsa, p256, ed25519] = Issuer::all();
    let key = |issuer, changes| set(&[jwk(issuer, changes)]);
    let small = encode([&[0x80][..], &[0; 126], &[1]].concat());
    let twice = set(&[jwk(&ed25519, json!({}))]).replacen(r#""crv""#, r#""kty":"EC","crv""#, 1);
    let many = vec![jwk(&ed25519, json!({})); 65];
    let long = key(&ed25519, json!({"x5c": ["M".repeat(64 * 1024)]}));
    let mut cases = vec![
        ("not JSON".to_owned(), "is no JSON Web Key Set"),
        ("[]".to_owned(), "is no JSON Web Key Set"),
        (pem(&RSA.to_public_key()), "holds PEM"),
        (jwk(&ed25519, json!({})).to_string(), "is one key"),
        (r#"{"keys":{}}"#.to_owned(), "has `keys` that are no list"),
        (r#"{"keys":[7]}"#.to_owned(), "has `keys` that are no list"),
        (
            twice,
            "has `keys` that are no list of objects with each member once",
        ),
        (set(&[]), "has no key that verifies"),
        (set(&many), "has more than 64 keys"),
        (long, "is longer than 64 KiB"),
        (
            key(&rsa, json!({"n": small})),
            "cannot be used: the key number 1 has 1024 bits",
        ),
        (
            key(&rsa, json!({"n": small, "kid": "a"})),
            "cannot be used: the key `a` has 1024 bits",
        ),
        (
            key(&rsa, json!({"e": "AA"})),
            "cannot be used: the key number 1 cannot be used",
        ),
        (
            key(&rsa, json!({"n": null})),
            "cannot be used: the key number 1 has no `n`",
        ),
        (
            key(&rsa, json!({"n": "+/"})),
            "cannot be used: the key number 1 has a `n` that is no",
        ),
        (
            key(&rsa, json!({"d": "AQAB"})),
            "cannot be used: the key number 1 holds a private key",
        ),
        (
            key(&p256, json!({"x": "AQ"})),
            "cannot be used: the key number 1 has an `x` or `y`",
        ),
        (
            key(&p256, json!({"y": encode([1; 32])})),
            "cannot be used: the key number 1 holds no",
        ),
        (
            key(&ed25519, json!({"x": "AQ"})),
            "cannot be used: the key number 1 is damaged",
        ),
        (
            key(&ed25519, json!({"kid": 7})),
            "cannot be used: the key number 1 has a `kid`",
        ),
        (
            key(&ed25519, json!({"use": ["sig"]})),
            "cannot be used: the key number 1 has a `use`",
        ),
        (
            key(&ed25519, json!({"key_ops": "verify"})),
            "cannot be used: the key number 1 has `key",
        ),
        (
            key(&ed25519, json!({"kty": null})),
            "cannot be used: the key number 1 has no `kty`",
        ),
        (
            key(&secret, json!({"alg": null})),
            "cannot be used: the key number 1 is a secret wi",
        ),
        (
            key(&secret, json!({"k": encode([7; 31])})),
            "cannot be used: the key number 1 is too sh",
        ),
    ];
    for point in keys::small_order_points() {
        let reason = "cannot be used: the key number 1 is a point of small order";
        cases.push((key(&ed25519, json!({"x": encode(point)})), reason));
    }
    for (set, expected) in cases {
        let problem = configure_text(&set).err().expect("is refused");
        let expected = format!("the variable `jwt_jwks` {expected}");
        assert!(
            problem.starts_with(&expected),
            "{problem} instead of {expected}"
        );
    }
    // A good key beside it does not hide it: the operator can change the variable.
    let beside = set(&[jwk(&p256, json!({})), jwk(&rsa, json!({"n": small}))]);
    let problem = configure_text(&beside).err();
    assert!(
        problem
            .expect("is refused")
            .contains("number 2 has 1024 bits")
    );
}

#[test]
fn keys_are_set_in_one_way_only() {
    let set = set(&[jwk(&Issuer::eddsa(), json!({}))]);
    let url = "https://issuer.example/jwks";
    for (name, keys) in [("jwt_jwks", &*set), ("jwt_jwks_url", url)] {
        for other in ["jwt_secret", "jwt_public_key"] {
            let both = configure(&[(name, keys), (other, SECRET)]);
            assert_eq!(
                both.err().expect("is refused"),
                format!(
                    "the variable `{name}` and `{other}` are both set: leave one of them empty"
                )
            );
        }
    }
    assert_eq!(
        configure(&[("jwt_jwks_url", url), ("jwt_jwks", &set)])
            .err()
            .expect("is refused"),
        "the variable `jwt_jwks` and `jwt_jwks_url` are both set: leave one of them empty"
    );
    for wrong in [
        "issuer.example/jwks",
        "ftp://issuer.example",
        "https://",
        "{}",
    ] {
        let problem = configure(&[("jwt_jwks_url", wrong)])
            .err()
            .expect("is refused");
        assert!(
            problem.starts_with("the variable `jwt_jwks_url` is no URL"),
            "{problem}"
        );
    }
    // Blanks are as good as nothing.
    let config = configure(&[
        ("jwt_algorithm", "HS256"),
        ("jwt_secret", " "),
        ("jwt_jwks_url", &format!(" {url} ")),
        ("jwt_jwks", " "),
    ]);
    let source = config.expect("is a configuration").source;
    assert!(matches!(source, Source::Url(own) if own == url));
    let unset = configure(&[
        ("jwt_algorithm", "HS256"),
        ("jwt_secret", SECRET),
        ("jwt_jwks_url", " "),
    ]);
    assert!(unset.is_ok());
}

/// RFC 7517, A.1, and the key of RFC 7515, A.3, whose signature it verifies.
#[test]
fn the_examples_of_rfc_7517_and_rfc_7515_hold() {
    let text = r#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
         "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
        {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
         "e":"AQAB","alg":"RS256","kid":"2011-04-29"},
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let (set, unfit) = jwks::KeySet::parse(text, jwks::Origin::Url).expect("is a set");
    assert_eq!((set.len(), unfit), (2, vec![]));
    let algorithms = |kid| {
        let keys = set.named(kid).map(Key::algorithm);
        keys.collect::<Vec<_>>()
    };
    assert_eq!(algorithms(Some("2011-04-29")), ["RS256"]);
    assert!(algorithms(Some("1")).is_empty());
    assert!(algorithms(None).is_empty());
}

#[test]
fn a_secret_at_a_url_is_none_and_one_bad_key_there_hides_no_good_one() {
    let [secret, rsa, p256, _] = Issuer::all();
    let keys = [
        jwk(&secret, json!({"kid": "h"})),
        jwk(&rsa, json!({"kid": "r", "n": "AQAB"})),
        jwk(&p256, json!({"kid": "e"})),
    ];
    let (read, unfit) = jwks::KeySet::parse(&set(&keys), jwks::Origin::Url).expect("is a set");
    assert_eq!(read.len(), 1);
    assert!(read.named(Some("e")).next().is_some());
    let unfit: Vec<_> = unfit.iter().map(ToString::to_string).collect();
    assert!(unfit[0].starts_with("the key `h` is a secret, which is none at a URL"));
    assert!(
        unfit[1].starts_with("the key `r` has 17 bits"),
        "{}",
        unfit[1]
    );
}
