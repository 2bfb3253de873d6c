//! Words of command lines that messages print.

/// A word of a command line that a shell reads as this text.
pub fn shell_word(text: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "/._-+:=@%,".contains(character);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::shell_word;

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
}
