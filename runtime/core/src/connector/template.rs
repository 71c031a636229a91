//! Settings that are put together for each message: a text with what the message brings in its holes.

use serde::Deserialize;

/// The parts of a text, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// As it is written.
    Text(String),
    /// The value with this number among those that are read for the target.
    Read(usize),
}

impl Template {
    /// The part of all texts before the first hole.
    pub fn begin(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text for the values that were read. Letters of values that are no part of a safe name become `_`, so that no
    /// message leads out of its folder.
    pub fn text(&self, read: &[Vec<String>]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Read(number) => safe(read.get(*number).and_then(|values| values.first()).map_or("", String::as_str)),
        };
        self.0.iter().map(part).collect()
    }
}

/// The longest name that one value gives.
const NAME_MAX: usize = 64;

fn safe(value: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => letter,
        // No name begins with a dot, and none is two.
        '.' => '.',
        _ => '_',
    };
    let name: String = value.chars().take(NAME_MAX).map(letter).collect();
    if name.starts_with('.') || name.is_empty() { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lead_nowhere() {
        let template: Template = serde_json::from_str(r#"[{"text":"out/"},{"read":0},{"text":".json"}]"#).unwrap();
        let text = |value: &str| template.text(&[vec![value.to_owned()]]);
        assert_eq!(text("E-17"), "out/E-17.json");
        assert_eq!(text("../../etc/passwd"), "out/_.._.._etc_passwd.json");
        assert_eq!(text(""), "out/_.json");
        assert_eq!(text("a/b\0ü"), "out/a_b__.json");
        assert_eq!((template.text(&[]).as_str(), template.begin()), ("out/_.json", "out/"));
    }
}
