//! Which keys are taken, and what is said of others.

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
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => [&[tag, short][..], content].concat(),
        Ok(length) => [&[tag, 0x81, length][..], content].concat(),
        Err(_) => {
            let length = u16::try_from(content.len()).expect("is short");
            [&[tag, 0x82][..], &length.to_be_bytes(), content].concat()
        }
    }
}

/// A public key of any kind in PEM.
fn public_key(id: &[u8], key: &[u8]) -> String {
    let bits = value(3, &[&[0], key].concat());
    block(
        "PUBLIC KEY",
        &value(0x30, &[value(0x30, id), bits].concat()),
    )
}

pub fn p256(point: &[u8]) -> String {
    public_key(P256_ID, point)
}

pub fn ed25519(point: &[u8]) -> String {
    public_key(ED25519_ID, point)
}

fn rsa_key(modulus: &BigUint, exponent: &BigUint) -> String {
    let numbers = [modulus, exponent].map(|number| {
        let bytes = number.to_bytes_be();
        // A first bit that is set would be a sign.
        let sign = &[0][..usize::from(bytes[0] >> 7)];
        value(2, &[sign, &bytes].concat())
    });
    let numbers = numbers.concat();
    public_key(RSA_ID, &value(0x30, &numbers))
}

fn odd(bits: usize) -> BigUint {
    (BigUint::from(1u8) << (bits - 1)) + (BigUint::from(1u8) << (bits - 2)) + 1u8
}

/// What is said of a key with an algorithm; nothing, if it is taken.
fn problem(algorithm: &str, key: &str) -> Option<String> {
    configure(&[("jwt_algorithm", algorithm), ("jwt_public_key", key)]).err()
}

#[test]
fn public_keys_may_come_with_any_line_ends() {
    for issuer in Issuer::all() {
        for line_end in ["\n", "\r\n", "\\n", " ", ""] {
            let key = issuer.public_key().replace('\n', line_end);
            let config = issuer.config(&[("jwt_public_key", &key)]);
            assert!(check(&config, &issuer.token(&claims())).is_ok(), "{key}");
        }
    }
    let max = rsa_key(&odd(4096), &BigUint::from(3u8));
    assert_eq!(problem("RS256", &max), None);
}

#[test]
fn a_key_that_does_not_fit_is_refused_with_the_reason() {
    let [_, rsa, p256_pem, ed25519_pem] = Issuer::all().map(|issuer| issuer.public_key());
    let certificate = block("CERTIFICATE", b"0");
    let [pkcs8, sec1, pkcs1] =
        ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].map(|label| block(label, b"0"));
    let real_private = RSA.to_pkcs8_pem(LineEnding::LF).expect("encodes");
    let private = "holds a private key, which nobody but the issuer may have";
    let pkcs1_public = RSA
        .to_public_key()
        .to_pkcs1_pem(LineEnding::LF)
        .expect("encodes");
    let (e, n) = (BigUint::from(65_537u32), odd(2048));
    let point = |x: u8, y: u8| [&[4][..], &[0; 31], &[x], &[0; 31], &[y]].concat();
    let not_a_point = "holds no point of the curve P-256";
    for (algorithm, key, expected) in [
        ("RS256", "", "is not set, and `jwt_algorithm` needs it"),
        ("RS256", " \n", "is not set"),
        ("ES256", "not PEM", "is no key in PEM, which begins with"),
        ("ES256", r#"{"kty":"EC"}"#, "is no key in PEM"),
        ("ES256", "-----BEGIN PUBLIC KEY", "is no key in PEM"),
        ("ES256", "-----BEGIN PUBLIC KEY-----", "is cut off"),
        (
            "ES256",
            "-----END PUBLIC KEY----------BEGIN PUBLIC KEY-----",
            "is cut off",
        ),
        (
            "ES256",
            &p256_pem.replace('M', "*"),
            "is damaged: it is no base64",
        ),
        (
            "ES256",
            &p256_pem.replacen('M', "MMMMM", 1),
            "is damaged: what it holds",
        ),
        (
            "ES256",
            &block("PUBLIC KEY", b""),
            "is damaged: what it holds",
        ),
        (
            "ES256",
            &[&*p256_pem, &*rsa].concat(),
            "holds more than one key",
        ),
        ("ES256", &certificate, "is a certificate: set the key in it"),
        ("ES256", &certificate.repeat(2), "is a certificate"),
        ("ES256", &pkcs8, private),
        ("ES256", &sec1, private),
        ("RS256", &pkcs1, private),
        ("RS256", &real_private, private),
        ("ES256", &[&*p256_pem, &*sec1].concat(), private),
        (
            "RS256",
            &pkcs1_public,
            "is an RSA key in the form of PKCS #1",
        ),
        // Of another kind.
        (
            "RS256",
            &p256_pem,
            "is a P-256 key, and RS256 needs an RSA key",
        ),
        (
            "ES256",
            &ed25519_pem,
            "is an Ed25519 key, and ES256 needs a P-256 key",
        ),
        (
            "EdDSA",
            &p256_pem,
            "is a P-256 key, and EdDSA needs an Ed25519 key",
        ),
        (
            "EdDSA",
            &rsa,
            "is an RSA key, and EdDSA needs an Ed25519 key",
        ),
        (
            "RS256",
            &public_key(PSS_ID, b""),
            "is an RSA key for PSS alone",
        ),
        (
            "ES256",
            &public_key(P384_ID, b""),
            "is a key of another elliptic curve",
        ),
        (
            "EdDSA",
            &public_key(X25519_ID, &[9; 32]),
            "is a key of another kind",
        ),
        // RSA.
        (
            "RS256",
            &public_key(RSA_ID, b"0"),
            "is damaged: it has no modulus and exponent",
        ),
        (
            "RS256",
            &rsa_key(&odd(1024), &e),
            "has 1024 bits, which is too short: RS256 needs",
        ),
        (
            "RS256",
            &rsa_key(&odd(2047), &e),
            "has 2047 bits, which is too short",
        ),
        ("RS256", &rsa_key(&BigUint::default(), &e), "has 0 bits"),
        (
            "RS256",
            &rsa_key(&odd(4097), &e),
            "has 4097 bits, which is too long",
        ),
        (
            "RS256",
            &rsa_key(&odd(8192), &e),
            "has 8192 bits, which is too long: set a key of at most 4096",
        ),
        (
            "RS256",
            &rsa_key(&n, &BigUint::from(0u8)),
            "has an exponent that is even or 1",
        ),
        (
            "RS256",
            &rsa_key(&n, &BigUint::from(1u8)),
            "has an exponent that is even or 1",
        ),
        (
            "RS256",
            &rsa_key(&n, &BigUint::from(65_536u32)),
            "has an exponent that is even or 1",
        ),
        (
            "RS256",
            &rsa_key(&n, &odd(34)),
            "has an exponent of more than 33 bits",
        ),
        (
            "RS256",
            &rsa_key(&n, &odd(2048)),
            "has an exponent of more than 33 bits",
        ),
        ("RS256", &rsa_key(&(&n + 1u8), &e), "has an even modulus"),
        // P-256.
        ("ES256", &p256(&point(1, 1)), not_a_point),
        ("ES256", &p256(&point(0, 0)), not_a_point),
        // At infinity.
        ("ES256", &p256(&[0]), not_a_point),
        (
            "ES256",
            &p256(&[&[4][..], &[0xff; 64]].concat()),
            not_a_point,
        ),
        ("ES256", &p256(&[2; 32]), not_a_point),
        ("ES256", &p256(&[]), not_a_point),
        // Ed25519.
        (
            "EdDSA",
            &ed25519(&[7; 31]),
            "is damaged: an Ed25519 key has 32 bytes",
        ),
        (
            "EdDSA",
            &ed25519(&[&[2][..], &[0; 31]].concat()),
            "holds no point of the curve",
        ),
        // 2^255 - 16, which is 3 beyond the prime.
        (
            "EdDSA",
            &ed25519(&[&[0xf0][..], &[0xff; 30], &[0x7f]].concat()),
            "is not in canonical form",
        ),
    ] {
        let problem = problem(algorithm, key).expect("is refused");
        let expected = format!("the variable `jwt_public_key` {expected}");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

/// The points whose order divides eight, and all ways to write them: signatures of
/// nothing hold for one token in eight at least, whoever makes them.
#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    let order_8 = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ]
    .map(|hex| {
        let mut bytes = BigUint::parse_bytes(hex.as_bytes(), 16)
            .expect("is hex")
            .to_bytes_be();
        bytes.resize(32, 0);
        bytes
    });
    let y = |first: u8, rest: u8, last: u8| [&[first][..], &[rest; 30], &[last]].concat();
    let mut points = vec![
        y(0, 0, 0),
        y(1, 0, 0),
        y(0xec, 0xff, 0x7f),
        y(0xed, 0xff, 0x7f),
        y(0xee, 0xff, 0x7f),
    ];
    points.extend(order_8);
    for mut point in points {
        for _sign in 0..2 {
            let problem = problem("EdDSA", &ed25519(&point)).expect("is refused");
            assert_eq!(
                problem,
                "the variable `jwt_public_key` is a point of small order, for which anyone can \
                 sign: make a new key"
            );
            point[31] ^= 0x80;
        }
    }
}

#[test]
fn a_secret_is_long_and_secret() {
    let [_, rsa, ..] = Issuer::all().map(|issuer| issuer.public_key());
    let rsa: &'static str = rsa.leak();
    // Anyone has the public key, so anyone could have signed this.
    let forged = Issuer::Hs256(rsa).token(&claims());
    assert_eq!(
        reason(check(&Issuer::Rs256(&RSA).config(&[]), &forged)),
        "it is not signed with RS256"
    );

    let certificate = block("CERTIFICATE", &[0; 32]);
    let public = "`jwt_secret` is a public key, which is no secret: set `jwt_public_key`";
    for (secret, expected) in [
        ("", "`jwt_secret` is not set"),
        (
            "only thirty-one bytes, not more",
            "`jwt_secret` is too short",
        ),
        (rsa, public),
        (&certificate, public),
        (&block("RSA PUBLIC KEY", &[0; 32]), public),
    ] {
        let error = configure(&[("jwt_algorithm", "HS256"), ("jwt_secret", secret)]);
        let error = error.err().expect("is refused");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("thirty"), "{error}");
    }
    let blanks = format!(" {} ", &SECRET[..30]);
    assert!(configure(&[("jwt_algorithm", "HS256"), ("jwt_secret", &blanks)]).is_ok());
}

#[test]
fn the_algorithm_has_to_be_configured() {
    for (algorithm, expected) in [
        ("", "`jwt_algorithm` is not set"),
        (" ", "`jwt_algorithm` is not set"),
        (
            "none",
            "`jwt_algorithm` has to be HS256, RS256, ES256 or EdDSA",
        ),
        ("HS512", "`jwt_algorithm` has to be"),
        ("hs256", "`jwt_algorithm` has to be"),
    ] {
        let error = configure(&[("jwt_algorithm", algorithm), ("jwt_secret", SECRET)]);
        let error = error.err().expect("is refused");
        assert!(error.contains(expected), "{error}");
    }
    assert!(configure(&[]).is_err());
}

/// Else tokens of any issuer would be let in while the variables' store is down.
#[test]
fn a_variable_that_cannot_be_read_is_not_one_that_is_unset() {
    #[derive(Debug, PartialEq)]
    struct Down(&'static str);
    impl From<ConfigError> for Down {
        fn from(error: ConfigError) -> Self {
            panic!("{error}")
        }
    }
    for down in [
        "jwt_algorithm",
        "jwt_secret",
        "jwt_issuer",
        "jwt_audience",
        "jwt_subject_claim",
    ] {
        let config = Config::from_variables(|name| match name {
            _ if name == down => Err(Down(down)),
            "jwt_algorithm" => Ok(Some("HS256".into())),
            "jwt_secret" => Ok(Some(SECRET.into())),
            _ => Ok(None),
        });
        assert_eq!(config.err(), Some(Down(down)));
    }
}
