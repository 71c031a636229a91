//! What maps say of a message, counted by code: never a word of it.

use std::fmt;
use std::sync::Arc;

/// How many issues a map has raised of each code. `Display` is `R0501, R0701 (3)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issues(Vec<(Arc<str>, usize)>);

/// What the engine itself says of how a message is written has no code.
const NOTE: &str = "note";

impl Issues {
    /// Of the code of each; an empty one is a note of the engine.
    pub fn of<'a>(codes: impl Iterator<Item = &'a str>) -> Issues {
        let mut all = Issues::default();
        for code in codes {
            let code = if code.is_empty() { NOTE } else { code };
            match all.0.iter_mut().find(|(known, _)| **known == *code) {
                Some((_, count)) => *count += 1,
                None => all.0.push((code.into(), 1)),
            }
        }
        all.0.sort();
        all
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (code, count)) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { ", " };
            match count {
                1 => write!(f, "{between}{code}")?,
                more => write!(f, "{between}{code} ({more})")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Issues;

    #[test]
    fn codes_are_counted() {
        let issues = Issues::of(["R0701", "R0501", "", "R0501"].into_iter());
        assert_eq!(issues.count(), 4);
        assert_eq!(issues.to_string(), "R0501 (2), R0701, note");
        assert_eq!(Issues::default().to_string(), "");
    }
}
