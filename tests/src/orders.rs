//! Orders of the user of a test.

use devstack::client::routes;
use serde_json::{Value, json};

use crate::{App, USER, eventually};

impl App {
    /// Creates or changes an order, and returns the answer.
    pub async fn put_order(&self, id: &str, status: &str, description: &str) -> Value {
        let order = json!({"status": status, "description": description});
        self.ask(USER, &routes::change_order(id, &order)).await
    }

    /// An order.
    pub async fn order(&self, id: &str) -> Value {
        self.ask(USER, &routes::order(id)).await
    }

    /// Waits until the processing of an order's latest version has a state, and returns the order.
    pub async fn order_is(&self, id: &str, state: &str) -> Value {
        eventually(&format!("{id} is {state}"), || async {
            let order = self.order(id).await;
            (order["processing"]["state"] == state).then_some(order)
        })
        .await
    }

    /// The versions of an order.
    pub async fn order_history(&self, id: &str) -> Vec<Value> {
        let mut history: Value = self.ask(USER, &routes::order_history(id)).await;
        let versions = history["versions"].as_array_mut().unwrap();
        std::mem::take(versions)
    }
}
