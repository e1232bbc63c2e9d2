//! The shape of `spin.toml`. Unknown keys are refused, as Spin refuses them.
#![expect(
    dead_code,
    reason = "keys for people and for other tools are known, and nothing here reads them"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always 2.
    pub spin_manifest_version: u32,
    /// `[application]`
    pub application: Application,
    /// `[variables]`
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.*]]`
    pub trigger: Triggers,
    /// `[component.*]`
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
}

/// `[application]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The name of the application.
    pub name: String,
    /// Its version, for people.
    #[serde(default)]
    pub version: String,
    /// Its description, for people.
    #[serde(default)]
    pub description: String,
    /// Its authors, for people.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Settings of a whole kind of trigger.
    #[serde(default)]
    pub trigger: TriggerSettings,
    /// Settings of other tools.
    #[serde(default)]
    pub tool: BTreeMap<String, toml::Table>,
}

/// `[application.trigger.*]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerSettings {
    /// `[application.trigger.redis]`
    pub redis: Option<RedisSettings>,
}

/// `[application.trigger.redis]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// The server of the triggers that name none; a template.
    pub address: String,
}

/// A variable of the application.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its purpose, for people.
    pub description: Option<String>,
    /// The value must come from outside.
    #[serde(default)]
    pub required: bool,
    /// The value when nothing outside gives one.
    pub default: Option<String>,
    /// The value is never shown.
    #[serde(default)]
    pub secret: bool,
}

/// `[[trigger.*]]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// `[[trigger.http]]`
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
    /// `[[trigger.redis]]`
    #[serde(default)]
    pub redis: Vec<RedisTrigger>,
}

/// `[[trigger.http]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// A name for the trigger; nothing here needs it.
    #[serde(default)]
    pub id: String,
    /// The requests that it takes.
    pub route: HttpRoute,
    /// The component that answers them.
    pub component: ComponentRef,
    /// How the component is called.
    pub executor: Option<HttpExecutor>,
}

/// How a component is called for a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HttpExecutor {
    /// By `wasi:http/incoming-handler`.
    #[serde(alias = "spin")]
    Http,
}

/// A route, or none: a private component answers only other components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpRoute {
    /// A pattern: exact segments, `:name` for any one segment, `/...` for the rest.
    Path(String),
    /// `{ private = true }`
    Private,
}

/// `[[trigger.redis]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisTrigger {
    /// A name for the trigger; nothing here needs it.
    #[serde(default)]
    pub id: String,
    /// The channel to subscribe to; a template.
    pub channel: String,
    /// The server, when not that of the application; a template.
    pub address: Option<String>,
    /// The component that handles the messages.
    pub component: ComponentRef,
}

/// A component of a trigger: the name of one, or the whole table in place.
#[derive(Clone, Debug)]
pub enum ComponentRef {
    /// The key of a `[component.*]` table.
    Name(String),
    /// A component that only this trigger has.
    Inline(Box<Component>),
}

impl ComponentRef {
    /// The name of the component. Inline ones get theirs when the manifest is loaded.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Inline(_) => "",
        }
    }
}

/// `[component.*]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The wasm file.
    pub source: Source,
    /// Its description, for people.
    #[serde(default)]
    pub description: String,
    /// The variables that the component may read; templates.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Environment variables of the component.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that the component sees. This host mounts none.
    #[serde(default)]
    pub files: Vec<toml::Value>,
    /// Files left out of `files`.
    #[serde(default)]
    pub exclude_files: Vec<String>,
    /// The hosts that the component may connect to; templates.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of the stores that the component may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// SQLite databases. This host has none.
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    /// Language models. This host has none.
    #[serde(default)]
    pub ai_models: Vec<String>,
    /// The command by which `spin build` makes it.
    pub build: Option<Build>,
    /// Settings of other tools.
    #[serde(default)]
    pub tool: BTreeMap<String, toml::Table>,
    /// Whether dependencies have the permissions of the component. Unset, each
    /// dependency says so for itself.
    pub dependencies_inherit_configuration: Option<bool>,
    /// Components that fill imports of this one.
    #[serde(default)]
    pub dependencies: BTreeMap<String, Dependency>,
}

/// `[component.*.build]`; this host builds nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// One command, or several in order.
    pub command: OneOrMany,
    /// The folder to run it in.
    pub workdir: Option<String>,
    /// The files that `spin watch` watches.
    #[serde(default)]
    pub watch: Vec<String>,
}

/// A text or a list of texts.
#[derive(Clone, Debug)]
pub struct OneOrMany(pub Vec<String>);

/// The origin of the wasm.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, relative to the manifest.
    Path(PathBuf),
    /// A download or a registry package, which this host doesn't fetch.
    Remote,
}

/// A component that fills an import of another one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Dependency {
    /// A wasm file, relative to the manifest.
    pub path: Option<PathBuf>,
    /// Another component of this application.
    pub component: Option<String>,
    /// A registry package's version; not supported.
    pub version: Option<String>,
    /// A registry; not supported.
    pub registry: Option<String>,
    /// A registry package; not supported.
    pub package: Option<String>,
    /// A download; not supported.
    pub url: Option<String>,
    /// The digest of a download; not supported.
    pub digest: Option<String>,
    /// The export to use, when it isn't named as the import is.
    pub export: Option<String>,
    /// Whether this dependency has the permissions of the component.
    pub inherit_configuration: Option<Inherit>,
}

impl Dependency {
    /// Whether the dependency says that it has the permissions of the component.
    pub fn inherits(&self) -> bool {
        matches!(self.inherit_configuration, Some(Inherit::All(true)))
    }
}

/// The permissions that a dependency inherits.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Inherit {
    /// All or none.
    All(bool),
    /// Some of them, by name; not supported.
    Some(Vec<String>),
}

impl<'de> Deserialize<'de> for HttpRoute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Private {
            private: bool,
        }
        match text_or_table::<D, Private>(deserializer, "a route or `{ private = true }`")? {
            TextOrTable::Text(path) => Ok(Self::Path(path)),
            TextOrTable::Table(Private { private: true }) => Ok(Self::Private),
            TextOrTable::Table(Private { private: false }) => Err(de::Error::custom(
                "a route that isn't private is written as a path",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for ComponentRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(
            match text_or_table::<D, Component>(deserializer, "a component's name or table")? {
                TextOrTable::Text(name) => Self::Name(name),
                TextOrTable::Table(component) => Self::Inline(Box::new(component)),
            },
        )
    }
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table(Dependency);
        impl<'de> Deserialize<'de> for Table {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The derived function, which reads the table.
                Dependency::deserialize(deserializer).map(Table)
            }
        }
        Ok(
            match text_or_table::<D, Table>(deserializer, "a table with a `path`")? {
                TextOrTable::Text(version) => Self {
                    version: Some(version),
                    ..Self::default()
                },
                TextOrTable::Table(Table(dependency)) => dependency,
            },
        )
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(
            match text_or_table::<D, toml::Table>(deserializer, "the path of a wasm file")? {
                TextOrTable::Text(path) => Self::Path(path.into()),
                TextOrTable::Table(_) => Self::Remote,
            },
        )
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Commands;
        impl<'de> Visitor<'de> for Commands {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command or a list of commands")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut commands = Vec::new();
                while let Some(command) = list.next_element()? {
                    commands.push(command);
                }
                Ok(OneOrMany(commands))
            }
        }
        deserializer.deserialize_any(Commands)
    }
}

enum TextOrTable<T> {
    Text(String),
    Table(T),
}

/// Reads a text or a table. Unlike serde's untagged enums this keeps
/// the path of an error inside the table.
fn text_or_table<'de, D, T>(
    deserializer: D,
    expected: &'static str,
) -> Result<TextOrTable<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Either<T>(&'static str, PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
        type Value = TextOrTable<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            String::deserialize(StrDeserializer::new(text)).map(TextOrTable::Text)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(TextOrTable::Table)
        }
    }
    deserializer.deserialize_any(Either(expected, PhantomData))
}
