//! The application as its operators see it.

use devstack::client::{Call, routes};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{App, body};

impl App {
    /// The token of an operator.
    pub fn operator(&self) -> String {
        self.stack.token("operator", &["ops"]).unwrap()
    }

    /// Sends an operator's call, and reads the JSON of its answer, which has to have the status
    /// that the call expects.
    pub async fn operate<T: DeserializeOwned>(&self, call: &Call<T>) -> T {
        let answer = self.answer_to(&self.operator(), call).await.unwrap();
        call.accept(answer).unwrap().json().unwrap()
    }

    /// Sends an operator's request, with JSON if there is some.
    pub async fn ops(&self, method: Method, path: &str, content: Option<&Value>) -> Response {
        let mut request = self.request(method, path).bearer_auth(self.operator());
        if let Some(content) = content {
            request = request.json(content);
        }
        request.send().await.unwrap()
    }

    /// The JSON at a path, as an operator reads it.
    pub async fn ops_get(&self, path: &str) -> Value {
        body(self.ops(Method::GET, path, None).await, 200).await
    }

    /// The overview's entry for a queue.
    pub async fn queue(&self, name: &str) -> Value {
        let overview = self.ops_get("/ops/queues").await;
        let mut queues = overview["queues"].as_array().unwrap().iter();
        queues.find(|queue| queue["name"] == name).unwrap().clone()
    }

    /// Has an operator's request work on a queue.
    pub async fn drain(&self, queue: &str) -> Value {
        self.operate(&routes::drain(queue)).await
    }

    /// Has dead letters of a queue sent back, and returns their number.
    pub async fn redrive(&self, queue: &str, which: &Value) -> Value {
        let answer: Value = self.operate(&routes::redrive(queue, which)).await;
        answer["redriven"].clone()
    }

    /// Has all dead letters of a queue sent back, and returns their number.
    pub async fn redrive_all(&self, queue: &str) -> Value {
        self.redrive(queue, &json!({"all": true})).await
    }
}
