//! `--verbose`, `--quiet` and `--color`: what is logged on stderr, and whether it is coloured.

use std::io::IsTerminal;

use clap::{ColorChoice, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::progress::{StderrAboveBar, be_quiet};

/// Heading of the options of all commands in help texts.
pub(crate) const GLOBAL_OPTIONS: &str = "Global options";

/// Options of the output on stderr.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = GLOBAL_OPTIONS)]
pub(crate) struct LogArgs {
    /// More log messages on stderr; -vv for debugging. MDE_LOG sets filters per module instead.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Errors only on stderr: no progress, remarks or warnings.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Colours on stderr and in help texts; `auto` uses them on terminals unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

impl LogArgs {
    /// Starts logging.
    pub(crate) fn start(&self) {
        if self.quiet {
            be_quiet();
        }
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,mde=info",
            (false, 2) => "info,mde=debug",
            (false, _) => "trace",
        };
        let filter = EnvFilter::try_from_env("MDE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| StderrAboveBar)
            .with_ansi(self.is_coloured())
            .without_time()
            .init();
    }

    fn is_coloured(&self) -> bool {
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_wanted && std::io::stderr().is_terminal(),
        }
    }
}

/// `--color` as given in the arguments, before they are parsed.
pub(crate) fn colour_of_arguments() -> ColorChoice {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let choice = match argument.strip_prefix("--color") {
            Some("") => arguments.next(),
            Some(choice) => choice.strip_prefix('=').map(str::to_owned),
            None => continue,
        };
        let choice = choice.and_then(|choice| ColorChoice::from_str(&choice, false).ok());
        return choice.unwrap_or(ColorChoice::Auto);
    }
    ColorChoice::Auto
}
