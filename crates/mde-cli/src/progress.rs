//! Progress bars: on stderr, only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `total` items with rate and time left.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what);
    let style = ProgressStyle::with_template(
        "{msg:>9} {wide_bar} {pos}/{len}  {per_sec}  {eta} left {prefix}",
    );
    match style {
        Ok(style) => bar.with_style(style),
        // The template is a constant; without it the bar is merely plainer.
        Err(_) => bar,
    }
}
