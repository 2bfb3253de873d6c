//! Batches of transformed samples, prepared ahead of the consumer by worker threads.
//!
//! An epoch is a sequence of positions; position p shows sample `order[p]`, and batch b is the
//! positions b·B to (b+1)·B. The unit of work is one position, so that all workers share the batch
//! that the consumer waits for. Positions are handed out only `prefetch` batches ahead of the
//! consumer, which bounds memory, and results are put back into order as they come in. What a
//! position yields depends on (seed, epoch, sample index) alone: neither on the number of workers,
//! nor on the batch at which the epoch was entered.

use std::any::Any;
use std::collections::BTreeMap;
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};

use crate::random::{epoch_order, sample_rng};
use crate::{DatasetError, Example, ExampleBatch, RgbdList, Transform};

/// How a [`Loader`] batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderConfig {
    /// Examples a batch; at least 1.
    pub batch: usize,
    /// Seed of the order and of the augmentation.
    pub seed: u64,
    /// Threads that decode and transform; at least 1. Does not change what comes out.
    pub workers: usize,
    /// Batches prepared ahead of the one that the consumer asks for. With 0, work begins when a
    /// batch is asked for. Does not change what comes out.
    pub prefetch: usize,
    /// Whether each epoch has its own random order; else the list's.
    pub shuffle: bool,
    /// Whether a last batch with fewer than `batch` examples is left out.
    pub drop_last: bool,
}

/// A list, a transform and how to batch them.
#[derive(Clone)]
pub struct Loader {
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    config: LoaderConfig,
}

impl Loader {
    /// Checks the configuration; starts nothing yet.
    ///
    /// # Errors
    /// A batch of 0, no workers, or a batch larger than the list where the last, smaller batch is
    /// to be dropped (an epoch would have no batch at all).
    pub fn new(
        list: Arc<RgbdList>,
        transform: Arc<dyn Transform>,
        config: LoaderConfig,
    ) -> Result<Self, DatasetError> {
        let wrong = |option, value, reason: String| {
            Err(DatasetError::LoaderOption {
                option,
                value,
                reason,
            })
        };
        if config.batch == 0 {
            return wrong("batch", 0, "must be at least 1".to_owned());
        }
        if config.workers == 0 {
            return wrong("workers", 0, "must be at least 1".to_owned());
        }
        if config.drop_last && config.batch > list.len() {
            let reason = format!(
                "larger than the list {} ({} pairs), and incomplete batches are dropped: an epoch \
                 would be empty; use a batch of at most {}",
                list.list().display(),
                list.len(),
                list.len()
            );
            return wrong("batch", config.batch, reason);
        }
        Ok(Self {
            list,
            transform,
            config,
        })
    }

    /// The list.
    pub fn list(&self) -> &RgbdList {
        &self.list
    }

    /// The configuration.
    pub fn config(&self) -> LoaderConfig {
        self.config
    }

    /// Number of batches in every epoch; at least 1.
    pub fn batches_per_epoch(&self) -> usize {
        let LoaderConfig {
            batch, drop_last, ..
        } = self.config;
        if drop_last {
            self.list.len() / batch
        } else {
            self.list.len().div_ceil(batch)
        }
    }

    /// Starts the workers on an epoch, from batch `first_batch` on (0 for the whole epoch; none at
    /// all from [`batches_per_epoch`](Self::batches_per_epoch) on).
    ///
    /// Batch b is the same whatever `first_batch`, so an interrupted epoch resumes exactly.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> EpochBatches {
        let LoaderConfig {
            batch,
            seed,
            workers,
            prefetch,
            shuffle,
            ..
        } = self.config;
        let end = self.list.len().min(self.batches_per_epoch() * batch);
        let first = first_batch.saturating_mul(batch).min(end);
        let work = Arc::new(Work {
            list: Arc::clone(&self.list),
            transform: Arc::clone(&self.transform),
            order: epoch_order(self.list.len(), shuffle, seed, epoch),
            seed,
            epoch,
        });
        let pool = Pool::start(&work, workers.min(end - first));
        let (pool, failed) = match pool {
            Ok(pool) => (Some(pool), None),
            Err(error) => (None, Some(error)),
        };
        let mut batches = EpochBatches {
            pool,
            failed,
            waiting: BTreeMap::new(),
            batch,
            ahead: batch.saturating_mul(prefetch),
            next: first,
            issued: first,
            end,
        };
        batches.issue_to(first.saturating_add(batches.ahead));
        batches
    }
}

/// The batches of one epoch, in order.
///
/// The first error ends it: the iterator yields the error of the earliest failing sample of the
/// failing batch, then None. Dropping it stops the workers (each finishes the sample at hand).
pub struct EpochBatches {
    /// None once the epoch is over, or if the workers could not be started.
    pool: Option<Pool>,
    failed: Option<DatasetError>,
    /// Results that came in before their turn, by position.
    waiting: BTreeMap<usize, Result<Example, DatasetError>>,
    batch: usize,
    /// How many positions to be ahead of the consumer.
    ahead: usize,
    /// First position of the next batch.
    next: usize,
    /// First position not handed to the workers yet.
    issued: usize,
    /// One past the epoch's last position.
    end: usize,
}

impl EpochBatches {
    fn issue_to(&mut self, position: usize) {
        let Some(pool) = &self.pool else { return };
        let upto = position.min(self.end);
        while self.issued < upto {
            pool.submit(self.issued);
            self.issued += 1;
        }
    }

    fn next_batch(&mut self) -> Result<ExampleBatch, DatasetError> {
        let positions = self.next..(self.next + self.batch).min(self.end);
        self.issue_to(positions.end.saturating_add(self.ahead));
        while self.waiting.range(positions.clone()).count() < positions.len() {
            match self.pool.as_ref().and_then(Pool::receive) {
                Some((position, example)) => self.waiting.insert(position, example),
                // Workers end only when the pool is dropped, and panics come back as errors.
                None => unreachable!("the workers ended before their work did"),
            };
        }
        self.next = positions.end;
        let later = self.waiting.split_off(&positions.end);
        let ready = std::mem::replace(&mut self.waiting, later);
        ExampleBatch::collate(ready.into_values().collect::<Result<_, _>>()?)
    }
}

impl Iterator for EpochBatches {
    type Item = Result<ExampleBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.next = self.end;
            return Some(Err(error));
        }
        if self.next >= self.end {
            self.pool = None;
            return None;
        }
        let batch = self.next_batch();
        if batch.is_err() {
            self.next = self.end;
            self.pool = None;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next).div_ceil(self.batch);
        // An error ends the iterator early.
        (left.min(1), Some(left))
    }
}

impl FusedIterator for EpochBatches {}

/// What the workers share.
struct Work {
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    /// Sample index at each position.
    order: Vec<usize>,
    seed: u64,
    epoch: u64,
}

impl Work {
    /// The example at a position. A panic in a decoder or transform becomes an error: it must not
    /// leave the consumer waiting for a result that never comes.
    fn example(&self, position: usize) -> Result<Example, DatasetError> {
        let index = self.order[position];
        let made = catch_unwind(AssertUnwindSafe(|| {
            let sample = self.list.load(index)?;
            self.transform
                .apply(sample, &mut sample_rng(self.seed, self.epoch, index))
        }));
        made.unwrap_or_else(|panic| {
            Err(DatasetError::WorkerPanicked {
                id: self.list.id(index).to_owned(),
                message: panic_message(panic.as_ref()),
            })
        })
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

type Outcome = (usize, Result<Example, DatasetError>);

/// The worker threads and the two channels between them and the consumer.
struct Pool {
    /// The ends of the channels; None only while dropping.
    ends: Option<(Sender<usize>, Receiver<Outcome>)>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn start(work: &Arc<Work>, workers: usize) -> Result<Self, DatasetError> {
        // Unbounded channels: `EpochBatches` bounds how many positions are under way.
        let (positions, inbox) = unbounded::<usize>();
        let (outbox, outcomes) = unbounded::<Outcome>();
        let mut pool = Self {
            ends: Some((positions, outcomes)),
            threads: Vec::new(),
        };
        for number in 0..workers {
            let (work, inbox, outbox) = (Arc::clone(work), inbox.clone(), outbox.clone());
            let thread = Builder::new()
                .name(format!("mde-loader-{number}"))
                .spawn(move || {
                    for position in inbox {
                        if outbox.send((position, work.example(position))).is_err() {
                            break; // the consumer is gone
                        }
                    }
                })
                .map_err(|source| DatasetError::SpawnWorker { source })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    fn submit(&self, position: usize) {
        if let Some((positions, _)) = &self.ends {
            // Fails only if every worker has ended, which `receive` then reports.
            let _ = positions.send(position);
        }
    }

    fn receive(&self) -> Option<Outcome> {
        self.ends
            .as_ref()
            .and_then(|(_, outcomes)| outcomes.recv().ok())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Both ends: waiting workers see the end of the work, busy ones that nobody listens.
        self.ends = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // panics were caught on the thread
        }
    }
}
