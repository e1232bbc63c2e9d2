use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use outbound::sigv4::{Payload, Signer};

use crate::{Config, Failure, Image, Options};

/// The maximum size in bytes of an image within a request.
const MAX_IMAGE_BYTES: usize = 5 * 1024 * 1024;

/// The maximum number of labels that Rekognition returns for an image.
const MAX_LABELS: u32 = 1000;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The request for the labels of `image`, if Rekognition accepts the image.
pub(crate) fn detect_labels(
    config: &Config,
    image: &Image,
    options: Options,
    now: SystemTime,
) -> Result<Request<Vec<u8>>, Failure> {
    if !["image/jpeg", "image/png"].contains(&image.content_type.as_str()) {
        return Err(Failure::InvalidImage(format!(
            "Rekognition reads JPEG and PNG, and this is {}",
            image.content_type
        )));
    }
    if image.bytes.len() > MAX_IMAGE_BYTES {
        return Err(Failure::TooLarge(format!(
            "Rekognition takes images of up to {MAX_IMAGE_BYTES} bytes, and this has {}",
            image.bytes.len()
        )));
    }

    let url = format!("{}/", config.endpoint);
    let body = body(&image.bytes, options);
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    headers.insert(
        TARGET,
        HeaderValue::from_static("RekognitionService.DetectLabels"),
    );
    let signature = Signer::new(&config.credentials, &config.region, "rekognition")
        .sign_headers(&Method::POST, &url, &headers, &Payload::Bytes(&body), now)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    headers.extend(signature);
    headers.insert(CONTENT_LENGTH, body.len().into());

    let mut request = Request::post(url)
        .body(body)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The JSON is written around the base64, which needs no escapes, so that an image is
/// encoded only once and never copied.
fn body(image: &[u8], options: Options) -> Vec<u8> {
    // JSON cannot write NaN or infinity.
    let min_confidence = match options.min_confidence {
        confidence if confidence.is_nan() => 0.0,
        confidence => confidence.clamp(0.0, 100.0),
    };
    let max_labels = options.max_labels.clamp(1, MAX_LABELS);
    let mut body = format!(
        "{{\"MaxLabels\":{max_labels},\"MinConfidence\":{min_confidence},\"Image\":{{\"Bytes\":\""
    );
    body.reserve_exact(image.len().div_ceil(3) * 4 + 3);
    BASE64_STANDARD.encode_string(image, &mut body);
    body.push_str("\"}}");
    body.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::config::tests::config;

    fn image(content_type: &str, size: usize) -> Image {
        Image {
            bytes: vec![0xff; size],
            content_type: content_type.into(),
        }
    }

    fn ask(image: &Image, options: Options) -> Result<Request<Vec<u8>>, Failure> {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_330_800);
        let config = config(&[("rekognition_session_token", "temporary")]).unwrap();
        detect_labels(&config, image, options, now)
    }

    const OPTIONS: Options = Options {
        min_confidence: 75.5,
        max_labels: 10,
    };

    #[test]
    fn the_image_is_sent_in_signed_json() {
        let request = ask(&image("image/png", 4), OPTIONS).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(
            request.uri(),
            "https://rekognition.us-east-1.amazonaws.com/"
        );
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({"MaxLabels": 10, "MinConfidence": 75.5, "Image": {"Bytes": "/////w=="}})
        );

        let headers = request.headers();
        assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
        assert_eq!(headers["x-amz-target"], "RekognitionService.DetectLabels");
        assert_eq!(headers["x-amz-security-token"], "temporary");
        assert_eq!(
            headers["content-length"],
            request.body().len().to_string().as_str()
        );
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/rekognition/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
            ),
            "{authorization}"
        );
    }

    #[test]
    fn what_rekognition_does_not_read_is_not_sent() {
        let webp = ask(&image("image/webp", 4), OPTIONS).unwrap_err();
        let Failure::InvalidImage(text) = webp else {
            panic!("{webp:?}");
        };
        assert!(text.contains("image/webp"), "{text}");

        assert!(ask(&image("image/jpeg", MAX_IMAGE_BYTES), OPTIONS).is_ok());
        let large = ask(&image("image/jpeg", MAX_IMAGE_BYTES + 1), OPTIONS).unwrap_err();
        assert!(matches!(large, Failure::TooLarge(_)), "{large:?}");
    }

    #[test]
    fn options_are_kept_within_what_rekognition_takes() {
        for (options, max_labels, min_confidence) in [
            ((f64::NAN, 0), 1, 0.0),
            ((-1.0, u32::MAX), 1000, 0.0),
            ((101.0, 5), 5, 100.0),
        ] {
            let options = Options {
                min_confidence: options.0,
                max_labels: options.1,
            };
            let request = ask(&image("image/png", 1), options).unwrap();
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body["MaxLabels"], max_labels);
            assert_eq!(body["MinConfidence"].as_f64(), Some(min_confidence));
        }
    }
}
