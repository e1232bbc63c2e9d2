//! Turns the files of a component into its compiled form.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component as Compiled;

use crate::cache::{Cache, KeyBuilder};
use crate::componentize::componentize;
use crate::compose::{Ambient, LoadedDependency, compose};
use crate::error::StartError;
use crate::manifest::{Component, Dependency, LoadedManifest, ManifestError, Source};

/// Reads, composes and compiles a component with its dependencies, or takes the
/// output of an earlier start for the same bytes.
///
/// # Errors
/// A file can't be read, a dependency is refused, or wasm is not valid.
pub fn load(
    engine: &Engine,
    cache: &Cache,
    manifest: &LoadedManifest,
    name: &str,
) -> Result<Compiled, StartError> {
    let Some(component) = manifest.manifest.component.get(name) else {
        let reason = "there is no such table";
        return Err(manifest.invalid("component", name, reason).into());
    };
    let wasm = read_source(manifest, name, component)?;
    let dependencies = component
        .dependencies
        .iter()
        .map(|(key, dependency)| read_dependency(manifest, name, component, key, dependency))
        .collect::<Result<Vec<_>, _>>()?;
    let ambient = Ambient {
        environment: !component.environment.is_empty(),
    };

    let key = dependencies
        .iter()
        .fold(KeyBuilder::new(engine).part(&wasm), |key, dependency| {
            key.part(dependency.name.as_bytes())
                .part(dependency.export.as_deref().unwrap_or("").as_bytes())
                .part(&[dependency.inherits.into(), ambient.environment.into()])
                .part(&dependency.wasm)
        })
        .key();
    if let Some(compiled) = cache.load(engine, &key) {
        return Ok(compiled);
    }

    let failed = |source: anyhow::Error| StartError::Component {
        component: name.to_owned(),
        source,
    };
    tracing::info!(component = name, "compiling; this is done once");
    let composed = compose_all(manifest, name, wasm, dependencies, ambient)?;
    let compiled = engine
        .precompile_component(&composed)
        .map_err(|error| failed(error.into()))?;
    if let Err(error) = cache.store(&key, &compiled) {
        tracing::warn!(
            component = name,
            "can't keep the compiled component: {error}"
        );
    }
    // The compiler has just checked these bytes; loading them compiles nothing.
    match cache.load(engine, &key) {
        Some(component) => Ok(component),
        None => Compiled::from_binary(engine, &composed).map_err(|error| failed(error.into())),
    }
}

fn compose_all(
    manifest: &LoadedManifest,
    name: &str,
    wasm: Vec<u8>,
    mut dependencies: Vec<LoadedDependency>,
    ambient: Ambient,
) -> Result<Vec<u8>, StartError> {
    let table = format!("component.{name}");
    let refused = |key: &str, error: anyhow::Error| {
        StartError::from(manifest.invalid(&table, key, format!("{error:#}")))
    };
    let root = componentize(wasm).map_err(|error| refused("source", error))?;
    if dependencies.is_empty() {
        return Ok(root);
    }
    let table = format!("component.{name}.dependencies");
    for dependency in &mut dependencies {
        let wasm = std::mem::take(&mut dependency.wasm);
        dependency.wasm = componentize(wasm)
            .map_err(|error| manifest.invalid(&table, &dependency.name, format!("{error:#}")))?;
    }
    compose(&root, &dependencies, ambient).map_err(|(key, error)| {
        if key.is_empty() {
            StartError::Component {
                component: name.to_owned(),
                source: error.into(),
            }
        } else {
            manifest.invalid(&table, key, error.to_string()).into()
        }
    })
}

fn read_dependency(
    manifest: &LoadedManifest,
    name: &str,
    component: &Component,
    key: &str,
    dependency: &Dependency,
) -> Result<LoadedDependency, ManifestError> {
    let source = match (&dependency.path, &dependency.component) {
        (Some(path), _) => Some((path.as_path(), None)),
        (None, Some(other)) => {
            let other = manifest.manifest.component.get(other);
            other.and_then(|other| Some((local(&other.source)?, Some(other))))
        }
        (None, None) => None,
    };
    let table = format!("component.{name}.dependencies");
    let Some((path, owner)) = source else {
        return Err(manifest.invalid(table, key, "it has no wasm file"));
    };
    let wasm = read(manifest, path, owner.unwrap_or(component))
        .map_err(|reason| manifest.invalid(table, key, reason))?;
    Ok(LoadedDependency {
        name: key.to_owned(),
        wasm,
        export: dependency.export.clone(),
        inherits: component
            .dependencies_inherit_configuration
            .unwrap_or_else(|| dependency.inherits()),
    })
}

fn read_source(
    manifest: &LoadedManifest,
    name: &str,
    component: &Component,
) -> Result<Vec<u8>, ManifestError> {
    let table = format!("component.{name}");
    let Some(path) = local(&component.source) else {
        return Err(manifest.invalid(table, "source", "it is no local file"));
    };
    read(manifest, path, component).map_err(|reason| manifest.invalid(table, "source", reason))
}

fn local(source: &Source) -> Option<&Path> {
    match source {
        Source::Path(path) => Some(path),
        Source::Remote => None,
    }
}

fn read(manifest: &LoadedManifest, path: &Path, built_by: &Component) -> Result<Vec<u8>, String> {
    std::fs::read(manifest.resolve(path)).map_err(|error| {
        let build = built_by.build.as_ref();
        let hint = build
            .map(|build| format!("; it is built by `{}`", build.command.0.join(" && ")))
            .unwrap_or_default();
        format!("can't read {}: {error}{hint}", path.display())
    })
}
