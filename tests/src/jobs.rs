//! Jobs of toons, as tests use them.

use devstack::client::routes;
use serde_json::Value;

use crate::App;

impl App {
    /// All results of a job, by as many requests as needed.
    pub async fn results(&self, user: &str, id: &str, limit: usize) -> Vec<Value> {
        let (mut all, mut call) = (Vec::new(), routes::results(id, limit));
        loop {
            let mut page = self.ask(user, &call).await;
            let some = page["results"].as_array_mut().unwrap();
            assert!(some.len() <= limit);
            all.append(some);
            match page["cursor"].as_str() {
                Some(next) => call = routes::results_after(id, limit, next),
                None => return all,
            }
        }
    }
}
