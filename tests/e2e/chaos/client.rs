//! A client that does not give up.

use std::sync::atomic::{AtomicUsize, Ordering};

use devstack::client::Call;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::de::DeserializeOwned;
use tests::{App, USER, eventually};

/// Sends the same call again until it is answered.
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

    /// Sends a call until it has the expected answer. Any other answer but
    /// a 503 is an error of the application.
    pub(crate) async fn insist<T: DeserializeOwned>(&self, app: &App, call: &Call<T>) -> T {
        eventually("a client is answered", || async {
            match app.answer(USER, call).await {
                Err(_) => {
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                    answer.header(&RETRY_AFTER).unwrap();
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Ok(answer) => Some(call.accept(answer).unwrap().json().unwrap()),
            }
        })
        .await
    }
}
