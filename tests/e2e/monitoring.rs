//! The alerts and the dashboard that are shipped.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;
use tests::{App, eventually, root};

const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const ALERTS_TEST: &str = "deploy/prometheus/alerts.test.yaml";
const DASHBOARD: &str = "deploy/grafana/orilla.json";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words = words.filter(|word| word.starts_with("orilla_"));
    words.map(str::to_owned).collect()
}

#[tokio::test]
async fn alerts_and_dashboard_name_metrics_that_there_are() {
    let variables = [("ipp_schedule", "rate(1 day)"), ("request_metrics", "true")];
    let app = App::with(&variables).await;
    // The first request is counted by then.
    let shown = eventually("a request is counted", async || {
        let shown = app.ops(Method::GET, "/metrics", None).await;
        let shown = shown.text().await.unwrap();
        shown.contains("_count{method=").then(|| metrics(&shown))
    })
    .await;
    app.stop().await;

    for file in [ALERTS, DASHBOARD] {
        let named = metrics(&read(file));
        assert!(named.len() > 5, "{file}: {named:?}");
        let missing: Vec<_> = named.difference(&shown).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
    serde_json::from_str::<Value>(&read(DASHBOARD)).unwrap();
}

/// Where Debian's `prometheus` is installed, its own tool checks the alerts.
#[test]
fn alerts_fire_when_they_should() {
    let promtool = |words: &[&str]| {
        let tool = Command::new("promtool")
            .args(words)
            .current_dir(root())
            .output();
        match tool {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("promtool is not installed: apt-get install prometheus");
            }
            tool => {
                let output = tool.unwrap();
                assert!(output.status.success(), "{words:?}: {output:?}");
            }
        }
    };
    promtool(&["check", "rules", ALERTS]);
    promtool(&["test", "rules", ALERTS_TEST]);
}
