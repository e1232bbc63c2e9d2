//! Checks that the weights are of the version that this source needs.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

const WEIGHTS: &str = "model/lite0.f16";
const DIGEST: &str = "model/lite0.f16.sha256";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={WEIGHTS}");
    println!("cargo::rerun-if-changed={DIGEST}");
    if let Err(problem) = check() {
        println!("cargo::error=labeler-local: {problem}: run scripts/fetch-model");
    }
}

fn check() -> Result<(), String> {
    let expected = fs::read_to_string(DIGEST).map_err(|error| format!("{DIGEST}: {error}"))?;
    let weights =
        fs::read(Path::new(WEIGHTS)).map_err(|_| format!("{WEIGHTS} is not there yet"))?;
    let digest: String = Sha256::digest(&weights)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if expected.split_whitespace().next() == Some(digest.as_str()) {
        Ok(())
    } else {
        Err(format!("{WEIGHTS} is of another version"))
    }
}
