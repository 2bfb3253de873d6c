//! Examines the machine, the data sets and the weights, and says how to repair what is broken.

mod data;
mod environment;
mod finding;
mod inspected;

use crate::front::Front;
use crate::home::Home;

pub use self::finding::Examination;
pub use self::inspected::{DoctorOptions, Inspect, InspectError, Inspected};

/// Examines everything and changes nothing. Problems are findings, not errors.
pub fn examine(
    options: &DoctorOptions,
    home: &Home,
    front: &dyn Front,
    inspect: &Inspect<'_>,
) -> Examination {
    let mut examination = Examination::default();
    environment::examine(&mut examination, home);
    data::Examiner {
        examination: &mut examination,
        home,
        commands: front.commands(),
        inspect: Some(inspect),
    }
    .examine(options);
    examination
}
