//! Hosts as processes of their own, which tests can kill.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::balancer::Balancer;
use crate::{App, PATIENCE};

/// The pause before the supervisor of a host like Spin starts it again.
const AWAY: Duration = Duration::from_secs(1);

/// The time between two checks of a supervisor.
const LOOK: Duration = Duration::from_millis(10);

/// Processes that run an application, behind one address. Dropping this kills those
/// still running.
pub struct Hosts {
    hosts: Arc<Processes>,
    supervisors: Vec<JoinHandle<()>>,
}

struct Processes {
    program: PathBuf,
    options: orilla::Options,
    folder: PathBuf,
    balancer: Balancer,
    running: Mutex<Vec<Option<Child>>>,
}

impl Hosts {
    /// Starts `count` hosts instead of the one inside the test. Clients and the
    /// store reach them at the address that it had.
    ///
    /// `program` is the binary `host` of this package. One host alone keeps its
    /// documents where the application did; several share them in its Redis.
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
        let hosts = Arc::new(Processes {
            program: program.into(),
            balancer: Balancer::bind(options.listen, count).await,
            options,
            folder,
            running: Mutex::new((0..count).map(|_| None).collect()),
        });
        for number in 0..count {
            hosts.start(number, &[]).await.unwrap();
        }
        Self {
            hosts,
            supervisors: Vec::new(),
        }
    }

    /// Starts hosts that behave like Spin: they exit when they lose Redis,
    /// their supervisor starts them again after a second, and their Redis triggers
    /// start a while after their HTTP triggers.
    pub async fn like_spin(app: &mut App, program: &str, count: usize) -> Self {
        app.stack.app_options_mut().like_spin = true;
        let mut this = Self::take_over(app, program, count).await;
        let supervise = |number| tokio::spawn(supervise(this.hosts.clone(), number));
        this.supervisors = (0..count).map(supervise).collect();
        this
    }

    /// Kills a host (SIGKILL) in the middle of its work.
    pub fn kill(&mut self, number: usize) {
        self.hosts.kill(number);
    }

    /// Starts a host again, and returns when it listens.
    pub async fn start(&mut self, number: usize) {
        self.start_with_faults(number, &[]).await;
    }

    /// The same with faults of its key-value store, written as
    /// `orilla up --key-value-fault` takes them.
    pub async fn start_with_faults(&mut self, number: usize, faults: &[&str]) {
        if !self.supervisors.is_empty() {
            sleep(AWAY).await;
        }
        self.hosts.start(number, faults).await.unwrap();
    }

    /// The output of a component, on all hosts.
    pub fn log(&self, component: &str) -> String {
        let logs = (0..self.hosts.running.lock().unwrap().len()).map(|number| {
            let file = format!("{number}/logs/{component}_stdout.txt");
            std::fs::read_to_string(self.hosts.folder.join(file)).unwrap()
        });
        logs.collect()
    }
}

/// Starts a host again whenever it exits, unless it was killed.
async fn supervise(hosts: Arc<Processes>, number: usize) {
    loop {
        sleep(LOOK).await;
        if hosts.has_exited(number) {
            sleep(AWAY).await;
            // Ignores the error: the next look sees an exit at once, or a host started by the test.
            let _ = hosts.start(number, &[]).await;
        }
    }
}

impl Processes {
    fn kill(&self, number: usize) {
        self.balancer.set(number, None);
        let host = self.running.lock().unwrap()[number].take();
        if let Some(mut host) = host {
            host.kill().unwrap();
            host.wait().unwrap();
        }
    }

    /// Whether a host has exited by itself. Reports each exit once.
    fn has_exited(&self, number: usize) -> bool {
        let host = &mut self.running.lock().unwrap()[number];
        let exited = host
            .as_mut()
            .is_some_and(|host| host.try_wait().unwrap().is_some());
        if exited {
            self.balancer.set(number, None);
            *host = None;
        }
        exited
    }

    /// Starts a host, and returns when it listens; fails with the reason if it does not.
    async fn start(&self, number: usize, faults: &[&str]) -> Result<(), String> {
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
        let id = host.id();
        self.running.lock().unwrap()[number] = Some(host);
        let address = tokio::task::spawn_blocking(move || serving.recv_timeout(PATIENCE));
        let Ok(address) = address.await.unwrap() else {
            let errors = std::fs::read_to_string(errors).unwrap();
            return Err(format!("host {number} does not start: {errors}"));
        };
        let running = self.running.lock().unwrap();
        // The host may have been killed meanwhile, and another started in its place.
        if running[number].as_ref().map(Child::id) == Some(id) {
            self.balancer.set(number, Some(address));
        }
        Ok(())
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
        if self.options.like_spin {
            command.arg("--like-spin");
        }
        for (name, value) in &self.options.variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        command
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.supervisors.iter().for_each(JoinHandle::abort);
        let count = self.hosts.running.lock().unwrap().len();
        (0..count).for_each(|number| self.hosts.kill(number));
    }
}

/// Reads the address that a host prints, and reads on, so that the pipe
/// does not fill up.
fn address_of(host: &mut Child) -> Receiver<SocketAddr> {
    let (found, address) = std::sync::mpsc::channel();
    let mut output = BufReader::new(host.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut line = String::new();
        // At the end of the output the sender is dropped, which tells that there was no address.
        while output.read_line(&mut line).is_ok_and(|read| read > 0) {
            let url = line.trim_end().strip_prefix("Serving http://");
            if let Some(address) = url.and_then(|address| address.parse().ok()) {
                // Fails only if the start took too long.
                let _ = found.send(address);
                let _ = io::copy(&mut output, &mut io::sink());
            }
            line.clear();
        }
    });
    address
}

/// The configuration of a host that keeps documents in a Redis.
pub fn documents_in(redis: &str) -> String {
    format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{redis}\"\n")
}
