//! Jobs of ipp and the workspace that they run in, as tests use them.

use std::collections::BTreeMap;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{App, body};

impl App {
    /// Starts a job for mostradores.
    pub async fn start_ipp(&self, user: &str, mostradores: &[&str]) -> Response {
        let body = json!({"mostradores": mostradores});
        self.post(user, "/ipp/start", &body).await
    }

    /// Starts a job and returns its id.
    pub async fn ipp_job(&self, user: &str) -> String {
        let started = body(self.start_ipp(user, &["7051602", "7051603"]).await, 200).await;
        started["job_id"].as_str().unwrap().to_owned()
    }

    /// The status of a job.
    pub async fn ipp_status(&self, user: &str, id: &str) -> Value {
        body(self.get(user, &format!("/ipp/status/{id}")).await, 200).await
    }

    /// Waits until a job has a status, and returns its view.
    pub async fn ipp_has_status(&self, user: &str, id: &str, wanted: &str) -> Value {
        crate::eventually(&format!("{id} is {wanted}"), || async {
            let status = self.ipp_status(user, id).await;
            let is_other_end = matches!(status["status"].as_str(), Some("COMPLETED" | "FAILED"));
            let is_wanted = status["status"] == wanted;
            assert!(is_wanted || !is_other_end, "{status}");
            is_wanted.then_some(status)
        })
        .await
    }

    /// The files of a job in the bucket of processed files, by name.
    pub fn processed(&self, id: &str) -> BTreeMap<String, String> {
        let folder = self
            .stack
            .data_dir()
            .join("s3/buckets/ipp-processed")
            .join(id);
        let Ok(entries) = std::fs::read_dir(folder) else {
            return BTreeMap::new();
        };
        let files = entries.map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        });
        files.collect()
    }

    /// Cancels a job.
    pub async fn cancel_ipp(&self, user: &str, id: &str) -> Response {
        let path = format!("/ipp/jobs/{id}/cancel");
        self.request_of(user, Method::POST, &path)
            .send()
            .await
            .unwrap()
    }
}
