//! The spans of queue work, for a collector of traces.

use std::cell::RefCell;
use std::time::Instant;

use base::{Trace, log};
use queue::Queue;
use serde_json::json;
use stores::Redis;
use telemetry::{Kind, Settings, Span};

use crate::work::{Task, Verdict};

/// The max spans that are kept in memory before they go to Redis.
const MAX_HELD: usize = 100;

/// The spans of a worker's run.
pub(crate) struct Spans<'r, R> {
    redis: &'r R,
    queue: &'r str,
    settings: Settings,
    ended: RefCell<Vec<Span>>,
}

/// The spans of messages that are worked on at once: one for each trace, so that a job of
/// many toons has a span for each batch and not for each toon.
pub(crate) struct Batch {
    started: Instant,
    spans: Vec<OfTrace>,
}

/// The span of those messages of a batch that have one trace.
struct OfTrace {
    trace: Trace,
    messages: i64,
    /// Why the first one of them failed.
    failure: Option<String>,
}

impl<'r, R: Redis> Spans<'r, R> {
    pub(crate) fn new(queue: &'r Queue<'_, R>) -> Self {
        Self {
            redis: queue.redis(),
            queue: queue.names().name(),
            settings: Settings::read(&Trace::new()),
            ended: RefCell::default(),
        }
    }

    /// Begins the spans of a batch. Messages that a task sends name its span as the parent.
    pub(crate) fn begin<M>(&self, tasks: &mut [Task<'_, M>]) -> Batch {
        let mut spans = Vec::<OfTrace>::new();
        for task in tasks {
            if !self.settings.exports(&task.trace) {
                continue;
            }
            let sender = task.trace.span_id();
            let mut begun = spans.iter_mut();
            task.trace = match begun.find(|span| span.trace.parent_span_id() == Some(sender)) {
                Some(span) => {
                    span.messages += 1;
                    span.trace.clone()
                }
                None => {
                    let trace = task.trace.continued();
                    spans.push(OfTrace {
                        trace: trace.clone(),
                        messages: 1,
                        failure: None,
                    });
                    trace
                }
            };
        }
        Batch {
            started: Instant::now(),
            spans,
        }
    }

    /// Ends the spans of a batch.
    pub(crate) fn end(&self, batch: Batch) {
        let name = format!("process {}", self.queue);
        let took = batch.started.elapsed();
        for OfTrace {
            trace,
            messages,
            failure,
        } in batch.spans
        {
            // The names of OpenTelemetry's conventions for messaging.
            let attributes = [
                ("messaging.system", "orilla".into()),
                ("messaging.operation.type", "process".into()),
                ("messaging.operation.name", "process".into()),
                ("messaging.destination.name", self.queue.into()),
                ("messaging.batch.message_count", messages.into()),
                ("orilla.request_id", trace.request_id().into()),
            ];
            let span = Span::new(&trace, Kind::Consumer, &name, took, attributes);
            let span = match failure {
                Some(reason) => span.failed(&reason),
                None => span,
            };
            self.ended.borrow_mut().push(span);
        }
        if self.ended.borrow().len() >= MAX_HELD {
            self.keep();
        }
    }

    /// Sends the spans to Redis. A failure is logged: the work itself is done.
    pub(crate) fn keep(&self) {
        let ended = self.ended.take();
        if let Err(failure) = telemetry::keep(self.redis, &ended) {
            let fields = json!({"error": failure.to_string()});
            log::warn(&Trace::new(), "spans were lost", fields);
        }
    }
}

impl Batch {
    /// Notes the verdict on a task.
    pub(crate) fn note<M>(&mut self, task: &Task<'_, M>, verdict: &Verdict) {
        let reason = match verdict {
            Verdict::Done(_) | Verdict::Drop(_) => return,
            Verdict::Retry { trouble, .. } | Verdict::Dead(trouble) => &trouble.error,
            Verdict::Postpone(reason) => reason,
        };
        let mut spans = self.spans.iter_mut();
        if let Some(span) = spans.find(|span| span.trace.span_id() == task.trace.span_id()) {
            span.failure.get_or_insert_with(|| reason.clone());
        }
    }
}
