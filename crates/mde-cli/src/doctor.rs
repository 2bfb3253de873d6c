//! `mde doctor`: the machine, the data sets and the weights.

use mde_fetch::{DoctorOptions, Home, InspectError, Inspected};

use crate::fetch::{front, run_nested};
use crate::output::{Output, message};

/// Examines everything, and fails after printing the findings if something is broken.
pub(crate) fn run(options: &DoctorOptions) -> anyhow::Result<Output> {
    let inspect = |inspected: Inspected<'_>| {
        let output = run_nested(inspected.arguments());
        output
            .map(Output::into_document)
            .map_err(|error| InspectError::Failed(message(&error)))
    };
    let examination = mde_fetch::examine(options, &Home::find()?, &front(), &inspect);
    let output = Output::new(examination.to_string(), examination.document())?;
    Ok(output.with_errors("doctor", examination.broken()))
}
