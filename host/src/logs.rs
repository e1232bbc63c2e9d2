//! The logs of components: their output goes to the terminal and to a file a stream.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// The maximum number of bytes in one write of a guest.
const WRITE_LIMIT: usize = 64 * 1024;

/// The stream of the terminal that a log goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terminal {
    Stdout,
    Stderr,
    Quiet,
}

/// The two streams of one component.
#[derive(Clone, Debug)]
pub struct ComponentLogs {
    /// Its standard output.
    pub stdout: Log,
    /// Its standard error.
    pub stderr: Log,
}

impl ComponentLogs {
    /// Opens `<component>_stdout.txt` and `<component>_stderr.txt` in a folder, to
    /// append to them. Spin uses the same names.
    ///
    /// # Errors
    /// The files can't be opened.
    pub fn open(folder: &Path, component: &str, quiet: bool) -> io::Result<Self> {
        let open = |stream: &str, terminal: Terminal| {
            let path: PathBuf = folder.join(format!("{component}_{stream}.txt"));
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            let terminal = if quiet { Terminal::Quiet } else { terminal };
            Ok::<_, io::Error>(Log {
                file: Arc::new(file),
                terminal,
            })
        };
        Ok(Self {
            stdout: open("stdout", Terminal::Stdout)?,
            stderr: open("stderr", Terminal::Stderr)?,
        })
    }
}

/// One stream of one component. All instances of the component write to it, each
/// write as a whole.
#[derive(Clone, Debug)]
pub struct Log {
    file: Arc<File>,
    terminal: Terminal,
}

impl Log {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        // The write is one system call as a rule, which no other append tears apart.
        (&*self.file).write_all(bytes)?;
        // A closed terminal must not fail the guest.
        let _ = match self.terminal {
            Terminal::Stdout => io::stdout().lock().write_all(bytes),
            Terminal::Stderr => io::stderr().lock().write_all(bytes),
            Terminal::Quiet => Ok(()),
        };
        Ok(())
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // No task in between: all output of a guest is in the log when its request ends.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Log {
    async fn ready(&mut self) {}
}

impl OutputStream for Log {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes)
            .map_err(|error| StreamError::LastOperationFailed(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_LIMIT)
    }
}

impl AsyncWrite for Log {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.append(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
