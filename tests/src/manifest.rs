//! The shipped manifest, and edits of it as a user would make them.

use std::path::{Path, PathBuf};

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

    /// With `labeler-rekognition` for the labeler: the edit that the README shows.
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

    /// With `processor-http` for the processor of toons: the edit that the README shows.
    pub fn with_http_processor(mut self) -> Self {
        let worker = self.0["component"]["jobs-worker"].as_table_mut().unwrap();
        let dependencies = worker["dependencies"].as_table_mut().unwrap();
        dependencies["orilla:jobs/processor@0.1.0"] = toml::toml! {
            path = "target/wasm32-wasip1/wasm/processor_http.wasm"
        }
        .into();
        let url = "{{ processor_url }}";
        let hosts = worker["allowed_outbound_hosts"].as_array_mut().unwrap();
        hosts.push(url.into());
        let variables = worker["variables"].as_table_mut().unwrap();
        variables.insert("processor_url".into(), url.into());
        self
    }

    /// For a platform that has no Redis trigger.
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

    /// Writes it to a folder, with paths that hold from there.
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
