//! Progress over all archives: a bar with rate and time left on a terminal, a line an archive elsewhere.

use std::cell::Cell;

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use super::archive::Observe;
use crate::fetch::bar::line_of;
use crate::fetch::download::Event;

/// Where a walk over archives stands.
pub(super) struct Progress {
    bar: ProgressBar,
    archives: usize,
    at: Cell<usize>,
}

impl Progress {
    pub(super) fn hidden() -> Self {
        Self::with(ProgressBar::hidden(), 0)
    }

    /// Of directories that are read: how long they are is not known beforehand.
    pub(super) fn reading(archives: usize) -> Self {
        let bar = ProgressBar::no_length();
        Self::with(styled(bar, "looking into {msg}"), archives)
    }

    /// Of so many bytes of so many archives.
    pub(super) fn fetching(bytes: u64, archives: usize) -> Self {
        let template = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
        Self::with(styled(ProgressBar::new(bytes), template), archives)
    }

    fn with(bar: ProgressBar, archives: usize) -> Self {
        Self {
            bar,
            archives,
            at: Cell::new(0),
        }
    }

    /// So many bytes have come by another way.
    pub(super) fn came(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// The next archive begins.
    pub(super) fn next(&self, name: &str) {
        self.at.set(self.at.get() + 1);
        self.bar
            .set_message(format!("{}/{} {name}", self.at.get(), self.archives));
    }

    /// An archive is done.
    pub(super) fn done(&self, name: &str, files: usize) {
        let line = format!(
            "{}/{} {name}: {files} files; {} of {}, {}/s, {} left",
            self.at.get(),
            self.archives,
            DecimalBytes(self.bar.position()),
            DecimalBytes(self.bar.length().unwrap_or(0)),
            DecimalBytes(self.bar.per_sec() as u64),
            indicatif::HumanDuration(self.bar.eta())
        );
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// What an archive's bytes are told to.
    pub(super) fn observer(&self, name: &str) -> Observe {
        let (bar, name) = (self.bar.clone(), name.to_owned());
        Box::new(move |event| match (&event, line_of(&event)) {
            (Event::Bytes(count), _) => bar.inc(*count),
            (_, Some(line)) => bar.suspend(|| eprintln!("{name}: {line}")),
            _ => {}
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // The templates are constants; without them the bar is merely plainer.
        Err(_) => bar,
    }
}
