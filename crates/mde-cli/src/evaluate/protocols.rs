//! `--all-protocols`: the same predictions under every protocol, averaged by image and by pixel.

use mde_metrics::{DepthErrors, EvalProtocol, ProtocolErrors, ProtocolTable};
use serde_json::json;

use super::predictions::Predictions;
use crate::output::Output;
use crate::progress::Progress;

/// Scores all images under all protocols.
pub(super) fn run(
    predictions: &dyn Predictions,
    protocols: Vec<EvalProtocol>,
) -> anyhow::Result<Output> {
    let mut table = ProtocolTable::new(protocols);
    let progress = Progress::new("evaluating", "images", predictions.ids().len());
    predictions.each(&mut |image| {
        image
            .whole()
            .and_then(|maps| table.push(maps.pair()))
            .map_err(|source| image.error(source))?;
        progress.add(1);
        Ok(())
    })?;
    drop(progress);
    let rows = table.finish();
    Output::new(
        words(&rows),
        json!({ "provenance": predictions.provenance()?, "protocols": rows }),
    )
}

/// The columns: name and value.
type Column = (&'static str, fn(&DepthErrors) -> f64);
const COLUMNS: [Column; 9] = [
    ("AbsRel", |errors| errors.abs_rel),
    ("SqRel", |errors| errors.sq_rel),
    ("RMSE", |errors| errors.rmse),
    ("RMSElog", |errors| errors.rmse_log),
    ("log10", |errors| errors.log10),
    ("SILog", |errors| errors.silog),
    ("δ<1.25", |errors| errors.delta_1),
    ("δ<1.25²", |errors| errors.delta_2),
    ("δ<1.25³", |errors| errors.delta_3),
];

fn words(rows: &[ProtocolErrors]) -> String {
    let names = rows.iter().map(|row| row.protocol.name.chars().count());
    let width = names.max().unwrap_or(0);
    let mut lines = vec![format!(
        "{:width$} {:10} {:>7} {:>12}{}",
        "protocol",
        "mean over",
        "images",
        "pixels",
        COLUMNS.map(|(name, _)| format!(" {name:>8}")).concat()
    )];
    for row in rows {
        let name = &row.protocol.name;
        let (Some(by_image), Some(by_pixel)) = (&row.by_image, &row.by_pixel) else {
            let why = row.refused.as_deref();
            let why = why.unwrap_or("no image has a valid pixel");
            lines.push(format!("{name:width$} cannot be applied: {why}"));
            continue;
        };
        for (over, errors) in [("images", &by_image.mean), ("pixels", by_pixel)] {
            let values = COLUMNS.map(|(_, value)| format!(" {:8.4}", value(errors)));
            lines.push(format!(
                "{name:width$} {over:10} {:7} {:12}{}",
                by_image.images,
                by_image.pixels,
                values.concat()
            ));
        }
    }
    lines.join("\n")
}
