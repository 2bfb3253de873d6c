//! The licence in a model card.

use std::str::FromStr;

/// Identifiers that the Hugging Face hub knows, in its spelling: SPDX's in lower case
/// (<https://huggingface.co/docs/hub/repositories-licenses>).
const KNOWN: [&str; 33] = [
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "cc-by-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "epl-2.0",
    "eupl-1.2",
    "gpl-2.0",
    "gpl-3.0",
    "isc",
    "lgpl-2.1",
    "lgpl-3.0",
    "mit",
    "mpl-2.0",
    "openrail",
    "unlicense",
    "zlib",
];

/// A licence identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Licence(String);

impl FromStr for Licence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.+".contains(&byte);
        match !text.is_empty() && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => {
                Err("expected one SPDX identifier, such as apache-2.0 or CC-BY-4.0".to_owned())
            }
        }
    }
}

impl Licence {
    /// As it was given.
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The lines of a card's front matter.
    pub(super) fn front_matter(&self) -> String {
        let lower = self.0.to_lowercase();
        // SPDX tells `GPL-3.0-only` from `GPL-3.0-or-later`; the hub does not.
        match KNOWN.contains(&lower.as_str()) {
            true => format!("license: {lower}\n"),
            false => format!(
                "license: other\nlicense_name: {}\n",
                lower.replace('+', "-plus")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn identifiers_are_those_of_the_hub() {
        let lines = |text: &str| text.parse::<Licence>().map(|found| found.front_matter());
        assert_eq!(lines("Apache-2.0").unwrap(), "license: apache-2.0\n");
        assert_eq!(lines("mit").unwrap(), "license: mit\n");
        assert_eq!(
            lines("GPL-3.0-only").unwrap(),
            "license: other\nlicense_name: gpl-3.0-only\n"
        );
        for text in ["", "MIT OR Apache-2.0", "a: b", "x\ny", "\"mit\""] {
            assert!(lines(text).unwrap_err().contains("SPDX"), "{text}");
        }
    }
}
