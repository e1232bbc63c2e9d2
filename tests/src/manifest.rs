//! The shipped manifest, and edits of it as a user would make them.

use std::path::{Path, PathBuf};

use queue::QueueNames;
use toml::{Table, Value};

use crate::root;

/// A manifest.
pub struct Manifest(Table);

impl Manifest {
    /// `spin.toml` as it is shipped.
    pub fn shipped() -> Self {
        let text = std::fs::read_to_string(root().join("spin.toml")).unwrap();
        Self(text.parse().unwrap())
    }

    /// The routes of its HTTP triggers, as in `/jobs/:job`.
    pub fn routes(&self) -> Vec<String> {
        let triggers = self.0["trigger"]["http"].as_array().unwrap();
        let routes = triggers
            .iter()
            .filter_map(|trigger| trigger["route"].as_str());
        routes.map(str::to_owned).collect()
    }

    /// The queues, by the default of the variable.
    pub fn queues(&self) -> Vec<String> {
        let list = self.0["variables"]["queues"]["default"].as_str().unwrap();
        QueueNames::list(list).unwrap()
    }

    /// The path of a route, with values for its parameters.
    pub fn path(route: &str) -> String {
        let segments = route.split('/').map(|segment| match segment {
            ":queue" => "images",
            ":id" => "1-0",
            parameter if parameter.starts_with(':') => "x",
            "..." => "x",
            literal => literal,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// With `labeler-rekognition` for the labeler: the edit that docs/extend.md shows.
    pub fn with_rekognition(mut self) -> Self {
        let analyzer = self.0["component"]["images-analyzer"]
            .as_table_mut()
            .unwrap();
        let dependencies = analyzer["dependencies"].as_table_mut().unwrap();
        dependencies["orilla:labels/labeler@0.1.0"] = toml::toml! {
            path = "target/wasm32-wasip1/wasm/labeler_rekognition.wasm"
        }
        .into();
        let hosts = analyzer["allowed_outbound_hosts"].as_array_mut().unwrap();
        hosts.push("{{ rekognition_endpoint }}".into());
        let variables = analyzer["variables"].as_table_mut().unwrap();
        for name in [
            "endpoint",
            "region",
            "access_key_id",
            "secret_access_key",
            "session_token",
        ] {
            let name = format!("rekognition_{name}");
            variables.insert(name.clone(), format!("{{{{ {name} }}}}").into());
        }
        self
    }

    /// With `processor-http` for the processor of toons: the edit that docs/extend.md shows.
    pub fn with_http_processor(mut self) -> Self {
        self.use_service(
            "jobs-worker",
            "orilla:jobs/processor@0.1.0",
            "processor_http",
            "processor_url",
        );
        self
    }

    /// With `handler-http` for the handler of orders of every status: the edit
    /// that docs/extend.md shows.
    pub fn with_http_handler(mut self) -> Self {
        for status in ["received", "inprocess", "completed", "canceled"] {
            self.use_service(
                &format!("orders-{status}"),
                "orilla:orders/handler@0.1.0",
                "handler_http",
                "handler_url",
            );
        }
        self
    }

    /// Lets a component use the service that a variable names.
    fn use_service(&mut self, component: &str, role: &str, provider: &str, variable: &str) {
        let component = self.0["component"][component].as_table_mut().unwrap();
        let dependencies = component["dependencies"].as_table_mut().unwrap();
        let path = format!("target/wasm32-wasip1/wasm/{provider}.wasm");
        dependencies[role] = Table::from_iter([("path".to_owned(), path.into())]).into();
        let url = format!("{{{{ {variable} }}}}");
        let hosts = component["allowed_outbound_hosts"].as_array_mut().unwrap();
        hosts.push(url.clone().into());
        let variables = component["variables"].as_table_mut().unwrap();
        variables.insert(variable.to_owned(), url.into());
    }

    /// With a component that lacks a variable.
    pub fn without_variable(mut self, component: &str, variable: &str) -> Self {
        let variables = &mut self.0["component"][component]["variables"];
        variables.as_table_mut().unwrap().remove(variable).unwrap();
        self
    }

    /// The manifest for a platform without Redis triggers.
    pub fn without_redis_triggers(mut self) -> Self {
        self.0["trigger"]
            .as_table_mut()
            .unwrap()
            .remove("redis")
            .unwrap();
        self
    }

    pub(crate) fn uses_rekognition(&self) -> bool {
        self.0.to_string().contains("labeler_rekognition.wasm")
    }

    /// Writes the manifest to a folder, with paths that are right from there.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let mut manifest = self.0.clone();
        for (_, component) in manifest["component"].as_table_mut().unwrap() {
            let component = component.as_table_mut().unwrap();
            make_absolute(&mut component["source"]);
            if let Some(dependencies) = component.get_mut("dependencies") {
                for (_, dependency) in dependencies.as_table_mut().unwrap() {
                    make_absolute(&mut dependency["path"]);
                }
            }
        }
        let path = folder.join("spin.toml");
        std::fs::write(&path, manifest.to_string()).unwrap();
        path
    }
}

fn make_absolute(path: &mut Value) {
    *path = root().join(path.as_str().unwrap()).to_str().unwrap().into();
}
