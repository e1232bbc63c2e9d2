//! The limit of open files, which connections count against.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::Limits;

/// The files besides connections: logs, key-value stores, Redis, threads that compile.
const OTHERS: u64 = 128;

/// Raises the limit of open files as far as the process may, and lowers the number of
/// connections if there are still too few files for it.
pub fn fit(limits: &mut Limits) {
    let Some(files) = raise() else {
        return;
    };
    let fitting = fitting(files, limits.max_instances);
    if limits.max_connections > fitting {
        tracing::warn!(
            "{files} open files allow {fitting} connections instead of {}: raise the hard limit \
             (ulimit -Hn)",
            limits.max_connections
        );
        limits.max_connections = fitting;
    }
}

/// Raises the soft limit to the hard one and returns it; `None` means no limit.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!("can't raise the limit of open files: {error}");
            limit.current
        }
    }
}

/// The number of connections for which there are files. An instance has a connection of
/// its own, to a server that it calls.
fn fitting(files: u64, max_instances: u32) -> usize {
    let files = files.saturating_sub(OTHERS);
    // There are no more instances in hand than connections, as a rule.
    let fitting = files
        .saturating_sub(u64::from(max_instances))
        .max(files / 2)
        .max(1);
    usize::try_from(fitting).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_file_and_one_for_its_instance() {
        // Of 896 files, half are for connections.
        assert_eq!(fitting(1024, 768), 448);
        // All 768 instances have a file.
        assert_eq!(fitting(4096, 768), 3200);
        assert_eq!(fitting(16, 768), 1);
    }
}
