//! Tokens that no issuer makes: all are refused, and none ends the component.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use sha2::{Digest, Sha512};

use super::*;

/// The order of P-256, the prime of its field, and the order of Ed25519's group.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P256_PRIME: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).expect("is hex")
}

/// A number of some bytes, the most significant first.
fn bytes(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; length - bytes.len()], bytes].concat()
}

/// Signatures that a careless verifier takes for any message, or ends at.
fn odd_signatures(issuer: &Issuer, good: &[u8]) -> Vec<Vec<u8>> {
    let mut odd = vec![good[..good.len() - 1].to_vec()];
    for length in [0, 1, 31, 32, 33, 63, 64, 65, 128, 255, 256, 257, 512, 4096] {
        odd.extend([vec![0; length], vec![0xff; length]]);
    }
    odd.extend([[good, &[0]].concat(), [&[0][..], good].concat()]);
    let one = BigUint::from(1u8);
    match issuer {
        Issuer::Hs256(_) => {}
        Issuer::Rs256(key) => {
            let n = key.n();
            let negative = n - BigUint::from_bytes_be(good);
            for number in [&one, &(n - &one), n, &(n + &one), &negative] {
                odd.push(bytes(number, 256));
            }
        }
        Issuer::Es256(_) => {
            let n = number(P256_ORDER);
            let max = (&one << 256usize) - &one;
            let numbers = [&n - &one, &n + &one, n, number(P256_PRIME), max, one];
            for number in numbers.iter().chain([&BigUint::default()]) {
                let number = bytes(number, 32);
                odd.push([&*number, &good[32..]].concat());
                odd.push([&good[..32], &number].concat());
                odd.push([&*number, &number].concat());
            }
            odd.push([&good[32..], &good[..32]].concat());
        }
        Issuer::EdDsa(_) => {
            // S with the order added is the same number to a verifier that does not
            // look (RFC 8032, 8.4).
            let order = number(ED25519_ORDER);
            let s: Vec<u8> = good[32..].iter().rev().copied().collect();
            let s = BigUint::from_bytes_be(&s);
            for s in [&s + &order, order, BigUint::default()] {
                let little_endian: Vec<u8> = bytes(&s, 32).into_iter().rev().collect();
                odd.push([&good[..32], &little_endian].concat());
            }
            for r in keys::small_order_points() {
                odd.push([&r[..], &good[32..]].concat());
                odd.push([&r[..], &[0; 32]].concat());
            }
        }
    }
    odd
}

#[test]
fn odd_signatures_match_nothing() {
    for (issuer, config, token) in SIGNED.iter() {
        let (message, signature) = token.rsplit_once('.').expect("has parts");
        for odd in odd_signatures(issuer, &decode(signature)) {
            let token = format!("{message}.{}", encode(&odd));
            assert_eq!(reason(check(config, &token)), UNSIGNED, "{token}");
        }
    }
}

/// The owner of the key can make a signature with R of small order that fulfils the equation
/// of RFC 8032. Verifiers disagree on such a signature, so its token is refused.
#[test]
fn an_ed25519_signature_whose_r_is_of_small_order_matches_nothing() {
    let (issuer, config, token) = &SIGNED[3];
    let Issuer::EdDsa(key) = issuer else {
        panic!("is the issuer of Ed25519");
    };
    let (message, _) = token.rsplit_once('.').expect("has parts");
    let r = [&[1][..], &[0; 31]].concat();
    let hashed = [&*r, key.verifying_key().as_bytes(), message.as_bytes()].concat();
    let hash: Vec<u8> = Sha512::digest(hashed).into_iter().rev().collect();
    let scalar: Vec<u8> = key.to_scalar().to_bytes().into_iter().rev().collect();
    let s = BigUint::from_bytes_be(&hash) * BigUint::from_bytes_be(&scalar) % number(ED25519_ORDER);
    let s: Vec<u8> = bytes(&s, 32).into_iter().rev().collect();
    let signature = [r, s].concat();

    let lenient = ed25519_dalek::Signature::from_slice(&signature).expect("has the form");
    assert!(Ed25519.verify_signature(&lenient, &key.verifying_key(), message.as_bytes()));
    let token = format!("{message}.{}", encode(signature));
    assert_eq!(reason(check(config, &token)), UNSIGNED);
}

/// Bytes of which some are replaced by others.
fn edited(bytes: &[u8], at: Index, removed: usize, inserted: &[u8]) -> Vec<u8> {
    let at = at.index(bytes.len() + 1);
    let end = (at + removed).min(bytes.len());
    [&bytes[..at], inserted, &bytes[end..]].concat()
}

fn edited_text(text: &str, at: Index, removed: usize, inserted: &str) -> String {
    let edited = edited(text.as_bytes(), at, removed, inserted.as_bytes());
    String::from_utf8(edited).expect("is ASCII")
}

/// Any JSON, with the names and the numbers that mean something in a token.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| json!(value).to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
        "null|true|1e400|-1e400|-0|1795334400|1\\.7953344e9|9{20}",
        "\"(HS256|none|admin ops|456|)\"",
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let name = "alg|crit|exp|nbf|iat|sub|aud|roles|scope|tenant_id|x";
        let member = (name, inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(member, 0..8).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(7519),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_edited_token_lets_nobody_in(
        at in any::<Index>(),
        removed in 0usize..6,
        text in "[A-Za-z0-9_=. +/-]{0,6}",
        part in 0usize..3,
        raw in prop::collection::vec(any::<u8>(), 0..3),
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for (issuer, config, token) in SIGNED.iter() {
            let mut parts: Vec<Vec<u8>> = token.split('.').map(decode).collect();
            let (message, _) = token.rsplit_once('.').expect("has parts");
            parts[part] = edited(&parts[part], at, removed, &raw);
            for edited in [
                edited_text(token, at, removed, &text),
                parts.iter().map(encode).collect::<Vec<_>>().join("."),
                format!("{message}.{}", encode(&signature)),
            ] {
                if edited != *token {
                    prop_assert!(check(config, &edited).is_err(), "{}: {edited}", issuer.algorithm());
                }
            }
        }
    }

    #[test]
    fn anything_that_an_issuer_signs_is_judged(header in json_text(), claims in json_text()) {
        let (issuer, config, _) = &SIGNED[0];
        for header in [&*header, r#"{"alg":"HS256"}"#] {
            if let Ok(principal) = check(config, &issuer.token_of(header, &claims)) {
                let claims: Value = serde_json::from_str(&claims).expect("is JSON");
                prop_assert!(!principal.subject.trim().is_empty());
                prop_assert!(principal.tenant.is_none_or(|tenant| !tenant.trim().is_empty()));
                prop_assert!(principal.expires_at as i64 + 30 > NOW);
                prop_assert_eq!(claims["exp"].as_f64().map(|exp| exp as u64), Some(principal.expires_at));
            }
        }
    }

    #[test]
    fn any_key_is_taken_or_refused_with_a_reason(
        at in any::<Index>(),
        removed in 0usize..40,
        inserted in "[ -~\n]{0,8}",
    ) {
        for (issuer, _, token) in SIGNED.iter().skip(1) {
            let key = edited_text(&issuer.public_key(), at, removed, &inserted);
            let variables = [("jwt_algorithm", issuer.algorithm()), ("jwt_public_key", &key)];
            match configure(&variables) {
                // Another key, or the same with other blanks.
                Ok(config) => drop(check(&config, token)),
                Err(problem) => prop_assert!(problem.starts_with("the variable `jwt_public_key` ")),
            }
        }
    }
}

/// An issuer of each algorithm, its configuration, and a token that holds.
static SIGNED: LazyLock<[(Issuer, Config, String); 4]> = LazyLock::new(|| {
    Issuer::all().map(|issuer| {
        let (config, token) = (issuer.config(&[]), issuer.token(&claims()));
        assert!(check(&config, &token).is_ok());
        (issuer, config, token)
    })
});
