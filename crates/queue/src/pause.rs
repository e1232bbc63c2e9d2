//! Pauses of queues.

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::lua;
use crate::queue::Queue;
use crate::script::{PROMOTE, QUEUES, Script};

static PAUSE: Script = Script::new(&[QUEUES, lua!("lua/pause.lua")]);
static RESUME: Script = Script::new(&[
    QUEUES,
    PROMOTE,
    lua!("lua/resume.lua"),
    lua!("lua/wake.lua"),
]);

impl<R: Redis> Queue<'_, R> {
    /// Pauses the queue until [`Queue::resume`]: workers claim nothing of it. Messages that
    /// they have claimed are finished, others may be published, and none of them counts an
    /// attempt. Returns since when the queue is paused, in milliseconds since the Unix
    /// epoch; a queue that is paused already stays so.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn pause(&self) -> Result<u64, Failure> {
        let names = self.names();
        let reply = PAUSE.run(self.redis(), &[&names.paused, &names.notified], &[])?;
        let since = reply.first().and_then(Value::as_int);
        let wrong = || Failure::unavailable("Redis", "the pause script answered something else");
        since.map(i64::unsigned_abs).ok_or_else(wrong)
    }

    /// Ends the pause of the queue, makes delayed messages ready whose time has come, and
    /// notifies a worker if any message waits. A queue that is not paused is woken alike.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn resume(&self) -> Result<(), Failure> {
        let names = self.names();
        let [stream, notified, timer, delayed] = names.keys();
        let keys = [
            stream,
            notified,
            timer,
            delayed,
            &names.paused,
            &names.called,
        ];
        let reply = RESUME.run(self.redis(), &keys, &[Arg::from(self.notifier())])?;
        self.note_notified(reply.get(2..).unwrap_or_default());
        Ok(())
    }
}
