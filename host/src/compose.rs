//! Fills imports of a component with the exports of others, as
//! `[component.*.dependencies]` says.

use std::collections::BTreeMap;

use anyhow::Context;
use wac_graph::types::{Package, SubtypeChecker, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// A dependency whose wasm has been read.
#[derive(Debug)]
pub struct LoadedDependency {
    /// The key in the manifest: `ns:package[/interface][@version]`, or a plain name.
    pub name: String,
    /// The component's bytes.
    pub wasm: Vec<u8>,
    /// The export to use when it isn't named as the import is.
    pub export: Option<String>,
    /// Whether it has the permissions of the component that it is composed into.
    pub inherits: bool,
}

/// The settings of the composed component that a dependency without permissions
/// could see through WASI's own interfaces.
#[derive(Clone, Copy, Debug)]
pub struct Ambient {
    /// The component sets environment variables.
    pub environment: bool,
}

/// Why a dependency is refused.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// No import of the component has the dependency's name.
    #[error("no import of the component has this name; it imports {imports}")]
    Unmatched {
        /// The imports of the component.
        imports: String,
    },
    /// Two dependencies fill the same import.
    #[error("`{other}` fills the import `{import}` too")]
    Conflict {
        /// The import.
        import: String,
        /// The key of the other dependency.
        other: String,
    },
    /// The dependency doesn't have the export that it should fill the import with.
    #[error("it doesn't export `{export}`")]
    MissingExport {
        /// The export.
        export: String,
    },
    /// The dependency's export has the right name and another type.
    #[error("its export `{export}` doesn't fit the import `{import}`: {reason}")]
    Mismatch {
        /// The export.
        export: String,
        /// The import.
        import: String,
        /// How the types differ.
        reason: String,
    },
    /// The dependency inherits no permissions and imports something that needs one.
    #[error(
        "it imports `{import}`, and without `dependencies_inherit_configuration = true` a \
         dependency may import only WASI's clocks, random, io and stdio"
    )]
    NotInherited {
        /// The import.
        import: String,
    },
    /// The bytes are no component, or the result can't be encoded.
    #[error("{0:#}")]
    Invalid(anyhow::Error),
}

/// Composes a component with its dependencies. Imports that none of them fills
/// stay imports, and all exports of the component stay exports.
///
/// # Errors
/// The key of the dependency that is refused, and why.
pub fn compose(
    component: &[u8],
    dependencies: &[LoadedDependency],
    ambient: Ambient,
) -> Result<Vec<u8>, (String, ComposeError)> {
    let mut composer = Composer::default();
    let root = composer
        .add("component", component)
        .map_err(|error| (String::new(), ComposeError::Invalid(error)))?;
    let mut filled: BTreeMap<String, &str> = BTreeMap::new();
    for dependency in dependencies {
        composer
            .fill(&root, dependency, ambient, &mut filled)
            .map_err(|error| (dependency.name.clone(), error))?;
    }
    composer
        .finish(&root)
        .map_err(|error| (String::new(), ComposeError::Invalid(error)))
}

#[derive(Default)]
struct Composer {
    graph: CompositionGraph,
}

struct Instance {
    world: WorldId,
    node: NodeId,
}

impl Composer {
    fn add(&mut self, name: &str, wasm: &[u8]) -> anyhow::Result<Instance> {
        let package = Package::from_bytes(name, None, wasm.to_vec(), self.graph.types_mut())?;
        let world = package.ty();
        let package = self.graph.register_package(package)?;
        let node = self.graph.instantiate(package);
        Ok(Instance { world, node })
    }

    fn imports(&self, instance: &Instance) -> Vec<String> {
        let world = &self.graph.types()[instance.world];
        world.imports.keys().cloned().collect()
    }

    fn fill<'a>(
        &mut self,
        root: &Instance,
        dependency: &'a LoadedDependency,
        ambient: Ambient,
        filled: &mut BTreeMap<String, &'a str>,
    ) -> Result<(), ComposeError> {
        let imports = self.imports(root);
        let matched: Vec<&String> = imports
            .iter()
            .filter(|import| matches_import(&dependency.name, import))
            .collect();
        if matched.is_empty() {
            let imports = imports.join(", ");
            return Err(ComposeError::Unmatched { imports });
        }
        let instance = self
            .add(&dependency.name, &dependency.wasm)
            .map_err(ComposeError::Invalid)?;
        if !dependency.inherits {
            let needs = |import: &String| needs_permission(import, ambient);
            if let Some(import) = self.imports(&instance).into_iter().find(needs) {
                return Err(ComposeError::NotInherited { import });
            }
        }
        for import in matched {
            if let Some(other) = filled.insert(import.clone(), &dependency.name) {
                return Err(ComposeError::Conflict {
                    import: import.clone(),
                    other: other.to_owned(),
                });
            }
            let export = dependency.export.as_ref().unwrap_or(import);
            self.check_type(root, import, &instance, export)?;
            self.connect(root, import, &instance, export)
                .map_err(ComposeError::Invalid)?;
        }
        Ok(())
    }

    fn check_type(
        &self,
        root: &Instance,
        import: &str,
        dependency: &Instance,
        export: &str,
    ) -> Result<(), ComposeError> {
        let types = self.graph.types();
        let exported = types[dependency.world].exports.get(export);
        let exported = exported.ok_or_else(|| ComposeError::MissingExport {
            export: export.to_owned(),
        })?;
        let Some(imported) = types[root.world].imports.get(import) else {
            return Ok(());
        };
        SubtypeChecker::new(&mut Default::default())
            .is_subtype(*exported, types, *imported, types)
            .map_err(|error| ComposeError::Mismatch {
                export: export.to_owned(),
                import: import.to_owned(),
                reason: format!("{error:#}"),
            })
    }

    fn connect(
        &mut self,
        root: &Instance,
        import: &str,
        dependency: &Instance,
        export: &str,
    ) -> anyhow::Result<()> {
        let export = self.graph.alias_instance_export(dependency.node, export)?;
        self.graph
            .set_instantiation_argument(root.node, import, export)?;
        Ok(())
    }

    fn finish(mut self, root: &Instance) -> anyhow::Result<Vec<u8>> {
        let exports: Vec<String> = {
            let world = &self.graph.types()[root.world];
            world.exports.keys().cloned().collect()
        };
        for name in exports {
            let export = self.graph.alias_instance_export(root.node, &name)?;
            self.graph.export(export, &name)?;
        }
        self.graph
            .encode(EncodeOptions::default())
            .context("the composed component can't be encoded")
    }
}

/// Whether the key of a dependency means an import. A key without interface means
/// all interfaces of the package, a key without version means any version.
fn matches_import(dependency: &str, import: &str) -> bool {
    let split = |name: &str| {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (name, None),
        };
        let (package, interface) = match path.split_once('/') {
            Some((package, interface)) => (package, Some(interface.to_owned())),
            None => (path, None),
        };
        (package.to_owned(), interface, version)
    };
    let (package, interface, version) = split(dependency);
    let (import_package, import_interface, import_version) = split(import);
    package == import_package
        && (interface.is_none() || interface == import_interface)
        && (version.is_none() || version == import_version)
}

/// Whether an import gives a dependency something that needs a permission.
/// The rest of `wasi:cli` and `wasi:filesystem` is in every component that
/// was a preview 1 module, and is inert: no files are mounted.
fn needs_permission(import: &str, ambient: Ambient) -> bool {
    let path = import.split('@').next().unwrap_or(import);
    let always = [
        "wasi:clocks/",
        "wasi:random/",
        "wasi:io/",
        "wasi:filesystem/",
    ]
    .iter()
    .any(|package| path.starts_with(package));
    let harmless = always
        || matches!(
            path,
            "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" | "wasi:cli/exit"
        )
        || path.starts_with("wasi:cli/terminal-")
        || (path == "wasi:cli/environment" && !ambient.environment);
    !harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_as_in_spin() {
        for (key, import, expected) in [
            ("a:b/c@0.1.0", "a:b/c@0.1.0", true),
            ("a:b/c", "a:b/c@0.1.0", true),
            ("a:b/c", "a:b/c", true),
            ("a:b", "a:b/c@0.1.0", true),
            ("a:b@0.1.0", "a:b/c@0.1.0", true),
            ("plain", "plain", true),
            ("a:b/c@0.1.0", "a:b/c", false),
            ("a:b/c@0.1.0", "a:b/c@0.2.0", false),
            ("a:b/c", "a:b/d", false),
            ("a:b", "a:x/c", false),
            ("plain", "a:plain/c", false),
        ] {
            assert_eq!(matches_import(key, import), expected, "{key} {import}");
        }
    }

    #[test]
    fn only_harmless_imports_need_no_permission() {
        let bare = Ambient { environment: false };
        for import in [
            "wasi:clocks/wall-clock@0.2.6",
            "wasi:io/streams@0.2.0",
            "wasi:random/random@0.2.6",
            "wasi:cli/stdout@0.2.6",
            "wasi:cli/terminal-input@0.2.6",
            "wasi:cli/environment@0.2.6",
            "wasi:filesystem/preopens@0.2.6",
        ] {
            assert!(!needs_permission(import, bare), "{import}");
        }
        for import in [
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:sockets/tcp@0.2.6",
            "fermyon:spin/variables@2.0.0",
            "fermyon:spin/redis@2.0.0",
            "orilla:other/thing",
        ] {
            assert!(needs_permission(import, bare), "{import}");
        }
        let environment = Ambient { environment: true };
        assert!(needs_permission("wasi:cli/environment@0.2.6", environment));
    }
}
