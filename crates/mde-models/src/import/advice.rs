//! Lines for a shell that a message prints.

use std::path::Path;

/// A command that saves a Python expression as a checkpoint of its own, beside the shell's folder.
pub(super) fn python(path: &Path, expression: &str) -> String {
    // The file itself is not overwritten if it has this name.
    let out = match path.file_name().is_some_and(|name| name == "weights.pth") {
        true => "state_dict.pth",
        false => "weights.pth",
    };
    format!("python3 -c \"import torch; torch.save({expression}, '{out}')\"")
}

/// The Python expression that loads a checkpoint with all its objects. It runs the file's code.
pub(super) fn loaded(path: &Path) -> String {
    let file = literal(&path.display().to_string());
    format!("torch.load({file}, map_location='cpu', weights_only=False)")
}

/// A text as Python's literal, which means the same inside a shell's double quotes.
pub(super) fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => quoted.push(c),
            '/' | '.' | '_' | '-' | ' ' | ':' | '+' | ',' | '=' | '@' | '(' | ')' | '*' => {
                quoted.push(c)
            }
            c if c.is_alphanumeric() => quoted.push(c),
            c if u32::from(c) < 0x100 => quoted += &format!("\\x{:02x}", u32::from(c)),
            c => quoted += &format!("\\U{:08x}", u32::from(c)),
        }
    }
    quoted.push('\'');
    quoted
}

/// A word of a shell, in quotes where it needs them.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The first few names for a message.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = names
        .take(SHOWN + 1)
        .map(|name| name.escape_debug().take(60).collect())
        .collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    if names.len() > SHOWN {
        names[SHOWN] = "…".to_owned();
    }
    names.join(", ")
}
