use std::time::SystemTime;

use futures::{StreamExt, stream};
use outbound::{Transport, collect};

use crate::{Config, Failure, Image, Label, Options, request, response};

/// The maximum number of requests at the same time. Their images and base64 must fit into
/// a component's memory.
const IN_FLIGHT: usize = 8;

/// The maximum size of an answer; the labels of any image take less.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// A client of Rekognition.
#[derive(Debug, Clone)]
pub struct Rekognition<T> {
    config: Config,
    transport: T,
}

impl<T: Transport> Rekognition<T> {
    /// A client that sends through `transport`.
    pub fn new(config: Config, transport: T) -> Self {
        Self { config, transport }
    }

    /// Labels every image, several at once; the results are in the order of the images.
    /// `clock` returns the time for the signatures.
    pub async fn detect_labels(
        &self,
        images: Vec<Image>,
        options: Options,
        clock: impl Fn() -> SystemTime,
    ) -> Vec<Result<Vec<Label>, Failure>> {
        stream::iter(images)
            .map(|image| self.detect(image, options, &clock))
            .buffered(IN_FLIGHT)
            .collect()
            .await
    }

    async fn detect(
        &self,
        image: Image,
        options: Options,
        clock: impl Fn() -> SystemTime,
    ) -> Result<Vec<Label>, Failure> {
        let request = request::detect_labels(&self.config, &image, options, clock())?;
        // The request holds the image as base64 until it is sent.
        drop(image);
        let answer = self.transport.send(request).await.map_err(unsent)?;
        let answer = collect(answer, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        response::labels(&answer, options)
    }
}

fn unsent(error: outbound::Error) -> Failure {
    let text = error.to_string();
    match error {
        outbound::Error::NotAllowed { .. } | outbound::Error::Invalid { .. } => {
            Failure::Refused(text)
        }
        outbound::Error::Unreachable { .. } => Failure::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http::Request;
    use outbound::Error;
    use outbound_double::{Answer, Double, answer};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::tests::config;

    const OPTIONS: Options = Options {
        min_confidence: 50.0,
        max_labels: 10,
    };

    /// Answers with the bytes of the image as the label, after as many turns as its first
    /// byte says.
    fn service(request: &Request<Vec<u8>>) -> Answer {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let name = body["Image"]["Bytes"].as_str().unwrap();
        let labels = json!({"Labels": [{"Name": name, "Confidence": 90.0}]});
        let (_, answered) = answer(200, labels.to_string());
        (name.as_bytes()[0].into(), answered)
    }

    fn png(bytes: &[u8]) -> Image {
        Image {
            bytes: bytes.to_vec(),
            content_type: "image/png".into(),
        }
    }

    #[test]
    fn several_images_are_in_flight_and_come_back_in_their_order() {
        let double = Double::new(service);
        let rekognition = Rekognition::new(config(&[]).unwrap(), &double);
        let images: Vec<_> = (0..20u8).rev().map(|n| png(&[n * 12; 3])).collect();
        let sent: Vec<_> = images.iter().map(|image| base64(&image.bytes)).collect();
        let results = block_on(rekognition.detect_labels(images, OPTIONS, SystemTime::now));
        let names: Vec<_> = results
            .into_iter()
            .map(|labels| labels.unwrap()[0].name.clone())
            .collect();
        assert_eq!(names, sent);
        assert_eq!(double.max_in_flight(), IN_FLIGHT);
    }

    fn base64(bytes: &[u8]) -> String {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(bytes)
    }

    #[test]
    fn an_image_that_fails_does_not_fail_the_others() {
        let webp = Image {
            bytes: vec![1],
            content_type: "image/webp".into(),
        };
        let double = Double::new(service);
        let rekognition = Rekognition::new(config(&[]).unwrap(), &double);
        let images = vec![png(&[1]), webp, png(&[2])];
        let results = block_on(rekognition.detect_labels(images, OPTIONS, SystemTime::now));
        assert!(results[0].is_ok());
        assert!(matches!(results[1], Err(Failure::InvalidImage(_))));
        assert!(results[2].is_ok());
    }

    #[test]
    fn a_host_that_is_not_allowed_is_a_refusal_and_one_that_is_down_is_not() {
        let host = "https://rekognition.us-east-1.amazonaws.com".to_owned();
        let refused = unsent(Error::NotAllowed { host: host.clone() });
        let Failure::Refused(text) = refused else {
            panic!("{refused:?}");
        };
        assert!(text.contains("allowed_outbound_hosts"), "{text}");
        let down = unsent(Error::Unreachable {
            host,
            reason: "it refused the connection".into(),
        });
        assert!(matches!(down, Failure::Unavailable(_)), "{down:?}");
    }
}
