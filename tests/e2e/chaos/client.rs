//! A client that does not give up.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::Value;
use tests::{RequestBuilder, eventually};

/// Sends the same request again until it is answered.
#[derive(Default)]
pub(crate) struct Client {
    refused: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Client {
    /// The number of answers that asked to come again later.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// The number of connections that could not be made, or broke.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Sends a request until it has the expected answer. Any other answer but
    /// a 503 is an error of the application.
    pub(crate) async fn insist(&self, request: RequestBuilder, status: u16) -> Value {
        let request = &request;
        eventually("a client is answered", || async move {
            let answer = async {
                let response = request.try_clone().unwrap().send().await?;
                let (found, headers) = (response.status(), response.headers().clone());
                Ok::<_, reqwest::Error>((found, headers, response.text().await?))
            };
            match answer.await {
                Err(_) => {
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Ok((StatusCode::SERVICE_UNAVAILABLE, headers, text)) => {
                    assert!(headers.contains_key("retry-after"), "{text}");
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Ok((found, _, text)) => {
                    assert_eq!(found, status, "{text}");
                    Some(serde_json::from_str(&text).unwrap())
                }
            }
        })
        .await
    }
}
