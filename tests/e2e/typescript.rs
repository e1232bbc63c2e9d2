//! A client in TypeScript that is generated from the OpenAPI document: it compiles, and works
//! as `docs/integrate.md` shows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::{App, USER, root};
use tokio::process::Command;

/// Runs a program and returns its output.
async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A copy of the client's files, so that nothing is made among the sources.
fn copy() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript");
    fs::create_dir_all(&folder).unwrap();
    for file in [
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "photos.ts",
    ] {
        let source = root().join("tests/typescript").join(file);
        fs::copy(source, folder.join(file)).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_generated_client_compiles_and_gets_a_photo_back() {
    let folder = copy();
    fs::write(folder.join("openapi.json"), docs::DOCUMENT).unwrap();
    let npm = |args: &[&str]| {
        let mut command = Command::new("npm");
        command.args(args).current_dir(&folder);
        command
    };
    run(&mut npm(&["ci", "--silent", "--no-audit", "--no-fund"])).await;
    run(&mut npm(&["run", "--silent", "build"])).await;

    let app = App::start().await;
    let mut node = Command::new("node");
    node.arg("built/photos.js")
        .arg(root().join("data/photos/chelsea.png"))
        .env("ORILLA", app.stack.base_url())
        .env("TOKEN", app.token(USER))
        .env("USER_ID", USER)
        .current_dir(&folder);
    let told: Value = serde_json::from_str(&run(&mut node).await).unwrap();
    assert_eq!(
        (&told["is_same"], &told["posts"]),
        (&json!(true), &json!(1)),
        "{told}"
    );
    app.stop().await;
}
