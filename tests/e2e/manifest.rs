//! The promises of `spin.toml` to its reader: each component has the permissions that it
//! uses and no more, and one command builds all components.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use memchr::memmem::find;
use serde_json::Value;
use tests::root;
use toml::Table;
use wasmparser::{Parser, Payload};

use crate::template::used_variables;

/// Variables whose names other code has, too, each with a text that only its reader has.
const MARKS: [(&str, &str); 4] = [
    ("bell", "bell_url"),
    ("jwt", "jwt_secret"),
    ("queue", "queue_attempts"),
    ("s3", "s3_endpoint"),
];

/// The functions that read a variable. The name is their first argument.
const READERS: [&str; 6] = ["flag", "get", "number", "optional", "required", "text"];

#[test]
fn components_have_the_variables_that_they_read_and_no_others() {
    let programs = Programs::of_the_workspace();
    let shipped = shipped();
    assert_eq!(wrong_variables(&shipped, &programs), Vec::<String>::new());

    // The check itself finds faults.
    let mut manifest = shipped.clone();
    let scan = variables(&mut manifest, "images-scan");
    scan.insert("queue".to_owned(), "{{ queue_batch }}".into());
    scan.insert("no_such_name".to_owned(), "1".into());
    scan.remove("redis_url").unwrap();
    scan.remove("jwt").unwrap();
    let receiver = variables(&mut manifest, "images-receiver");
    receiver.insert("queue".to_owned(), "1".into());
    receiver.remove("bell").unwrap();
    assert_eq!(
        wrong_variables(&manifest, &programs),
        [
            "images-receiver: `bell` is read, and is not given",
            "images-receiver: `queue` is given, and no code reads it",
            "images-scan: `jwt` is read, and is not given",
            "images-scan: `no_such_name` is given, and no code reads it",
            "images-scan: `queue` is given, and no code reads it",
            "images-scan: `redis_url` is read, and is not given",
        ]
    );
}

/// Readers know the values of such a variable by their places alone.
#[test]
fn a_variable_of_several_values_is_the_same_in_every_component() {
    let manifest = shipped();
    let components = manifest["component"].as_table().unwrap();
    for name in ["bell", "cors", "jwt", "observability", "queue", "s3"] {
        let texts = components.iter().filter_map(|(component, table)| {
            let text = table.get("variables")?.get(name)?.as_str()?;
            // Its batches have one message.
            let is_processor = component == "ipp-processor" && name == "queue";
            Some(match is_processor {
                true => text.replace(" 1 ", " {{ queue_batch }} "),
                false => text.to_owned(),
            })
        });
        let texts: BTreeSet<_> = texts.collect();
        assert_eq!(texts.len(), 1, "{name}: {texts:?}");
    }
}

#[test]
fn the_workers_of_orders_differ_by_their_status_alone() {
    let mut manifest = shipped();
    let mut workers = ["received", "inprocess", "completed", "canceled"].map(|status| {
        let name = format!("orders-{status}");
        let variables = variables(&mut manifest, &name);
        assert_eq!(
            variables.remove("order_status"),
            Some(status.into()),
            "{name}"
        );
        manifest["component"][&name].clone()
    });
    let first = workers[0].clone();
    workers.iter_mut().for_each(|worker| {
        assert_eq!(*worker, first);
    });
}

#[test]
fn the_one_build_makes_every_file_that_the_manifest_names() {
    let manifest = shipped();
    let components = manifest["component"].as_table().unwrap();
    let builds: Vec<_> = components.values().filter_map(|c| c.get("build")).collect();
    assert_eq!(builds.len(), 1, "one build makes all");
    let command = builds[0]["command"].as_array().unwrap();
    let last = command.last().unwrap().as_str().unwrap();
    let script = fs::read_to_string(root().join("scripts/build")).unwrap();
    assert!(
        script.contains(last),
        "scripts/build makes the same: {last}"
    );

    let built = run(Command::new(root().join("scripts/component-packages")));
    let built: BTreeSet<_> = built
        .split_whitespace()
        .filter(|word| *word != "-p")
        .collect();
    let programs = Programs::of_the_workspace();
    for file in components.values().flat_map(files) {
        let package = &programs.package_of(&file).name;
        assert!(built.contains(package.as_str()), "{package}");
    }
}

/// Spin 3 and 4 both have version 0.2.0 of WASI. The authorizer is composed into
/// components of others, so it asks for no more of a host than it uses.
#[test]
fn the_authorizer_imports_little_and_all_of_it_in_the_version_of_every_spin() {
    let module = wasm(&root().join("target/wasm32-wasip1/wasm/authorizer.wasm"));
    let mut imports = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::ImportSection(section) = payload.unwrap() {
            let all = section.into_imports().map(Result::unwrap);
            imports.extend(all.map(|import| import.module));
        }
    }
    let expected = [
        "fermyon:spin/variables@2.0.0",
        // The keys of `jwt_jwks_url`, and the component that reads them.
        "fermyon:spin/key-value@2.0.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:http/types@0.2.0",
        "wasi:io/poll@0.2.0",
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:clocks/wall-clock@0.2.0",
        // The standard library needs these to print a panic and to end by it.
        "wasi:cli/exit@0.2.0",
        "wasi:cli/stderr@0.2.0",
        "wasi:io/error@0.2.0",
        "wasi:io/streams@0.2.0",
    ];
    assert_eq!(imports, BTreeSet::from(expected));
}

/// The faults in the variables of a manifest's components, sorted.
///
/// Code counts as reading a variable when its name is a text in the sources of the
/// component, of a component composed with it, or of a crate of the workspace under them,
/// and the name, or its mark, is still in the wasm: the linker drops unused code.
fn wrong_variables(manifest: &Table, programs: &Programs) -> Vec<String> {
    let components = manifest["component"].as_table().unwrap();
    let known: BTreeSet<&str> = components
        .values()
        .filter_map(|component| component.get("variables")?.as_table())
        .chain([manifest["variables"].as_table().unwrap()])
        .flat_map(|table| table.keys().map(String::as_str))
        .collect();
    let mut wrong = Vec::new();
    for (name, component) in components {
        let files = files(component);
        let sources: Vec<_> = files.iter().map(|file| programs.texts(file)).collect();
        let wasm: Vec<_> = files.iter().map(|file| wasm(file)).collect();
        let linked = |variable: &str| {
            let mark = MARKS.iter().find(|(name, _)| *name == variable);
            let text = mark.map_or(variable, |(_, text)| text);
            wasm.iter()
                .any(|wasm| find(wasm, text.as_bytes()).is_some())
        };
        let variables = component.get("variables").and_then(|v| v.as_table());
        let variables = || variables.into_iter().flatten();
        let given: BTreeSet<_> = variables().map(|(name, _)| name.as_str()).collect();
        // The reader of several values may look for one by its name.
        let values: BTreeSet<_> = variables()
            .flat_map(|(_, text)| used_variables(text.as_str().unwrap()))
            .collect();
        for variable in &given {
            if !(sources.iter().any(|texts| texts.all.contains(*variable)) && linked(variable)) {
                wrong.push(format!(
                    "{name}: `{variable}` is given, and no code reads it"
                ));
            }
        }
        // `get` is a name of many functions, so it counts only for names of variables.
        let sure = sources.iter().flat_map(|texts| &texts.read);
        let likely = sources.iter().flat_map(|texts| &texts.got);
        let read: BTreeSet<&str> = sure
            .chain(likely.filter(|text| known.contains(text.as_str())))
            .map(String::as_str)
            .filter(|text| linked(text) && !given.contains(text) && !values.contains(text))
            .collect();
        for variable in read {
            wrong.push(format!("{name}: `{variable}` is read, and is not given"));
        }
    }
    wrong.sort();
    wrong
}

pub(crate) fn shipped() -> Table {
    let text = fs::read_to_string(root().join("spin.toml")).unwrap();
    text.parse().unwrap()
}

fn variables<'a>(manifest: &'a mut Table, component: &str) -> &'a mut Table {
    let component = &mut manifest["component"][component];
    component["variables"].as_table_mut().unwrap()
}

/// The wasm of a component and of the components composed with it.
fn files(component: &toml::Value) -> Vec<PathBuf> {
    let dependencies = component.get("dependencies").and_then(|d| d.as_table());
    let paths = dependencies.into_iter().flatten().map(|(_, d)| &d["path"]);
    [&component["source"]]
        .into_iter()
        .chain(paths)
        .map(|path| root().join(path.as_str().unwrap()))
        .collect()
}

fn wasm(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn run(mut command: Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace and the texts in their sources.
pub(crate) struct Programs {
    packages: BTreeMap<PathBuf, Package>,
}

struct Package {
    name: String,
    /// The name of its wasm without ending, if it builds one.
    wasm: Option<String>,
    /// The folders of the workspace's packages that it uses at run time.
    dependencies: Vec<PathBuf>,
    texts: Texts,
}

/// Texts of sources that could be names of variables.
#[derive(Default)]
pub(crate) struct Texts {
    /// All words outside of comments and tests.
    pub(crate) words: BTreeSet<String>,
    all: BTreeSet<String>,
    /// Texts that are read as variables.
    read: BTreeSet<String>,
    /// Texts that are arguments of a function `get`.
    got: BTreeSet<String>,
}

impl Programs {
    pub(crate) fn of_the_workspace() -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
        let metadata: Value = serde_json::from_str(&run(cargo)).unwrap();
        let packages = list(&metadata["packages"]).map(Package::read);
        Self {
            packages: packages.collect(),
        }
    }

    fn package_of(&self, wasm: &Path) -> &Package {
        let name = wasm.file_stem().unwrap().to_str();
        let mut packages = self.packages.values();
        packages
            .find(|package| package.wasm.as_deref() == name)
            .unwrap_or_else(|| panic!("no package becomes {}", wasm.display()))
    }

    /// The texts of the package that builds this wasm, and of its dependencies.
    pub(crate) fn texts(&self, wasm: &Path) -> Texts {
        self.texts_under(self.package_of(wasm))
    }

    /// The texts of a package without wasm, and of its dependencies.
    pub(crate) fn texts_of(&self, name: &str) -> Texts {
        let mut packages = self.packages.values();
        self.texts_under(packages.find(|package| package.name == name).unwrap())
    }

    fn texts_under(&self, package: &Package) -> Texts {
        let mut texts = Texts::default();
        let mut rest = vec![package];
        let mut seen = BTreeSet::new();
        while let Some(package) = rest.pop() {
            if seen.insert(&package.name) {
                texts.words.extend(package.texts.words.iter().cloned());
                texts.all.extend(package.texts.all.iter().cloned());
                texts.read.extend(package.texts.read.iter().cloned());
                texts.got.extend(package.texts.got.iter().cloned());
                rest.extend(package.dependencies.iter().map(|path| &self.packages[path]));
            }
        }
        texts
    }
}

impl Package {
    fn read(metadata: &Value) -> (PathBuf, Self) {
        let string = |value: &Value| value.as_str().unwrap().to_owned();
        let manifest = PathBuf::from(string(&metadata["manifest_path"]));
        let folder = manifest.parent().unwrap().to_owned();
        let mut targets = list(&metadata["targets"]);
        let wasm = targets.find(|target| list(&target["crate_types"]).any(|t| t == "cdylib"));
        let dependencies = list(&metadata["dependencies"])
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["path"].as_str().map(PathBuf::from));
        let mut texts = Texts::default();
        read_sources(&folder.join("src"), &mut texts).unwrap();
        let package = Self {
            name: string(&metadata["name"]),
            wasm: wasm.map(|target| string(&target["name"]).replace('-', "_")),
            dependencies: dependencies.collect(),
            texts,
        };
        (folder, package)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

/// Reads the sources of a folder, without their tests and comments.
fn read_sources(folder: &Path, texts: &mut Texts) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(&path, texts)?;
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path)?;
            let code = text.split("mod tests {").next().unwrap_or_default();
            let lines = code.lines().map(str::trim);
            let code: Vec<_> = lines.filter(|line| !line.starts_with("//")).collect();
            texts.add(&code.join(" "));
        }
    }
    Ok(())
}

impl Texts {
    fn add(&mut self, code: &str) {
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        for word in code.split(|c| !in_word(c)) {
            self.words.insert(word.to_owned());
            self.words.extend(word.split('-').map(str::to_owned));
        }
        for (quote, _) in code.match_indices('"') {
            let (before, after) = (&code[..quote], &code[quote + 1..]);
            let Some((text, after)) = after.split_once('"') else {
                continue;
            };
            let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(in_name) {
                continue;
            }
            self.all.insert(text.to_owned());
            let Some(call) = before.trim_end().strip_suffix('(') else {
                continue;
            };
            let path = call.rsplit(|c: char| !in_name(c) && c != ':').next();
            let path = path.unwrap_or_default();
            let function = path.rsplit(':').next().unwrap_or_default();
            // A method of that name reads the query of a URL.
            if call
                .strip_suffix(path)
                .is_some_and(|left| left.ends_with('.'))
            {
                continue;
            }
            // All but `number` have one argument. Others of their names read JSON.
            let alone = after.trim_start().trim_start_matches(',').trim_start();
            if !READERS.contains(&function) || (function != "number" && !alone.starts_with(')')) {
                continue;
            }
            let is_sure = function != "get" || path.contains("variables::");
            let texts = if is_sure {
                &mut self.read
            } else {
                &mut self.got
            };
            texts.insert(text.to_owned());
        }
    }
}
