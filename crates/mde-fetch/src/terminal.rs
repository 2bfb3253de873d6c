//! The front of command-line programs: bars and questions on a terminal, plain lines elsewhere.
//!
//! This is the only part of the crate that prints, on stderr only. `mde` and `cargo xtask` share
//! it.

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::bill::Bill;
use crate::front::{Answer, Commands, Event, Front};
use crate::text::{bytes, counted};

/// Shows events on stderr, and asks there if stdin is a terminal.
#[derive(Debug)]
pub struct Terminal {
    commands: Commands,
    /// Whether progress is hidden.
    quiet: bool,
    /// Whether the user has agreed already.
    agreed: bool,
    bars: RefCell<Bars>,
}

/// The current activity.
#[derive(Debug, Default)]
struct Bars {
    /// A single file.
    file: Option<Running>,
    /// A series of archives.
    archives: Option<Running>,
    count: usize,
    number: usize,
}

#[derive(Debug)]
struct Running {
    name: String,
    bar: ProgressBar,
    /// When a plain line was last printed.
    told: Instant,
}

/// Pause between plain lines where no bar can be drawn.
const INTERVAL: Duration = Duration::from_secs(30);

const BYTES: &str =
    "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";

impl Terminal {
    /// A front for a program with these commands. `quiet` hides progress, but not questions.
    pub fn new(commands: Commands, quiet: bool) -> Self {
        Self {
            commands,
            quiet,
            agreed: false,
            bars: RefCell::default(),
        }
    }

    /// The same after the user has agreed, so that it does not ask.
    pub fn with_consent(self) -> Self {
        Self {
            agreed: true,
            ..self
        }
    }
}

impl Front for Terminal {
    fn show(&self, event: &Event<'_>) {
        if !self.quiet {
            self.bars.borrow_mut().show(event);
        }
    }

    fn ask(&self, bill: &Bill) -> Answer {
        if self.agreed {
            return Answer::Yes;
        }
        if !io::stdin().is_terminal() {
            return Answer::Nobody;
        }
        // The question's lines are always shown.
        let lines = if self.quiet {
            bill.lines.as_slice()
        } else {
            &[]
        };
        for line in lines {
            print_line(line);
        }
        let mut answer = String::new();
        let read = write!(io::stderr(), "Continue? [y/N] ")
            .and_then(|()| io::stderr().flush())
            .and_then(|()| io::stdin().lock().read_line(&mut answer));
        match (read, answer.trim().to_lowercase().as_str()) {
            (Ok(_), "y" | "yes") => Answer::Yes,
            _ => Answer::No,
        }
    }

    fn commands(&self) -> Commands {
        self.commands
    }
}

impl Bars {
    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Remark(line) => self.print(line),
            Event::Start { name, have, size } => {
                let file = self.file.get_or_insert_with(|| Running::new(name, BYTES));
                match size {
                    Some(size) => file.bar.set_length(*size),
                    None => file.bar.unset_length(),
                }
                file.bar.set_position(*have);
                // The rate is that of this connection.
                file.bar.reset_eta();
                if *have > 0 {
                    self.print(&format!("{name}: resuming after {}", bytes(*have)));
                }
            }
            Event::Bytes(count) => {
                if let Some(running) = self.file.as_mut().or(self.archives.as_mut()) {
                    running.add(*count);
                }
            }
            Event::Stop => clear(self.file.take()),
            Event::Archives { count, bytes } => {
                let template = match bytes {
                    Some(_) => BYTES,
                    None => "reading the directory of {msg}",
                };
                let running = Running::new("", template);
                running.bar.set_length(bytes.unwrap_or(0));
                self.archives = Some(running);
                (self.count, self.number) = (*count, 0);
            }
            Event::Archive { number, name } => {
                self.number = *number;
                if let Some(running) = &mut self.archives {
                    running.name = format!("{number}/{} {name}", self.count);
                    running.bar.set_message(running.name.clone());
                }
            }
            Event::ArchiveDone { name, files } => {
                if let Some(running) = &self.archives {
                    self.print(&format!(
                        "{}/{} {name}: {}; {}",
                        self.number,
                        self.count,
                        counted(*files, "file"),
                        running.progress()
                    ));
                }
            }
            Event::ArchivesEnd => clear(self.archives.take()),
        }
    }

    /// Prints a line above the bar.
    fn print(&self, line: &str) {
        match self.file.as_ref().or(self.archives.as_ref()) {
            Some(running) => running.bar.suspend(|| print_line(line)),
            None => print_line(line),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        clear(self.file.take());
        clear(self.archives.take());
    }
}

fn clear(running: Option<Running>) {
    if let Some(running) = running {
        running.bar.finish_and_clear();
    }
}

impl Running {
    fn new(name: &str, template: &str) -> Self {
        // Draws nothing where stderr is not a terminal.
        let bar = ProgressBar::no_length().with_message(name.to_owned());
        // The templates are constants; the default is merely plainer.
        let style = ProgressStyle::with_template(template);
        Self {
            name: name.to_owned(),
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            told: Instant::now(),
        }
    }

    fn add(&mut self, count: u64) {
        self.bar.inc(count);
        if self.bar.is_hidden() && self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            print_line(&format!("{}: {}", self.name, self.progress()));
        }
    }

    /// `1.20 GB of 2.97 GB, 10.00 MB/s, 3 minutes left`
    fn progress(&self) -> String {
        let (done, rate) = (self.bar.position(), self.bar.per_sec() as u64);
        match self.bar.length() {
            Some(length) if length > 0 => format!(
                "{} of {}, {}/s, {} left",
                bytes(done),
                bytes(length),
                bytes(rate),
                HumanDuration(self.bar.eta())
            ),
            _ => format!("{}, {}/s", bytes(done), bytes(rate)),
        }
    }
}

/// Ignores a closed stderr: the download continues.
fn print_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
