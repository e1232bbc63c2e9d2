//! The application's manifest with a route more: the floor that endpoints are
//! compared with.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use queue::QueueNames;
use toml::{Table, Value, toml};

/// The route of the component that does nothing.
pub const EMPTY: &str = "/bench/empty";

/// Writes the manifest into a folder, with paths that are right from there.
///
/// # Errors
/// The manifest can't be read, or is not a manifest.
pub fn write(manifest: &Path, folder: &Path) -> Result<PathBuf> {
    let at = || manifest.display().to_string();
    let text = std::fs::read_to_string(manifest).with_context(at)?;
    let root = manifest.canonicalize().with_context(at)?;
    let root = root.parent().with_context(at)?;
    let mut table: Table = text.parse().with_context(at)?;
    add_empty(&mut table).with_context(at)?;
    make_absolute(&mut table, root).with_context(at)?;
    let path = folder.join("spin.toml");
    std::fs::write(&path, table.to_string()).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// A file of wasm that a manifest names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    pub path: PathBuf,
    /// Callers reach it over HTTP. A worker is none, although its queue can be drained by a request.
    pub endpoint: bool,
}

/// The files of wasm that a manifest names, each once, in their order.
///
/// # Errors
/// The manifest can't be read, or is not a manifest.
pub fn modules(manifest: &Path) -> Result<Vec<Module>> {
    let text = std::fs::read_to_string(manifest)?;
    let mut table: Table = text.parse()?;
    let endpoints = endpoints(&table);
    let mut modules = BTreeSet::new();
    each_path(&mut table, |path| {
        modules.extend(path.as_str().map(|path| Module {
            path: path.into(),
            endpoint: endpoints.contains(path),
        }));
        Ok(())
    })?;
    Ok(modules.into_iter().collect())
}

/// The queues of a manifest, by the default of its variable.
///
/// # Errors
/// The manifest can't be read, or names no queues.
pub fn queues(manifest: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(manifest)?;
    let table: Table = text.parse()?;
    let variable = table.get("variables").and_then(|all| all.get("queues"));
    let list = variable.and_then(|queues| queues.get("default"));
    let list = list.and_then(Value::as_str);
    let list = list.context("there is no default of the variable queues")?;
    QueueNames::list(list).map_err(|problem| anyhow!("the variable queues {problem}"))
}

fn add_empty(manifest: &mut Table) -> Result<()> {
    let triggers = manifest
        .get_mut("trigger")
        .and_then(|table| table.get_mut("http"));
    let triggers = triggers.and_then(Value::as_array_mut);
    let mut trigger = toml! { component = "empty" };
    trigger.insert("route".into(), EMPTY.into());
    triggers
        .context("there is no trigger.http")?
        .push(trigger.into());
    let component = toml! { source = "target/wasm32-wasip1/wasm/empty.wasm" };
    components(manifest)?.insert("empty".into(), component.into());
    Ok(())
}

fn make_absolute(manifest: &mut Table, root: &Path) -> Result<()> {
    each_path(manifest, |path| {
        let relative = path.as_str().context("a path is no text")?;
        *path = root.join(relative).to_string_lossy().into_owned().into();
        Ok(())
    })
}

fn each_path(manifest: &mut Table, mut visit: impl FnMut(&mut Value) -> Result<()>) -> Result<()> {
    for (_, component) in components(manifest)? {
        if let Some(source) = component.get_mut("source") {
            visit(source)?;
        }
        let dependencies = component
            .get_mut("dependencies")
            .and_then(Value::as_table_mut);
        for (_, dependency) in dependencies.into_iter().flatten() {
            if let Some(path) = dependency.get_mut("path") {
                visit(path)?;
            }
        }
    }
    Ok(())
}

/// The sources of the components with a public route and no queue.
fn endpoints(manifest: &Table) -> BTreeSet<String> {
    let triggers = |kind: &str| {
        let list = manifest.get("trigger").and_then(|all| all.get(kind));
        list.and_then(Value::as_array).into_iter().flatten()
    };
    let starts = |trigger: &Value, name: &str| {
        trigger.get("component").and_then(Value::as_str) == Some(name)
    };
    let is_public = |trigger: &Value| trigger.get("route").is_some_and(Value::is_str);
    let components = manifest.get("component").and_then(Value::as_table);
    components
        .into_iter()
        .flatten()
        .filter(|(name, _)| triggers("http").any(|it| starts(it, name) && is_public(it)))
        .filter(|(name, _)| !triggers("redis").any(|it| starts(it, name)))
        .filter_map(|(_, component)| Some(component.get("source")?.as_str()?.to_owned()))
        .collect()
}

fn components(manifest: &mut Table) -> Result<&mut Table> {
    let components = manifest.get_mut("component").and_then(Value::as_table_mut);
    components.context("there is no [component]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_component_is_added_and_all_paths_hold() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("spin.toml");
        let text = toml! {
            [[trigger.http]]
            route = "/a"
            component = "a"
            [[trigger.http]]
            route = "/drain"
            component = "b"
            [[trigger.redis]]
            channel = "b"
            component = "b"
            [component.b]
            source = "b.wasm"
            [[trigger.http]]
            route = { private = true }
            component = "c"
            [component.c]
            source = "c.wasm"
            [component.a]
            source = "a.wasm"
            [component.a.dependencies]
            "x:y/z" = { path = "z.wasm" }
        };
        std::fs::write(&manifest, text.to_string()).unwrap();
        let other = tempfile::tempdir().unwrap();
        let written = write(&manifest, other.path()).unwrap();
        let root = dir.path().canonicalize().unwrap();
        let expected = [
            ("a.wasm", true),
            ("b.wasm", false),
            ("c.wasm", false),
            ("target/wasm32-wasip1/wasm/empty.wasm", true),
            ("z.wasm", false),
        ];
        assert_eq!(
            modules(&written).unwrap(),
            expected.map(|(path, endpoint)| Module {
                path: root.join(path),
                endpoint
            })
        );
        let routes = std::fs::read_to_string(written).unwrap();
        assert!(routes.contains(EMPTY), "{routes}");
    }
}
