//! Keys that are taken, and the reasons for the refusal of others.

use base64::prelude::BASE64_STANDARD;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::EncodePrivateKey;

use super::*;

const RSA_ID: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const PSS_ID: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const P256_ID: &[u8] =
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384_ID: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const ED25519_ID: &[u8] = b"\x06\x03\x2b\x65\x70";
const X25519_ID: &[u8] = b"\x06\x03\x2b\x65\x6e";

fn block(label: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A value in DER.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len())
        .expect("is short")
        .to_be_bytes();
    match length {
        [0, short @ ..0x80] => [&[tag, short][..], content].concat(),
        [0, length] => [&[tag, 0x81, length][..], content].concat(),
        _ => [&[tag, 0x82][..], &length, content].concat(),
    }
}

/// The beginning of a certificate (RFC 5280, 4.1), with its version or without, as version 1.
fn certificate(has_version: bool) -> Vec<u8> {
    let version = value(0xa0, &value(2, &[2]));
    let version = &version[..if has_version { version.len() } else { 0 }];
    let signed = value(0x30, &[version, &value(2, &[7; 16])].concat());
    value(0x30, &signed)
}

/// A public key of any kind in PEM.
fn public_key(id: &[u8], key: &[u8]) -> String {
    let bits = value(3, &[&[0], key].concat());
    let info = value(0x30, &[value(0x30, id), bits].concat());
    block("PUBLIC KEY", &info)
}

pub fn p256(point: &[u8]) -> String {
    public_key(P256_ID, point)
}

fn rsa_key(modulus: &BigUint, exponent: &BigUint) -> String {
    let numbers = [modulus, exponent].map(|number| {
        let bytes = number.to_bytes_be();
        // A first bit that is set would be a sign.
        let sign = &[0][..usize::from(bytes[0] >> 7)];
        value(2, &[sign, &bytes].concat())
    });
    public_key(RSA_ID, &value(0x30, &numbers.concat()))
}

fn odd(bits: usize) -> BigUint {
    (BigUint::from(1u8) << (bits - 1)) + (BigUint::from(1u8) << (bits - 2)) + 1u8
}

/// The points of Ed25519 whose order divides eight, in all ways to write them.
pub fn small_order_points() -> Vec<[u8; 32]> {
    let y = |first: u8, rest: u8, last: u8| {
        let mut y = [rest; 32];
        (y[0], y[31]) = (first, last);
        y
    };
    let mut points = vec![y(0, 0, 0), y(1, 0, 0)];
    points.extend([0xec, 0xed, 0xee].map(|first| y(first, 0xff, 0x7f)));
    points.extend(
        [
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
            "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
        ]
        .map(|point| <[u8; 32]>::try_from(decode(point)).expect("is a point")),
    );
    let mut other_signs = points.clone();
    other_signs.iter_mut().for_each(|point| point[31] ^= 0x80);
    [points, other_signs].concat()
}

/// The reason for the refusal of a key with an algorithm, if it is refused.
fn problem(algorithm: &str, key: &str) -> Option<String> {
    configure(&[("jwt_algorithm", algorithm), ("jwt_public_key", key)]).err()
}

/// A key in PEM in the shapes that people paste.
fn shapes(pem: &str) -> Vec<String> {
    let line_ends = ["\n", "\r\n", "\\n", "\\r\\n", " ", "", "\n    ", "\r\n\t"];
    let lines: Vec<&str> = pem.lines().collect();
    let body = &lines[1..lines.len() - 1];
    let mut shapes = vec![
        BASE64_STANDARD.encode(pem),
        BASE64_STANDARD.encode(pem.replace('\n', "\r\n")),
    ];
    for line_end in line_ends {
        shapes.extend([pem.replace('\n', line_end), body.join(line_end)]);
    }
    let around = |(before, after)| {
        let shapes = shapes.iter();
        shapes.map(move |shape| format!("{before}{shape}{after}"))
    };
    let all = [
        ("", ""),
        ("\"", "\""),
        ("'", "'"),
        ("\n  \"", "\"\r\n"),
        ("\u{feff}", ""),
    ];
    all.into_iter().flat_map(around).collect()
}

#[test]
fn public_keys_come_in_the_shapes_that_people_paste() {
    for issuer in Issuer::all().into_iter().skip(1) {
        let token = issuer.token(&claims());
        for key in shapes(&issuer.public_key()) {
            let variables = [
                ("jwt_algorithm", issuer.algorithm()),
                ("jwt_public_key", &key),
            ];
            let config = configure(&variables).unwrap_or_else(|error| panic!("{error}: {key}"));
            // Without optimization, RSA takes its time.
            let is_slow = matches!(issuer, Issuer::Rs256(_));
            assert!(is_slow || check(&config, &token).is_ok(), "{key}");
            let public = configure(&[("jwt_algorithm", "HS256"), ("jwt_secret", &key)]);
            let public = public.err().expect("is refused");
            assert!(
                public.contains("is a public key, which is no secret"),
                "{public}"
            );
        }
    }
    let max = rsa_key(&odd(4096), &BigUint::from(3u8));
    assert_eq!(problem("RS256", &max), None);
}

#[test]
fn a_key_that_does_not_fit_is_refused_with_the_reason() {
    let [_, rsa, p256_pem, ed25519_pem] = Issuer::all().map(|issuer| issuer.public_key());
    let labeled = block("CERTIFICATE", b"0");
    let [pkcs8, sec1, pkcs1] =
        ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].map(|label| block(label, b"0"));
    let real_private = RSA.to_pkcs8_pem(LineEnding::LF).expect("encodes");
    let real_pkcs1 = RSA.to_public_key().to_pkcs1_pem(LineEnding::LF);
    let real_pkcs1 = real_pkcs1.expect("encodes");
    let (e, n) = (BigUint::from(65_537u32), odd(2048));
    let exponent = |e: u32| rsa_key(&n, &BigUint::from(e));
    let point = |x: u8, y: u8| p256(&[&[4][..], &[0; 31], &[x], &[0; 31], &[y]].concat());
    let ed25519 = |first: u8, rest: u8, last: u8| {
        public_key(ED25519_ID, &[&[first][..], &[rest; 30], &[last]].concat())
    };
    let mut cases = vec![
        (
            "RS256",
            String::new(),
            "is not set, and `jwt_algorithm` needs it",
        ),
        ("RS256", " \n".into(), "is not set"),
        (
            "ES256",
            "not PEM".into(),
            "is no key in PEM, which begins with",
        ),
        ("ES256", r#"{"kty":"EC"}"#.into(), "is no key in PEM"),
        ("ES256", "-----BEGIN PUBLIC KEY".into(), "is no key in PEM"),
        ("ES256", "-----BEGIN PUBLIC KEY-----".into(), "is cut off"),
        (
            "ES256",
            "-----END PUBLIC KEY----------BEGIN PUBLIC KEY-----".into(),
            "is cut off",
        ),
        (
            "ES256",
            p256_pem.replace('M', "*"),
            "is damaged: it is no base64",
        ),
        (
            "ES256",
            p256_pem.replacen('M', "MMMMM", 1),
            "is damaged: its bytes are no",
        ),
        (
            "ES256",
            block("PUBLIC KEY", b""),
            "is damaged: its bytes are no",
        ),
        (
            "ES256",
            [&*p256_pem, &*rsa].concat(),
            "holds more than one key",
        ),
        (
            "ES256",
            labeled.clone(),
            "is a certificate: set the key in it",
        ),
        ("ES256", labeled.repeat(2), "is a certificate"),
        ("ES256", pkcs8, "holds a private key"),
        ("ES256", sec1.clone(), "holds a private key"),
        ("RS256", pkcs1, "holds a private key"),
        ("RS256", real_private.to_string(), "holds a private key"),
        (
            "ES256",
            [&*p256_pem, &*sec1].concat(),
            "holds a private key",
        ),
        ("RS256", real_pkcs1, "is in the form of PKCS #1"),
        // Without the first line, which names the content.
        (
            "ES256",
            BASE64_STANDARD.encode(certificate(true)),
            "is a certificate",
        ),
        (
            "RS256",
            BASE64_STANDARD.encode(certificate(false)),
            "is a certificate",
        ),
        (
            "ES256",
            BASE64_STANDARD.encode(block("CERTIFICATE", b"0")),
            "is a certificate",
        ),
        (
            "ES256",
            block("PUBLIC KEY", &certificate(true)),
            "is a certificate",
        ),
        (
            "RS256",
            BASE64_STANDARD.encode(RSA.to_pkcs8_der().expect("encodes").as_bytes()),
            "holds a private key",
        ),
        (
            "RS256",
            BASE64_STANDARD.encode(RSA.to_public_key().to_pkcs1_der().expect("encodes")),
            "is in the form of PKCS #1",
        ),
        ("ES256", "AAAA".into(), "is damaged: its bytes are no"),
        ("ES256", "MAA=".into(), "is damaged: its bytes are no"),
        ("ES256", "\"\"".into(), "is not set"),
        // Of another kind.
        (
            "RS256",
            p256_pem.clone(),
            "is a P-256 key, which RS256 cannot use",
        ),
        (
            "ES256",
            ed25519_pem,
            "is an Ed25519 key, which ES256 cannot use",
        ),
        ("EdDSA", p256_pem, "is a P-256 key, which EdDSA cannot use"),
        ("EdDSA", rsa, "is an RSA key, which EdDSA cannot use"),
        (
            "RS256",
            public_key(PSS_ID, b""),
            "is an RSA key for PSS alone",
        ),
        (
            "ES256",
            public_key(P384_ID, b""),
            "is a key of another elliptic curve",
        ),
        (
            "EdDSA",
            public_key(X25519_ID, &[9; 32]),
            "is a key of another kind",
        ),
        // RSA.
        (
            "RS256",
            public_key(RSA_ID, b"0"),
            "is damaged: it has no modulus",
        ),
        ("RS256", rsa_key(&BigUint::default(), &e), "has 0 bits"),
        (
            "RS256",
            rsa_key(&odd(1024), &e),
            "has 1024 bits: set an RSA key of 2048 to 4096",
        ),
        ("RS256", rsa_key(&odd(2047), &e), "has 2047 bits"),
        ("RS256", rsa_key(&odd(4097), &e), "has 4097 bits"),
        (
            "RS256",
            rsa_key(&odd(8192), &e),
            "has 8192 bits: set an RSA key of 2048 to 4096",
        ),
        ("RS256", exponent(0), "cannot be used"),
        ("RS256", exponent(1), "cannot be used"),
        ("RS256", exponent(65_536), "cannot be used"),
        (
            "RS256",
            rsa_key(&n, &odd(34)),
            "cannot be used, for RSA says public exponent too large",
        ),
        ("RS256", rsa_key(&n, &odd(2048)), "cannot be used"),
        ("RS256", rsa_key(&(&n + 1u8), &e), "cannot be used"),
        // P-256; the third is at infinity.
        ("ES256", point(1, 1), "holds no point of the curve P-256"),
        ("ES256", point(0, 0), "holds no point"),
        ("ES256", p256(&[0]), "holds no point"),
        (
            "ES256",
            p256(&[&[4][..], &[0xff; 64]].concat()),
            "holds no point",
        ),
        ("ES256", p256(&[2; 32]), "holds no point"),
        ("ES256", p256(&[]), "holds no point"),
        // Ed25519; the last is 2^255 - 16, which is 3 beyond the prime.
        (
            "EdDSA",
            public_key(ED25519_ID, &[7; 31]),
            "is damaged: an Ed25519 key has 32",
        ),
        ("EdDSA", ed25519(2, 0, 0), "holds no point of the curve"),
        (
            "EdDSA",
            ed25519(0xf0, 0xff, 0x7f),
            "is not in canonical form",
        ),
    ];
    // Signatures of nothing hold for one token in eight at least.
    for point in small_order_points() {
        let reason = "is a point of small order, for which anyone can sign: make a new key";
        cases.push(("EdDSA", public_key(ED25519_ID, &point), reason));
    }
    for (algorithm, key, expected) in cases {
        let problem = problem(algorithm, &key).expect("is refused");
        let expected = format!("the variable `jwt_public_key` {expected}");
        assert!(
            problem.starts_with(&expected),
            "{problem} instead of {expected}"
        );
    }
}

#[test]
fn a_secret_is_long_and_secret_and_the_algorithm_is_a_known_one() {
    let [_, rsa, ..] = Issuer::all().map(|issuer| issuer.public_key());
    let rsa: &'static str = rsa.leak();
    // The public key is known to all, so anyone could have signed this.
    let forged = Issuer::Hs256(rsa).token(&claims());
    assert_eq!(
        reason(check(&Issuer::rs256().config(&[]), &forged)),
        "it is not signed with RS256"
    );

    let certificate = block("CERTIFICATE", &[0; 32]);
    let pkcs1 = block("RSA PUBLIC KEY", &[0; 32]);
    let public = "`jwt_secret` is a public key, which is no secret: set `jwt_public_key`";
    for (algorithm, secret, expected) in [
        ("HS256", "", "`jwt_secret` is not set"),
        (
            "HS256",
            "only thirty-one bytes, not more",
            "`jwt_secret` is too short",
        ),
        ("HS256", rsa, public),
        ("HS256", &certificate, public),
        ("HS256", &pkcs1, public),
        ("", SECRET, "`jwt_algorithm` is not set"),
        (" ", SECRET, "`jwt_algorithm` is not set"),
        (
            "none",
            SECRET,
            "`jwt_algorithm` has to be HS256, RS256, ES256 or EdDSA",
        ),
        ("HS512", SECRET, "`jwt_algorithm` has to be"),
        ("hs256", SECRET, "`jwt_algorithm` has to be"),
    ] {
        let error = configure(&[("jwt_algorithm", algorithm), ("jwt_secret", secret)]);
        let error = error.err().expect("is refused");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("thirty"), "{error}");
    }
    assert!(configure(&[]).is_err());
    let blanks = format!(" {} ", &SECRET[..30]);
    assert!(configure(&[("jwt_algorithm", "HS256"), ("jwt_secret", &blanks)]).is_ok());
}
