//! Lists the files of the page, which `scripts/build-console` makes, for the component to
//! include.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const BUILT: &str = "web/dist";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={BUILT}");
    let is_component = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm");
    if is_component && let Err(problem) = list() {
        println!("cargo::error=console: {problem}");
    }
}

fn list() -> Result<(), String> {
    let built = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(BUILT);
    let entries = fs::read_dir(built.join("assets"))
        .map_err(|_| format!("{BUILT} is not there yet: run scripts/build-console"))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{BUILT}: {error}"))?;
    files.sort();
    let page = built.join("index.html");
    let mut text =
        format!("const PAGE: &str = include_str!({page:?});\nconst ASSETS: &[Asset] = &[\n");
    for file in files {
        let name = file.file_name().unwrap_or_default();
        let media_type = match file.extension().and_then(|ending| ending.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => return Err(format!("{} has a type that nothing serves", file.display())),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "({name:?}, {media_type:?}, include_bytes!({file:?})),"
        );
    }
    text.push_str("];\n");
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&out).join("files.rs"), text).map_err(|error| error.to_string())
}
