//! The tables that are asked before a map runs: by whom, for how long an answer is good, and what a row is made of.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use emr_abi::wiring::{Column, Table as Facts};
use emr_message::answers::{Answer, Question};
use emr_message::builtin::Pattern;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::retry::Failure;
use crate::connector::{self, Places, Why};

/// Something that has rows, by their keys.
pub trait Table: Send + Sync + 'static {
    /// What there is for these keys; nothing where there is no row.
    ///
    /// # Errors
    /// It does not answer, or not as the table is declared.
    fn ask<'a>(&'a self, keys: &'a [String]) -> Asking<'a, Option<Row>>;

    /// Whether it is there and could be asked.
    ///
    /// # Errors
    /// Why not.
    fn reach(&self) -> Asking<'_, ()>;

    /// What [`Table::reach`] leaves open, which is known with the first message alone.
    fn untold(&self) -> Option<&'static str> {
        None
    }
}

pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// What a table gave.
#[derive(Clone)]
pub enum Row {
    /// Its columns by their names, as texts.
    Columns(BTreeMap<String, Option<String>>),
    /// A resource of FHIR, in which the program reads them.
    Resource(Bytes),
}

/// What happens while a table does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnFail {
    Hold,
    Miss,
}

/// What the settings of every table are read for here. Times in milliseconds.
#[derive(Deserialize)]
struct OfTable {
    cache: u64,
    on_fail: OnFail,
}

/// All that the maps of a project may ask, and nothing before the first.
#[derive(Default)]
pub struct Tables {
    /// By the names that maps have for them.
    all: BTreeMap<String, Arc<One>>,
    /// Where they are asked, from threads that may wait.
    handle: Option<Handle>,
}

struct One {
    facts: Facts,
    table: Arc<dyn Table>,
    on_fail: OnFail,
    patterns: Vec<Option<Pattern>>,
    /// How long an answer is good.
    lasts: Duration,
    known: Mutex<Known>,
}

/// Answers with the times that they were given at, by their keys.
type Known = BTreeMap<Vec<String>, (Instant, Answer)>;

/// So many answers of a table are kept for messages to come.
const KNOWN_MAX: usize = 10_000;

/// How it went to ask one thing.
pub struct Told {
    pub table: String,
    pub is_cached: bool,
    pub took: Duration,
    /// Nothing where messages are to wait until the table answers.
    pub answer: Option<(Question, Answer)>,
    pub failure: Option<Failure>,
}

/// Reads columns in a resource that was found: the values of readings by their numbers.
pub type Read<'r> = dyn Fn(&[usize], &Bytes) -> Vec<Vec<String>> + Sync + 'r;

impl Tables {
    /// # Errors
    /// A setting of the table of that name names what is not to be had.
    pub fn new(facts: &[Facts], places: &Places) -> Result<Tables, (String, Why)> {
        let mut all = BTreeMap::new();
        for facts in facts {
            let made = One::new(facts, places).map_err(|why| (facts.name.clone(), why))?;
            all.insert(facts.signature.clone(), Arc::new(made));
        }
        Ok(Tables { all, handle: Handle::try_current().ok() })
    }

    /// Whether no map asks anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }

    /// Asks all of it at once. `is_anew`: what was answered before does not count.
    pub async fn ask(&self, wanted: Vec<Question>, is_anew: bool, read: &Read<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        let mut asking = JoinSet::new();
        for question in wanted {
            let Some(one) = self.all.get(&question.table).cloned() else {
                told.push(unknown(question));
                continue;
            };
            match one.known(&question.keys).filter(|_| !is_anew) {
                Some(answer) => told.push(one.told(true, Duration::ZERO, Ok((question, answer)))),
                None => _ = asking.spawn(one.asked(question)),
            }
        }
        while let Some(asked) = asking.join_next().await {
            let Ok((one, question, took, found)) = asked else { continue };
            let answer = found.and_then(|row| row.map(|row| one.row(&question.keys, row, read)).transpose());
            if let Ok(answer) = &answer {
                one.keep(&question.keys, answer);
            }
            let answer = match answer {
                Ok(answer) => Ok((question, answer)),
                Err(failure) => Err((question, failure)),
            };
            told.push(one.told(false, took, answer));
        }
        told
    }
}

/// Plans and tables are of one project.
fn unknown(question: Question) -> Told {
    let failure = Some(Failure::Final("the project has no such table".to_owned()));
    Told { table: question.table, is_cached: false, took: Duration::ZERO, answer: None, failure }
}

impl One {
    fn new(facts: &Facts, places: &Places) -> Result<One, Why> {
        let OfTable { cache, on_fail } = connector::read(&facts.settings)?;
        let pattern = |column: &Column| column.pattern.as_deref().and_then(|pattern| Pattern::new(pattern).ok());
        Ok(One {
            table: connector::table(facts, places)?,
            on_fail,
            patterns: facts.columns.iter().map(pattern).collect(),
            lasts: Duration::from_millis(cache),
            known: Mutex::default(),
            facts: facts.clone(),
        })
    }

    async fn asked(
        self: Arc<Self>,
        question: Question,
    ) -> (Arc<One>, Question, Duration, Result<Option<Row>, Failure>) {
        let begun = Instant::now();
        let found = self.table.ask(&question.keys).await;
        (self, question, begun.elapsed(), found)
    }

    fn told(&self, is_cached: bool, took: Duration, answer: Result<(Question, Answer), (Question, Failure)>) -> Told {
        let (answer, failure) = match answer {
            Ok(answer) => (Some(answer), None),
            Err((question, failure)) => ((self.on_fail == OnFail::Miss).then_some((question, None)), Some(failure)),
        };
        Told { table: self.facts.name.clone(), is_cached, took, answer, failure }
    }

    /// The cells of a row: its keys, and behind them its columns, each as it is declared.
    fn row(&self, keys: &[String], row: Row, read: &Read<'_>) -> Result<Vec<Option<String>>, Failure> {
        let mut texts = match row {
            Row::Columns(texts) => texts,
            Row::Resource(resource) => self.columns(&resource, read)?,
        };
        let mut cells: Vec<Option<String>> = keys.iter().cloned().map(Some).collect();
        for (column, pattern) in self.facts.columns.iter().zip(&self.patterns) {
            let name = &column.name;
            let Some(text) = texts.remove(name) else {
                return Err(Failure::Final(format!("it gives no column `{name}`")));
            };
            let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
            match &text {
                None if !column.optional => return Err(Failure::Final(format!("its column `{name}` is empty"))),
                Some(text) if text.contains(is_control) || pattern.as_ref().is_some_and(|it| !it.matches(text)) => {
                    return Err(Failure::Final(format!("its column `{name}` holds what is not of its type")));
                }
                _ => {}
            }
            match &column.system {
                Some(system) => cells.extend([text.is_some().then(|| system.clone()), text, None]),
                None => cells.push(text),
            }
        }
        Ok(cells)
    }

    fn columns(&self, resource: &Bytes, read: &Read<'_>) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let mut texts = BTreeMap::new();
        let readings: Vec<usize> = self.facts.columns.iter().filter_map(|column| column.read).collect();
        let mut all = read(&readings, resource).into_iter();
        for column in &self.facts.columns {
            let values = column.read.and_then(|_| all.next()).unwrap_or_default();
            match &values[..] {
                [] => _ = texts.insert(column.name.clone(), None),
                [one] => _ = texts.insert(column.name.clone(), Some(one.clone())),
                _ => return Err(Failure::Final(format!("its column `{}` has several values", column.name))),
            }
        }
        Ok(texts)
    }

    fn known(&self, keys: &[String]) -> Option<Answer> {
        let known = self.answers();
        let (given, answer) = known.get(keys)?;
        (given.elapsed() < self.lasts).then(|| answer.clone())
    }

    fn keep(&self, keys: &[String], answer: &Answer) {
        if self.lasts.is_zero() {
            return;
        }
        let mut known = self.answers();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, (given, _)| given.elapsed() < self.lasts);
        }
        // All of them are good still: whatever is asked next is asked again.
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(keys.to_vec(), (Instant::now(), answer.clone()));
    }

    /// Whoever panicked left them as they are between two calls.
    fn answers(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tables({})", self.all.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Gives the same row for each key, but none for `none`, and fails for `down`.
    struct Fixed {
        row: Vec<(&'static str, Option<&'static str>)>,
        asked: AtomicUsize,
    }

    impl Table for Fixed {
        fn ask<'a>(&'a self, keys: &'a [String]) -> Asking<'a, Option<Row>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let texts = self.row.iter().map(|(name, text)| ((*name).to_owned(), text.map(ToOwned::to_owned)));
            let found = match keys[0].as_str() {
                "none" => Ok(None),
                "down" => Err(Failure::Passing("it cannot be reached".to_owned())),
                _ => Ok(Some(Row::Columns(texts.collect()))),
            };
            Box::pin(std::future::ready(found))
        }

        fn reach(&self) -> Asking<'_, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn column(name: &str, system: Option<&str>, pattern: Option<&str>, optional: bool) -> Column {
        let [system, pattern] = [system, pattern].map(|text| text.map(ToOwned::to_owned));
        Column { name: name.to_owned(), system, pattern, optional, read: None }
    }

    fn tables(row: &[(&'static str, Option<&'static str>)], on_fail: OnFail, lasts: Duration) -> (Tables, Arc<Fixed>) {
        let table = Arc::new(Fixed { row: row.to_vec(), asked: AtomicUsize::new(0) });
        let columns =
            vec![column("beds", None, Some(r"\A[0-9]+\z"), false), column("field", Some("urn:x"), None, true)];
        let patterns = vec![Pattern::new(r"\A[0-9]+\z").ok(), None];
        let (name, signature) = ("Staff".to_owned(), "Staff(id)".to_owned());
        let (connector, settings) = ("sql".to_owned(), String::new());
        let facts = Facts { name, signature: signature.clone(), connector, settings, keys: 1, columns };
        let known = Mutex::default();
        let one = One { facts, table: Arc::clone(&table) as _, on_fail, patterns, lasts, known };
        (Tables { all: BTreeMap::from([(signature, Arc::new(one))]), handle: None }, table)
    }

    fn ask(tables: &Tables, key: &str, is_anew: bool) -> Told {
        let question = Question { table: "Staff(id)".to_owned(), keys: vec![key.to_owned()] };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = runtime.block_on(tables.ask(vec![question], is_anew, &|_, _| Vec::new()));
        told.into_iter().next().unwrap()
    }

    fn why(row: &[(&'static str, Option<&'static str>)]) -> String {
        let told = ask(&tables(row, OnFail::Hold, Duration::ZERO).0, "1", false);
        assert!(told.answer.is_none());
        told.failure.unwrap().why().to_owned()
    }

    #[test]
    fn a_row_has_its_keys_and_its_columns_as_they_are_declared() {
        let (tables, _) = tables(&[("beds", Some(" 7 ")), ("field", Some("394579002"))], OnFail::Hold, Duration::ZERO);
        let cells = ask(&tables, "1", false).answer.unwrap().1.unwrap();
        let texts: Vec<&str> = cells.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect();
        assert_eq!(texts, ["1", "7", "urn:x", "394579002", "-"]);
        assert_eq!(ask(&tables, "none", false).answer.unwrap().1, None);
    }

    #[test]
    fn a_row_of_another_form_is_no_answer() {
        assert_eq!(why(&[("beds", Some("many")), ("field", None)]), "its column `beds` holds what is not of its type");
        assert_eq!(why(&[("beds", Some("")), ("field", None)]), "its column `beds` is empty");
        assert_eq!(why(&[("beds", Some("1"))]), "it gives no column `field`");
        assert!(why(&[("beds", Some("1")), ("field", Some("a\u{1}"))]).contains("`field`"));
    }

    #[test]
    fn an_answer_is_kept_for_its_time_and_a_failure_never() {
        let row = [("beds", Some("1")), ("field", None)];
        let (kept, table) = tables(&row, OnFail::Miss, Duration::from_secs(3_600));
        let asked = || table.asked.load(Ordering::Relaxed);
        assert_eq!([false, false, true].map(|is_anew| ask(&kept, "1", is_anew).is_cached), [false, true, false]);
        assert_eq!(asked(), 2);
        assert!(!ask(&kept, "none", false).is_cached && ask(&kept, "none", false).is_cached);
        for _ in 0..2 {
            let told = ask(&kept, "down", false);
            // Which is a miss, and said.
            assert!(matches!(told.answer, Some((_, None))) && told.failure.is_some() && !told.is_cached);
        }
        let (not, _) = tables(&row, OnFail::Hold, Duration::ZERO);
        assert!(!ask(&not, "1", false).is_cached && !ask(&not, "1", false).is_cached);
    }

    #[test]
    fn no_more_answers_are_kept_than_are_allowed() {
        let (tables, _) = tables(&[], OnFail::Hold, Duration::from_secs(3_600));
        let one = tables.all.values().next().unwrap();
        for number in 0..=KNOWN_MAX {
            one.keep(&[number.to_string()], &None);
        }
        assert_eq!(one.answers().len(), 1);
        assert!(one.known(&[KNOWN_MAX.to_string()]).is_some());
    }
}
