//! Adds up the time in the spans of `mde-ops` and `mde-train`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use candle_core::Device;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// One pass of one operation on one shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Operation {
    pub(super) op: String,
    pub(super) pass: String,
    pub(super) shape: String,
    /// Size of its result.
    pub(super) bytes: u64,
    /// Two per multiply-add of the plain operation.
    pub(super) flops: u64,
}

/// Calls and time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) calls: u64,
    pub(super) time: Duration,
}

/// Everything that was recorded.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) operations: BTreeMap<Operation, Spent>,
    /// Phases of a training step in the order of their start: forward, losses, backward, update.
    pub(super) phases: Vec<(&'static str, Spent)>,
    /// Current number of nested operations.
    depth: usize,
}

/// Runs `f` and records the spans that it opens on this thread.
pub(super) fn record<T>(device: &Device, f: impl FnOnce() -> T) -> (T, Records) {
    let recorder = Recorder {
        device: device.clone(),
        records: Arc::default(),
    };
    let records = recorder.records.clone();
    let result = with_default(tracing_subscriber::registry().with(recorder), f);
    let records = std::mem::take(&mut *locked(&records));
    (result, records)
}

/// The kind of a span.
#[derive(Debug, Clone)]
enum Kind {
    Operation(Operation),
    Phase(&'static str),
}

/// The start of a counted span.
struct Begun(Instant);

struct Recorder {
    device: Device,
    records: Arc<Mutex<Records>>,
}

fn locked(records: &Mutex<Records>) -> MutexGuard<'_, Records> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// The time after the device has finished its work. A GPU works asynchronously.
    fn now(&self) -> Instant {
        // A failed device is reported by the next operation.
        let _ = self.device.synchronize();
        Instant::now()
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let kind = if metadata.target() == "mde_ops" {
            let mut operation = Operation::default();
            attributes.record(&mut operation);
            Kind::Operation(operation)
        } else if metadata.target().starts_with("mde_train") {
            Kind::Phase(metadata.name())
        } else {
            return;
        };
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(kind);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Kind>() {
            None => return,
            Some(Kind::Operation(_)) => {
                // A nested operation is part of the outer one.
                let mut records = locked(&self.records);
                records.depth += 1;
                if records.depth > 1 {
                    return;
                }
            }
            Some(Kind::Phase(_)) => {}
        }
        extensions.replace(Begun(self.now()));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let begun = extensions.remove::<Begun>();
        let Some(kind) = extensions.get_mut::<Kind>() else {
            return;
        };
        let mut records = locked(&self.records);
        if let Kind::Operation(_) = kind {
            records.depth -= 1;
        }
        let Some(Begun(begun)) = begun else {
            return;
        };
        let spent = match kind {
            Kind::Operation(operation) => records.operations.entry(operation.clone()).or_default(),
            Kind::Phase(name) => {
                let known = records.phases.iter().position(|(known, _)| known == name);
                let index = known.unwrap_or_else(|| {
                    records.phases.push((name, Spent::default()));
                    records.phases.len() - 1
                });
                &mut records.phases[index].1
            }
        };
        spent.calls += 1;
        spent.time += self.now() - begun;
    }
}

impl Visit for Operation {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "bytes" => self.bytes = value,
            "flops" => self.flops = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = match field.name() {
            "op" => &mut self.op,
            "pass" => &mut self.pass,
            "shape" => &mut self.shape,
            _ => return,
        };
        value.clone_into(text);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tracing::trace_span;

    #[test]
    fn an_operation_within_another_is_part_of_it() {
        let ((), records) = record(&Device::Cpu, || {
            let operation = |op| trace_span!(target: "mde_ops", "operation", op, pass = "forward", shape = "1x2", bytes = 8usize, flops = 4u64);
            for _ in 0..2 {
                let _phase = trace_span!(target: "mde_train::trainer", "forward").entered();
                let _outer = operation("outer").entered();
                let _inner = operation("inner").entered();
            }
            let _other = trace_span!(target: "elsewhere", "other").entered();
        });
        let outer = Operation {
            op: "outer".to_owned(),
            pass: "forward".to_owned(),
            shape: "1x2".to_owned(),
            bytes: 8,
            flops: 4,
        };
        assert_eq!(records.operations.keys().collect::<Vec<_>>(), [&outer]);
        let spent = records.operations[&outer];
        let (name, phase) = records.phases[0];
        assert_eq!((spent.calls, phase.calls, name), (2, 2, "forward"));
        assert_eq!(records.phases.len(), 1);
        assert!(spent.time <= phase.time);
    }
}
