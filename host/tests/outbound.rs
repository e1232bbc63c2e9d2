//! The destinations that components reach through the host: stores, other servers, each other.

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use common::{Project, client, get, probe_manifest};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The statuses by which the probe reports errors.
const NO_SUCH_STORE: u16 = 701;
const ACCESS_DENIED: u16 = 702;
const OTHER_STORE_ERROR: u16 = 703;
const DESTINATION_NOT_FOUND: u16 = 702;
const CONNECTION_REFUSED: u16 = 706;
const HTTP_REQUEST_DENIED: u16 = 715;

#[tokio::test]
async fn a_store_keeps_its_values_over_a_restart_in_the_file_that_spin_uses() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    assert_eq!(project.output("probe"), "");
    drop(app);
    let app = project.start().await;
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    assert_eq!(project.output("probe"), "/kdefault\n");

    let file = project.path(".spin/sqlite_key_value.db");
    let database = rusqlite::Connection::open(file).unwrap();
    let row = database.query_row("SELECT store, key, value FROM spin_key_value", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    let expected = ("default".to_owned(), "k".to_owned(), b"/kdefault".to_vec());
    assert_eq!(row.unwrap(), expected);
}

#[tokio::test]
async fn a_store_that_the_manifest_does_not_give_is_closed() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    assert_eq!(get(&app, "/kother").await.status(), ACCESS_DENIED);
    assert_ne!(ACCESS_DENIED, NO_SUCH_STORE);
}

#[tokio::test]
async fn stores_live_where_the_runtime_configuration_says() {
    let manifest = probe_manifest("").replace(r#"["default"]"#, r#"["default", "files", "gone"]"#);
    let refused = Project::new(&manifest, &["probe"]).refusal().await;
    assert!(refused.to_string().contains("[key_value_store.files]"));

    let project = Project::new(&manifest, &["probe"]);
    let config = project.path("runtime-config.toml");
    let text = r#"
        [key_value_store.default]
        type = "memory"
        [key_value_store.files]
        type = "spin"
        path = "sub/files.db"
        [key_value_store.gone]
        type = "redis"
        url = "redis://127.0.0.1:1"
    "#;
    std::fs::write(&config, text).unwrap();
    let mut options = project.options();
    options.runtime_config_file = Some(config);
    let app = orilla::start(options).await.unwrap();
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    assert_eq!(get(&app, "/kfiles").await.status(), 200);
    assert_eq!(project.output("probe"), "/kdefault\n");
    assert!(project.path(".spin/sub/files.db").exists());
    assert!(!project.path(".spin/sqlite_key_value.db").exists());
}

#[tokio::test]
async fn a_store_that_is_to_fail_keeps_what_it_has_and_other_keys() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    for (fault, status) in [
        ("fail-set:other", 200),
        ("fail-set:k", OTHER_STORE_ERROR),
        ("fail-set:*", OTHER_STORE_ERROR),
    ] {
        let mut options = project.options();
        options.key_value_faults = vec![fault.parse().unwrap()];
        let app = orilla::start(options).await.unwrap();
        let answer = get(&app, "/kdefault").await;
        assert_eq!(answer.status(), status, "{fault}");
    }
    let app = project.start().await;
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    // Each request but the first found the first one's value, and nothing else.
    assert_eq!(project.output("probe"), "/kdefault\n".repeat(3));
}

#[tokio::test]
async fn a_host_may_be_told_to_die_before_it_sets_a_key() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut host = Command::new(env!("CARGO_BIN_EXE_orilla"))
        .args(["up", "--listen", "127.0.0.1:0"])
        .args(["--key-value-fault", "exit-before-set:k"])
        .arg("--from")
        .arg(project.path("spin.toml"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(host.stdout.take().unwrap()).lines();
    let serving = output.next_line().await.unwrap().unwrap();
    let url = serving.strip_prefix("Serving ").unwrap();
    let client = client();
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    assert!(client.get(format!("{url}/kdefault")).send().await.is_err());
    let exit = host.wait().await.unwrap();
    assert_eq!(exit.signal(), Some(9), "{exit}");

    let app = project.start().await;
    assert_eq!(get(&app, "/kdefault").await.status(), 200);
    assert_eq!(project.output("probe"), "");
}

#[tokio::test]
async fn requests_go_only_where_the_manifest_allows() {
    let target = Project::new(&probe_manifest(""), &["probe"]).start().await;
    let target = target.address();
    let nobody = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let allowed = format!(r#"allowed_outbound_hosts = ["http://{target}", "http://{nobody}"]"#);
    let project = Project::new(&probe_manifest(&allowed), &["probe"]);
    let app = project.start().await;
    let status = async |host: &str| get(&app, &format!("/o{host}")).await.status().as_u16();
    assert_eq!(status(&nobody.to_string()).await, CONNECTION_REFUSED);
    for host in [
        "127.0.0.1:1",
        "self.alt",
        "probe.spin.internal",
        "localhost",
    ] {
        assert_eq!(status(host).await, HTTP_REQUEST_DENIED, "{host}");
    }
}

#[tokio::test]
async fn an_application_calls_itself_and_its_private_components() {
    let manifest = r#"
        spin_manifest_version = 2
        [application]
        name = "chain"
        [[trigger.http]]
        route = "/..."
        component = "front"
        [[trigger.http]]
        route = { private = true }
        component = "back"
        [component.front]
        source = "probe.wasm"
        allowed_outbound_hosts = ["http://self", "http://*.spin.internal"]
        [component.back]
        source = "asker.wasm"
        [component.back.dependencies]
        "orilla:guests/answers" = { path = "answerer.wasm" }
    "#;
    let project = Project::new(manifest, &["probe", "asker", "answerer"]);
    let app = project.start().await;
    assert_eq!(get(&app, "/oback.spin.internal").await.status(), 242);
    assert_eq!(get(&app, "/oself.alt").await.status(), 200);
    assert_eq!(
        get(&app, "/onobody.spin.internal").await.status(),
        DESTINATION_NOT_FOUND
    );
    assert_eq!(project.output("back"), "asked\n");
}
