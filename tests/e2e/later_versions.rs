//! A rolling update: workers of this version meet messages of a later one.

use queue::{Change, Queue};
use tests::{App, Manifest, eventually};

#[tokio::test]
async fn a_message_of_a_later_version_waits_in_every_queue_and_is_never_a_dead_letter() {
    let variables = [("queue_attempts", "1"), ("queue_retry_cap_ms", "50")];
    let app = App::with(&variables).await;
    let redis = app.redis();
    let queues = Manifest::shipped().queues();
    for name in &queues {
        for message in [
            r#"{"type": "job.toon", "schema": 1000, "toons": "now a text"}"#,
            r#"{"schema": 1000, "trace": 7}"#,
        ] {
            let change = Change::new().publishing(message);
            Queue::new(&redis, name).commit(&change).unwrap();
        }
    }
    for name in &queues {
        let queue = &Queue::new(&redis, name);
        let counts = eventually(&format!("{name} postpones them"), || async {
            let counts = queue.counts().unwrap();
            (counts.postponed >= 4 || counts.dead > 0).then_some(counts)
        })
        .await;
        assert_eq!((counts.dead, counts.retried), (0, 0), "{name}");
    }
    app.stop().await;
}
