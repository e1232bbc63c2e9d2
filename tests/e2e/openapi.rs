//! The OpenAPI document against the application. That every answer of every other test is
//! as the document has it is checked where they are received (`tests::RequestBuilder`).

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{API, Answered, Api, App, Manifest, hex, root};

use crate::manifest::{Programs, Texts, shipped};

/// The methods of the routes, as `GET /jobs/{}`. Parameters have no names here; one with a
/// list of values stands for each of them.
type Routes = BTreeSet<String>;

fn routes_of(api: &Api) -> Routes {
    let mut routes = Routes::new();
    for (template, operations) in api.operations() {
        let shared = &api.document()["paths"][template]["parameters"];
        for (method, operation) in operations {
            let mut paths = vec![String::new()];
            for segment in template.split('/').skip(1) {
                let values = match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                    None => vec![segment.to_owned()],
                    Some(name) => values(api, [shared, &operation["parameters"]], name),
                };
                let longer = paths.iter().flat_map(|path| {
                    let values = values.iter();
                    values.map(move |value| format!("{path}/{value}"))
                });
                paths = longer.collect();
            }
            routes.extend(paths.iter().map(|path| format!("{method} {path}")));
        }
    }
    routes
}

/// The values of a parameter of the path; `{}` for any.
fn values(api: &Api, lists: [&Value; 2], name: &str) -> Vec<String> {
    let mut parameters = lists.into_iter().filter_map(Value::as_array).flatten();
    let parameter = parameters
        .find_map(|parameter| {
            let parameter = api.resolve(parameter);
            (parameter["name"] == name && parameter["in"] == "path").then_some(parameter)
        })
        .unwrap_or_else(|| panic!("{name} is no parameter"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match parameter["schema"]["enum"].as_array() {
        Some(values) => values.iter().map(text).collect(),
        None => vec!["{}".to_owned()],
    }
}

#[tokio::test]
async fn the_document_has_the_routes_of_the_manifest_and_no_others() {
    let app = App::start().await;
    let mut routes = Routes::new();
    for route in Manifest::shipped().routes() {
        let anonymous = route
            .split('/')
            .map(|segment| match segment.starts_with(':') {
                true => "{}",
                false => segment,
            });
        let anonymous = anonymous.collect::<Vec<_>>().join("/");
        for method in app.methods(&Manifest::path(&route)).await {
            routes.insert(format!("{method} {anonymous}"));
        }
    }
    assert!(routes.len() > 40, "{routes:?}");
    let documented = routes_of(&API);
    let difference: Vec<_> = documented.symmetric_difference(&routes).collect();
    assert!(difference.is_empty(), "only one has {difference:?}");
    app.stop().await;
}

#[tokio::test]
async fn the_document_is_served_to_everybody_and_not_twice() {
    let app = App::start().await;
    let get = |tag: Option<HeaderValue>| {
        let request = app.request(Method::GET, "/openapi.json");
        match tag {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        }
    };
    let answer = get(None).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let tag = answer.headers()["etag"].clone();
    let served: Value = answer.json().await.unwrap();
    assert_eq!(&served, API.document());
    assert_eq!(get(Some(tag)).send().await.unwrap().status(), 304);
    app.stop().await;
}

#[tokio::test]
async fn the_page_loads_the_script_that_is_pinned_and_nothing_from_elsewhere() {
    let app = App::start().await;
    let get = |path: &str| app.request(Method::GET, path).send();
    let page = get("/docs").await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        !policy.contains("http") && !policy.contains('*'),
        "{policy}"
    );
    let html = page.text().await.unwrap();
    assert!(!html.contains("//"), "it names another site: {html}");
    let loaded = ["src=\"", "spec-url=\""].map(|attribute| {
        let (_, rest) = html.split_once(attribute).unwrap();
        rest.split('"').next().unwrap()
    });
    assert_eq!(loaded, ["/docs/redoc.js", "/openapi.json"]);

    let script = get(loaded[0]).await.unwrap();
    assert_eq!(script.status(), 200);
    let tag = script.headers()["etag"].clone();
    let digest = hex(&Sha256::digest(script.bytes().await.unwrap()));
    let pinned = "components/platform/docs/redoc/redoc.standalone.js.sha256";
    let pinned = std::fs::read_to_string(root().join(pinned)).unwrap();
    assert_eq!(pinned.split(' ').next(), Some(&*digest));
    let again = app
        .request(Method::GET, loaded[0])
        .header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    app.stop().await;
}

/// The examples of a media type, a parameter or a header.
fn examples<'a>(api: &'a Api, holder: &'a Value) -> Vec<&'a Value> {
    let several = holder["examples"].as_object().into_iter().flatten();
    let several = several.map(|(_, example)| &api.resolve(example)["value"]);
    let one = holder.get("example").into_iter().chain(several);
    // A schema's own example counts for all that have the schema.
    let of_schema = api.resolve(&holder["schema"]).get("example");
    one.chain(of_schema).collect()
}

/// The faults of the examples in a part of the document. A media type must have one.
fn wrong_examples(api: &Api, part: &Value, place: &str, wrong: &mut Vec<String>) {
    if part.get("schema").is_some() {
        for example in examples(api, part) {
            if let Some(problem) = api.problem(&part["schema"], example) {
                wrong.push(format!("{place}: {problem}"));
            }
        }
    }
    let media_types = part["content"].as_object().into_iter().flatten();
    for (media_type, content) in media_types {
        if examples(api, content).is_empty() {
            wrong.push(format!("{place}: {media_type} has no example"));
        }
    }
    match part {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            if !["example", "examples", "schema", "schemas"].contains(&name.as_str()) {
                wrong_examples(api, member, &format!("{place}/{name}"), wrong);
            }
        }),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(at, element)| {
            wrong_examples(api, element, &format!("{place}/{at}"), wrong);
        }),
        _ => {}
    }
}

#[test]
fn every_request_and_answer_has_an_example_that_meets_its_schema() {
    let faults = |document: Value| {
        let api = Api::of(document);
        let mut wrong = Vec::new();
        wrong_examples(&api, &api.document()["paths"], "paths", &mut wrong);
        wrong_examples(
            &api,
            &api.document()["components"],
            "components",
            &mut wrong,
        );
        let schemas = api.document()["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let problem = schema
                .get("example")
                .and_then(|one| api.problem(schema, one));
            wrong.extend(problem.map(|problem| format!("{name}: {problem}")));
        }
        wrong
    };
    let document = API.document();
    assert_eq!(faults(document.clone()), Vec::<String>::new());

    // The check itself finds faults.
    let mut broken = document.clone();
    broken["components"]["schemas"]["Job"]["example"]["progress"] = json!(101);
    assert!(faults(broken)[0].contains("/progress"));
    let mut broken = document.clone();
    let schemas = &mut broken["components"]["schemas"];
    schemas["Job"]
        .as_object_mut()
        .unwrap()
        .remove("example")
        .unwrap();
    assert!(faults(broken)[0].ends_with("has no example"));
}

/// An answer to `GET /jobs/JOB-001` that is as the document has it.
fn job() -> (StatusCode, HeaderMap, Value) {
    let headers = [
        ("content-type", "application/json"),
        ("etag", "\"a\""),
        ("x-request-id", "id-1"),
    ];
    let headers = headers.map(|(name, value)| {
        let name: http::HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_static(value))
    });
    let body = API.document()["components"]["schemas"]["Job"]["example"].clone();
    (StatusCode::OK, headers.into_iter().collect(), body)
}

/// Why the document does not have an answer to `GET /jobs/JOB-001`.
fn problem((status, headers, body): (StatusCode, HeaderMap, Value)) -> Option<String> {
    API.undocumented(&Answered {
        method: &Method::GET,
        path: "/jobs/JOB-001",
        status,
        headers: &headers,
        body: body.to_string().as_bytes(),
    })
}

#[test]
fn an_answer_that_the_document_does_not_have_is_found() {
    assert_eq!(problem(job()), None);
    type Spoil = fn(&mut (StatusCode, HeaderMap, Value));
    let spoils: [(Spoil, &str); 7] = [
        (
            |answer| answer.0 = StatusCode::IM_A_TEAPOT,
            "no such status",
        ),
        (|answer| answer.2["color"] = json!("blue"), "color"),
        (|answer| answer.2["progress"] = json!("60"), "/progress"),
        (
            |answer| answer.2["updatedAt"] = json!("today"),
            "/updatedAt",
        ),
        (|answer| drop(answer.1.remove("etag")), "ETag"),
        (
            |answer| drop(answer.1.remove("content-type")),
            "its content",
        ),
        (
            |answer| {
                answer.0 = StatusCode::NOT_FOUND;
                answer.2 = json!({"error": "no", "code": "unknown_order"});
            },
            "/code",
        ),
    ];
    for (spoil, told) in spoils {
        let mut answer = job();
        spoil(&mut answer);
        let problem = problem(answer).unwrap_or_else(|| panic!("{told} is not found"));
        assert!(problem.contains(told), "{told}: {problem}");
    }
    let (status, headers, _) = job();
    let lost = API.undocumented(&Answered {
        method: &Method::GET,
        path: "/job",
        status,
        headers: &headers,
        body: b"{}",
    });
    assert!(lost.unwrap().contains("no such path"));
}

/// The codes of an answer's schema, wherever they are in it.
fn codes<'a>(part: &'a Value, found: &mut BTreeSet<&'a str>) {
    let code = &part["properties"]["code"];
    let several = code["enum"].as_array().into_iter().flatten();
    found.extend(several.chain(code.get("const")).filter_map(Value::as_str));
    match part {
        Value::Object(members) => members.values().for_each(|member| codes(member, found)),
        Value::Array(elements) => elements.iter().for_each(|element| codes(element, found)),
        _ => {}
    }
}

#[test]
fn the_codes_of_errors_are_those_that_api_md_explains() {
    let text = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let mut documented = BTreeSet::new();
    codes(&API.document()["paths"], &mut documented);
    assert!(documented.len() > 40, "{documented:?}");
    let missing: Vec<_> = documented
        .iter()
        .filter(|code| !text.contains(&format!("`{code}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/api.md does not explain {missing:?}"
    );
    // A line of a table of errors: a status, and the codes.
    let rows = text.lines().filter(|line| {
        let cell = line
            .strip_prefix("| ")
            .and_then(|line| line.split(' ').next());
        cell.is_some_and(|cell| cell.parse::<u16>().is_ok())
    });
    let explained = rows.flat_map(|row| {
        let cell = row.split('|').nth(2).unwrap_or_default();
        cell.split('`').skip(1).step_by(2)
    });
    // Requests that no operation takes.
    let of_none = ["invalid_method", "method_not_allowed"];
    let unknown: Vec<_> = explained
        .filter(|code| !documented.contains(code) && !of_none.contains(code))
        .collect();
    assert!(unknown.is_empty(), "the document does not have {unknown:?}");
}

/// The names of members in a schema and in those that it refers to.
fn members<'a>(api: &'a Api, schema: &'a Value, found: &mut BTreeSet<&'a str>) {
    if let Some(reference) = schema["$ref"].as_str()
        && !reference.ends_with("/Error")
    {
        members(api, api.resolve(schema), found);
    }
    match schema {
        Value::Object(keywords) => keywords.iter().for_each(|(name, value)| {
            if name == "properties" {
                found.extend(value.as_object().unwrap().keys().map(String::as_str));
            }
            if name != "example" {
                members(api, value, found);
            }
        }),
        Value::Array(schemas) => schemas.iter().for_each(|one| members(api, one, found)),
        _ => {}
    }
}

/// Whether code has a word, or the field in snake case that is written as it.
fn has(texts: &Texts, name: &str) -> bool {
    let mut snake = String::new();
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    texts.words.contains(name) || texts.words.contains(&snake)
}

/// The fields and codes of an operation that the sources of its component do not have.
fn invented(api: &Api, operation: &Value, texts: &Texts, host: &Texts) -> Vec<String> {
    let (mut fields, mut known_codes) = (BTreeSet::new(), BTreeSet::new());
    let responses = operation["responses"].as_object().unwrap().values();
    let bodies = responses.chain(operation.get("requestBody"));
    for body in bodies {
        let body = api.resolve(body);
        codes(body, &mut known_codes);
        let contents = body["content"].as_object().into_iter().flatten();
        contents.for_each(|(_, content)| members(api, &content["schema"], &mut fields));
    }
    let fields = fields.into_iter().filter(|name| !has(texts, name));
    let codes = known_codes.into_iter();
    let codes = codes.filter(|code| !has(texts, code) && !has(host, code));
    fields.chain(codes).map(str::to_owned).collect()
}

#[test]
fn the_document_has_no_field_and_no_code_that_is_not_in_the_sources() {
    let programs = Programs::of_the_workspace();
    let host = programs.texts_of("orilla");
    let manifest = shipped();
    let sources: BTreeMap<String, Texts> = {
        let routes = manifest["trigger"]["http"].as_array().unwrap().iter();
        let sources = routes.filter_map(|trigger| {
            // A private component has no route.
            let path = Manifest::path(trigger["route"].as_str()?);
            let component = trigger["component"].as_str().unwrap();
            let source = manifest["component"][component]["source"].as_str().unwrap();
            Some((path, programs.texts(&root().join(source))))
        });
        sources.collect()
    };
    let mut wrong = Vec::new();
    for (template, operations) in API.operations() {
        // The document's own members are in no source.
        if template == "/openapi.json" {
            continue;
        }
        let segments = template.split('/').map(|segment| match segment {
            "{queue}" => ":queue",
            "{id}" => ":id",
            parameter if parameter.starts_with('{') => ":any",
            literal => literal,
        });
        let path = Manifest::path(&segments.collect::<Vec<_>>().join("/"));
        for (method, operation) in operations {
            for name in invented(&API, operation, &sources[&path], &host) {
                wrong.push(format!("{method} {template}: {name}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());

    // The check itself finds faults.
    let mut broken = API.document().clone();
    broken["components"]["schemas"]["Job"]["properties"]["hue"] = json!({"type": "string"});
    let found = Api::of(broken);
    let operation = &found.document()["paths"]["/jobs/{jobId}"]["get"];
    assert_eq!(
        invented(&found, operation, &sources["/jobs/x"], &host),
        ["hue"]
    );
}
