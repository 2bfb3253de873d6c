//! Looks at the machine, the data sets and the weights: what is here, what is broken, what to do.

mod data;
mod environment;
mod finding;
mod inspected;

use crate::front::Front;
use crate::home::Home;

pub use self::finding::Examination;
pub use self::inspected::{DoctorOptions, Inspect, InspectError, Inspected};

/// Looks at everything. Nothing is changed, and what is wrong is a finding, not an error.
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
