//! The shipped component refuses broken tokens and keys, and none of them
//! stops it. The authorizer's own tests try more, natively.

use base64::Engine;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::EncodePublicKey;
use jsonwebtoken::{Algorithm, EncodingKey};
use p256::pkcs8::LineEnding;
use rsa::{BigUint, RsaPublicKey};
use serde_json::json;
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

/// Invalid signatures: of other lengths, and with numbers out of range.
fn odd_signatures(good: &[u8]) -> Vec<Vec<u8>> {
    let mut odd = vec![[good, &[0]].concat()];
    for length in [0, 1, 32, 63, 64, 65, 255, 256, 257, 512, 5000] {
        odd.extend([vec![0; length], vec![0xff; length]]);
    }
    if let Some((first, second)) = good.split_first_chunk::<32>() {
        for number in [&[0; 32], &[0xff; 32], P256_ORDER, ED25519_ORDER] {
            odd.extend([
                [&number[..], second].concat(),
                [&first[..], number].concat(),
            ]);
            odd.push([*number, *number].concat());
        }
    }
    odd
}

/// Tokens that are refused with every algorithm.
fn broken(algorithm: Algorithm, key: &EncodingKey) -> Vec<String> {
    let good = token(algorithm, key, &json!({"sub": USER, "exp": FAR}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let odd = odd_signatures(&bytes);
    let odd = odd.iter().map(|odd| format!("{message}.{}", encode(odd)));
    let mut broken: Vec<String> = odd.collect();
    broken.extend([
        format!("{header}=.{claims}.{signature}"),
        format!("{message}.{}=", BASE64_URL_SAFE.encode(&bytes)),
        format!("{message}.{}", "+/".repeat(43)),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        message.to_owned(),
        "..".to_owned(),
        ".".repeat(8000),
        "A".repeat(8192),
        "A".repeat(8193),
        format!("{message}.{}", "A".repeat(8192 - message.len() - 1)),
    ]);

    // Correctly signed, at the max depth and deeper.
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let alg = format!(r#""alg":"{algorithm:?}""#);
    let who = format!(r#""sub":"{USER}","exp":{FAR}"#);
    let headers = [
        String::new(),
        r#""alg":"none""#.to_owned(),
        r#""alg":"HS512""#.to_owned(),
        format!(r#""alg":["{algorithm:?}"]"#),
        format!(r#""alg":"none",{alg}"#),
        format!(r#"{alg},"crit":["b64"],"b64":false"#),
        format!(r#"{alg},"crit":null"#),
        format!(r#"{alg},"crit":{}"#, nested(126)),
        format!(r#"{alg},"x":{}"#, nested(2500)),
        format!(r#"{alg},"x":{}"#, "[".repeat(5000)),
    ];
    let claims = [
        String::new(),
        format!(r#""sub":"{USER}","exp":1e400"#),
        format!(r#""sub":"{USER}","exp":1e300"#),
        format!(r#""sub":"{USER}","exp":-1"#),
        format!(r#""sub":"{USER}","exp":"{FAR}""#),
        format!(r#""sub":"{USER}","exp":null"#),
        format!(r#""sub":"{USER}","exp":1,"exp":{FAR}"#),
        format!(r#"{who},"sub":"1""#),
        format!(r#"{who},"nbf":1e300"#),
        format!(r#"{who},"nbf":{{}}"#),
        format!(r#"{who},"iat":"now""#),
        format!(r#"{who},"roles":{}"#, nested(126)),
        format!(r#"{who},"x":{}"#, nested(2500)),
        format!(r#""sub":{{"id":"{USER}"}},"exp":{FAR}"#),
        format!(r#""sub":"","exp":{FAR}"#),
    ];
    let signed = |header: &str, claims: &str| {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    };
    broken.extend(headers.map(|header| signed(&format!("{{{header}}}"), &format!("{{{who}}}"))));
    broken.extend(claims.map(|claims| signed(&format!("{{{alg}}}"), &format!("{{{claims}}}"))));
    for text in ["", "[]", "null", "\u{feff}{}"] {
        broken.push(signed(text, &format!("{{{who}}}")));
        broken.push(signed(&format!("{{{alg}}}"), text));
    }
    broken
}

/// Sends broken tokens, and a good one at the end.
async fn refuses_what_is_broken(app: App, algorithm: Algorithm, key: &EncodingKey) {
    for broken in broken(algorithm, key) {
        assert!(is_refused(&app, &broken).await, "{broken}");
    }
    let good = token(algorithm, key, &json!({"sub": USER, "exp": FAR}));
    body(scan(&app, &good).await, 200).await;
    assert_eq!(words(&app), "", "nothing panicked");
    app.stop().await;
}

/// The output of the component that the authorizer is composed into.
fn words(app: &App) -> String {
    std::fs::read_to_string(app.stack.log_dir().join("images-scan_stderr.txt")).unwrap()
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

#[tokio::test]
async fn a_key_that_opens_to_all_or_cannot_be_used_opens_to_nobody_and_the_answer_says_why() {
    // The neutral point of Ed25519 as a key: it as R, and S = 0, verify for any message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let ed25519 = ed25519_dalek::VerifyingKey::from_bytes(&neutral).unwrap();
    let ed25519 = ed25519.to_public_key_pem(LineEnding::LF).unwrap();
    // An RSA key that no signer has.
    let rsa = |bytes| {
        let modulus = BigUint::from_bytes_be(&vec![0xff; bytes]);
        let key = RsaPublicKey::new_unchecked(modulus, BigUint::from(65_537u32));
        key.to_public_key_pem(LineEnding::LF).unwrap()
    };
    let claims = encode(format!(r#"{{"sub":"{USER}","exp":{FAR}}}"#));
    let forged = |algorithm: Algorithm, signature: &[u8]| {
        let header = encode(format!(r#"{{"alg":"{algorithm:?}"}}"#));
        format!("{header}.{claims}.{}", encode(signature))
    };
    for (algorithm, key, reason) in [
        (Algorithm::EdDSA, ed25519, "is a point of small order"),
        (Algorithm::RS256, rsa(1024), "has 8192 bits"),
    ] {
        let app = verifying(algorithm, &key).await;
        let token = forged(algorithm, &[&neutral[..], &[0; 32]].concat());
        let answer = body(scan(&app, &token).await, 500).await;
        assert_eq!(answer["code"], "misconfigured");
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("`jwt_public_key`") && error.contains(reason),
            "{error}"
        );
        app.stop().await;
    }

    // The largest allowed key works.
    let app = verifying(Algorithm::RS256, &rsa(512)).await;
    let signature = [&[0x7f][..], &[0xa5; 511]].concat();
    assert!(is_refused(&app, &forged(Algorithm::RS256, &signature)).await);
    app.stop().await;
}

/// A test can take only memory from the shipped component.
#[tokio::test]
async fn an_authorizer_that_cannot_go_on_says_so_in_the_log() {
    let key = "k".repeat(9 << 20);
    let mut app = App::with(&[("jwt_algorithm", "ES256"), ("jwt_public_key", &key)]).await;
    app.stack.app_options_mut().memory_limit = 16 << 20;
    app.stack.restart_app().await.unwrap();
    assert_eq!(scan(&app, "a.b.c").await.status(), 500);
    let words = words(&app);
    assert!(
        words.contains("memory allocation of 9437184 bytes failed"),
        "{words}"
    );
    app.stop().await;
}
