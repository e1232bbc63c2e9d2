//! The template of `templates/orilla-endpoint`: rendered as `spin new` renders it, built as
//! `spin build` builds it, and used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use heck::{ToKebabCase, ToSnakeCase, ToUpperCamelCase};
use liquid_core::parser::{FilterArguments, ParameterReflection};
use liquid_core::{Filter, FilterReflection, ParseFilter, Runtime, ValueView};
use regex::Regex;
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{OwnRedis, body, refusal, root};
use toml::Table;

const NAME: &str = "gift-cards";

/// The secret that the tests sign tokens with.
const SECRET: &str = "a secret of 32 bytes for the tests";

/// Where the endpoint of the tests has its clone of Orilla.
const CLONE: &str = "../clone";

/// `metadata/spin-template.toml` as Spin 3.6 and 4 read it (`RawTemplateManifestV1` in Spin's
/// `crates/templates/src/reader.rs`), but for keys that the template does not need.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    manifest_version: String,
    id: String,
    description: String,
    tags: Vec<String>,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    r#type: String,
    prompt: String,
    default: String,
    pattern: String,
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        Regex::new(&self.pattern).unwrap().is_match(value)
    }
}

/// A filter of Spin: a word in another case.
#[derive(Clone, Debug)]
struct Case {
    name: &'static str,
    change: fn(&str) -> String,
}

const FILTERS: [Case; 3] = [
    Case {
        name: "kebab_case",
        change: |text| text.to_kebab_case(),
    },
    Case {
        name: "snake_case",
        change: |text| text.to_snake_case(),
    },
    Case {
        name: "pascal_case",
        change: |text| text.to_upper_camel_case(),
    },
];

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Filter for Case {
    fn evaluate(
        &self,
        input: &dyn ValueView,
        _: &dyn Runtime,
    ) -> liquid_core::Result<liquid_core::Value> {
        Ok(liquid_core::Value::scalar((self.change)(&input.to_kstr())))
    }
}

impl FilterReflection for Case {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.name
    }

    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }

    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
}

impl ParseFilter for Case {
    fn parse(&self, _: FilterArguments<'_>) -> liquid_core::Result<Box<dyn Filter>> {
        Ok(Box::new(self.clone()))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

/// The flags of the compiler, here and in an endpoint's folder.
const FLAGS: &str = ".cargo/config.toml";

fn template() -> PathBuf {
    root().join("templates/orilla-endpoint")
}

fn metadata() -> Metadata {
    let text = fs::read_to_string(template().join("metadata/spin-template.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// The files of `spin new` by their paths.
fn render(name: &str, clone: &str) -> BTreeMap<PathBuf, String> {
    let mut values = liquid::object!({
        "project-name": name, "output-path": name, "authors": "Ana", "username": "Ana",
    });
    for (id, parameter) in metadata().parameters {
        values.insert(id.into(), liquid_core::Value::scalar(parameter.default));
    }
    values.insert(
        "orilla".into(),
        liquid_core::Value::scalar(clone.to_owned()),
    );
    let builder = liquid::ParserBuilder::with_stdlib();
    let parser = FILTERS.into_iter().fold(builder, |b, case| b.filter(case));
    let parser = parser.build().unwrap();

    let content = template().join("content");
    let files = files(&content).into_iter().map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        // Spin copies a file as it is that it cannot parse, without a word.
        let parsed = parser.parse(&text);
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let rendered = parsed.render(&values);
        let rendered = rendered.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut path = file.strip_prefix(&content).unwrap().to_path_buf();
        if path
            .extension()
            .is_some_and(|extension| extension == "tmpl")
        {
            path.set_extension("");
        }
        (path, rendered)
    });
    files.collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let paths = entries.map(|entry| entry.path());
    let found = paths.map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    found.flatten().collect()
}

fn table(files: &BTreeMap<PathBuf, String>, path: &str) -> Table {
    files[Path::new(path)].parse().unwrap()
}

fn of_the_clone(path: &str) -> Table {
    let text = fs::read_to_string(root().join(path)).unwrap();
    text.parse().unwrap()
}

/// The names of the variables in the templates of a manifest: `{{ name }}`.
pub(crate) fn used_variables(text: &str) -> BTreeSet<&str> {
    let after = text.split("{{").skip(1);
    after
        .map(|text| text.split_once("}}").unwrap().0.trim())
        .collect()
}

/// The members of a list of a manifest.
fn list(value: &toml::Value) -> BTreeSet<&str> {
    let list = value.as_array().unwrap().iter();
    list.map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn spin_reads_the_template() {
    let metadata = metadata();
    assert_eq!(metadata.manifest_version, "1");
    assert_eq!(
        Some(metadata.id.as_str()),
        template().file_name().unwrap().to_str()
    );
    assert!(!metadata.description.is_empty());
    assert!(metadata.tags.iter().any(|tag| tag == "rust"));
    for (id, parameter) in &metadata.parameters {
        assert_eq!(parameter.r#type, "string", "{id}");
        assert!(!parameter.prompt.is_empty(), "{id}");
        assert!(parameter.takes(&parameter.default), "{id}");
    }
    // They stand in texts of TOML, and Spin builds in relative folders alone.
    assert!(!metadata.parameters["project-description"].takes("a \"b\""));
    for wrong in ["", "/home/ana/orilla", "my clone", "..\\orilla"] {
        assert!(!metadata.parameters["orilla"].takes(wrong), "{wrong}");
    }
}

#[test]
fn nothing_is_left_unrendered() {
    for (path, text) in render("Gift_Cards", CLONE) {
        assert!(!text.contains("{%"), "{}: {text}", path.display());
        if path != Path::new("spin.toml") {
            assert!(!text.contains("{{"), "{}: {text}", path.display());
        }
    }
    // A name may be written as one likes.
    assert_eq!(render("Gift_Cards", CLONE), render("giftCards", CLONE));
    assert_eq!(render("Gift_Cards", CLONE), render(NAME, CLONE));
}

#[test]
fn the_manifest_gives_what_orilla_gives_its_endpoints() {
    let shipped = of_the_clone("spin.toml");
    let files = render(NAME, CLONE);
    let mut own = table(&files, "spin.toml");
    assert_eq!(own["application"]["name"].as_str(), Some(NAME));

    // As many variables as are used, each defined as in Orilla.
    let used = used_variables(&files[Path::new("spin.toml")]);
    let defined = own["variables"].as_table().unwrap();
    assert_eq!(used, defined.keys().map(String::as_str).collect());
    for (name, variable) in defined {
        assert_eq!(variable, &shipped["variables"][name], "{name}");
    }

    // The imports that all components have that verify tokens: the rest is for their work.
    const ROLE: &str = "orilla:auth/authorizer@0.2.0";
    let components = shipped["component"].as_table().unwrap().values();
    let verifying: Vec<_> = components
        .filter(|component| {
            component
                .get("dependencies")
                .is_some_and(|d| d.get(ROLE).is_some())
        })
        .collect();
    let (first, others) = verifying.split_first().unwrap();
    let mut variables = first["variables"].as_table().unwrap().clone();
    let mut hosts = list(&first["allowed_outbound_hosts"]);
    for other in others {
        variables.retain(|name, value| other["variables"].get(name) == Some(value));
        let theirs = list(&other["allowed_outbound_hosts"]);
        hosts.retain(|host| theirs.contains(host));
    }
    let components = own["component"].as_table_mut().unwrap();
    let endpoint = &components[NAME];
    assert_eq!(endpoint["variables"].as_table().unwrap(), &variables);
    assert_eq!(list(&endpoint["allowed_outbound_hosts"]), hosts);
    for key in ["key_value_stores", "dependencies_inherit_configuration"] {
        assert_eq!(endpoint[key], first[key], "{key}");
    }
    let in_clone = |path: &toml::Value| format!("{CLONE}/{}", path.as_str().unwrap());
    let theirs = in_clone(&first["dependencies"][ROLE]["path"]);
    let authorizer = &endpoint["dependencies"][ROLE]["path"];
    assert_eq!(authorizer.as_str(), Some(&*theirs));

    // The reader of keys is Orilla's own.
    let reader = components["jwks-reader"].as_table_mut().unwrap();
    let mut theirs = shipped["component"]["jwks-reader"].clone();
    theirs["source"] = in_clone(&theirs["source"]).into();
    let build = reader.remove("build").unwrap();
    assert_eq!(toml::Value::from(reader.clone()), theirs);
    let command = build["command"].as_str().unwrap();
    for package in ["authorizer", "jwks-reader"] {
        assert!(command.contains(&format!(" -p {package}")), "{command}");
    }
    assert_eq!(build["workdir"].as_str(), Some(CLONE));
    assert_eq!(components.len(), 2);
}

#[test]
fn the_crate_is_built_as_orilla_builds_its_own() {
    let workspace = of_the_clone("Cargo.toml");
    let files = render(NAME, CLONE);
    let own = table(&files, "Cargo.toml");
    // Cargo warns of settings for packages that are not there, and an endpoint needs none of them.
    let mut profile = workspace["profile"]["wasm"].clone();
    profile.as_table_mut().unwrap().remove("package").unwrap();
    assert_eq!(own["profile"]["wasm"], profile);
    for key in ["edition", "rust-version"] {
        assert_eq!(own["package"][key], workspace["workspace"]["package"][key]);
    }
    for (name, dependency) in own["dependencies"].as_table().unwrap() {
        let mut theirs = workspace["workspace"]["dependencies"][name].clone();
        if let Some(path) = theirs.get_mut("path") {
            *path = format!("{CLONE}/{}", path.as_str().unwrap()).into();
        }
        assert_eq!(dependency, &theirs, "{name}");
    }
    let config = of_the_clone(FLAGS);
    assert_eq!(table(&files, FLAGS)["target"], config["target"]);
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    assert_eq!(files[Path::new("rust-toolchain.toml")], toolchain);
}

/// The folder of a new endpoint, which is made and built once.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(NAME);
    let _ = fs::remove_dir_all(&folder);
    let up = folder.strip_prefix(root()).unwrap().components();
    let up: Vec<_> = up.map(|_| "..").collect();
    let mut files = render(NAME, &up.join("/"));
    // Cargo has the flags from the clone, which this folder lies in, and would add them again.
    files.remove(Path::new(FLAGS));
    for (path, text) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    let component = table(&files, "spin.toml")["component"][NAME].clone();
    for command in component["build"]["command"].as_array().unwrap() {
        let command = command.as_str().unwrap();
        // One compiler at the lowest priority: the tests beside it wait for answers.
        let status = Command::new("nice")
            .args(["-n", "19", "sh", "-c", command])
            .env("CARGO_BUILD_JOBS", "1")
            .current_dir(&folder)
            // The crates that it shares with Orilla's components are built already.
            .env("CARGO_TARGET_DIR", root().join("target"))
            .env("CARGO_NET_OFFLINE", "true")
            .status();
        assert!(status.unwrap().success(), "{command}");
    }
    let wasm = component["source"].as_str().unwrap();
    let built = folder.join(wasm);
    fs::create_dir_all(built.parent().unwrap()).unwrap();
    fs::copy(root().join(wasm), built).unwrap();
    folder
});

/// The endpoint on the embedded host, with a Redis of its own.
struct Running {
    app: orilla::RunningApp,
    redis: OwnRedis,
    client: reqwest::Client,
    data: TempDir,
}

impl Running {
    async fn start() -> Self {
        let redis = OwnRedis::start().await;
        let data = tempfile::tempdir().unwrap();
        let mut options = orilla::Options::new(BUILT.join("spin.toml"));
        options.state_dir = data.path().to_path_buf();
        options.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        options.cache_dir = Some(root().join("target/orilla-cache"));
        options.quiet = true;
        options.variables = BTreeMap::from([
            ("redis_host".to_owned(), redis.server.host()),
            ("redis_credentials".to_owned(), redis.server.credentials()),
            ("jwt_secret".to_owned(), SECRET.to_owned()),
        ]);
        Self {
            app: orilla::start(options).await.unwrap(),
            redis,
            client: reqwest::Client::new(),
            data,
        }
    }

    /// A request without a token.
    fn request(&self, method: Method, id: &str) -> RequestBuilder {
        let url = format!("http://{}/{NAME}/{id}", self.app.address());
        self.client.request(method, url)
    }

    fn request_of(&self, user: &str, method: Method, id: &str) -> RequestBuilder {
        let token = devstack::token(SECRET, user, &[], Duration::from_secs(60)).unwrap();
        self.request(method, id).bearer_auth(token)
    }

    async fn get(&self, user: &str, id: &str) -> Response {
        let request = self.request_of(user, Method::GET, id);
        request.send().await.unwrap()
    }

    async fn put(&self, user: &str, id: &str, document: &Value) -> Response {
        let request = self.request_of(user, Method::PUT, id).json(document);
        request.send().await.unwrap()
    }

    async fn stop(self) {
        self.app.shutdown().await;
        drop(self.redis);
        self.data.close().unwrap();
    }
}

#[tokio::test]
async fn a_new_endpoint_keeps_the_documents_of_its_users() {
    let running = Running::start().await;

    let anas = json!({"text": "for Ana"});
    let answer = running.put("ana", "card:1", &anas).await;
    let tag = answer.headers()["etag"].clone();
    assert_eq!(body(answer, 200).await, anas);
    let answer = running.get("ana", "card:1").await;
    assert_eq!(answer.headers()["etag"], tag);
    assert_eq!(body(answer, 200).await, anas);
    let known = running.request_of("ana", Method::GET, "card:1");
    let known = known.header("if-none-match", tag).send().await.unwrap();
    assert_eq!(known.status(), 304);

    // Another user has none of that id, and may have one.
    let none = running.get("eva", "card:1").await;
    assert_eq!(refusal(none, 404).await, "unknown_document");
    let evas = json!({"text": "for Eva"});
    body(running.put("eva", "card:1", &evas).await, 200).await;
    assert_eq!(body(running.get("ana", "card:1").await, 200).await, anas);
    assert_eq!(body(running.get("eva", "card:1").await, 200).await, evas);

    // A later document takes the place of an earlier one.
    let later = json!({"text": "later"});
    body(running.put("ana", "card:1", &later).await, 200).await;
    assert_eq!(body(running.get("ana", "card:1").await, 200).await, later);
    running.stop().await;
}

#[tokio::test]
async fn a_new_endpoint_refuses_as_the_others_do() {
    let running = Running::start().await;
    let document = json!({"text": "for Ana"});

    let nobody = running.request(Method::GET, "a").send().await.unwrap();
    assert_eq!(refusal(nobody, 401).await, "missing_token");
    let forged = running.request(Method::PUT, "a").bearer_auth("a.b.c");
    refusal(forged.json(&document).send().await.unwrap(), 401).await;
    let deleted = running.request_of("ana", Method::DELETE, "a");
    let deleted = refusal(deleted.send().await.unwrap(), 405).await;
    assert_eq!(deleted, "method_not_allowed");

    let answer = running.put("ana", "a%20b", &document).await;
    assert_eq!(refusal(answer, 400).await, "invalid_field");
    let answer = running.get("ana", "a%20b").await;
    assert_eq!(refusal(answer, 404).await, "unknown_document");
    for wrong in [json!({}), json!(["for Ana"]), json!({"text": 1})] {
        let answer = running.put("ana", "a", &wrong).await;
        assert_eq!(refusal(answer, 400).await, "invalid_json", "{wrong}");
    }
    let long = json!({"text": "x".repeat(16 * 1024)});
    refusal(running.put("ana", "a", &long).await, 413).await;
    refusal(running.get("ana", "a").await, 404).await;
    running.stop().await;
}
