//! Manifests that are refused at the start, and the messages.

mod common;

use common::{Project, get, probe_manifest};
use orilla::StartError;

async fn refusal(manifest: &str) -> String {
    let project = Project::new(manifest, &["probe"]);
    let error = project.refusal().await;
    assert!(matches!(error, StartError::Manifest(_)), "{error}");
    error.to_string()
}

#[tokio::test]
async fn errors_name_file_table_and_key() {
    let good = probe_manifest(r#"allowed_outbound_hosts = ["http://{{ greeting }}"]"#);
    for (from, to, table, key, reason) in [
        (
            "name = \"probes\"",
            "nam = \"x\"",
            "application",
            "nam",
            "unknown field",
        ),
        ("name = \"probes\"", "", "application", "name", "missing"),
        (
            "version = 2",
            "version = 1",
            "top level",
            "spin_manifest_version",
            "version 2",
        ),
        (
            "source = \"probe.wasm\"",
            "source = \"no.wasm\"",
            "component.probe",
            "source",
            "no.wasm",
        ),
        (
            "source = \"probe.wasm\"",
            "source = 7",
            "component.probe",
            "source",
            "7",
        ),
        (
            "key_value_stores = [",
            "stores = [",
            "component.probe",
            "stores",
            "unknown field",
        ),
        (
            "key_value_stores = [\"default\"]",
            "files = [\"x\"]",
            "component.probe",
            "files",
            "mounts no files",
        ),
        (
            "key_value_stores = [\"default\"]",
            "key_value_stores = [\"x\"]",
            "component.probe",
            "key_value_stores",
            "`x`",
        ),
        (
            "component = \"probe\"",
            "component = \"prob\"",
            "trigger.http[0]",
            "component",
            "[component.prob]",
        ),
        (
            "component = \"probe\"",
            "componen = \"prob\"",
            "trigger.http[0]",
            "componen",
            "unknown field",
        ),
        (
            "route = \"/...\"",
            "route = { private = false }",
            "trigger.http[0]",
            "route",
            "private",
        ),
        (
            "[[trigger.http]]",
            "[[trigger.cron]]",
            "trigger",
            "cron",
            "unknown field",
        ),
        (
            "{{ greeting }} there",
            "{{ greting }}",
            "component.probe.variables",
            "greeting",
            "`greting`",
        ),
        (
            "{{ greeting }} there",
            "{{ greeting",
            "component.probe.variables",
            "greeting",
            "never closes",
        ),
        (
            "greeting = { default = \"hello\" }",
            "Greeting = { default = \"hello\" }",
            "variables",
            "Greeting",
            "lower-case",
        ),
        (
            "{ default = \"hello\" }",
            "{ required = true }",
            "variables",
            "greeting",
            "SPIN_VARIABLE_GREETING",
        ),
        (
            "{ default = \"hello\" }",
            "{ secret = true }",
            "variables",
            "greeting",
            "required",
        ),
        (
            "http://{{ greeting }}",
            "{{ greeting }}",
            "component.probe",
            "allowed_outbound_hosts",
            "scheme://",
        ),
        (
            "http://{{ greeting }}",
            "example.com",
            "component.probe",
            "allowed_outbound_hosts",
            "scheme://",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let said = refusal(&good.replacen(from, to, 1)).await;
        assert!(said.contains("spin.toml: "), "{said}");
        assert!(
            said.contains(&format!("[{table}] `{key}`: ")),
            "{to}: {said}"
        );
        assert!(said.contains(reason), "{to}: {said}");
    }
    let said = refusal("= what").await;
    assert!(said.contains("spin.toml: not valid TOML"), "{said}");
}

#[tokio::test]
async fn dependencies_that_can_not_be_are_refused_with_the_reason() {
    let good = asker_manifest("");
    let path = r#"{ path = "answerer.wasm" }"#;
    for (from, to, reason) in [
        (path, r#""1.0""#, "registries"),
        (
            path,
            r#"{ version = "1.0", package = "a:b" }"#,
            "registries",
        ),
        (
            path,
            r#"{ url = "http://127.0.0.1/x", digest = "sha256:0" }"#,
            "downloads",
        ),
        (path, r#"{ component = "nobody" }"#, "[component.nobody]"),
        (path, r#"{ path = "no.wasm" }"#, "no.wasm"),
        (
            path,
            r#"{ path = "probe.wasm", inherit_configuration = true }"#,
            "doesn't export",
        ),
        (path, r#"{ path = "answerer.wasm", export = "x" }"#, "`x`"),
        (
            "orilla:guests/answers",
            "orilla:guests/question",
            "no import",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let manifest = good.replacen(from, to, 1);
        let project = Project::new(&manifest, &["asker", "answerer", "probe"]);
        let said = project.refusal().await.to_string();
        assert!(
            said.contains("[component.asker.dependencies] `orilla:guests/"),
            "{said}"
        );
        assert!(said.contains(reason), "{to}: {said}");
    }
}

#[tokio::test]
async fn a_dependency_without_permissions_may_not_read_variables() {
    let guests = ["asker", "answerer", "reader"];
    let manifest = asker_manifest("").replace("answerer.wasm", "reader.wasm");
    let said = Project::new(&manifest, &guests).refusal().await.to_string();
    assert!(said.contains("`orilla:guests/answers`"), "{said}");
    assert!(said.contains("`fermyon:spin/variables@2.0.0`"), "{said}");
    assert!(
        said.contains("dependencies_inherit_configuration"),
        "{said}"
    );

    for inherit in [
        manifest.replace(
            "source =",
            "dependencies_inherit_configuration = true\nsource =",
        ),
        manifest.replace(
            "reader.wasm\"",
            "reader.wasm\", inherit_configuration = true",
        ),
    ] {
        let project = Project::new(&inherit, &guests);
        assert_eq!(get(&project.start().await, "/").await.status(), 243);
    }
}

#[tokio::test]
async fn a_dependency_without_permissions_sees_no_environment() {
    let manifest = asker_manifest(r#"environment = { SECRET = "x" }"#);
    let project = Project::new(&manifest, &["asker", "answerer"]);
    let said = project.refusal().await.to_string();
    assert!(said.contains("`wasi:cli/environment@"), "{said}");
}

#[tokio::test]
async fn a_dependency_may_be_another_component_of_the_application() {
    let manifest = asker_manifest("").replace(
        r#"{ path = "answerer.wasm" }"#,
        "{ component = \"answerer\" }\n[component.answerer]\nsource = \"answerer.wasm\"",
    );
    let project = Project::new(&manifest, &["asker", "answerer"]);
    let app = project.start().await;
    assert_eq!(get(&app, "/").await.status(), 242);
    assert_eq!(project.output("asker"), "asked\n");
}

#[tokio::test]
async fn a_component_can_stand_in_its_trigger() {
    let manifest = r#"
        spin_manifest_version = 2
        application = { name = "inline" }
        [[trigger.http]]
        route = "/..."
        component = { source = "probe.wasm" }
    "#;
    let project = Project::new(manifest, &["probe"]);
    assert_eq!(get(&project.start().await, "/").await.status(), 200);
    let said = refusal(&manifest.replace("source =", "sauce =")).await;
    assert!(
        said.contains("[trigger.http[0].component] `sauce`"),
        "{said}"
    );
}

#[tokio::test]
async fn an_application_without_its_import_does_not_start() {
    let manifest = asker_manifest("");
    let (without, _) = manifest
        .split_once("[component.asker.dependencies]")
        .unwrap();
    let error = Project::new(without, &["asker"]).refusal().await;
    assert!(matches!(error, StartError::Component { .. }));
    assert!(
        error.to_string().contains("orilla:guests/answers"),
        "{error}"
    );
}

#[tokio::test]
async fn what_was_compiled_once_is_used_again() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let entries = || {
        let entries = project.path(".orilla/cache").read_dir().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    project.start().await;
    let first = entries();
    assert_eq!(first.len(), 1);
    assert_eq!(get(&project.start().await, "/").await.status(), 200);
    assert_eq!(entries(), first);

    // Damaged files are compiled anew, and so is other wasm under the same name.
    let file = project.path(".orilla/cache").join(&first[0]);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(get(&project.start().await, "/").await.status(), 200);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    let mut other = common::guest("probe");
    other.extend([0, 2, 1, b'x']);
    std::fs::write(project.path("probe.wasm"), other).unwrap();
    assert_eq!(get(&project.start().await, "/").await.status(), 200);
    assert_eq!(entries().len(), 2);
}

fn asker_manifest(more: &str) -> String {
    format!(
        r#"
        spin_manifest_version = 2
        [application]
        name = "asking"
        [variables]
        greeting = {{ default = "hello" }}
        [[trigger.http]]
        route = "/..."
        component = "asker"
        [component.asker]
        source = "asker.wasm"
        {more}
        [component.asker.variables]
        greeting = "{{{{ greeting }}}}"
        [component.asker.dependencies]
        "orilla:guests/answers" = {{ path = "answerer.wasm" }}
        "#
    )
}
