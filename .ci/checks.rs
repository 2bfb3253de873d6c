//! Checks of `.ci/run` that need no crate: `rustc` compiles this file by itself.
//!
//! - `checks circles DIR…`: no file below DIR/src imports another in a circle. An import through a
//!   re-export counts as one of the defining file; unit tests do not count.
//! - `checks licences DENY_TOML`: every line `NAME vVERSION …|LICENCE` on stdin is allowed there.
//! - `checks columns FILE…`: at most 100 columns in Markdown and in comments of Rust.

mod circles;
mod files;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use circles::circles;
use files::read;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let problems = match arguments.split_first() {
        Some((check, rest)) if check == "circles" => rest
            .iter()
            .flat_map(|krate| circles(Path::new(krate)))
            .collect(),
        Some((check, [deny])) if check == "licences" => licences(Path::new(deny)),
        Some((check, rest)) if check == "columns" => rest.iter().flat_map(|f| columns(f)).collect(),
        _ => vec!["usage: checks circles DIR… | licences DENY_TOML | columns FILE…".to_owned()],
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

// Columns.

fn columns(file: &str) -> Vec<String> {
    let rust = file.ends_with(".rs");
    let lines = read(Path::new(file));
    let long = lines.lines().enumerate().filter(|(_, line)| {
        let checked = !rust || line.trim_start().starts_with("//");
        checked && without_addresses(line).chars().count() > 100
    });
    long.map(|(index, _)| format!("{file}:{}: more than 100 columns", index + 1))
        .collect()
}

/// The line without the targets of its links, which cannot be wrapped.
fn without_addresses(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some(start) = rest
        .find("](")
        .map(|at| at + 2)
        .or_else(|| rest.find("http"))
    {
        kept.push_str(&rest[..start]);
        let end = rest[start..]
            .find([')', ' ', '>'])
            .unwrap_or(rest.len() - start);
        rest = &rest[start + end..];
    }
    kept + rest
}

// Licences.

fn licences(deny: &Path) -> Vec<String> {
    let deny = read(deny);
    let quoted = |line: &str| {
        line.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let (mut allowed, mut exceptions) = (BTreeSet::new(), Vec::<Vec<String>>::new());
    let mut list = "";
    for line in deny
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
    {
        let names: Vec<String> = quoted(line);
        if line.starts_with("allow =") {
            list = "allow";
        } else if line.starts_with("exceptions =") {
            list = "exceptions";
        }
        match list {
            "allow" => allowed.extend(names),
            "exceptions" if names.len() > 1 => exceptions.push(names),
            _ => {}
        }
        if line.ends_with(']') {
            list = "";
        }
    }
    let mut tree = String::new();
    std::io::stdin()
        .read_to_string(&mut tree)
        .expect("stdin is readable");
    let mut packages = BTreeSet::new();
    for line in tree.lines().map(|line| line.trim_end_matches(" (*)")) {
        let Some((package, licence)) = line.split_once('|') else {
            continue;
        };
        packages.insert((package.to_owned(), licence.to_owned()));
    }
    let mut problems = Vec::new();
    if packages.is_empty() || allowed.is_empty() {
        problems.push("no packages on stdin, or no allowed licences in deny.toml".to_owned());
    }
    for (package, licence) in &packages {
        let name = package.split(' ').next().unwrap_or("");
        let is_allowed = |licence: &str| {
            allowed.contains(licence)
                || exceptions
                    .iter()
                    .any(|e| e[0] == name && e[1..].iter().any(|l| l == licence))
        };
        let expression = licence
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let words: Vec<&str> = expression.split_whitespace().collect();
        if words.is_empty() || !any(&words, &mut 0, &is_allowed) {
            problems.push(format!(
                "{package}: licence \"{licence}\" is not allowed by deny.toml"
            ));
        }
    }
    problems
}

/// An SPDX expression: ANDs joined by OR.
fn any(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut value = all(words, at, is_allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        value |= all(words, at, is_allowed);
    }
    value
}

fn all(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut value = single(words, at, is_allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        value &= single(words, at, is_allowed);
    }
    value
}

fn single(words: &[&str], at: &mut usize, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let value = any(words, at, is_allowed);
        *at += 1;
        return value;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
        return words
            .get(*at - 1)
            .is_some_and(|rest| is_allowed(&format!("{word} WITH {rest}")));
    }
    is_allowed(word)
}
