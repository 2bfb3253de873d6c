//! Progress where stderr is not a terminal: plain lines with count, rate and remaining time.

use crate::place::{Place, Said};

/// The progress lines of `mde LINE`, one per 10 ms.
fn lines(place: &Place, line: &str) -> Vec<String> {
    let mut command = place.command(line);
    command.env("MDE_PROGRESS_SECONDS", "0.01");
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.status, Some(0), "mde {line}: {}", said.stderr);
    said.stderr.lines().map(str::to_owned).collect()
}

/// Fails unless a line has a count out of `total`, a rate and the time left.
fn assert_complete(lines: &[String], begin: &str, total: &str, rate: &str) {
    let is_complete = |line: &&String| {
        line.starts_with(begin)
            && [total, rate, " left"]
                .iter()
                .all(|part| line.contains(part))
    };
    assert!(
        lines.iter().any(|line| is_complete(&line)),
        "{begin}: {lines:?}"
    );
}

#[test]
fn long_work_prints_lines() {
    let place = Place::new();
    let run = "--run run --data rooms:rooms";
    let training = lines(
        &place,
        "train --data rooms:rooms --out run --steps 3 --batch-size 2",
    );
    assert_complete(&training, "training: step ", " of 3, loss ", " images/s, ");
    let jobs = [
        (format!("evaluate {run} --batch-size 1"), "evaluating"),
        (
            format!("dissect {run} --batch-size 1 --layers MFF"),
            "dissecting",
        ),
        (format!("ablate {run} --batch-size 1"), "ablating"),
        (format!("correct {run} --batch-size 1"), "correcting"),
        (
            "render rooms --out more --train 6 --test 2".to_owned(),
            "rendering",
        ),
    ];
    for (line, what) in jobs {
        assert_complete(&lines(&place, &line), what, " images, ", " images/s, ");
    }
}

#[test]
fn quiet_work_prints_none() {
    let place = Place::new();
    let line = "train -q --data rooms:rooms --out run --steps 2 --batch-size 2";
    assert_eq!(lines(&place, line), [""; 0]);
}
