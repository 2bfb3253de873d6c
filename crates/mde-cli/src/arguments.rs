//! Argument types shared by several commands.

use std::str::FromStr;

/// A positive, finite number.
pub(crate) fn positive<T: FromStr + Copy + Into<f64>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|&number: &T| {
        let number: f64 = number.into();
        number > 0.0 && number.is_finite()
    });
    number.ok_or_else(|| "not a positive number".to_owned())
}

/// A split by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum SplitChoice {
    /// Training split.
    Train,
    /// Test split.
    Test,
}

impl From<SplitChoice> for mde_datasets::Split {
    fn from(choice: SplitChoice) -> Self {
        match choice {
            SplitChoice::Train => Self::Train,
            SplitChoice::Test => Self::Test,
        }
    }
}

impl From<SplitChoice> for mde_convert::Split {
    fn from(choice: SplitChoice) -> Self {
        match choice {
            SplitChoice::Train => Self::Train,
            SplitChoice::Test => Self::Test,
        }
    }
}
