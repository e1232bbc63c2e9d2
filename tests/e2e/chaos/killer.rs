//! Kills of hosts in the middle of their work.

use std::time::Instant;

use tests::{App, Hosts};

use super::client::Client;
use super::load::is_at_work;

/// Kills hosts, and counts the kills that met one at work.
pub(crate) struct Killer {
    hosts: Hosts,
    count: usize,
    /// When the last killed host was started again, or the first one.
    pub(crate) started: Instant,
    pub(crate) at_work: usize,
    kills: usize,
}

impl Killer {
    /// A killer of `count` hosts, which have just started.
    pub(crate) fn of(hosts: Hosts, count: usize) -> Self {
        Self {
            hosts,
            count,
            started: Instant::now(),
            at_work: 0,
            kills: 0,
        }
    }

    /// Kills one of the hosts, and starts it again.
    pub(crate) async fn kill(&mut self, app: &App, random: &mut fastrand::Rng) {
        let victim = random.usize(..self.count);
        self.hosts.kill(victim);
        self.kills += 1;
        self.at_work += usize::from(is_at_work(app, self.started));
        self.started = Instant::now();
        self.hosts.start(victim).await;
    }

    /// Checks that enough kills met a host at work, and that the client noticed.
    pub(crate) fn was_noticed(&self, client: &Client, min_at_work: usize) {
        let (unanswered, at_work) = (client.unanswered(), self.at_work);
        println!(
            "{at_work} of {} kills at work, {unanswered} requests unanswered",
            self.kills
        );
        assert!(at_work >= min_at_work);
        // Another host, if there is one, answers at once.
        let must_notice = self.count == 1 && min_at_work > 0;
        assert!(
            unanswered > 0 || !must_notice,
            "clients should have noticed"
        );
    }
}
