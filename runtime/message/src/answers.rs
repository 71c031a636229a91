//! What tables that a running engine asks have for one message: a stored input beside its bytes, so that a replay gives the
//! same.
//!
//! A map makes no call. Where it looks something up that was not asked for yet, that is noted as a question, and what it
//! makes is of no use: whoever runs it asks, and runs it again with the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::Table;
use crate::table;

/// What is asked of a table. `Debug` shows no key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The table with its keys and columns: that of another form is another table.
    pub table: String,
    pub keys: Vec<String>,
}

/// The cells of a row, its keys first; nothing where there is no row.
pub type Answer = Option<Vec<Option<String>>>;

/// What is known of each table; by default nothing, and nobody asks.
#[derive(Clone, Default)]
pub struct Answers {
    tables: Arc<BTreeMap<String, Known>>,
    /// What was asked in vain; nothing where nobody would answer.
    wanted: Option<Arc<Mutex<BTreeSet<Question>>>>,
}

struct Known {
    rows: Table,
    /// The keys that have none.
    missing: BTreeSet<Vec<String>>,
    /// Whether what is not there is missing.
    is_whole: bool,
}

/// What there is for keys.
#[derive(Debug)]
pub enum Found<'a> {
    Row(table::Row<'a>),
    /// There is none, or it is not known yet and was noted.
    Missing,
    /// It is not known, and nobody asks.
    Nobody,
}

impl Answers {
    /// What is known already; whoever gives it asks for the rest.
    pub fn of<'a>(known: impl IntoIterator<Item = (&'a Question, &'a Answer)>) -> Answers {
        #[derive(Default)]
        struct Gathered<'a> {
            keys: usize,
            rows: Vec<Vec<Option<&'a str>>>,
            missing: BTreeSet<Vec<String>>,
        }
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        for (question, answer) in known {
            let table = gathered.entry(question.table.clone()).or_default();
            table.keys = question.keys.len();
            match answer {
                Some(row) => table.rows.push(row.iter().map(Option::as_deref).collect()),
                None => _ = table.missing.insert(question.keys.clone()),
            }
        }
        let known = gathered.into_iter().map(|(name, Gathered { keys, rows, missing })| {
            let rows = Table::new(keys, rows.iter().map(Vec::as_slice));
            (name, Known { rows, missing, is_whole: false })
        });
        Answers { tables: Arc::new(known.collect()), wanted: Some(Arc::default()) }
    }

    /// All rows of these tables; of others nobody asks.
    pub fn given(tables: impl IntoIterator<Item = (String, Table)>) -> Answers {
        let known = |rows| Known { rows, missing: BTreeSet::new(), is_whole: true };
        let tables = tables.into_iter().map(|(table, rows)| (table, known(rows)));
        Answers { tables: Arc::new(tables.collect()), wanted: None }
    }

    /// What a table has for these keys.
    pub fn find(&self, table: &str, keys: &[&str]) -> Found<'_> {
        let own = || keys.iter().map(|key| (*key).to_owned()).collect::<Vec<String>>();
        if let Some(known) = self.tables.get(table) {
            if let Some(row) = known.rows.find(keys) {
                return Found::Row(row);
            }
            if known.is_whole || known.missing.contains(&own()) {
                return Found::Missing;
            }
        }
        let Some(wanted) = &self.wanted else { return Found::Nobody };
        wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(Question { table: table.into(), keys: own() });
        Found::Missing
    }

    /// The rows of a table that are known.
    pub fn rows(&self, table: &str) -> Option<&Table> {
        self.tables.get(table).map(|known| &known.rows)
    }

    /// What was asked and is not known, in order.
    pub fn wanted(&self) -> Vec<Question> {
        let Some(wanted) = &self.wanted else { return Vec::new() };
        wanted.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({}, {} keys)", self.table, self.keys.len())
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({} tables)", self.tables.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(keys: &[&str]) -> Question {
        Question { table: "Staff".into(), keys: keys.iter().map(ToString::to_string).collect() }
    }

    fn cell(found: &Found) -> Option<String> {
        match found {
            Found::Row(row) => row.cell(1).map(str::to_owned),
            Found::Missing | Found::Nobody => None,
        }
    }

    #[test]
    fn what_is_not_known_is_noted_once() {
        let row = Some(vec![Some("1".to_owned()), Some("EVE".to_owned())]);
        let answers = Answers::of([(&question(&["1"]), &row), (&question(&["2"]), &None)]);
        assert_eq!(cell(&answers.find("Staff", &["1"])).as_deref(), Some("EVE"));
        assert!(matches!(answers.find("Staff", &["2"]), Found::Missing));
        assert_eq!(answers.wanted(), []);
        for _ in 0..2 {
            assert!(matches!(answers.clone().find("Staff", &["3"]), Found::Missing));
            assert!(matches!(answers.find("Ward", &["3"]), Found::Missing));
        }
        let ward = Question { table: "Ward".into(), ..question(&["3"]) };
        assert_eq!(answers.wanted(), [question(&["3"]), ward]);
    }

    #[test]
    fn tables_that_are_given_are_whole_and_others_nobody_asks() {
        let table = Table::new(1, [[Some("1"), Some("EVE")].as_slice()]);
        let answers = Answers::given([("Staff".to_owned(), table)]);
        assert_eq!(cell(&answers.find("Staff", &["1"])).as_deref(), Some("EVE"));
        assert!(matches!(answers.find("Staff", &["2"]), Found::Missing));
        assert!(matches!(answers.find("Ward", &["2"]), Found::Nobody));
        assert!(matches!(Answers::default().find("Staff", &["1"]), Found::Nobody));
        assert_eq!(answers.wanted(), []);
    }

    #[test]
    fn no_key_is_shown() {
        assert_eq!(format!("{:?}", question(&["EVERYWOMAN"])), "Question(Staff, 1 keys)");
    }
}
