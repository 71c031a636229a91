//! What a message is called for good: `adt-17`, by its feed and the number of its record, counted from 1.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Id {
    pub feed: String,
    /// Number of the message's record, counted from 0.
    pub number: u64,
}

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoId(String);

impl Id {
    pub fn new(feed: &str, number: u64) -> Id {
        Id { feed: feed.to_owned(), number }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.feed, self.number.saturating_add(1))
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Id, NoId> {
        let read = || {
            let (feed, number) = text.rsplit_once('-')?;
            let number = number.parse::<u64>().ok()?.checked_sub(1)?;
            (!feed.is_empty()).then(|| Id::new(feed, number))
        };
        read().ok_or_else(|| NoId(text.to_owned()))
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = NoId;

    fn try_from(text: String) -> Result<Id, NoId> {
        text.parse()
    }
}

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no id of a message: one is written like `adt-17`", self.0)
    }
}

impl std::error::Error for NoId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_feed_and_record() {
        let id: Id = "lab-results-17".parse().unwrap();
        assert_eq!(id, Id::new("lab-results", 16));
        assert_eq!(id.to_string(), "lab-results-17");
        for wrong in ["adt", "adt-", "-3", "adt-0", "adt-x", ""] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }
}
