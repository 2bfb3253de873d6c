//! JSON values as words, for messages.

use serde_json::Value;

/// A value of a document in words: `none`, `yes`, `0.75`, `sid, alpha 0.75, beta 10`.
///
/// An object begins with its `kind` or `name`; its other entries follow as `key value`.
pub fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => {
            let words = values.iter().map(nested);
            words.collect::<Vec<_>>().join(", ")
        }
        Value::Object(entries) => {
            let is_name = |key: &str| ["kind", "name"].contains(&key);
            let name = entries.iter().find(|(key, _)| is_name(key));
            let name = name.map(|(_, value)| in_words(value));
            let others = entries.iter().filter(|(key, _)| !is_name(key));
            let others = others.map(|(key, value)| format!("{} {}", key_words(key), nested(value)));
            name.into_iter()
                .chain(others)
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

/// In brackets where the words hold commas of their own.
fn nested(value: &Value) -> String {
    let words = in_words(value);
    match words.contains(", ") {
        true => format!("({words})"),
        false => words,
    }
}

fn key_words(key: &str) -> String {
    key.replace('_', " ")
}

/// The first entry in which two objects differ: its key in words and both values, `None` where one
/// has no such entry.
pub fn first_difference(first: &Value, second: &Value) -> Option<(String, String, String)> {
    let (Value::Object(one), Value::Object(other)) = (first, second) else {
        return (first != second).then(|| ("value".to_owned(), in_words(first), in_words(second)));
    };
    let keys = one
        .keys()
        .chain(other.keys().filter(|key| !one.contains_key(*key)));
    let (key, first, second) = keys
        .map(|key| (key, one.get(key), other.get(key)))
        .find(|(_, first, second)| first != second)?;
    let words = |value: Option<&Value>| in_words(value.unwrap_or(&Value::Null));
    Some((key_words(key), words(first), words(second)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_in_words() {
        for (value, words) in [
            (json!(null), "none"),
            (json!(true), "yes"),
            (json!(80.0), "80"),
            (json!(0.001), "0.001"),
            (json!("ups_block_1"), "ups_block_1"),
            (json!(["D", "MFF"]), "D, MFF"),
            (json!([]), "none"),
            (
                json!({"kind": "sid", "alpha": 0.75, "beta": 10.0}),
                "sid, alpha 0.75, beta 10",
            ),
            (
                json!({"alpha": 0.1, "layers": ["D", "MFF"]}),
                "alpha 0.1, layers (D, MFF)",
            ),
        ] {
            assert_eq!(in_words(&value), words);
        }
    }

    #[test]
    fn the_first_difference_names_its_key() {
        let protocol = json!({"name": "nyu", "max_depth": 10.0, "crop": {"kind": "none"}});
        assert_eq!(first_difference(&protocol, &protocol), None);
        let other = json!({"name": "nyu", "max_depth": 80.0, "crop": {"kind": "none"}});
        let words = ["max depth", "10", "80"].map(str::to_owned);
        assert_eq!(first_difference(&protocol, &other), Some(words.into()));
        let more =
            json!({"name": "nyu", "max_depth": 10.0, "crop": {"kind": "none"}, "flip": true});
        let words = ["flip", "none", "yes"].map(str::to_owned);
        assert_eq!(first_difference(&protocol, &more), Some(words.into()));
    }
}
