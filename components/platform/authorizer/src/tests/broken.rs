//! Tokens that were not made as an issuer makes them: whatever they are, they are
//! refused and end nothing. The cases are the same in each run.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

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
    let mut odd: Vec<Vec<u8>> = [0, 1, 31, 32, 33, 63, 64, 65, 128, 255, 256, 257, 512, 4096]
        .iter()
        .flat_map(|length| [vec![0; *length], vec![0xff; *length]])
        .collect();
    odd.push(good[..good.len() - 1].to_vec());
    odd.push([good, &[0]].concat());
    odd.push([&[0][..], good].concat());
    match issuer {
        Issuer::Hs256(_) => {}
        Issuer::Rs256(key) => {
            let (n, one) = (key.n(), BigUint::from(1u8));
            let unwrapped = BigUint::from_bytes_be(good);
            for number in [&one, &(n - &one), n, &(n + &one), &(n - unwrapped)] {
                odd.push(bytes(number, 256));
            }
        }
        Issuer::Es256(_) => {
            let (n, one) = (number(P256_ORDER), BigUint::from(1u8));
            let max = (BigUint::from(1u8) << 256usize) - &one;
            let zero = BigUint::default();
            let odd_numbers = [
                zero,
                one.clone(),
                &n - &one,
                n.clone(),
                n + one,
                number(P256_PRIME),
                max,
            ];
            for number in odd_numbers.map(|number| bytes(&number, 32)) {
                odd.push([&*number, &good[32..]].concat());
                odd.push([&good[..32], &number].concat());
                odd.push([&*number, &number].concat());
            }
            odd.push([&good[32..], &good[..32]].concat());
        }
        Issuer::EdDsa(_) => {
            let little = |number: &BigUint| {
                let mut bytes = bytes(number, 32);
                bytes.reverse();
                bytes
            };
            // S, and S with the order added: the same number for who does not look (RFC 8032, 8.4).
            let s = good[32..].iter().rev().copied().collect::<Vec<_>>();
            let s = BigUint::from_bytes_be(&s);
            let order = number(ED25519_ORDER);
            for s in [&s + &order, order, BigUint::default()] {
                odd.push([&good[..32], &little(&s)].concat());
            }
            // R of small order, in canonical form and not.
            for first in [0, 1, 0xec, 0xed, 0xee] {
                let rest = if first < 2 { 0 } else { 0xff };
                for last in [rest & 0x7f, rest | 0x80] {
                    let r = [&[first][..], &[rest; 30], &[last]].concat();
                    odd.push([&*r, &good[32..]].concat());
                    odd.push([&*r, &[0; 32]].concat());
                }
            }
        }
    }
    odd
}

#[test]
fn odd_signatures_match_nothing() {
    for issuer in Issuer::all() {
        let config = issuer.config(&[]);
        let token = issuer.token(&claims());
        let (message, signature) = token.rsplit_once('.').expect("has parts");
        for odd in odd_signatures(&issuer, &decode(signature)) {
            let token = format!("{message}.{}", encode(&odd));
            assert_eq!(reason(check(&config, &token)), UNSIGNED, "{token}");
        }
    }
}

/// A token with some characters replaced by others.
fn edited(token: &str, at: Index, removed: usize, inserted: &str) -> String {
    let at = at.index(token.len() + 1);
    let end = (at + removed).min(token.len());
    [&token[..at], inserted, &token[end..]].concat()
}

/// Any JSON, with the names and the numbers that mean something in a token.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| json!(value).to_string()),
        select(vec![
            "1e400",
            "-1e400",
            "-0",
            "1795334400",
            "1.7953344e9",
            "99999999999999999999"
        ])
        .prop_map(str::to_owned),
        select(vec!["HS256", "none", "admin ops", "456", ""])
            .prop_map(|text| json!(text).to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let names = select(vec![
            "alg", "crit", "exp", "nbf", "iat", "sub", "aud", "roles", "scope", "x",
        ]);
        let member = (names, inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
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
        inserted in "[A-Za-z0-9_=. +/-]{0,6}",
    ) {
        for (issuer, config, token) in SIGNED.iter() {
            let edited = edited(token, at, removed, &inserted);
            if edited != *token {
                prop_assert!(check(config, &edited).is_err(), "{}: {edited}", issuer.algorithm());
            }
        }
    }

    #[test]
    fn a_token_with_edited_bytes_lets_nobody_in(
        part in 0usize..3,
        at in any::<Index>(),
        removed in 0usize..3,
        inserted in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        for (issuer, config, token) in SIGNED.iter() {
            let mut parts: Vec<Vec<u8>> = token.split('.').map(decode).collect();
            let bytes = &mut parts[part];
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted.iter().copied());
            let edited = parts.iter().map(encode).collect::<Vec<_>>().join(".");
            if edited != *token {
                prop_assert!(check(config, &edited).is_err(), "{}: {edited}", issuer.algorithm());
            }
        }
    }

    #[test]
    fn a_signature_of_any_bytes_lets_nobody_in(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            prop::collection::vec(any::<u8>(), 64),
            prop::collection::vec(any::<u8>(), 256),
        ],
    ) {
        for (_, config, token) in SIGNED.iter() {
            let (message, _) = token.rsplit_once('.').expect("has parts");
            let token = format!("{message}.{}", encode(&bytes));
            prop_assert_eq!(reason(check(config, &token)), UNSIGNED);
        }
    }

    #[test]
    fn whatever_an_issuer_signs_is_judged(header in json_text(), claims in json_text()) {
        let (issuer, config, _) = &SIGNED[0];
        let standard = issuer.header().to_string();
        for (header, claims) in [(&header, &claims), (&standard, &claims)] {
            if let Ok(principal) = check(config, &issuer.token_of(header, claims)) {
                let claims: Value = serde_json::from_str(claims).expect("is JSON");
                prop_assert!(!principal.subject.trim().is_empty());
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
            let key = edited(&issuer.public_key(), at, removed, &inserted);
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
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("is a key");
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    [
        Issuer::hs256(),
        Issuer::Rs256(&RSA),
        Issuer::Es256(p256),
        Issuer::EdDsa(ed25519),
    ]
    .map(|issuer| {
        let (config, token) = (issuer.config(&[]), issuer.token(&claims()));
        assert!(check(&config, &token).is_ok());
        (issuer, config, token)
    })
});
