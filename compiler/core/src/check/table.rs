//! Tables of several keys and columns: `table LabCode(facility: string, local: string) -> { loinc: code(loinc)? } = …`.

use super::csv::{self, Sheet};
use super::rows::{self, Findings, Source};
use super::scope::Scope;
use super::typed::{Key, Kind, RowColumn, RowTable, TyKind};
use super::wiring::{self, ASKED};
use super::{World, convert, expression, systems, terms, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::KEYS_MAX;
use crate::resolve::{self, DeclaredKind};
use crate::settings;
use crate::syntax::tree::{self, Arm, At, BlockItem, Count, Declaration, ExprKind, Param, Pattern, Rows, Type, Word};
use emr_message::Table;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

/// What the library's table of object identifiers comes from.
const KNOWN_SYSTEMS: &str = "known_systems";

/// The table that is declared, and what is wrong with it.
pub fn table(written: &tree::Table, module: &str, world: &dyn World) -> (RowTable, Vec<Diagnostic>) {
    let mut scope = Scope::new(world);
    let making = Making::of(&mut scope, written);
    let rows = match &written.rows {
        Rows::Arms(arms) => Some(making.of_arms(&mut scope, arms)),
        Rows::From { source, settings } => making.of_source(&mut scope, source, settings.is_some()),
    };
    let columns = making.columns.iter().map(|column| RowColumn {
        name: column.name.clone(),
        ty: column.what.ty(),
        system: column.what.system().cloned(),
        cell: column.cell,
        optional: column.optional,
    });
    let key: Key = resolve::key(module, &written.name.text);
    (RowTable { key, columns: columns.collect(), keys: making.keys, rows }, scope.problems)
}

/// The rows that a test gives a table which a running engine asks, by the name that answers have, and what is wrong with
/// them; or why there can be none.
pub fn given(name: &Word, arms: &[Arm], world: &dyn World) -> Result<(Given, Vec<Diagnostic>), Box<Diagnostic>> {
    let (export, declaration) = wiring::named(name, DeclaredKind::Table, world)?;
    let (Declaration::Table(written), Some(table)) = (declaration, world.table(&export.key)) else {
        return Err(Box::new(Diagnostic::new(Code::UnknownName, name.at.clone(), "there is no such table")));
    };
    if table.rows.is_some() {
        let message = format!("`{}` has its rows already", name.text);
        let diagnostic = Diagnostic::new(Code::WrongKind, name.at.clone(), message);
        return Err(Box::new(diagnostic.help("a test gives the rows of a table that a running engine asks")));
    }
    // What is wrong with the declaration itself is said there.
    let making = Making::of(&mut Scope::new(world), written);
    let mut scope = Scope::new(world);
    let rows = making.of_arms(&mut scope, arms);
    Ok((Given { signature: table.signature(), rows }, scope.problems))
}

/// All rows of a table that is asked.
pub struct Given {
    /// As plans and answers name it.
    pub signature: SmolStr,
    pub rows: Table,
}

impl Making {
    /// The keys and columns of a table.
    fn of(scope: &mut Scope, written: &tree::Table) -> Making {
        let keys = keys(scope, written);
        let mut cells = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let mut columns: Vec<Column> = Vec::new();
        for column in &written.columns {
            let Some(what) = Holds::of(scope, &column.ty) else { continue };
            if columns.iter().any(|known| known.name == column.name.text) || keys.contains(&column.name.text) {
                let message = format!("`{}` has two columns `{}`", written.name.text, column.name.text);
                scope.error(Code::DuplicateName, &column.name.at, message);
                continue;
            }
            let size = what.ty().cells();
            let optional = column.ty.count == Count::Optional;
            columns.push(Column { name: column.name.text.clone(), cell: cells, what, optional });
            cells += size;
        }
        Making { name: written.name.text.clone(), keys, columns }
    }
}

fn keys(scope: &mut Scope, written: &tree::Table) -> Vec<SmolStr> {
    let mut keys: Vec<SmolStr> = Vec::new();
    for Param { name, ty } in &written.keys {
        let plain = matches!(ty.name.text.as_str(), "string" | "code" | "id" | "uri" | "integer");
        match name {
            Some(name) if plain && ty.count == Count::One && !keys.contains(&name.text) => keys.push(name.text.clone()),
            _ => {
                let diagnostic = Diagnostic::new(Code::WrongType, ty.at.clone(), "a key has a name and is one text");
                scope.problem(diagnostic.help("as in `table LabCode(facility: string, local: string) -> { … }`"));
            }
        }
    }
    if written.keys.is_empty() || written.keys.len() > KEYS_MAX {
        let message = format!("a table has one to {KEYS_MAX} keys");
        scope.error(Code::WrongType, &written.name.at, message);
    }
    keys.truncate(KEYS_MAX);
    keys
}

struct Column {
    name: SmolStr,
    /// The number of its first cell.
    cell: u32,
    what: Holds,
    optional: bool,
}

/// What a column holds.
enum Holds {
    /// A primitive of FHIR, by its key.
    Primitive(SmolStr),
    Timezone,
    /// A code of this system.
    Code(SmolStr),
}

impl Holds {
    fn of(scope: &mut Scope, ty: &Type) -> Option<Holds> {
        if matches!(ty.count, Count::Any | Count::Some) {
            scope.error(Code::WrongType, &ty.at, "a column holds one value");
            return None;
        }
        match (ty.name.text.as_str(), ty.references.as_slice()) {
            ("timezone", []) => Some(Holds::Timezone),
            ("code", [system]) => systems::named(scope, system).map(Holds::Code),
            (_, []) => {
                let mut problems = Vec::new();
                let found = types::result(ty, scope.world, &mut problems);
                scope.problems.extend(problems);
                match found.kind {
                    TyKind::Fhir(key) if convert::primitive_named(&key).is_some() => Some(Holds::Primitive(key)),
                    TyKind::Error => None,
                    _ => {
                        let message = format!("a column holds a text, a number or a code, not a `{}`", ty.name.text);
                        scope.error(Code::WrongType, &ty.at, message);
                        None
                    }
                }
            }
            _ => {
                let diagnostic = Diagnostic::new(Code::WrongType, ty.at.clone(), "a code is of one system");
                scope.problem(diagnostic.help("as in `code(loinc)`"));
                None
            }
        }
    }

    fn ty(&self) -> TyKind {
        match self {
            Holds::Primitive(key) => TyKind::Fhir(key.clone()),
            Holds::Timezone => TyKind::Fhir("string".into()),
            Holds::Code(_) => TyKind::Coded,
        }
    }

    fn system(&self) -> Option<&SmolStr> {
        match self {
            Holds::Code(system) => Some(system),
            Holds::Primitive(_) | Holds::Timezone => None,
        }
    }

    /// Why a text does not belong there.
    fn refuses(&self, scope: &mut Scope, text: &str, at: &At) -> Option<(Code, String)> {
        match self {
            Holds::Primitive(key) if !scope.world.standards().fhir.fits(key, text) => {
                Some((Code::WrongRow, format!("`{text}` is no FHIR `{key}`")))
            }
            Holds::Timezone if !settings::is_zone(text) => Some((Code::WrongRow, format!("`{text}` is no timezone"))),
            Holds::Code(system) => terms::wrong(scope, system, text, at).map(|wrong| (wrong.code, wrong.message)),
            _ => None,
        }
    }
}

/// A row as it is gathered: the texts of its cells.
type Cells = Vec<Option<SmolStr>>;

struct Making {
    name: SmolStr,
    keys: Vec<SmolStr>,
    columns: Vec<Column>,
}

impl Making {
    fn packed(&self, rows: &[Cells]) -> Table {
        let rows: Vec<Vec<Option<&str>>> = rows.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect();
        Table::new(self.keys.len(), rows.iter().map(Vec::as_slice))
    }

    /// Adds the cells of a column; `code` may name another system and a display.
    fn put(&self, column: &Column, text: Option<SmolStr>, display: Option<SmolStr>, row: &mut Cells) {
        match &column.what {
            Holds::Code(system) => row.extend([text.is_some().then(|| system.clone()), text, display]),
            _ => row.push(text),
        }
    }

    // ---- rows that stand in the mapping

    fn of_arms(&self, scope: &mut Scope, arms: &[Arm]) -> Table {
        let mut rows: Vec<Cells> = Vec::new();
        let mut known = FxHashMap::default();
        for arm in arms {
            let Some(values) = self.values(scope, arm) else { continue };
            if arm.patterns.is_empty() {
                let diagnostic = Diagnostic::new(Code::WrongRow, arm.at.clone(), "a row of a table has keys");
                scope.problem(diagnostic.help("what is not in it is missing: say what else there is where it is read"));
            }
            for pattern in &arm.patterns {
                let Some((keys, at)) = self.keys_of(scope, pattern) else { continue };
                if known.insert(keys.clone(), ()).is_some() {
                    let message = format!("`{}` has two rows for these keys", self.name);
                    let diagnostic = Diagnostic::new(Code::RowsConflict, at, message);
                    scope.problem(diagnostic.help("take one of the two away"));
                    continue;
                }
                rows.push(keys.into_iter().map(Some).chain(values.iter().cloned()).collect());
            }
        }
        self.packed(&rows)
    }

    /// `"BID"`, or `("NORTH", "GLU")` where there are several keys.
    fn keys_of(&self, scope: &mut Scope, pattern: &Pattern) -> Option<(Vec<SmolStr>, At)> {
        let (items, at) = match pattern {
            Pattern::Value(expr) => match &*expr.kind {
                ExprKind::List { items, parts } if parts.is_empty() => (items.iter().collect(), &expr.at),
                _ => (vec![expr], &expr.at),
            },
            Pattern::Range(bounds) => (Vec::new(), &bounds.at),
            Pattern::Is(_, at) => (Vec::new(), at),
        };
        let keys: Option<Vec<SmolStr>> = items.iter().map(|item| text(scope, item)).collect();
        let keys = keys.filter(|keys| keys.len() == self.keys.len() && keys.iter().all(|key| !key.is_empty()));
        if keys.is_none() {
            let shown: Vec<_> = self.keys.iter().map(|key| format!("\"{key}\"")).collect();
            let help = match shown.as_slice() {
                [only] => format!("it has one key, as in `{only} => {{ … }}`"),
                _ => format!("it has {} keys, as in `({}) => {{ … }}`", shown.len(), shown.join(", ")),
            };
            let diagnostic = Diagnostic::new(Code::WrongRow, at.clone(), "this is no key of the table");
            scope.problem(diagnostic.help(help));
        }
        Some((keys?, at.clone()))
    }

    /// The cells behind the keys.
    fn values(&self, scope: &mut Scope, arm: &Arm) -> Option<Cells> {
        let ExprKind::Block(block) = &*arm.value.kind else {
            let diagnostic = Diagnostic::new(Code::WrongRow, arm.value.at.clone(), "a row names its columns in braces");
            let first = self.columns.first().map_or("column", |column| &column.name);
            scope.problem(diagnostic.help(format!("as in `{{ {first}: … }}`")));
            return None;
        };
        let mut given: FxHashMap<&str, (SmolStr, Option<SmolStr>)> = FxHashMap::default();
        for item in &block.items {
            let BlockItem::Rule(rule) = item else {
                scope.error(Code::WrongRow, &arm.value.at, "a row holds nothing but columns");
                return None;
            };
            let name = rule.target.first.text.as_str();
            let Some(column) = self.columns.iter().find(|column| column.name == name) else {
                scope.problem(self.no_column(&rule.target.first));
                continue;
            };
            let [value] = rule.values.as_slice() else {
                scope.error(Code::WrongRow, &rule.at, "a column holds one value");
                continue;
            };
            if let Some(value) = cell(scope, column, value) {
                given.insert(name, value);
            }
        }
        let mut row = Cells::new();
        for column in &self.columns {
            let value = given.remove(column.name.as_str());
            if value.is_none() && !column.optional && scope.errors_since(0).next().is_none() {
                let message = format!("this row has no `{}`", column.name);
                let diagnostic = Diagnostic::new(Code::WrongRow, arm.value.at.clone(), message);
                scope.problem(diagnostic.help("give it a value, or let the column be optional: a `?` behind its type"));
            }
            let (text, display) = value.map_or((None, None), |(text, display)| (Some(text), display));
            self.put(column, text, display, &mut row);
        }
        Some(row)
    }

    fn no_column(&self, name: &Word) -> Diagnostic {
        let message = format!("`{}` has no column `{}`", self.name, name.text);
        let diagnostic = Diagnostic::new(Code::WrongRow, name.at.clone(), message);
        let known = || self.columns.iter().map(|column| column.name.as_str());
        match super::suggest::nearest(&name.text, known()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.at.clone(), near),
            None => diagnostic.help(format!("it has `{}`", known().collect::<Vec<_>>().join("`, `"))),
        }
    }

    // ---- rows of a file, or of what is asked

    /// Nothing if the rows are asked for while messages come, or cannot be had.
    fn of_source(&self, scope: &mut Scope, source: &tree::Expr, settings: bool) -> Option<Table> {
        let ExprKind::Call { name, .. } = &*source.kind else { return None };
        if ASKED.contains(&name.text.as_str()) {
            return None;
        }
        if name.text == KNOWN_SYSTEMS && self.keys.len() == 1 && self.columns.len() == 1 {
            return Some(self.of_systems(scope));
        }
        if name.text != "csv" || settings {
            let message = format!("the rows of a table cannot come from `{}`", name.text);
            let message = if settings { "a file has no settings of its own".to_owned() } else { message };
            let diagnostic = Diagnostic::new(Code::WrongCall, name.at.clone(), message);
            scope.problem(
                diagnostic.help("they come from `csv(\"…\")`, `sql(…) { … }`, `fhir(…) { … }`, or stand in braces"),
            );
            return Some(self.packed(&[]));
        }
        let names: Vec<&str> =
            self.keys.iter().chain(self.columns.iter().map(|column| &column.name)).map(SmolStr::as_str).collect();
        let rows = rows::source(scope, source, &names).and_then(|source| {
            let sheet = csv::sheet(scope, &source)?;
            self.of_sheet(scope, &source, &sheet)
        });
        Some(self.packed(&rows.unwrap_or_default()))
    }

    /// A row for each system that is known by an object identifier.
    fn of_systems(&self, scope: &Scope) -> Table {
        let mut known = FxHashSet::default();
        let systems = scope.world.standards().fhir.systems().into_iter();
        let first = systems.filter(|(oid, _)| known.insert(oid.clone()));
        self.packed(&first.map(|(oid, uri)| vec![Some(oid), Some(uri)]).collect::<Vec<_>>())
    }

    fn of_sheet(&self, scope: &mut Scope, source: &Source, sheet: &Sheet) -> Option<Vec<Cells>> {
        let mut place = |name: &SmolStr| match source.option(name) {
            Some((column, at)) => sheet.column(scope, column, at),
            None => sheet.column(scope, name, &source.at),
        };
        let keys: Vec<Option<usize>> = self.keys.iter().map(&mut place).collect();
        let columns: Vec<Option<usize>> = self.columns.iter().map(|column| place(&column.name)).collect();
        let (keys, columns) =
            (keys.into_iter().collect::<Option<Vec<_>>>()?, columns.into_iter().collect::<Option<Vec<_>>>()?);
        let mut findings = Findings::default();
        let mut lines: FxHashMap<Vec<&str>, u64> = FxHashMap::default();
        let mut rows = Vec::with_capacity(sheet.rows.len());
        for line in &sheet.rows {
            let at = format!("line {} of `{}`", line.number, source.name);
            let Some(key) = keys.iter().map(|key| line.cell(*key)).collect::<Option<Vec<&str>>>() else {
                findings.add(Code::WrongRow, format!("{at} lacks a key"));
                continue;
            };
            let mut row: Cells = key.iter().map(|key| Some(SmolStr::from(*key))).collect();
            if let Some(first) = lines.insert(key, line.number) {
                findings.add(Code::RowsConflict, format!("{at} has the keys of line {first}"));
                continue;
            }
            for (column, place) in self.columns.iter().zip(&columns) {
                let text = line.cell(*place);
                match text {
                    Some(text) => {
                        if let Some((code, why)) = column.what.refuses(scope, text, &source.at) {
                            findings.add(code, format!("{why}, in {at}"));
                        }
                    }
                    None if column.optional => {}
                    None => findings.add(Code::WrongRow, format!("{at} has no `{}`", column.name)),
                }
                self.put(column, text.map(SmolStr::from), None, &mut row);
            }
            rows.push(row);
        }
        findings.tell(scope, &source.at);
        Some(rows)
    }
}

/// What stands in a column, with a display where it is a code that has one; nothing for `absent`.
fn cell(scope: &mut Scope, column: &Column, value: &tree::Expr) -> Option<(SmolStr, Option<SmolStr>)> {
    let found = expression::infer(scope, value);
    let (text, display) = match (*found.kind, &column.what) {
        (Kind::Text(text) | Kind::Number(text), _) => (text, None),
        (Kind::Boolean(value), _) => (format_smolstr!("{value}"), None),
        (Kind::Code { system, code, display }, Holds::Code(own)) if system == *own => (code, display),
        (Kind::Absent | Kind::Error, _) => return None,
        _ => {
            let message = format!("this is not what the column `{}` holds", column.name);
            scope.error(Code::WrongRow, &value.at, message);
            return None;
        }
    };
    if let Some((code, message)) = column.what.refuses(scope, &text, &value.at) {
        scope.error(code, &value.at, message);
    }
    Some((text, display))
}

fn text(scope: &mut Scope, written: &tree::Expr) -> Option<SmolStr> {
    match *expression::infer(scope, written).kind {
        Kind::Text(text) | Kind::Number(text) => Some(text),
        Kind::Code { code, .. } => Some(code),
        _ => None,
    }
}
