//! Progress of long work on stderr: a bar on a terminal, elsewhere a plain line every 30 s.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Seconds between plain lines: `MDE_PROGRESS_SECONDS` overrides them, and 0 turns them off.
const INTERVAL: f64 = 30.0;
/// The first plain line comes early, so that a log shows that the work has begun.
const FIRST: f64 = 2.0;

/// The bar on the screen, which other lines must not cut.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Shows no progress and no remarks from now on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether `--quiet` was given.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Prints a line on stderr, above the bar if there is one. `--quiet` leaves it out.
pub(crate) fn remark(line: &str) {
    if !is_quiet() {
        // The work continues if stderr is closed.
        let _ = writeln!(StderrAboveBar, "{line}");
    }
}

/// Stderr; what is written appears above the bar, if there is one. Write whole lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StderrAboveBar;

impl Write for StderrAboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &*locked(&BAR) {
            Some(bar) => bar.suspend(|| io::stderr().write_all(bytes)),
            None => io::stderr().write_all(bytes),
        }
    }

    fn write_fmt(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Progress of one piece of work; dropping it clears the bar.
pub(crate) struct Progress {
    work: Arc<Work>,
    lines: Option<JoinHandle<()>>,
}

/// What the thread that prints lines shares.
struct Work {
    /// What is done, such as "training".
    what: String,
    /// What is counted, such as "images".
    unit: &'static str,
    /// Items per counted unit and their name, such as images per step, if the rate is of those.
    rate: Option<(f64, &'static str)>,
    bar: ProgressBar,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Position and time of the start; the rate excludes earlier items.
    first: u64,
    begun: Instant,
    /// Such as "loss 0.41".
    note: String,
    is_over: bool,
}

impl Progress {
    /// Counts `total` of something; a total of 0 is one that is not known yet.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, total: usize) -> Self {
        Self::start(what.into(), unit, total as u64, None)
    }

    /// Work of which only the time so far is known.
    pub(crate) fn busy(what: &str) -> Self {
        Self::start(what.to_owned(), "", 0, None)
    }

    /// Counts steps of `batch` images each, and shows images per second.
    pub(crate) fn of_steps(what: &str, total: u64, batch: usize) -> Self {
        Self::start(
            what.to_owned(),
            "steps",
            total,
            Some((batch as f64, "images")),
        )
    }

    fn start(
        what: String,
        unit: &'static str,
        total: u64,
        rate: Option<(f64, &'static str)>,
    ) -> Self {
        let bar = if is_quiet() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(total)
        };
        bar.set_style(style(total, unit, rate));
        bar.set_message(what.clone());
        let work = Arc::new(Work {
            what,
            unit,
            rate,
            state: Mutex::new(State {
                first: 0,
                begun: Instant::now(),
                note: String::new(),
                is_over: false,
            }),
            changed: Condvar::new(),
            bar,
        });
        work.bar.set_length(total);
        let mut lines = None;
        if !work.bar.is_hidden() {
            work.bar.enable_steady_tick(Duration::from_millis(200));
            *locked(&BAR) = Some(work.bar.clone());
        } else if let Some(interval) = interval() {
            let work = work.clone();
            lines = Some(std::thread::spawn(move || work.print_lines(interval)));
        }
        Self { work, lines }
    }

    /// Adds completed items.
    pub(crate) fn add(&self, count: usize) {
        self.work.bar.inc(count as u64);
    }

    /// Sets the number of completed items.
    pub(crate) fn set(&self, position: u64) {
        self.work.bar.set_position(position);
    }

    /// Starts the count at `position`, the number of items completed earlier.
    pub(crate) fn begin_at(&self, position: u64) {
        self.work.bar.set_position(position);
        self.work.bar.reset_eta();
        let mut state = locked(&self.work.state);
        (state.first, state.begun) = (position, Instant::now());
    }

    /// Sets the total number of items, once it is known.
    pub(crate) fn set_total(&self, total: usize) {
        let total = total as u64;
        if self.work.bar.length() != Some(total) {
            self.work.bar.set_length(total);
            let style = style(total, self.work.unit, self.work.rate);
            self.work.bar.set_style(style);
        }
    }

    /// Increases the total number of items.
    pub(crate) fn add_total(&self, count: usize) {
        let total = self.work.bar.length().unwrap_or(0) as usize;
        self.set_total(total + count);
    }

    /// Sets a note to show next to the count, such as the loss.
    pub(crate) fn note(&self, note: String) {
        self.work.bar.set_prefix(note.clone());
        locked(&self.work.state).note = note;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        locked(&self.work.state).is_over = true;
        self.work.changed.notify_all();
        if let Some(lines) = self.lines.take() {
            // The thread does not panic, and the work does not depend on it.
            let _ = lines.join();
        } else {
            *locked(&BAR) = None;
            self.work.bar.finish_and_clear();
        }
    }
}

impl Work {
    /// Prints a line at intervals until the work is over.
    fn print_lines(&self, interval: f64) {
        let mut pause = Duration::from_secs_f64(interval.min(FIRST));
        let mut state = locked(&self.state);
        loop {
            let waited = self
                .changed
                .wait_timeout_while(state, pause, |state| !state.is_over);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.is_over {
                return;
            }
            let _ = writeln!(io::stderr(), "{}", self.line(&state));
            pause = Duration::from_secs_f64(interval);
        }
    }

    /// `training: step 340 of 2800, loss 0.41, 52.3 images/s, 6 min left`
    fn line(&self, state: &State) -> String {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let mut line = self.what.clone();
        if !self.unit.is_empty() {
            line += &format!(": {}", count(done, total, self.unit));
        }
        if !state.note.is_empty() {
            line += &format!(", {}", state.note);
        }
        let elapsed = state.begun.elapsed();
        let since = done.saturating_sub(state.first) as f64;
        if since == 0.0 {
            return line + &format!(", {} so far", duration(elapsed.as_secs_f64()));
        }
        let per_second = since / elapsed.as_secs_f64();
        let (items, name) = self.rate.unwrap_or((1.0, self.unit));
        line += &format!(", {} {name}/s", significant(items * per_second));
        if total > done {
            let left = (total - done) as f64 / per_second;
            line += &format!(", {} left", duration(left));
        }
        line
    }
}

/// `step 3 of 20`, `3 of 20 images`, or `3 images` where the total is not known.
fn count(done: u64, total: u64, unit: &str) -> String {
    match (unit, total) {
        ("steps", _) => format!("step {done} of {total}"),
        (_, 0) => format!("{done} {unit}"),
        _ => format!("{done} of {total} {unit}"),
    }
}

/// At least two significant digits.
fn significant(number: f64) -> String {
    match number {
        number if number >= 10.0 => format!("{number:.0}"),
        number if number >= 1.0 => format!("{number:.1}"),
        number => format!("{number:.2}"),
    }
}

/// `40 s`, `6 min`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {} min", minutes % 60),
    }
}

/// A bar with rate and time left; a count where the total is not known; else the time.
fn style(total: u64, unit: &'static str, rate: Option<(f64, &'static str)>) -> ProgressStyle {
    let template = match (unit, total) {
        ("", _) => "{msg} {spinner} {elapsed}",
        (_, 0) => "{msg} {spinner} {human_pos}  {elapsed} {prefix}",
        _ => "{msg} {wide_bar} {pos}/{len}  {rate}  {eta} left {prefix}",
    };
    // The templates are constants; the default is merely plainer.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let (items, name) = rate.unwrap_or((1.0, unit));
    style.with_key(
        "rate",
        move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // A failed write only leaves the rate out.
            let _ = write!(text, "{} {name}/s", significant(items * state.per_sec()));
        },
    )
}

/// Seconds between plain lines, unless they are off.
fn interval() -> Option<f64> {
    if is_quiet() {
        return None;
    }
    let set = std::env::var("MDE_PROGRESS_SECONDS").ok();
    let seconds = set.and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    match seconds.unwrap_or(INTERVAL) {
        0.0 => None,
        seconds => Some(seconds.min(86_400.0)),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_completed_and_remaining_work() {
        let progress = Progress::of_steps("training", 2800, 8);
        progress.begin_at(300);
        progress.note("loss 0.41".to_owned());
        progress.set(340);
        let line = |seconds| {
            let begun = Instant::now().checked_sub(Duration::from_secs(seconds));
            let mut state = locked(&progress.work.state);
            state.begun = begun.unwrap_or(state.begun);
            progress.work.line(&state)
        };
        let found = line(10);
        assert_eq!(
            found,
            "training: step 340 of 2800, loss 0.41, 32 images/s, 10 min left"
        );
        let unknown = Progress::new("converting", "images", 0);
        let state = || locked(&unknown.work.state);
        assert_eq!(
            unknown.work.line(&state()),
            "converting: 0 images, 0 s so far"
        );
        unknown.add_total(20);
        assert_eq!(
            unknown.work.line(&state()),
            "converting: 0 of 20 images, 0 s so far"
        );
    }

    #[test]
    fn durations_are_in_the_unit_that_fits() {
        assert_eq!(duration(41.7), "42 s");
        assert_eq!(duration(390.0), "6 min");
        assert_eq!(duration(7510.0), "2 h 5 min");
        assert_eq!(
            [523.4, 52.34, 5.234, 0.5234].map(significant),
            ["523", "52", "5.2", "0.52"]
        );
    }
}
