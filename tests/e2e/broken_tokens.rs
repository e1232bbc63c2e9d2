//! What strangers send for a token is refused by the component as it is shipped,
//! and ends nothing. The authorizer's own tests try more, natively.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tests::{App, USER, body};

use crate::access::{FAR, is_refused, issuers, scan, token, verifying};

const P256_ORDER: &[u8; 32] = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
    \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
/// The least significant byte first.
const ED25519_ORDER: &[u8; 32] =
    b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// A token with header and claims of any text.
fn signed(algorithm: Algorithm, key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A number of 32 bytes and the one before it.
fn and_one_less(number: &[u8; 32], last: usize) -> [[u8; 32]; 2] {
    let mut less = *number;
    less[last] -= 1;
    [*number, less]
}

/// Signatures for a token whose own is good: of numbers that no signature has, and
/// of other lengths.
fn odd_signatures(algorithm: Algorithm, good: &[u8]) -> Vec<Vec<u8>> {
    let lengths = [0, 1, 32, 63, 64, 65, 255, 256, 257, 512, 5000];
    let mut odd: Vec<Vec<u8>> = lengths
        .iter()
        .flat_map(|length| [vec![0; *length], vec![0xff; *length]])
        .collect();
    odd.push(good[..good.len() - 1].to_vec());
    odd.push([good, &[0]].concat());
    let mut one = [0; 32];
    let numbers = match algorithm {
        Algorithm::ES256 => {
            one[31] = 1;
            and_one_less(P256_ORDER, 31)
        }
        _ => {
            one[0] = 1;
            and_one_less(ED25519_ORDER, 0)
        }
    };
    for number in [[0; 32], one, [0xff; 32]].iter().chain(&numbers) {
        if good.len() == 64 {
            odd.push([&number[..], &good[32..]].concat());
            odd.push([&good[..32], number].concat());
            odd.push([&number[..], number].concat());
        }
    }
    odd
}

/// Tokens that are refused with every algorithm.
fn broken(algorithm: Algorithm, key: &EncodingKey) -> Vec<String> {
    let good = token(algorithm, key, &json!({"sub": USER, "exp": FAR}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let mut broken: Vec<String> = odd_signatures(algorithm, &decode(signature))
        .iter()
        .map(|odd| format!("{message}.{}", encode(odd)))
        .collect();

    // Other writings of the same bytes, and no token at all.
    let padded = BASE64_URL_SAFE.encode(decode(signature));
    let standard = BASE64_STANDARD.encode([0xfb; 64]);
    broken.extend([
        format!("{header}=.{claims}.{signature}"),
        format!("{message}.{padded}="),
        format!("{message}.{standard}"),
        format!("{message}.{signature}."),
        format!("{good}.{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        message.to_owned(),
        "..".into(),
        ".".repeat(8000),
        "A".repeat(8192),
        "A".repeat(8193),
        format!("{message}.{}", "A".repeat(8192 - message.len() - 1)),
    ]);

    let name = format!("{algorithm:?}");
    let (open, close) = ("[".repeat(2500), "]".repeat(2500));
    let claims = format!(r#"{{"sub":"{USER}","exp":{FAR}}}"#);
    for header in [
        r#"{"alg":"none"}"#.to_owned(),
        r#"{"alg":"HS512"}"#.to_owned(),
        format!(r#"{{"alg":"{}"}}"#, name.to_lowercase()),
        format!(r#"{{"alg":["{name}"]}}"#),
        format!(r#"{{"alg":"none","alg":"{name}"}}"#),
        format!(r#"{{"alg":"{name}","crit":["b64"],"b64":false}}"#),
        format!(r#"{{"alg":"{name}","crit":null}}"#),
        format!(r#"{{"alg":"{name}","x":{open}{close}}}"#),
        format!(r#"{{"alg":"{name}","x":{open}"#),
        "{}".to_owned(),
        "null".to_owned(),
        String::new(),
    ] {
        broken.push(signed(algorithm, key, &header, &claims));
    }

    let header = format!(r#"{{"alg":"{name}"}}"#);
    let with = |name: &str, value: Value| {
        let mut claims = json!({"sub": USER, "exp": FAR});
        claims[name] = value;
        claims.to_string()
    };
    for claims in [
        format!(r#"{{"sub":"{USER}","exp":1e400}}"#),
        format!(r#"{{"sub":"{USER}","exp":{FAR},"sub":"1"}}"#),
        format!(r#"{{"sub":"{USER}","exp":1,"exp":{FAR}}}"#),
        format!(r#"{{"sub":"{USER}","exp":{FAR},"x":{open}{close}}}"#),
        with("exp", json!(-1)),
        with("exp", json!(1e300)),
        with("exp", json!(FAR.to_string())),
        with("exp", Value::Null),
        with("nbf", json!(1e300)),
        with("nbf", json!({})),
        with("iat", json!("now")),
        with("sub", json!({"id": USER})),
        with("sub", json!("")),
        with("roles", json!({"ops": true})),
        "[]".to_owned(),
        String::new(),
        "\u{feff}{}".to_owned(),
    ] {
        broken.push(signed(algorithm, key, &header, &claims));
    }
    broken
}

/// Asks with broken tokens, and with a good one at the end.
async fn refuses_what_is_broken(app: App, algorithm: Algorithm, key: &EncodingKey) {
    for broken in broken(algorithm, key) {
        assert!(is_refused(&app, &broken).await, "{broken}");
    }
    let good = token(algorithm, key, &json!({"sub": USER, "exp": FAR}));
    body(scan(&app, &good).await, 200).await;
    let words = std::fs::read_to_string(app.stack.log_dir().join("images-scan_stderr.txt"));
    assert_eq!(words.unwrap(), "", "nothing panicked");
    app.stop().await;
}

#[tokio::test]
async fn broken_tokens_with_a_secret_are_refused() {
    let app = App::start().await;
    let key = EncodingKey::from_secret(app.stack.jwt_secret().as_bytes());
    refuses_what_is_broken(app, Algorithm::HS256, &key).await;
}

#[tokio::test]
async fn broken_tokens_with_a_public_key_are_refused() {
    for (algorithm, key, public) in &issuers() {
        let app = verifying(*algorithm, public).await;
        refuses_what_is_broken(app, *algorithm, key).await;
    }
}

fn pem(hex_prefix: &[u8], key: &[u8]) -> String {
    let body = BASE64_STANDARD.encode([hex_prefix, key].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

/// An RSA key of so many bytes, which nobody can sign for.
fn rsa_key(bytes: usize) -> String {
    let length = |more: usize| u16::try_from(bytes + more).unwrap().to_be_bytes();
    let [all, key, numbers, modulus] = [34, 15, 10, 1].map(length);
    let prefix = [
        &b"\x30\x82"[..],
        &all,
        b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82",
        &key,
        b"\x00\x30\x82",
        &numbers,
        b"\x02\x82",
        &modulus,
        b"\x00",
    ];
    pem(
        &prefix.concat(),
        &[&*vec![0xff; bytes], b"\x02\x03\x01\x00\x01"].concat(),
    )
}

#[tokio::test]
async fn a_key_that_opens_to_all_or_cannot_be_used_opens_to_nobody_and_the_answer_says_why() {
    // The neutral point of Ed25519: R and S of nothing sign any message.
    let neutral = [&[1][..], &[0; 31]].concat();
    let header = encode(r#"{"alg":"EdDSA"}"#);
    let claims = encode(format!(r#"{{"sub":"{USER}","exp":{FAR}}}"#));
    let signature = encode([&*neutral, &[0; 32]].concat());
    let forged = format!("{header}.{claims}.{signature}");
    let ed25519 = pem(
        b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
        &neutral,
    );
    for (algorithm, key, reason) in [
        (Algorithm::EdDSA, ed25519, "is a point of small order"),
        (
            Algorithm::RS256,
            rsa_key(1024),
            "has 8192 bits, which is too long",
        ),
    ] {
        let app = verifying(algorithm, &key).await;
        let answer = body(scan(&app, &forged).await, 500).await;
        assert_eq!(answer["code"], "misconfigured");
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("`jwt_public_key`") && error.contains(reason),
            "{error}"
        );
        app.stop().await;
    }

    // The longest key that there may be is worked with.
    let app = verifying(Algorithm::RS256, &rsa_key(512)).await;
    let message = format!("{}.{claims}", encode(r#"{"alg":"RS256"}"#));
    let signature = encode([&[0x7f][..], &[0xa5; 511]].concat());
    assert!(is_refused(&app, &format!("{message}.{signature}")).await);
    app.stop().await;
}

/// Memory is the one thing that a test can take from the component as it is shipped.
#[tokio::test]
async fn an_authorizer_that_cannot_go_on_says_so_in_the_log() {
    let key = "k".repeat(9 << 20);
    let variables = [("jwt_algorithm", "ES256"), ("jwt_public_key", &key)];
    let mut app = App::with(&variables).await;
    app.stack.app_options_mut().memory_limit = 16 << 20;
    app.stack.restart_app().await.unwrap();
    body(scan(&app, "a.b.c").await, 500).await;
    let words = std::fs::read_to_string(app.stack.log_dir().join("images-scan_stderr.txt"));
    let words = words.unwrap();
    assert!(
        words.contains("memory allocation of 9437184 bytes failed"),
        "{words}"
    );
    app.stop().await;
}
