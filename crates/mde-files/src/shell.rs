//! Command lines that messages print.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A word of a command line that a shell reads as this text.
pub fn shell_word(text: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "/._-+:=@%,".contains(character);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A line for a shell that replaces a text file by what `filter`, a command that reads its standard
/// input or the file that is its last argument, makes of its text.
///
/// The command reads UTF-8 with `\n` at the ends of lines, whatever the file has (its beginning is
/// read here). The original stays beside the file, named `.orig`.
pub fn repair_command(path: &Path, filter: &str) -> String {
    let mut stages = decoders(path);
    stages.push(filter);
    replace_command(path, &stages)
}

/// A line for a shell that replaces a file by what a pipe makes of it. The first stage takes the
/// file's name as its last argument.
pub(crate) fn replace_command(path: &Path, stages: &[&str]) -> String {
    let name = path.display().to_string();
    let (file, original) = (shell_word(&name), shell_word(&format!("{name}.orig")));
    let mut pipe = String::new();
    for stage in stages {
        pipe = match pipe.is_empty() {
            true => format!("{stage} {original}"),
            false => format!("{pipe} | {stage}"),
        };
    }
    format!("mv {file} {original} && {pipe} > {file}")
}

/// The stages of a pipe that make the file UTF-8 with `\n` at the ends of lines, the first with the
/// file's name as last argument; none if it is, or is not a text.
fn decoders(path: &Path) -> Vec<&'static str> {
    // Lines of a list have one form: its beginning shows it.
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut start));
    if read.is_err() {
        return Vec::new();
    }
    let without_nuls: Vec<u8> = start.iter().copied().filter(|&byte| byte != 0).collect();
    let ends = match without_nuls.iter().position(|&byte| byte == b'\r') {
        Some(at) if without_nuls.get(at + 1) == Some(&b'\n') => Some("tr -d '\\r'"),
        Some(_) => Some("tr '\\r' '\\n'"),
        None => None,
    };
    let first = match start.as_slice() {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "iconv -f UTF-16 -t UTF-8",
        [0xEF, 0xBB, 0xBF, ..] => "tail -c +4",
        [_, 0, ..] => "iconv -f UTF-16LE -t UTF-8",
        [0, _, ..] => "iconv -f UTF-16BE -t UTF-8",
        _ if ends.is_some() => "cat",
        _ => return Vec::new(),
    };
    [first].into_iter().chain(ends).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;

    fn encoded(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn a_shell_reads_the_text_again() {
        for text in [
            "a/b.txt", "my list", "it's", "$HOME`x`", "", "\"", "a\\b", "a;b#c*",
        ] {
            let line = format!("printf %s {}", shell_word(text));
            let shell = std::process::Command::new("sh")
                .args(["-c", &line])
                .output();
            assert_eq!(String::from_utf8(shell.unwrap().stdout).unwrap(), text);
        }
    }

    #[test]
    fn a_repair_command_gives_its_filter_plain_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        let windows = "\u{feff}a b r\r\nc d r\r\n";
        let big = |unit: fn(u16) -> [u8; 2]| encoded(windows, unit);
        for bytes in [
            b"a b r\nc d r\n".to_vec(),
            b"a b r\rc d r\r".to_vec(),
            windows.as_bytes().to_vec(),
            windows.as_bytes()[3..].to_vec(),
            big(u16::to_le_bytes),
            big(u16::to_be_bytes),
            big(u16::to_le_bytes)[2..].to_vec(),
            big(u16::to_be_bytes)[2..].to_vec(),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            let command = repair_command(&path, "awk '$3 == \"r\" {print $2, $1}'");
            let shell = std::process::Command::new("sh")
                .args(["-c", &command])
                .status();
            assert!(shell.unwrap().success(), "{command}");
            assert_eq!(std::fs::read(&path).unwrap(), b"b a\nd c\n", "{command}");
            let original = std::fs::read(dir.path().join("list.txt.orig"));
            assert_eq!(original.unwrap(), bytes);
        }
    }
}
