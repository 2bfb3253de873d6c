//! Circles of imports between the source files of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::read;

/// A module: its file, and what its names stand for.
#[derive(Default)]
struct Module {
    file: usize,
    items: BTreeSet<String>,
    /// Paths of `use` declarations, from the crate's root, by the name that they bring in.
    imports: BTreeMap<String, Vec<String>>,
    /// Modules whose names are all brought in.
    globs: Vec<Vec<String>>,
}

/// A path that a file names, from the crate's root.
struct Reference {
    file: usize,
    line: usize,
    path: Vec<String>,
    /// The name that a `pub use` brings in, for others unless the file uses it too.
    re_export: Option<String>,
}

#[derive(Default)]
struct Crate {
    files: Vec<PathBuf>,
    modules: BTreeMap<Vec<String>, Module>,
    references: Vec<Reference>,
    /// The names in each file's code, `use` declarations aside.
    used: Vec<BTreeSet<String>>,
}

pub fn circles(folder: &Path) -> Vec<String> {
    let mut krate = Crate::default();
    let source = folder.join("src");
    let mut parsed = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).expect("the file is below src");
        let mut path: Vec<String> = relative
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if matches!(
            path.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            path.pop();
        }
        let index = krate.files.len();
        krate.modules.insert(
            path.clone(),
            Module {
                file: index,
                ..Module::default()
            },
        );
        parsed.push((index, path, tokens(&read(&file))));
        krate.files.push(file);
        krate.used.push(BTreeSet::new());
    }
    // Inline modules first, so that every path can be told from an external one.
    for (index, path, tokens) in &parsed {
        krate.declare(*index, path, tokens);
    }
    for (index, path, tokens) in &parsed {
        krate.parse(*index, path, tokens);
    }
    krate.report()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Names, `::`, and single characters, each with its line; comments and literals left out.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    while at < chars.len() {
        let (c, next) = (chars[at], chars.get(at + 1).copied().unwrap_or(' '));
        let start = at;
        if c == '/' && next == '/' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '/' && next == '*' {
            let mut depth = 0;
            while at < chars.len() {
                let pair = (chars[at], chars.get(at + 1).copied().unwrap_or(' '));
                match pair {
                    ('/', '*') => (depth, at) = (depth + 1, at + 2),
                    ('*', '/') => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c == '"' {
            at = after_string(&chars, at);
        } else if c == '\'' {
            // A lifetime has no closing quote after its first character.
            let closing = if next == '\\' { at + 3 } else { at + 2 };
            if next == '\\' || chars.get(at + 2) == Some(&'\'') {
                at = closing;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
            }
            at += 1;
        } else if is_name(c) {
            while at < chars.len() && is_name(chars[at]) {
                at += 1;
            }
            let name: String = chars[start..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let raw = matches!(name.as_str(), "r" | "br" | "cr");
            if raw && chars.get(at + hashes) == Some(&'"') {
                let end: String = format!("\"{}", "#".repeat(hashes));
                let end: Vec<char> = end.chars().collect();
                at += hashes + 1;
                while at < chars.len() && !chars[at..].starts_with(&end) {
                    at += 1;
                }
                at += end.len();
            } else {
                found.push((name, line));
            }
        } else {
            let double = c == ':' && next == ':';
            if !c.is_whitespace() {
                found.push((
                    if double {
                        "::".to_owned()
                    } else {
                        c.to_string()
                    },
                    line,
                ));
            }
            at += if double { 2 } else { 1 };
        }
        line += chars[start..at.min(chars.len())]
            .iter()
            .filter(|c| **c == '\n')
            .count();
    }
    found
}

fn after_string(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The module at every token: `visit(index, module, depth inside it)`.
fn walk(
    path: &[String],
    tokens: &[(String, usize)],
    visit: &mut dyn FnMut(usize, &[String], usize),
) {
    let mut module = path.to_vec();
    let mut braces: Vec<bool> = Vec::new();
    let mut depth = vec![0];
    for (at, (token, _)) in tokens.iter().enumerate() {
        visit(at, &module, *depth.last().expect("never empty"));
        if token == "{" {
            let opens_module = at >= 2 && tokens[at - 2].0 == "mod" && is_name(&tokens[at - 1].0);
            braces.push(opens_module);
            if opens_module {
                module.push(tokens[at - 1].0.clone());
                depth.push(0);
            } else {
                *depth.last_mut().expect("never empty") += 1;
            }
        } else if token == "}" {
            match braces.pop() {
                Some(true) => {
                    module.pop();
                    depth.pop();
                }
                _ => *depth.last_mut().expect("never empty") -= 1,
            }
        }
    }
}

impl Crate {
    fn declare(&mut self, file: usize, path: &[String], tokens: &[(String, usize)]) {
        walk(path, tokens, &mut |at, module, depth| {
            let entry = self.modules.entry(module.to_vec());
            let module = entry.or_insert_with(|| Module {
                file,
                ..Module::default()
            });
            const KINDS: [&str; 9] = [
                "fn",
                "struct",
                "enum",
                "trait",
                "type",
                "const",
                "static",
                "union",
                "macro_rules",
            ];
            if depth == 0 && KINDS.contains(&tokens[at].0.as_str()) {
                let name = tokens[at + 1..].iter().find(|(token, _)| is_name(token));
                module.items.extend(name.map(|(name, _)| name.clone()));
            }
        });
    }

    fn parse(&mut self, file: usize, path: &[String], tokens: &[(String, usize)]) {
        let mut skip = 0;
        walk(path, tokens, &mut |at, module, _| {
            // Unit tests use what the whole crate makes of the file.
            if at < skip || module[path.len()..].iter().any(|name| name == "tests") {
                return;
            }
            let (token, line) = &tokens[at];
            if token == "use" {
                skip = at
                    + tokens[at..]
                        .iter()
                        .take_while(|(token, _)| token != ";")
                        .count();
                let before = at.checked_sub(1).map_or("", |before| &tokens[before].0);
                let public = before == "pub" || before == ")";
                let mut leaves = Vec::new();
                use_tree(&tokens[at + 1..skip], &mut 0, Vec::new(), &mut leaves);
                for (leaf, alias) in leaves {
                    self.import(file, *line, module, leaf, alias, public);
                }
            } else if is_name(token) {
                self.used[file].insert(token.clone());
                let continues = at > 0 && tokens[at - 1].0 == "::";
                let mut segments = vec![token.clone()];
                let mut next = at + 1;
                while !continues
                    && tokens.get(next).is_some_and(|(token, _)| token == "::")
                    && tokens
                        .get(next + 1)
                        .is_some_and(|(token, _)| is_name(token))
                {
                    segments.push(tokens[next + 1].0.clone());
                    next += 2;
                }
                if segments.len() > 1
                    && let Some(path) = self.absolute(module, &segments)
                {
                    self.references.push(Reference {
                        file,
                        line: *line,
                        path,
                        re_export: None,
                    });
                }
            }
        });
    }

    fn import(
        &mut self,
        file: usize,
        line: usize,
        module: &[String],
        leaf: Vec<String>,
        alias: Option<String>,
        public: bool,
    ) {
        let Some(mut path) = self.absolute(module, &leaf) else {
            return;
        };
        let glob = path.last().is_some_and(|last| last == "*");
        if glob || path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        if let Some(module) = self.modules.get_mut(module) {
            if glob {
                module.globs.push(path.clone());
            } else {
                module.imports.insert(name.clone(), path.clone());
            }
        }
        // A public glob only hands names on.
        let re_export = public.then_some(if glob { String::new() } else { name });
        self.references.push(Reference {
            file,
            line,
            path,
            re_export,
        });
    }

    /// The path from the crate's root; `None` if it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self") => rest = &path[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            Some(first) => {
                base.push(first.to_owned());
                if !self.modules.contains_key(&base) {
                    return None;
                }
                rest = &path[1..];
            }
            None => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The file that defines what a path names.
    fn resolve(&self, path: &[String], depth: usize) -> Option<usize> {
        if depth > 20 {
            return None;
        }
        let mut at = Vec::new();
        for (index, segment) in path.iter().enumerate() {
            let module = self.modules.get(&at)?;
            at.push(segment.clone());
            if self.modules.contains_key(&at) {
                continue;
            }
            if module.items.contains(segment) {
                return Some(module.file);
            }
            if let Some(target) = module.imports.get(segment) {
                let target = [target, &path[index + 1..]].concat();
                return self.resolve(&target, depth + 1);
            }
            let found = module.globs.iter().find_map(|glob| {
                let inner = self.modules.get(glob)?;
                let known = inner.items.contains(segment) || inner.imports.contains_key(segment);
                known.then(|| self.resolve(&[glob, &path[index..]].concat(), depth + 1))?
            });
            return found.or(Some(module.file));
        }
        Some(self.modules.get(&at)?.file)
    }

    fn report(&self) -> Vec<String> {
        let mut edges: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); self.files.len()];
        for reference in &self.references {
            let used = &self.used[reference.file];
            if reference
                .re_export
                .as_ref()
                .is_some_and(|name| !used.contains(name))
            {
                continue;
            }
            if let Some(target) = self.resolve(&reference.path, 0)
                && target != reference.file
            {
                edges[reference.file]
                    .entry(target)
                    .or_insert(reference.line);
            }
        }
        let reachable: Vec<BTreeSet<usize>> = (0..edges.len())
            .map(|start| {
                let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
                while let Some(file) = open.pop() {
                    open.extend(edges[file].keys().filter(|next| seen.insert(**next)));
                }
                seen
            })
            .collect();
        let mut problems = Vec::new();
        for file in 0..edges.len() {
            for (target, line) in &edges[file] {
                if reachable[*target].contains(&file) {
                    let (from, to) = (self.files[file].display(), self.files[*target].display());
                    problems.push(format!("{from}:{line}: in a circle through {to}"));
                }
            }
        }
        problems
    }
}

/// The paths of a `use` declaration, each with its alias.
fn use_tree(
    tokens: &[(String, usize)],
    at: &mut usize,
    mut prefix: Vec<String>,
    leaves: &mut Vec<(Vec<String>, Option<String>)>,
) {
    let start = prefix.len();
    while let Some((token, _)) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "::" => {}
            "{" => {
                while tokens.get(*at).is_some_and(|(token, _)| token != "}") {
                    use_tree(tokens, at, prefix.clone(), leaves);
                    if tokens.get(*at).is_some_and(|(token, _)| token == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "," | "}" => {
                *at -= 1;
                break;
            }
            "as" => {
                let alias = tokens.get(*at).map(|(alias, _)| alias.clone());
                *at += 1;
                leaves.push((prefix, alias));
                return;
            }
            segment => prefix.push(segment.to_owned()),
        }
    }
    if prefix.len() > start {
        leaves.push((prefix, None));
    }
}
