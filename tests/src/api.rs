//! The OpenAPI document, and answers compared with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use http::{HeaderMap, StatusCode};
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

/// The document of the application.
pub static API: LazyLock<Api> =
    LazyLock::new(|| Api::of(serde_json::from_str(docs::DOCUMENT).unwrap()));

/// An OpenAPI document.
pub struct Api {
    document: Value,
    /// The validators that were needed so far, by the JSON pointers of their schemas.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An answer of the application.
pub struct Answered<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// Its path, without the query.
    pub path: &'a str,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Api {
    /// A document.
    pub fn of(document: Value) -> Self {
        Self {
            document,
            validators: Mutex::default(),
        }
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The paths, each with its operations by their methods in upper case.
    pub fn operations(&self) -> BTreeMap<&str, BTreeMap<String, &Value>> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let operations = paths.map(|(path, item)| {
            let members = item.as_object().unwrap().iter();
            let operations = members
                .filter(|(name, _)| *name != "parameters")
                .map(|(method, operation)| (method.to_uppercase(), operation));
            (path.as_str(), operations.collect())
        });
        operations.collect()
    }

    /// The target of a reference in the document; the value itself where it is none.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(reference.strip_prefix('#').unwrap()),
            None => value,
        }
    }

    fn at(&self, pointer: &str) -> &Value {
        let found = self.document.pointer(pointer);
        found.unwrap_or_else(|| panic!("the document has no {pointer}"))
    }

    /// Why a value does not meet a schema of the document; `None` where it does.
    pub fn problem(&self, schema: &Value, value: &Value) -> Option<String> {
        let validator = {
            let key = schema.to_string();
            let mut validators = self.validators();
            let known = validators.entry(key);
            known
                .or_insert_with(|| Arc::new(self.validator(schema)))
                .clone()
        };
        let problems = validator.iter_errors(value);
        let problems: Vec<_> = problems
            .map(|problem| format!("{}: {problem}", problem.instance_path))
            .collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    fn validators(&self) -> MutexGuard<'_, HashMap<String, Arc<Validator>>> {
        self.validators.lock().unwrap()
    }

    fn validator(&self, schema: &Value) -> Validator {
        // References are to `#/components`, so these stand at the root.
        let root = json!({"allOf": [schema], "components": self.document["components"]});
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&root).unwrap()
    }

    /// Fails the test where the document does not have an answer.
    pub fn check(&self, answer: &Answered<'_>) {
        if let Some(problem) = self.undocumented(answer) {
            panic!("{problem}");
        }
    }

    /// Why the document does not have an answer; `None` where it does.
    pub fn undocumented(&self, answer: &Answered<'_>) -> Option<String> {
        let Answered {
            method,
            path,
            status,
            body,
            ..
        } = answer;
        let problem = self.answer_problem(answer)?;
        let body = String::from_utf8_lossy(body);
        Some(format!(
            "{method} {path} answered {status}, which is not as /openapi.json has it: {problem}\n{body}"
        ))
    }

    /// The media types of the body that an operation takes; none where it takes no body.
    pub fn body_types(&self, method: &Method, path: &str) -> Vec<&str> {
        let method = method.as_str().to_lowercase();
        let operation = self.item(path).and_then(|item| item.get(&method));
        let body = operation.and_then(|operation| operation.get("requestBody"));
        let content = body.and_then(|body| self.resolve(body)["content"].as_object());
        content
            .into_iter()
            .flatten()
            .map(|(kind, _)| kind.as_str())
            .collect()
    }

    fn answer_problem(&self, answer: &Answered<'_>) -> Option<String> {
        let Some(item) = self.item(answer.path) else {
            let is_refused = answer.status == 404 || answer.status == 400;
            return (!is_refused).then(|| "there is no such path".to_owned());
        };
        if *answer.method == Method::OPTIONS {
            return (answer.status != 204).then(|| "OPTIONS is answered with 204".to_owned());
        }
        let is_head = *answer.method == Method::HEAD;
        let method = if is_head {
            "get".to_owned()
        } else {
            answer.method.as_str().to_lowercase()
        };
        let Some(operation) = item.get(&method) else {
            let is_refused = answer.status == 405 && answer.headers.contains_key("allow");
            return (!is_refused).then(|| "there is no such method".to_owned());
        };
        let Some(response) = operation["responses"].get(answer.status.as_str()) else {
            return Some("there is no such status".to_owned());
        };
        let response = self.resolve(response);
        let headers = response["headers"].as_object().into_iter().flatten();
        let wrong_header = headers
            .filter_map(|(name, header)| {
                let problem = self.header_problem(answer.headers, name, self.resolve(header))?;
                Some(format!("{name}: {problem}"))
            })
            .next();
        if wrong_header.is_some() || is_head {
            return wrong_header;
        }
        self.body_problem(response, answer)
    }

    fn header_problem(&self, headers: &HeaderMap, name: &str, header: &Value) -> Option<String> {
        let Some(value) = headers.get(name) else {
            return (header["required"] == true).then(|| "it is missing".to_owned());
        };
        let Ok(text) = value.to_str() else {
            return Some("it is no text".to_owned());
        };
        let schema = &header["schema"];
        let value = match schema["type"].as_str() {
            Some("integer") => text
                .parse::<i64>()
                .map_or_else(|_| text.into(), Value::from),
            _ => text.into(),
        };
        self.problem(schema, &value)
    }

    fn body_problem(&self, response: &Value, answer: &Answered<'_>) -> Option<String> {
        let Some(content) = response["content"].as_object() else {
            return (!answer.body.is_empty()).then(|| "it has no body".to_owned());
        };
        let media_type = answer.headers.get("content-type");
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next());
        let Some(content) = media_type.and_then(|media_type| content.get(media_type)) else {
            return Some(format!("its content is none of {:?}", content.keys()));
        };
        if media_type != Some("application/json") {
            return None;
        }
        match serde_json::from_slice(answer.body) {
            Ok(body) => self.problem(&content["schema"], &body),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The path item of a path. Of several, the one with the most literal segments counts.
    fn item(&self, path: &str) -> Option<&Value> {
        let path: Vec<_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let is_parameter = |segment: &str| segment.starts_with('{');
        let paths = self.document["paths"].as_object().unwrap().iter();
        let fitting = paths.filter(|(template, _)| {
            let segments: Vec<_> = template.split('/').collect();
            segments.len() == path.len()
                && segments.iter().zip(&path).all(|(wanted, found)| {
                    wanted == found || (is_parameter(wanted) && !found.is_empty())
                })
        });
        let parameters = |template: &str| template.split('/').filter(|s| is_parameter(s)).count();
        let best = fitting.min_by_key(|(template, _)| parameters(template));
        best.map(|(_, item)| item)
    }
}
