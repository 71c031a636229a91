//! What differs, for people and for programs. Values are those of patients: they are masked unless somebody asks.

use std::fmt::Write;

use super::group::{Example, Group, Groups, Of};
use crate::end::End;
use crate::style::{BOLD, DIM, GREEN, PLAIN, RED, count};

pub fn text(groups: &Groups, values: bool) -> String {
    let mut out = String::new();
    for (Of { element, rule }, group) in &groups.found {
        let counts = [(group.changed, "changed"), (group.added, "added"), (group.removed, "removed")];
        let counts: Vec<String> =
            counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
        let (counts, messages) = (counts.join(", "), count(group.messages, "message"));
        let _ = writeln!(out, "{BOLD}{element}{PLAIN}: {counts} in {messages}");
        if let Some((place, text)) = rule {
            let _ = writeln!(out, "    {DIM}{place}{PLAIN}  {text}");
        }
        if let Some(example) = &group.example {
            let (old, new) = shown(example, values);
            let _ = writeln!(out, "    {DIM}{}{PLAIN}", example.place);
            for (sign, colour, value) in [("-", RED, old), ("+", GREEN, new)] {
                if let Some(value) = value {
                    let _ = writeln!(out, "    {colour}{sign}{PLAIN} {value}");
                }
            }
        }
    }
    out
}

pub fn json(groups: &Groups, values: bool) -> Result<String, End> {
    let one = |(of, group): (&Of, &Group)| {
        let example = group.example.as_ref().map(|example| {
            let (old, new) = shown(example, values);
            serde_json::json!({ "message": example.place, "old": old, "new": new })
        });
        serde_json::json!({
            "element": of.element,
            "rule": of.rule.as_ref().map(|(place, _)| place),
            "text": of.rule.as_ref().map(|(_, text)| text),
            "changed": group.changed,
            "added": group.added,
            "removed": group.removed,
            "messages": group.messages,
            "example": example,
        })
    };
    let all = serde_json::json!({
        "messages": groups.messages,
        "different": groups.different,
        "groups": groups.found.iter().map(one).collect::<Vec<_>>(),
    });
    crate::shown::json(&all)
}

fn shown(example: &Example, values: bool) -> (Option<String>, Option<String>) {
    let show = |value: &Option<String>| {
        let value = value.as_deref()?;
        Some(if values || example.is_said { value.to_owned() } else { masked(value) })
    };
    (show(&example.old), show(&example.new))
}

/// The shape of a value: what is a letter, what a digit.
fn masked(value: &str) -> String {
    let mask = |c: char| match c {
        c if c.is_ascii_digit() || c.is_numeric() => '9',
        c if c.is_uppercase() => 'X',
        c if c.is_alphanumeric() => 'x',
        c if c.is_ascii() => c,
        _ => '?',
    };
    value.chars().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_mask_keeps_the_shape_alone() {
        assert_eq!(masked("\"1961-04-23\""), "\"9999-99-99\"");
        assert_eq!(masked("\"Éva Doe\u{2019}s 2\""), "\"Xxx Xxx?x 9\"");
    }
}
