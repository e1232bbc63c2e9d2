//! Keys as people paste them into a variable.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jwks::key::{CERTIFICATE, PKCS1, PRIVATE_KEY};
use rsa::pkcs8::SubjectPublicKeyInfoRef;
use rsa::pkcs8::der::Decode;

/// The DER of the one public key in a PEM file (RFC 7468, 13).
///
/// Variables often come with other line ends than the file had, so lines may be of any
/// length and indented, line ends may be blanks or a written `\n` or `\r\n`, and quotes may
/// enclose the whole. The base64 may also come without its first and last line, or be that
/// of the whole file.
///
/// # Errors
/// The kind of text that it is instead, or its damage. A block without a first line shows its
/// kind in its DER only, which is not checked here.
pub fn public_key_der(text: &str) -> Result<Vec<u8>, &'static str> {
    let text = unwrapped(text);
    let Some(bytes) = bare_base64(&text) else {
        return block(&text);
    };
    match str::from_utf8(&bytes) {
        Ok(file) if file.contains("-----BEGIN ") => block(&unwrapped(file)),
        _ => Ok(bytes),
    }
}

/// Whether a text is a public key or a certificate, in any shape of [`public_key_der`].
pub fn is_public(text: &str) -> bool {
    let text = unwrapped(text);
    let bare = bare_base64(&text);
    let file = bare.as_deref().and_then(|bytes| str::from_utf8(bytes).ok());
    let is_labeled =
        |text| labels(text).any(|label| label.ends_with("PUBLIC KEY") || label == "CERTIFICATE");
    is_labeled(&text)
        || file.is_some_and(is_labeled)
        || bare.is_some_and(|der| SubjectPublicKeyInfoRef::from_der(&der).is_ok())
}

/// A text without the quotes around it, and with blanks for written line ends.
fn unwrapped(text: &str) -> Cow<'_, str> {
    let is_around = |c: char| c.is_whitespace() || ['"', '\'', '\u{feff}'].contains(&c);
    let text = text.trim_matches(is_around);
    if text.contains('\\') {
        text.replace("\\r", " ").replace("\\n", " ").into()
    } else {
        text.into()
    }
}

/// The bytes of a text that is base64 throughout, with blanks and line ends anywhere.
fn bare_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = base64(text).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

fn base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let digits: String = text.split_whitespace().collect();
    BASE64_STANDARD.decode(digits)
}

/// The labels of the blocks of a PEM file (RFC 7468, 2): the kinds of their contents.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("-----BEGIN ").skip(1);
    blocks.filter_map(|block| Some(block.split_once("-----")?.0))
}

fn block(pem: &str) -> Result<Vec<u8>, &'static str> {
    let labels: Vec<&str> = labels(pem).collect();
    let problem = match labels.as_slice() {
        _ if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) => PRIVATE_KEY,
        ["CERTIFICATE", ..] => CERTIFICATE,
        ["RSA PUBLIC KEY"] => PKCS1,
        [_, _, ..] => "holds more than one key: set the one that tokens are signed with",
        ["PUBLIC KEY"] => {
            let body = pem.split_once("-----BEGIN PUBLIC KEY-----");
            let body = body.and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"));
            let (body, _) = body.ok_or("is cut off: it has no -----END PUBLIC KEY-----")?;
            return base64(body)
                .map_err(|_| "is damaged: it is no base64 between its first and last line");
        }
        _ if pem.is_empty() => "is not set, and `jwt_algorithm` needs it",
        _ => "is no key in PEM, which begins with -----BEGIN PUBLIC KEY-----",
    };
    Err(problem)
}
