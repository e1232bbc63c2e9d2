//! Hosts as processes of their own, which tests can kill.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use crate::balancer::Balancer;
use crate::{App, PATIENCE};

/// Processes that run an application, behind one address. Those still running
/// are killed when this is dropped.
pub struct Hosts {
    program: PathBuf,
    options: orilla::Options,
    folder: PathBuf,
    balancer: Balancer,
    running: Vec<Option<Child>>,
}

impl Hosts {
    /// Starts `count` hosts instead of the one inside the test. Clients and the
    /// store reach them at the address that it had.
    ///
    /// `program` is the binary `host` of this package. One host alone keeps its
    /// documents in SQLite; several share them in the application's Redis.
    pub async fn take_over(app: &mut App, program: &str, count: usize) -> Self {
        app.stack.stop_app().await;
        let mut options = app.stack.app_options().clone();
        let folder = app.stack.data_dir().join("hosts");
        std::fs::create_dir_all(&folder).unwrap();
        if count > 1 {
            let file = folder.join("runtime-config.toml");
            std::fs::write(&file, documents_in(app.stack.redis().url())).unwrap();
            options.runtime_config_file = Some(file);
        }
        let mut hosts = Self {
            program: program.into(),
            balancer: Balancer::bind(options.listen, count).await,
            options,
            folder,
            running: (0..count).map(|_| None).collect(),
        };
        for number in 0..count {
            hosts.start(number).await;
        }
        hosts
    }

    /// Kills a host (SIGKILL): whatever it does, it does not do on.
    pub fn kill(&mut self, number: usize) {
        self.balancer.set(number, None);
        if let Some(mut host) = self.running[number].take() {
            host.kill().unwrap();
            host.wait().unwrap();
        }
    }

    /// Starts a host again, and comes back when it listens.
    pub async fn start(&mut self, number: usize) {
        self.start_with_faults(number, &[]).await;
    }

    /// The same with faults of its key-value store, written as
    /// `orilla up --key-value-fault` takes them.
    pub async fn start_with_faults(&mut self, number: usize, faults: &[&str]) {
        self.kill(number);
        let folder = self.folder.join(number.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let errors = folder.join("stderr.txt");
        let mut host = self
            .command(&folder, &errors)
            .args(faults.iter().flat_map(|fault| ["--key-value-fault", fault]))
            .spawn()
            .unwrap();
        let serving = address_of(&mut host);
        self.running[number] = Some(host);
        let address = tokio::task::spawn_blocking(move || serving.recv_timeout(PATIENCE));
        match address.await.unwrap() {
            Ok(address) => self.balancer.set(number, Some(address)),
            Err(_) => panic!(
                "host {number} does not start: {}",
                std::fs::read_to_string(errors).unwrap()
            ),
        }
    }

    fn command(&self, folder: &Path, errors: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["up", "--listen", "127.0.0.1:0", "--from"])
            .arg(&self.options.manifest)
            .arg("--state-dir")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(
                File::options()
                    .create(true)
                    .append(true)
                    .open(errors)
                    .unwrap(),
            );
        if let Some(file) = &self.options.runtime_config_file {
            command.arg("--runtime-config-file").arg(file);
        }
        if let Some(cache) = &self.options.cache_dir {
            command.arg("--cache-dir").arg(cache);
        }
        for (name, value) in &self.options.variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        command
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        (0..self.running.len()).for_each(|number| self.kill(number));
    }
}

/// Gets the address that a host says it serves, and reads on, so that the pipe
/// does not fill up.
fn address_of(host: &mut Child) -> Receiver<SocketAddr> {
    let (found, address) = std::sync::mpsc::channel();
    let mut output = BufReader::new(host.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut line = String::new();
        // At its end the sender is dropped, which tells that there was none.
        while output.read_line(&mut line).is_ok_and(|read| read > 0) {
            let url = line.trim_end().strip_prefix("Serving http://");
            if let Some(address) = url.and_then(|address| address.parse().ok()) {
                // Nobody waits any more where the start took too long.
                let _ = found.send(address);
                let _ = io::copy(&mut output, &mut io::sink());
            }
            line.clear();
        }
    });
    address
}

fn documents_in(redis: &str) -> String {
    format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{redis}\"\n")
}
