//! Rules beyond the shape of a manifest: names that must exist, values that
//! must make sense, and features that this host doesn't have.

use hosts::AllowedHost;

use super::error::ManifestError;
use super::loaded::LoadedManifest;
use super::schema::{Component, ComponentRef, Dependency, Inherit, Manifest, Source};
use crate::template::{Template, check_name};

/// Moves inline components of triggers to the table of components, under the
/// name that Spin gives them too.
pub fn name_inline_components(manifest: &mut Manifest) {
    let http = manifest.trigger.http.iter_mut().map(|t| &mut t.component);
    let redis = manifest.trigger.redis.iter_mut().map(|t| &mut t.component);
    for (number, reference) in http.chain(redis).enumerate() {
        if let ComponentRef::Inline(component) = reference {
            let name = format!("inline-{number}");
            manifest
                .component
                .insert(name.clone(), component.as_ref().clone());
            *reference = ComponentRef::Name(name);
        }
    }
}

/// Checks all rules that don't depend on the values of variables.
pub fn check(loaded: &LoadedManifest) -> Result<(), ManifestError> {
    let manifest = &loaded.manifest;
    if manifest.spin_manifest_version != 2 {
        return Err(loaded.invalid(
            "top level",
            "spin_manifest_version",
            format!(
                "this host reads version 2, not {}",
                manifest.spin_manifest_version
            ),
        ));
    }
    for (name, variable) in &manifest.variables {
        let wrong = |reason: String| loaded.invalid("variables", name, reason);
        check_name(name).map_err(wrong)?;
        if variable.required == variable.default.is_some() {
            return Err(wrong(
                "give it either `required = true` or a `default`".to_owned(),
            ));
        }
    }
    for (name, component) in &manifest.component {
        check_component(loaded, name, component)?;
    }
    check_triggers(loaded)
}

fn check_triggers(loaded: &LoadedManifest) -> Result<(), ManifestError> {
    let manifest = &loaded.manifest;
    let known = |table: String, component: &ComponentRef| {
        if manifest.component.contains_key(component.name()) {
            return Ok(());
        }
        let reason = format!("there is no [component.{}]", component.name());
        Err(loaded.invalid(table, "component", reason))
    };
    for (index, trigger) in manifest.trigger.http.iter().enumerate() {
        known(format!("trigger.http[{index}]"), &trigger.component)?;
    }
    for (index, trigger) in manifest.trigger.redis.iter().enumerate() {
        let table = format!("trigger.redis[{index}]");
        known(table.clone(), &trigger.component)?;
        check_template(loaded, &table, "channel", &trigger.channel)?;
        match (&trigger.address, &manifest.application.trigger.redis) {
            (Some(address), _) => check_template(loaded, &table, "address", address)?,
            (None, Some(settings)) => check_template(
                loaded,
                "application.trigger.redis",
                "address",
                &settings.address,
            )?,
            (None, None) => {
                return Err(loaded.invalid(
                    table,
                    "address",
                    "missing, and there is no [application.trigger.redis] with one for all",
                ));
            }
        }
    }
    Ok(())
}

fn check_component(
    loaded: &LoadedManifest,
    name: &str,
    component: &Component,
) -> Result<(), ManifestError> {
    let table = format!("component.{name}");
    let refuse = |key: &str, reason: &str| Err(loaded.invalid(&table, key, reason));
    if matches!(component.source, Source::Remote) {
        return refuse(
            "source",
            "this host takes local files only; give the path of a wasm file",
        );
    }
    if !component.files.is_empty() || !component.exclude_files.is_empty() {
        return refuse(
            "files",
            "this host mounts no files; compile them into the component",
        );
    }
    if !component.sqlite_databases.is_empty() {
        return refuse("sqlite_databases", "this host has no SQLite interface");
    }
    if !component.ai_models.is_empty() {
        return refuse("ai_models", "this host has no language models");
    }
    let variables = format!("{table}.variables");
    for (key, template) in &component.variables {
        check_name(key).map_err(|reason| loaded.invalid(&variables, key, reason))?;
        check_template(loaded, &variables, key, template)?;
    }
    for host in &component.allowed_outbound_hosts {
        let key = "allowed_outbound_hosts";
        check_template(loaded, &table, key, host)?;
        if Template::parse(host).is_ok_and(|template| template.is_literal()) {
            AllowedHost::parse(host).map_err(|reason| loaded.invalid(&table, key, reason))?;
        }
    }
    let dependencies = format!("{table}.dependencies");
    for (key, dependency) in &component.dependencies {
        check_dependency(loaded, component, dependency)
            .map_err(|reason| loaded.invalid(&dependencies, key, reason))?;
    }
    Ok(())
}

fn check_dependency(
    loaded: &LoadedManifest,
    component: &Component,
    dependency: &Dependency,
) -> Result<(), String> {
    let Dependency {
        version,
        registry,
        package,
        url,
        digest,
        ..
    } = dependency;
    if [version, registry, package]
        .iter()
        .any(|field| field.is_some())
    {
        return Err("this host fetches nothing from registries; give a `path`".to_owned());
    }
    if url.is_some() || digest.is_some() {
        return Err("this host downloads nothing; give a `path`".to_owned());
    }
    match (&dependency.path, &dependency.component) {
        (Some(_), None) => {}
        (None, Some(name)) if loaded.manifest.component.contains_key(name) => {}
        (None, Some(name)) => return Err(format!("there is no [component.{name}]")),
        (None, None) | (Some(_), Some(_)) => {
            return Err("give either a `path` or a `component`".to_owned());
        }
    }
    match &dependency.inherit_configuration {
        Some(_) if component.dependencies_inherit_configuration.is_some() => Err(
            "`inherit_configuration` can't stand beside `dependencies_inherit_configuration`"
                .to_owned(),
        ),
        Some(Inherit::Some(_)) => {
            Err("`inherit_configuration` is true or false in this host, not a list".to_owned())
        }
        Some(Inherit::All(_)) | None => Ok(()),
    }
}

fn check_template(
    loaded: &LoadedManifest,
    table: &str,
    key: &str,
    text: &str,
) -> Result<(), ManifestError> {
    let wrong = |reason: String| loaded.invalid(table, key, reason);
    let template = Template::parse(text).map_err(wrong)?;
    match template
        .variables()
        .find(|name| !loaded.manifest.variables.contains_key(*name))
    {
        Some(name) => Err(wrong(format!(
            "there is no variable `{name}` in [variables]"
        ))),
        None => Ok(()),
    }
}
