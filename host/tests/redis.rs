//! The Redis trigger, against a real server.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use common::{Project, eventually, get};
use redis::Commands;
use tempfile::TempDir;

/// A server of this test's own, on a free port.
struct Server {
    process: Child,
    _folder: TempDir,
}

impl Server {
    fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need redis-server on the PATH");
        Self {
            process,
            _folder: folder,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn project(port: u16) -> Project {
    let manifest = format!(
        r#"
        spin_manifest_version = 2
        [application]
        name = "messages"
        [application.trigger.redis]
        address = "redis://{{{{ host }}}}:{port}"
        [variables]
        host = {{ default = "127.0.0.1" }}
        channel = {{ default = "bell" }}
        [[trigger.http]]
        route = "/..."
        component = "one"
        [[trigger.redis]]
        channel = "{{{{ channel }}}}"
        component = "one"
        [[trigger.redis]]
        channel = "bell"
        component = "two"
        [[trigger.redis]]
        channel = "other"
        component = "two"
        [component.one]
        source = "probe.wasm"
        [component.two]
        source = "probe.wasm"
        "#
    );
    Project::new(&manifest, &["probe"])
}

/// Publishes as soon as the channel has a subscriber.
async fn publish(port: u16, channel: &str, message: &str) {
    let client = redis::Client::open(("127.0.0.1", port)).unwrap();
    eventually("the channel has a subscriber", || {
        let heard = client
            .get_connection()
            .and_then(|mut connection| connection.publish::<_, _, usize>(channel, message));
        heard.is_ok_and(|listeners| listeners > 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_component_of_a_channel_gets_its_messages_in_order() {
    let port = free_port();
    let _server = Server::start(port);
    let project = project(port);
    let app = project.start().await;
    publish(port, "other", "elsewhere").await;
    // The empty message makes the guest trap, which must not stop the others.
    publish(port, "bell", "").await;
    let numbers: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    for number in &numbers {
        publish(port, "bell", number).await;
    }
    let expected = numbers.join("\n") + "\n";
    eventually("all are handled", || {
        project.output("one").ends_with("29\n")
    })
    .await;
    eventually("all are handled", || {
        project.output("two").ends_with("29\n")
    })
    .await;
    assert_eq!(project.output("one"), expected);
    assert_eq!(project.output("two"), format!("elsewhere\n{expected}"));
    // The same component answers requests too.
    assert_eq!(get(&app, "/").await.status(), 200);
    assert!(app.shutdown().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_or_goes_away_is_found_again() {
    let port = free_port();
    let project = project(port);
    let app = project.start().await;
    assert_eq!(get(&app, "/").await.status(), 200);
    for message in ["late", "again"] {
        let _server = Server::start(port);
        publish(port, "bell", message).await;
        eventually("it is handled", || project.output("one").contains(message)).await;
    }
    assert!(app.shutdown().await);
}

#[tokio::test]
async fn what_is_no_redis_address_is_refused() {
    let project = project(1);
    let mut options = project.options();
    options.variables = [("host".to_owned(), "[".to_owned())].into();
    let said = orilla::start(options).await.unwrap_err().to_string();
    assert!(
        said.contains("[application.trigger.redis] `address`"),
        "{said}"
    );
}
