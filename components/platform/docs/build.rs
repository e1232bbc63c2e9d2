//! Makes the OpenAPI document from the files in `openapi/`.
//!
//! `document.yaml` has the parts that all systems share, each other file the paths and
//! components of one system. The refusals that follow from conventions are added here, so
//! that no file repeats them: see `Conventions`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Number, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

const FOLDER: &str = "openapi";
const SHARED: &str = "document.yaml";
const SCRIPT: &str = "redoc/redoc.standalone.js";

/// The members of a path item that are operations.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

type Object = Map<String, Value>;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed={SCRIPT}");
    if let Err(problem) = make().and_then(|()| check_script()) {
        println!("cargo::error=docs: {problem}");
    }
}

/// Fails where the component is built without the script of its page.
fn check_script() -> Result<(), String> {
    let is_component = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm");
    if is_component && !Path::new(SCRIPT).exists() {
        return Err(format!(
            "{SCRIPT} is not there yet: run scripts/fetch-redoc"
        ));
    }
    Ok(())
}

fn make() -> Result<(), String> {
    let folder = Path::new(FOLDER);
    let Value::Object(mut document) = read(&folder.join(SHARED))? else {
        return Err(format!("{SHARED} is no mapping"));
    };
    let errors = document.remove("errors").ok_or("errors is missing")?;
    let entries = fs::read_dir(folder).map_err(|error| format!("{FOLDER}: {error}"))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(|error| format!("{FOLDER}: {error}"))?;
    files.retain(|file| !file.ends_with(SHARED));
    files.sort();
    for file in files {
        let Value::Object(system) = read(&file)? else {
            return Err(format!("{} is no mapping", file.display()));
        };
        merge(&mut document, system, &file.display().to_string())?;
    }
    let parameters = document
        .get("components")
        .and_then(|all| all.get("parameters"));
    let conventions = Conventions {
        errors,
        parameters: parameters.cloned().unwrap_or_default(),
    };
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.ok_or("paths is missing")? {
        conventions
            .complete(item)
            .map_err(|problem| format!("{path}: {problem}"))?;
    }
    let shared = document
        .get_mut("components")
        .and_then(|all| all.get_mut("responses"));
    for response in shared
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Object::values_mut)
    {
        add_own_headers(response);
    }
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let text = serde_json::to_string(&document).map_err(|error| error.to_string())?;
    fs::write(Path::new(&out).join("openapi.json"), text).map_err(|error| error.to_string())
}

fn read(file: &Path) -> Result<Value, String> {
    let problem = |error: String| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    let documents = YamlLoader::load_from_str(&text).map_err(|error| problem(error.to_string()))?;
    let document = documents
        .first()
        .ok_or_else(|| problem("it is empty".to_owned()))?;
    json_of(document).map_err(problem)
}

/// The JSON of a YAML value. `<<` adds the members of another mapping, as in YAML 1.1.
fn json_of(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(value) => (*value).into(),
        Yaml::Integer(value) => (*value).into(),
        Yaml::Real(text) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.ok_or_else(|| format!("{text} is no number"))?.into()
        }
        Yaml::String(text) => text.as_str().into(),
        Yaml::Array(elements) => {
            let elements = elements.iter().map(json_of);
            elements.collect::<Result<Vec<_>, _>>()?.into()
        }
        Yaml::Hash(members) => {
            let mut object = Object::new();
            for (name, value) in members {
                let name = match name {
                    Yaml::String(name) => name.clone(),
                    Yaml::Integer(status) => status.to_string(),
                    other => return Err(format!("{other:?} is no name")),
                };
                match (name.as_str(), json_of(value)?) {
                    ("<<", Value::Object(others)) => object.extend(others),
                    // `{a: b, c d}` is `{a: b, "c d": null}`: the text lacks its quotes.
                    (words, Value::Null) if words.contains(' ') => {
                        return Err(format!("{name:?} has no value"));
                    }
                    (_, value) => {
                        object.insert(name, value);
                    }
                }
            }
            object.into()
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err("an alias has no anchor".to_owned()),
    })
}

/// Adds the members of one object to another one. Objects that both have are merged; any
/// other member may be there only once.
fn merge(into: &mut Object, from: Object, place: &str) -> Result<(), String> {
    for (name, value) in from {
        let place = format!("{place}: {name}");
        match (into.get_mut(&name), value) {
            (None, value) => {
                into.insert(name, value);
            }
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from, &place)?,
            (Some(_), _) => return Err(format!("{place} is there twice")),
        }
    }
    Ok(())
}

/// The parts of an operation that follow from its kind.
struct Conventions {
    /// The refusals, as `document.yaml` lists them: for each kind of operation the
    /// statuses, and for each status the codes with their meanings.
    errors: Value,
    /// The parameters that operations refer to.
    parameters: Value,
}

impl Conventions {
    /// Completes the operations of a path.
    fn complete(&self, item: &mut Value) -> Result<(), String> {
        let has_parameters = item.get("parameters").is_some();
        let item = item.as_object_mut().ok_or("it is no mapping")?;
        for (method, operation) in item.iter_mut() {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let operation = operation
                .as_object_mut()
                .ok_or("an operation is no mapping")?;
            self.complete_operation(operation, has_parameters)
                .map_err(|problem| format!("{method}: {problem}"))?;
        }
        Ok(())
    }

    /// Whether a parameter, or the one that it refers to, is part of the query.
    fn is_of_query(&self, parameter: &Value) -> bool {
        let name = parameter.get("$ref").and_then(Value::as_str);
        let name = name.and_then(|reference| reference.rsplit('/').next());
        let referred = name.and_then(|name| self.parameters.get(name));
        referred.unwrap_or(parameter).get("in") == Some(&"query".into())
    }

    fn complete_operation(&self, operation: &mut Object, has_path: bool) -> Result<(), String> {
        let mut errors = Object::new();
        let role = operation.remove("role");
        let is_tenants = operation.remove("tenant").is_some();
        let is_queried = operation
            .get("parameters")
            .and_then(Value::as_array)
            .is_some_and(|parameters| parameters.iter().any(|one| self.is_of_query(one)));
        let security = operation.get("security").and_then(Value::as_array);
        let is_users = security.is_none_or(|all| all.iter().any(|one| one.get("user").is_some()));
        let is_public = security.is_some_and(Vec::is_empty);
        for (kind, applies) in [
            ("any", true),
            ("user", is_users),
            ("machine", !is_users && !is_public),
            ("role", role.is_some()),
            ("tenant", is_tenants),
            ("path", has_path),
            ("query", is_queried),
            ("body", operation.contains_key("requestBody")),
        ] {
            if applies {
                let convention = self.errors.get(kind).and_then(Value::as_object);
                let convention = convention.ok_or_else(|| format!("errors.{kind} is missing"))?;
                merge_errors(&mut errors, convention)?;
            }
        }
        let own = match operation.remove("errors") {
            Some(Value::Object(own)) => own,
            _ => Object::new(),
        };
        merge_errors(&mut errors, &own)?;
        if let Some(role) = role {
            let role = role.as_str().ok_or("role is no text")?;
            let note = format!("It needs the role `{role}`.");
            let description = operation.get("description").and_then(Value::as_str);
            let text =
                description.map_or(note.clone(), |text| format!("{}\n\n{note}", text.trim()));
            operation.insert("description".to_owned(), text.into());
        }
        let responses = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        let responses = responses.ok_or("responses is missing")?;
        for response in responses.values_mut() {
            add_own_headers(response);
        }
        for (status, codes) in errors {
            // A status whose body is not that of other errors is written out.
            if !responses.contains_key(&status) {
                let codes = codes.as_object().ok_or("codes are no mapping")?;
                let own = own.get(&status).and_then(Value::as_object);
                let example = own.unwrap_or(codes).iter().next();
                responses.insert(status.clone(), refusal(&status, codes, example));
            }
        }
        Ok(())
    }
}

/// Adds the codes of each status. A meaning of its own replaces the convention's.
fn merge_errors(into: &mut Object, from: &Object) -> Result<(), String> {
    for (status, codes) in from {
        let codes = codes.as_object().ok_or("codes are no mapping")?;
        let known = into.entry(status).or_insert_with(|| json!({}));
        let known = known.as_object_mut().ok_or("codes are no mapping")?;
        known.extend(codes.clone());
    }
    Ok(())
}

/// The response of a status with these codes, one of them as the example.
fn refusal(status: &str, codes: &Object, example: Option<(&String, &Value)>) -> Value {
    let meanings = codes
        .iter()
        .map(|(code, meaning)| format!("- `{code}`: {}", meaning.as_str().unwrap_or_default()));
    let names: Vec<&String> = codes.keys().collect();
    let example = example.map(|(code, meaning)| json!({"error": meaning, "code": code}));
    let mut response = json!({
        "description": meanings.collect::<Vec<_>>().join("\n"),
        "content": {"application/json": {
            "schema": {
                "$ref": "#/components/schemas/Error",
                "properties": {"code": {"enum": names}},
            },
            "example": example,
        }},
    });
    add_own_headers(&mut response);
    match status {
        "401" => add_header(&mut response, "WWW-Authenticate", "WwwAuthenticate"),
        "429" | "503" => add_header(&mut response, "Retry-After", "RetryAfter"),
        _ => {}
    }
    response
}

/// Names the headers that every answer has.
fn add_own_headers(response: &mut Value) {
    add_header(response, "X-Request-Id", "XRequestId");
    add_header(response, "traceparent", "Traceparent");
}

/// Names a header of `components` in a response, unless that is a reference itself.
fn add_header(response: &mut Value, name: &str, component: &str) {
    let Some(response) = response.as_object_mut() else {
        return;
    };
    if response.contains_key("$ref") {
        return;
    }
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    if let Some(headers) = headers.as_object_mut() {
        let reference = format!("#/components/headers/{component}");
        headers.insert(name.to_owned(), json!({"$ref": reference}));
    }
}
