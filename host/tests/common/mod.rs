//! Guests and applications for the tests.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedSender, unbounded};
use orilla::{Options, RunningApp, StartError, start};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest of `tests/guests`: a core module, as compilers for wasip1 make them.
pub fn guest(name: &str) -> Vec<u8> {
    let text = match name {
        "probe" => include_str!("../guests/probe.wat"),
        "asker" => include_str!("../guests/asker.wat"),
        "answerer" => include_str!("../guests/answerer.wat"),
        "rememberer" => include_str!("../guests/rememberer.wat"),
        "reader" => include_str!("../guests/reader.wat"),
        other => panic!("no guest {other}"),
    };
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("guests.wit", include_str!("../guests/guests.wit"))
        .unwrap();
    let world = resolve.select_world(&[package], Some(name)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// An application in a folder of its own.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// Writes a manifest and the guests that it names.
    pub fn new(manifest: &str, guests: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
        for name in guests {
            std::fs::write(folder.path().join(format!("{name}.wasm")), guest(name)).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Options for a free port of the loopback interface.
    pub fn options(&self) -> Options {
        let mut options = Options::new(self.path("spin.toml"));
        options.listen = (Ipv4Addr::LOCALHOST, 0).into();
        options.quiet = true;
        options
    }

    pub async fn start(&self) -> RunningApp {
        start(self.options()).await.unwrap()
    }

    /// The error with which the start of the application fails.
    pub async fn refusal(&self) -> StartError {
        start(self.options()).await.unwrap_err()
    }

    /// The output of a component.
    pub fn output(&self, component: &str) -> String {
        let file = self.path(&format!(".spin/logs/{component}_stdout.txt"));
        std::fs::read_to_string(file).unwrap()
    }
}

/// The manifest of an application whose routes all go to the probe.
pub fn probe_manifest(more: &str) -> String {
    format!(
        r#"
        spin_manifest_version = 2
        [application]
        name = "probes"
        [variables]
        greeting = {{ default = "hello" }}
        [[trigger.http]]
        route = "/..."
        component = "probe"
        [component.probe]
        source = "probe.wasm"
        key_value_stores = ["default"]
        {more}
        [component.probe.variables]
        greeting = "{{{{ greeting }}}} there"
        "#
    )
}

/// A client that uses no proxy.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub async fn get(app: &RunningApp, path: &str) -> reqwest::Response {
    let url = format!("http://{}{path}", app.address());
    client().get(url).send().await.unwrap()
}

/// Waits until `check` holds, for it depends on other tasks; gives up after 20 s.
pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let waited = async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .is_err()
    {
        panic!("never: {what}");
    }
}

/// A body that is sent piece by piece.
pub fn body() -> (UnboundedSender<std::io::Result<Vec<u8>>>, reqwest::Body) {
    let (sender, receiver) = unbounded();
    (sender, reqwest::Body::wrap_stream(receiver))
}

/// A connection on which these bytes were sent.
pub async fn sent(app: &RunningApp, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream
}

/// All bytes that the host sends before it closes the connection.
pub async fn said(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Checks an error of the host, which has the form of the applications' errors.
pub fn assert_error(answer: &str, status: &str, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{answer}");
    assert!(head.contains("\r\nx-request-id: "), "{answer}");
    assert!(
        head.contains("\r\ncontent-type: application/json"),
        "{answer}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], code);
    assert!(body["error"].is_string());
}

pub const CLOSE: &str = "host: x\r\nconnection: close\r\n";
