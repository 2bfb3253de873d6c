//! Batches of transformed samples, prepared by worker threads ahead of the consumer.
//!
//! An epoch is a sequence of positions: position p shows sample `order[p]`, and batch b holds the
//! positions b·B to (b+1)·B. Workers take single positions, so all of them work on the batch that
//! the consumer waits for. Positions are handed out at most `prefetch` batches ahead, which bounds
//! memory, and results are put back in order. An example depends on (seed, epoch, sample index)
//! alone, not on the number of workers or on the batch at which the epoch was entered.

use std::any::Any;
use std::collections::BTreeMap;
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::random::{epoch_order, sample_rng};
use crate::wording::count;
use crate::{DatasetError, Example, ExampleBatch, RgbdList, Transform};

/// How a [`Loader`] makes batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Examples per batch; at least 1.
    pub batch_size: usize,
    /// Seed of the order and of the augmentation.
    pub seed: u64,
    /// Number of threads that decode and transform; at least 1. Does not change the batches.
    pub workers: usize,
    /// Number of batches prepared ahead of the consumer. With 0, work starts when a batch is
    /// requested. Does not change the batches.
    pub prefetch: usize,
    /// Whether every epoch has its own random order; otherwise the order of the list.
    pub shuffle: bool,
    /// Whether to drop a last batch of fewer than `batch_size` examples.
    pub drop_last: bool,
}

/// A list, a transform and how to make batches.
#[derive(Clone)]
pub struct Loader {
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    config: LoaderConfig,
    depth_only: bool,
}

impl Loader {
    /// Checks the configuration. Threads start with [`epoch`](Self::epoch).
    ///
    /// # Errors
    /// A batch size of 0, no workers, or with `drop_last` a batch size above the length of the list
    /// (an epoch would have no batches).
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
        if config.batch_size == 0 {
            return wrong("batch-size", 0, "it must be at least 1".to_owned());
        }
        if config.workers == 0 {
            return wrong("workers", 0, "it must be at least 1".to_owned());
        }
        if config.drop_last && config.batch_size > list.len() {
            let reason = format!(
                "larger than the list {} ({}); incomplete batches are dropped, so an epoch would \
                 be empty; use a batch size of at most {}",
                list.list().display(),
                count(list.len(), "pair"),
                list.len()
            );
            return wrong("batch-size", config.batch_size, reason);
        }
        Ok(Self {
            list,
            transform,
            config,
            depth_only: false,
        })
    }

    /// The same loader without colour images, which are not read. Its batches have the same ids and
    /// depths to the bit, but no `images`, `rgb` and `focals`.
    #[must_use]
    pub fn depth_only(&self) -> Self {
        Self {
            depth_only: true,
            ..self.clone()
        }
    }

    /// The list.
    pub fn list(&self) -> &RgbdList {
        &self.list
    }

    /// The configuration.
    pub fn config(&self) -> LoaderConfig {
        self.config
    }

    /// Number of batches per epoch; at least 1.
    pub fn batches_per_epoch(&self) -> usize {
        let LoaderConfig {
            batch_size,
            drop_last,
            ..
        } = self.config;
        if drop_last {
            self.list.len() / batch_size
        } else {
            self.list.len().div_ceil(batch_size)
        }
    }

    /// Starts the workers on an epoch at batch `first_batch`: 0 for the whole epoch; from
    /// [`batches_per_epoch`](Self::batches_per_epoch) on, there are no batches.
    ///
    /// Batch b is the same for every `first_batch`, so an interrupted epoch resumes exactly.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> EpochBatches {
        let LoaderConfig {
            batch_size,
            seed,
            workers,
            prefetch,
            shuffle,
            ..
        } = self.config;
        let end = self.list.len().min(self.batches_per_epoch() * batch_size);
        let first = first_batch.saturating_mul(batch_size).min(end);
        let work = Arc::new(Work {
            list: Arc::clone(&self.list),
            transform: Arc::clone(&self.transform),
            depth_only: self.depth_only,
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
            batch_size,
            ahead: batch_size.saturating_mul(prefetch),
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
/// The first error ends the epoch: the iterator yields the error of the batch's first failing
/// sample, then None. Dropping it stops the workers; each finishes its current sample.
pub struct EpochBatches {
    /// None once the epoch is over, or if the workers could not be started.
    pool: Option<Pool>,
    failed: Option<DatasetError>,
    /// Results that arrived before their turn, by position.
    waiting: BTreeMap<usize, Result<Example, DatasetError>>,
    batch_size: usize,
    /// Number of positions to be ahead of the consumer.
    ahead: usize,
    /// First position of the next batch.
    next: usize,
    /// First position not yet handed to the workers.
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
        let positions = self.next..(self.next + self.batch_size).min(self.end);
        self.issue_to(positions.end.saturating_add(self.ahead));
        while self.waiting.range(positions.clone()).count() < positions.len() {
            match self.pool.as_ref().and_then(Pool::receive) {
                Some((position, example)) => self.waiting.insert(position, example),
                // Workers end only when the pool is dropped; panics come back as errors.
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
        let left = (self.end - self.next).div_ceil(self.batch_size);
        // An error ends the iterator early.
        (left.min(1), Some(left))
    }
}

impl FusedIterator for EpochBatches {}

/// What the workers share.
struct Work {
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    depth_only: bool,
    /// Sample index at each position.
    order: Vec<usize>,
    seed: u64,
    epoch: u64,
}

impl Work {
    /// The example at a position. A panic in a decoder or transform becomes an error: otherwise
    /// the consumer would wait for a result that never comes.
    fn example(&self, position: usize) -> Result<Example, DatasetError> {
        let index = self.order[position];
        let made = catch_unwind(AssertUnwindSafe(|| {
            let rng = &mut sample_rng(self.seed, self.epoch, index);
            if self.depth_only {
                let (id, depth) = (self.list.id(index), self.list.load_depth(index)?);
                return Ok(Example {
                    id: id.to_owned(),
                    image: Vec::new(),
                    image_size: (0, 0),
                    depth: self.transform.apply_to_depth(id, depth, rng)?,
                    frame: None,
                    focal: None,
                    rgb: None,
                });
            }
            self.transform.apply(self.list.load(index)?, rng)
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
    /// The pool's ends of the channels; None only while dropping.
    ends: Option<(Sender<usize>, Receiver<Outcome>)>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn start(work: &Arc<Work>, workers: usize) -> Result<Self, DatasetError> {
        // Unbounded: `EpochBatches` limits the number of positions in flight.
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
        // Closes both ends, so that idle and busy workers stop.
        self.ends = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // panics were caught on the thread
        }
    }
}
