//! What a download shows on stderr: a bar on a terminal, lines elsewhere.

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use super::download::Event;

/// Shows the events of one download.
pub(crate) struct Bar {
    name: String,
    bar: ProgressBar,
}

impl Bar {
    pub(crate) fn new(name: &str) -> Self {
        // Draws nothing where stderr is no terminal.
        let bar = ProgressBar::no_length().with_message(name.to_owned());
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left",
        );
        Self {
            name: name.to_owned(),
            bar: match style {
                Ok(style) => bar.with_style(style),
                // The template is a constant; without it the bar is merely plainer.
                Err(_) => bar,
            },
        }
    }

    pub(crate) fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Start { have, size } => {
                match size {
                    Some(size) => self.bar.set_length(size),
                    None => self.bar.unset_length(),
                }
                self.bar.set_position(have);
                // The rate is that of this connection, not of what was there before.
                self.bar.reset_eta();
                if have > 0 {
                    self.say(&format!("goes on after {}", DecimalBytes(have)));
                }
            }
            Event::Bytes(count) => self.bar.inc(count),
            Event::Check => {
                self.bar.finish_and_clear();
                self.say("checking");
            }
            event => {
                if let Some(line) = line_of(&event) {
                    self.say(&line);
                }
            }
        }
    }

    fn say(&self, what: &str) {
        let line = format!("{}: {what}", self.name);
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

/// What went wrong on the way, in words.
pub(crate) fn line_of(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Restart(reason) => Some(format!("begins again: {reason}")),
        Event::Pause {
            reason,
            pause,
            failed,
            tries,
        } => Some(format!(
            "{reason}; trying again in {:.1} s ({failed} of {tries} tries failed)",
            pause.as_secs_f32()
        )),
        Event::Start { .. } | Event::Bytes(_) | Event::Check => None,
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
