//! Learning rate schedules.

use serde::{Deserialize, Serialize};

/// A learning rate schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Schedule {
    /// `base * factor^(epoch div epochs)`, epochs counted from 1. MFF's recipe is a factor of 0.1
    /// every 5 epochs.
    Step {
        /// Number of epochs between drops.
        epochs: u64,
        /// Factor of each drop.
        factor: f64,
    },
    /// `(base - end) (1 - step / steps)^power + end` with `end = base * end_factor`. BTS's recipe
    /// is a power of 0.9 and an end factor of 0.1.
    Polynomial {
        /// The exponent.
        power: f64,
        /// The rate after the last step, as a fraction of the base rate.
        end_factor: f64,
    },
}

impl Schedule {
    /// The learning rate of a step: `step` counts from 0 to `steps` - 1, `epoch` from 1.
    pub fn rate(&self, base: f64, epoch: u64, step: u64, steps: u64) -> f64 {
        match *self {
            Schedule::Step { epochs, factor } => {
                let drops = epoch / epochs.max(1);
                base * factor.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
            Schedule::Polynomial { power, end_factor } => {
                let end = base * end_factor;
                let done = step as f64 / steps.max(1) as f64;
                (base - end) * (1.0 - done).max(0.0).powf(power) + end
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_drops_at_the_start_of_epochs_5_10_15_20() {
        let schedule = Schedule::Step {
            epochs: 5,
            factor: 0.1,
        };
        let drops: Vec<i32> = (1..=20)
            .map(|epoch| -schedule.rate(1.0, epoch, 0, 1).log10().round() as i32)
            .collect();
        assert_eq!(
            drops,
            [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4]
        );
    }

    #[test]
    fn polynomial_runs_from_the_base_rate_to_the_end() {
        let schedule = Schedule::Polynomial {
            power: 0.9,
            end_factor: 0.1,
        };
        assert_eq!(schedule.rate(1e-4, 1, 0, 100), 1e-4);
        let half = schedule.rate(1e-4, 1, 50, 100);
        assert!((half - (9e-5 * 0.5f64.powf(0.9) + 1e-5)).abs() < 1e-15);
        assert!((schedule.rate(1e-4, 1, 100, 100) - 1e-5).abs() < 1e-19);
    }
}
