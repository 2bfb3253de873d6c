//! A profile as text tables.

use super::document::{Cost, ProfileOutput};

/// The meaning of the columns.
const LEGEND: &str = "\
GFLOP: two per multiply-add of the plain operation. Winograd kernels and convolutions of resized maps need fewer, so
GFLOP/s is an effective rate and can exceed the machine's. MB: size of the results (backward pass: of the gradients).
other: candle's own operations and the time between operations. Layers: time since the start of separate forward passes.";

/// The numbers of [`costs`].
const COSTS: [&str; 6] = ["calls", "ms", "share", "GFLOP", "GFLOP/s", "MB"];

/// The text.
pub(super) fn describe(profile: &ProfileOutput) -> String {
    profile.describe()
}

impl ProfileOutput {
    /// The whole profile, with its summary at the end, where a terminal stops scrolling.
    fn describe(&self) -> String {
        let mut parts = vec![self.operation_table(), self.layer_table()];
        if !self.phases.is_empty() {
            parts.push(self.phase_table());
        }
        parts.push(self.kind_table());
        parts.push(self.summary());
        parts.push(LEGEND.to_owned());
        parts.join("\n\n")
    }

    fn operation_table(&self) -> String {
        let rows = self.operations.iter().map(|row| {
            let names = [&row.op, &row.pass, &row.shape].map(String::clone);
            (names, costs(row.cost))
        });
        table(["operation", "pass", "shape"], COSTS, rows)
    }

    fn layer_table(&self) -> String {
        let rows = self.layers.iter().map(|row| {
            let name = row.layer.clone().unwrap_or_else(|| "(depth)".to_owned());
            let shape: Vec<_> = row.shape.iter().map(ToString::to_string).collect();
            let numbers = [milliseconds(row.seconds), megabytes(row.bytes)];
            ([name, shape.join("x")], numbers)
        });
        table(["layer", "activation"], ["after ms", "MB"], rows)
    }

    fn phase_table(&self) -> String {
        let rows = self.phases.iter().map(|row| {
            let share = percent(row.seconds / self.seconds);
            ([row.phase.to_owned()], [milliseconds(row.seconds), share])
        });
        table(["phase"], ["ms", "share"], rows)
    }

    fn kind_table(&self) -> String {
        let row = |op: &str, pass: &str, cost| ([op, pass].map(str::to_owned), costs(cost));
        let kinds = self
            .kinds
            .iter()
            .map(|kind| row(&kind.op, &kind.pass, kind.cost));
        let other = Cost {
            seconds: self.other_seconds,
            share: self.other_seconds / self.seconds,
            ..Cost::default()
        };
        let mut all = self.operations_cost;
        all.add(other, self.seconds);
        let sums = [row("other", "", other), row("all", "", all)];
        table(["all shapes", "pass"], COSTS, kinds.chain(sums))
    }

    fn summary(&self) -> String {
        let images = if self.batch == 1 {
            "1 image".to_owned()
        } else {
            format!("{} images", self.batch)
        };
        let (height, width) = self.size;
        let mut text = format!(
            "{}, {}, {images} of {height}x{width} on {}, {} threads: {} ms (the fastest of {})",
            self.model,
            self.work,
            self.device,
            self.threads,
            milliseconds(self.seconds),
            self.runs,
        );
        let rate = self.operations_cost.flops as f64 / self.seconds;
        let peak = self.matrix_product_flops_per_second;
        text += &format!(
            "\n{} GFLOP/s overall, {} of the {} of a plain matrix product on this machine",
            giga(rate),
            percent(rate / peak),
            giga(peak),
        );
        if let Some(bytes) = self.peak_memory_bytes {
            text += &format!("; peak memory {} MB", megabytes(bytes));
        }
        text
    }
}

fn costs(cost: Cost) -> [String; 6] {
    let some = |number: u64, text: String| if number == 0 { String::new() } else { text };
    [
        some(cost.calls, cost.calls.to_string()),
        milliseconds(cost.seconds),
        percent(cost.share),
        some(cost.flops, format!("{:.3}", cost.flops as f64 / 1e9)),
        cost.flops_per_second.map_or(String::new(), giga),
        some(cost.bytes, megabytes(cost.bytes)),
    ]
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2}", 1e3 * seconds)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn giga(rate: f64) -> String {
    format!("{:.1}", rate / 1e9)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// Lines of `W` text columns, then `N` number columns, under their names.
fn table<const W: usize, const N: usize>(
    words: [&str; W],
    numbers: [&str; N],
    rows: impl Iterator<Item = ([String; W], [String; N])>,
) -> String {
    let head = (words.map(str::to_owned), numbers.map(str::to_owned));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |text: &String| text.chars().count();
    let word_widths: [usize; W] =
        std::array::from_fn(|at| rows.iter().map(|row| width(&row.0[at])).max().unwrap_or(0));
    let number_widths: [usize; N] =
        std::array::from_fn(|at| rows.iter().map(|row| width(&row.1[at])).max().unwrap_or(0));
    let lines = rows.iter().map(|(words, numbers)| {
        let mut line = String::new();
        for (word, width) in words.iter().zip(word_widths) {
            line += &format!("{word:width$}  ");
        }
        for (number, width) in numbers.iter().zip(number_widths) {
            line += &format!("{number:>width$}  ");
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
