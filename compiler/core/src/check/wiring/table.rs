//! Tables that a running engine asks: `table Staff(id: string) -> { npi: string? } = sql(secret("STAFF_DB")) { query: '…' }`.

use super::super::World;
use super::super::typed::RowTable;
use super::accept::Accepted;
use super::connector::Part;
use super::given::{self, Given};
use super::query::{self, Piece};
use super::reading::{self, As};
use super::setting::Settings;
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve;
use crate::standard::hl7::Version;
use crate::syntax::tree::{
    self, At, Block, BlockItem, Count, Endpoint, Expr, ExprKind, Rows, Rule, TextPart, Told, Type, Word,
};
use smol_str::SmolStr;

/// The connectors that tables can be asked through.
pub const ASKED: [&str; 2] = ["sql", "fhir"];

/// What they are asked, by the names of settings: a statement with its keys, a search.
pub(super) const QUERY: &str = "query";
pub(super) const SEARCH: &str = "search";
/// Where the columns stand in a resource.
pub(super) const COLUMNS: &str = "columns";

/// What is wrong with the settings of a table that is asked; nothing of one whose rows are known.
pub fn table(written: &tree::Table, module: &str, world: &dyn World) -> Vec<Diagnostic> {
    let Some(endpoint) = endpoint(written) else { return Vec::new() };
    let own = match world.connectors().of(&endpoint.connector, Part::Table) {
        Ok(told) => told,
        Err(problem) => return vec![*problem],
    };
    let mut problems = arguments(written);
    let given = given::of_endpoint(&endpoint, own, &mut problems, |_| false);
    let told: Vec<&Told> = own.iter().collect();
    let owner = format!("a table from `{}`", endpoint.connector.text);
    let mut settings = Settings::new(world, Vec::new());
    let is_apart = |given: &Given| match given.name.text.as_str() {
        COLUMNS => true,
        QUERY | SEARCH => text(given).is_none(),
        _ => false,
    };
    let plain: Vec<Given> = given.iter().filter(|given| !is_apart(given)).cloned().collect();
    settings.hold(&plain, &told, &owner);
    settings.complete(&given, &told, &written.name.at, &owner);
    problems.append(&mut settings.problems);
    let key = resolve::key(module, &written.name.text);
    let Some(table) = world.table(&key) else { return problems };
    for given in &given {
        let asked = match given.name.text.as_str() {
            QUERY => text(given).map(|(text, at)| (query::statement(&text, &table.keys).err(), at)),
            SEARCH => text(given).map(|(text, at)| (query::search(&text, &table.keys).err(), at)),
            _ => continue,
        };
        match asked {
            Some((Some(wrong), at)) => problems.push(Diagnostic::new(Code::WrongQuery, at, wrong)),
            Some((None, _)) => {}
            None => problems.push(not_plain(given)),
        }
    }
    if let Some(columns) = given.iter().find(|given| given.name.text == COLUMNS) {
        problems.extend(not_read(columns, table, found(&given, world).as_ref(), world));
    }
    problems
}

/// Whether a running engine asks for the rows of a table.
pub fn is_asked(written: &tree::Table) -> bool {
    endpoint(written).is_some()
}

/// The source of a table as a connector with its settings, if it is one that is asked.
pub(super) fn endpoint(written: &tree::Table) -> Option<Endpoint> {
    let Rows::From { source, settings } = &written.rows else { return None };
    let ExprKind::Call { name, arguments, .. } = &*source.kind else { return None };
    let is_asked = ASKED.contains(&name.text.as_str());
    let first = arguments.first().map(|argument| argument.value.clone());
    is_asked.then(|| Endpoint { connector: name.clone(), first, settings: settings.clone() })
}

/// In the parentheses stands the first setting alone.
fn arguments(written: &tree::Table) -> Vec<Diagnostic> {
    let Rows::From { source, .. } = &written.rows else { return Vec::new() };
    let ExprKind::Call { name, arguments, .. } = &*source.kind else { return Vec::new() };
    let more = arguments.iter().enumerate().find(|(index, argument)| *index > 0 || argument.name.is_some());
    let said = |at: &At| {
        let message = format!("`{}` takes what it asks alone", name.text);
        Diagnostic::new(Code::WrongCall, at.clone(), message).help("all else is a setting, in the braces behind it")
    };
    more.map(|(_, argument)| said(&argument.value.at)).into_iter().collect()
}

/// A text that is the same for each message and environment, and where it stands.
pub(super) fn text(given: &Given) -> Option<(SmolStr, At)> {
    let [value] = &given.values[..] else { return None };
    let text = match &*value.kind {
        ExprKind::Raw(text) => text.clone(),
        ExprKind::Text(parts) => match &parts[..] {
            [TextPart::Plain(text)] => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    Some((text, value.at.clone()))
}

fn not_plain(given: &Given) -> Diagnostic {
    let message = format!("`{}` is a text without holes", given.name.text);
    Diagnostic::new(Code::WrongQuery, given.at.clone(), message)
        .help("a key stands in it by its name, as in `where id = :id`: it is handed over and never a part of the text")
}

/// The resource that a search finds, as its columns are read.
pub(super) fn found(given: &[Given], world: &dyn World) -> Option<Accepted> {
    let (search, at) = text(given.iter().find(|given| given.name.text == SEARCH)?)?;
    let name = Word { text: search.split('?').next()?.into(), at: at.clone() };
    let written = Type { name: name.clone(), references: Vec::new(), count: Count::One, at: at.clone() };
    let (ty, _) = super::super::types::param(&written, world, &mut Vec::new());
    let is_resource =
        matches!(&ty.kind, super::super::typed::TyKind::Fhir(key) if world.standards().fhir.shape(key).is_some());
    is_resource.then(|| Accepted {
        name: name.text,
        ty,
        profile: None,
        structures: Vec::new(),
        version: Version::Union,
        events: Vec::new(),
        except: Vec::new(),
        filter: None,
        holds: None,
        at,
    })
}

/// The value of each column in a resource that was found.
pub(super) fn columns(given: &Given) -> Vec<&Rule> {
    let blocks = given.values.iter().filter_map(|value| match &*value.kind {
        ExprKind::Block(block) => Some(block),
        _ => None,
    });
    let items = blocks.flat_map(|block: &Block| &block.items);
    items
        .filter_map(|item| match item {
            BlockItem::Rule(rule) => Some(rule),
            _ => None,
        })
        .collect()
}

fn not_read(given: &Given, table: &RowTable, found: Option<&Accepted>, world: &dyn World) -> Vec<Diagnostic> {
    let Some(found) = found else {
        let message = "the search names no resource of FHIR";
        return vec![Diagnostic::new(Code::WrongQuery, given.at.clone(), message)];
    };
    let mut problems = Vec::new();
    let rules = columns(given);
    for rule in &rules {
        let name = &rule.target.first;
        if !table.columns.iter().any(|column| column.name == name.text) || !rule.target.parts.is_empty() {
            let message = format!("the table has no column `{}`", name.text);
            problems.push(Diagnostic::new(Code::UnknownElement, name.at.clone(), message));
        }
        match &rule.values[..] {
            [value] => problems.extend(reading::problems(value, As::Value, &[found], world)),
            _ => problems.push(Diagnostic::new(Code::WrongValue, rule.at.clone(), "a column has one value")),
        }
    }
    for column in &table.columns {
        if !rules.iter().any(|rule| rule.target.first.text == column.name) {
            let message = format!("`columns` does not say where `{}` stands", column.name);
            let diagnostic = Diagnostic::new(Code::MissingSetting, given.at.clone(), message);
            problems.push(diagnostic.help("a path of the resource, as in `family: first .name.family`"));
        }
    }
    problems
}

/// The pieces of a search as the runtime puts it together.
pub(super) fn pieces(search: &str, table: &RowTable) -> serde_json::Value {
    let pieces = query::search(search, &table.keys).unwrap_or_default();
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => serde_json::json!({ "text": text }),
        Piece::Key(number) => serde_json::json!({ "key": number }),
    };
    pieces.iter().map(piece).collect()
}

/// The statement of a query as the database gets it.
pub(super) fn prepared(query: &str, table: &RowTable) -> serde_json::Value {
    query::statement(query, &table.keys).unwrap_or_default().into()
}

/// The value that a column has by these rules.
pub(super) fn value_of<'r>(rules: &[&'r Rule], column: &str) -> Option<&'r Expr> {
    rules.iter().find(|rule| rule.target.first.text == column)?.values.first()
}
