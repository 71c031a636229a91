//! What is read of tables: `LabCode(MSH-4.1, OBX-3.1).loinc`, `PV1-3.4 in Facility`.

use super::scope::{Row, Scope};
use super::suggest::nearest;
use super::typed::{Expr, Key, Kind, RowTable, State, Ty, TyKind};
use super::{condition, convert, expression, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::files;
use crate::resolve::{DeclaredKind, Export, Found};
use crate::syntax::tree::{self, Argument, At, Count, ExprKind, Let, Part, PartKind, Word};
use smol_str::SmolStr;

/// The table that a call reads, if it is one.
pub(super) fn named(scope: &Scope, name: &Word) -> Option<Key> {
    match scope.world.find(&name.text) {
        Found::One(export) if export.kind == DeclaredKind::Table => Some(export.key),
        _ => None,
    }
}

/// A column of the row with these keys. Lifts over the one that is a list.
pub(super) fn read(scope: &mut Scope, table: &Key, arguments: &[Argument], parts: &[Part], at: &At) -> Expr {
    scope.uses.push(table.clone());
    let Some(found) = scope.world.table(table) else { return Expr::error(at) };
    let found = found.clone();
    let column = column_of(scope, &found, &format!("{}(…)", short(table)), parts, at);
    let keys = ordered(scope, &found, arguments, at).and_then(|keys| self::keys(scope, keys));
    let (Some((column, ty)), Some(keys)) = (column, keys) else { return Expr::error(at) };
    lookup(scope, table, keys, Some(column), ty, at)
}

/// `let known = LabCode(MSH-4.1, OBX-3.1)`, whose columns are read by `known.loinc`. Nothing if the value is no row; no row if
/// it is a wrong one.
pub(super) fn row(scope: &mut Scope, named: &Let) -> Option<Option<Row>> {
    let ExprKind::Call { name, arguments, parts } = &*named.value.kind else { return None };
    let table = self::named(scope, name).filter(|_| parts.is_empty() && named.ty.is_none())?;
    scope.uses.push(table.clone());
    let found = scope.world.table(&table)?.clone();
    let keys = ordered(scope, &found, arguments, &named.value.at).and_then(|keys| self::keys(scope, keys));
    Some(keys.map(|keys| Row { table, keys }))
}

/// `known.loinc`
pub(super) fn of_row(scope: &mut Scope, row: &Row, name: &SmolStr, parts: &[Part], at: &At) -> Expr {
    let Some(found) = scope.world.table(&row.table).cloned() else { return Expr::error(at) };
    match column_of(scope, &found, name, parts, at) {
        Some((column, ty)) => lookup(scope, &row.table, row.keys.clone(), Some(column), ty, at),
        None => Expr::error(at),
    }
}

/// The column that is asked of a row, and its type.
fn column_of(scope: &mut Scope, table: &RowTable, row: &str, parts: &[Part], at: &At) -> Option<(u32, TyKind)> {
    let column = match parts {
        [Part { kind: PartKind::Child(name), at }] => column(scope, table, name, at)?,
        [Part { kind: PartKind::Unfinished, .. }] => return None,
        _ => {
            let message = format!("`{}` gives a row: say which column", short(&table.key));
            let diagnostic = Diagnostic::new(Code::WrongCall, at.clone(), message);
            let first = table.columns.first().map_or("column", |column| &column.name);
            scope.problem(diagnostic.help(format!("as in `{row}.{first}`")));
            return None;
        }
    };
    let ty = table.columns.get(column as usize).map_or(TyKind::Error, |column| column.ty.clone());
    Some((column, ty))
}

fn short(table: &Key) -> &str {
    table.rsplit('.').next().unwrap_or_default()
}

fn column(scope: &mut Scope, table: &RowTable, name: &SmolStr, at: &At) -> Option<u32> {
    let found = table.columns.iter().position(|column| column.name == *name);
    if found.is_none() {
        let message = format!("`{}` has no column `{name}`", short(&table.key));
        let diagnostic = Diagnostic::new(Code::UnknownElement, at.clone(), message);
        let known = || table.columns.iter().map(|column| column.name.as_str());
        scope.problem(match nearest(name, known()) {
            Some(near) => diagnostic.help(format!("did you mean `.{near}`?")),
            None => diagnostic.help(format!("it has `{}`", known().collect::<Vec<_>>().join("`, `"))),
        });
    }
    found.and_then(|found| u32::try_from(found).ok())
}

/// The arguments in the order of the keys.
fn ordered<'a>(scope: &mut Scope, table: &RowTable, arguments: &'a [Argument], at: &At) -> Option<Vec<&'a tree::Expr>> {
    let place = |index: usize, argument: &Argument| match &argument.name {
        Some(name) => table.keys.iter().position(|key| *key == name.text),
        None => Some(index),
    };
    let mut ordered = vec![None; table.keys.len()];
    let mut fits = arguments.len() == table.keys.len();
    for (index, argument) in arguments.iter().enumerate() {
        match place(index, argument).and_then(|place| ordered.get_mut(place)) {
            Some(free @ None) => *free = Some(&argument.value),
            _ => fits = false,
        }
    }
    let found = ordered.into_iter().collect::<Option<Vec<_>>>().filter(|_| fits);
    if found.is_none() {
        let message = format!("`{}` is read by its keys", short(&table.key));
        let diagnostic = Diagnostic::new(Code::WrongCall, at.clone(), message);
        scope.problem(diagnostic.help(format!("as in `{}({})`", short(&table.key), table.keys.join(", "))));
    }
    found
}

fn keys(scope: &mut Scope, written: Vec<&tree::Expr>) -> Option<Vec<Expr>> {
    let keys: Vec<Expr> = written.into_iter().map(|key| expression::infer(scope, key)).collect();
    let mut fine = true;
    let mut lists = 0;
    for key in &keys {
        fine &= !key.is_error() && is_key(scope, key);
        lists += usize::from(key.ty.is_list());
        if key.ty.is_list() && lists > 1 {
            let message = "this key is one value, and this is a list";
            let diagnostic = Diagnostic::new(Code::ManyForOne, key.at.clone(), message);
            scope.problem(
                diagnostic.help("write `first …`; one key of a table may be a list, and another is one already"),
            );
            fine = false;
        }
    }
    fine.then_some(keys)
}

/// A text, or a code, which is looked up by itself.
fn is_key(scope: &mut Scope, key: &Expr) -> bool {
    let fits = match &key.ty.kind {
        TyKind::Hl7(_, name) => {
            convert::is_hl7_primitive(scope, name) || matches!(name.as_str(), "CWE" | "CE" | "CNE" | "varies")
        }
        TyKind::Fhir(name) => convert::primitive_named(&convert::base_key(scope, name)).is_some(),
        TyKind::Coded | TyKind::Nothing | TyKind::Error => true,
        _ => false,
    };
    if !fits {
        let message = format!("a table is looked up by texts, and this is {}", a(&types::show_kind(&key.ty.kind)));
        let diagnostic = Diagnostic::new(Code::WrongType, key.at.clone(), message);
        scope.problem(diagnostic.help("name the part that is the key, as in `PID-3[1].4.1`"));
    }
    fits
}

fn lookup(scope: &mut Scope, table: &Key, mut keys: Vec<Expr>, column: Option<u32>, ty: TyKind, at: &At) -> Expr {
    let ty = Ty { kind: ty, count: Count::Optional };
    if scope.before_maps && scope.world.table(table).is_some_and(|table| table.rows.is_none()) {
        let message = format!("`{}` is asked for what a map looks up, and this is read before", short(table));
        let diagnostic = Diagnostic::new(Code::NotAskedYet, at.clone(), message);
        scope.problem(diagnostic.help("look it up in a map; here stands a table of rows or of a file"));
        return Expr::error(at);
    }
    if let Some(place) = keys.iter().position(|key| key.ty.is_list()) {
        let list = keys.remove(place);
        return convert::each(scope, list, |item| {
            keys.insert(place, item);
            Expr::new(Kind::Lookup { table: table.clone(), keys, column }, ty, at)
        });
    }
    Expr::new(Kind::Lookup { table: table.clone(), keys, column }, ty, at)
}

/// What is looked up by `in`.
pub(super) enum Rows {
    Table(Export),
    /// By its URL; nothing if there is no such set.
    Set(Option<SmolStr>),
}

/// The table or value set that the right side of `in` names; nothing if it is something else.
pub(super) fn rows_of(scope: &mut Scope, right: &tree::Expr) -> Option<Rows> {
    if let ExprKind::Call { name, arguments, parts } = &*right.kind
        && name.text == "valueset"
        && parts.is_empty()
    {
        return Some(Rows::Set(value_set(scope, arguments, &right.at)));
    }
    let ExprKind::Path(path) = &*right.kind else { return None };
    let root = path.root.as_ref()?;
    let mut name = root.text.to_string();
    for part in &path.parts {
        let PartKind::Child(child) = &part.kind else { return None };
        name = format!("{name}.{child}");
    }
    if scope.local(&root.text).is_some() {
        return None;
    }
    match scope.world.find(&name) {
        Found::One(export) if matches!(export.kind, DeclaredKind::Codes | DeclaredKind::Table) => {
            Some(Rows::Table(export))
        }
        _ => None,
    }
}

/// The set of `valueset("…")`, if all its codes are known.
fn value_set(scope: &mut Scope, arguments: &[Argument], at: &At) -> Option<SmolStr> {
    let url = match arguments {
        [only] if only.name.is_none() => files::plain(only),
        _ => None,
    };
    let Some(url) = url else {
        let diagnostic = Diagnostic::new(Code::WrongCall, at.clone(), "`valueset` takes the URL of one value set");
        scope.problem(diagnostic.help("as in `valueset(\"http://hl7.org/fhir/ValueSet/observation-status\")`"));
        return None;
    };
    let (message, help) = match scope.world.standards().fhir.value_set(&url) {
        Some(set) if set.complete => return Some(url.into()),
        Some(_) => (
            format!("not all codes of the value set `{url}` are known"),
            "what it refers to is not there: name its files in `[terminology]` of `emr.toml`",
        ),
        None => (
            format!("there is no value set `{url}`"),
            "one that neither R4 nor a package has is named in `[terminology]` of `emr.toml`",
        ),
    };
    scope.problem(Diagnostic::new(Code::UnknownValueSet, at.clone(), message).help(help));
    None
}

/// `X in Facility`, `(A, B) in LabCode`, `X in Analyte`: whether a table has a row.
pub(super) fn within(scope: &mut Scope, rows: &Rows, left: &tree::Expr, at: &At) -> Expr {
    let of_several = matches!(rows, Rows::Table(table) if table.kind == DeclaredKind::Table);
    let written = match &*left.kind {
        ExprKind::List { items, parts } if parts.is_empty() && of_several => items.iter().collect(),
        _ => vec![left],
    };
    let keys = written.into_iter().map(|key| expression::infer(scope, key)).collect();
    has(scope, rows, keys, at)
}

/// The same for keys that are known.
pub(super) fn has(scope: &mut Scope, rows: &Rows, keys: Vec<Expr>, at: &At) -> Expr {
    if let Some(list) = keys.iter().find(|key| key.ty.is_list()) {
        let help = "write `any(X in …)` or `all(X in …)`, or `first X`";
        let message = "one value is looked up here, and this is a list";
        let diagnostic = condition::several(scope, list, &list.at, message, help);
        scope.problem(diagnostic);
        return Expr::error(at);
    }
    if !keys.iter().all(|key| !key.is_error() && is_key(scope, key)) {
        return Expr::error(at);
    }
    let table = match rows {
        Rows::Table(table) => table,
        Rows::Set(set) => {
            let kind = match (set, keys.into_iter().next()) {
                (Some(set), Some(value)) => Kind::InSet { value, set: set.clone() },
                _ => return Expr::error(at),
            };
            return Expr::new(kind, Ty::fhir("boolean"), at);
        }
    };
    scope.uses.push(table.key.clone());
    let names = match table.kind {
        DeclaredKind::Codes => None,
        _ => scope.world.table(&table.key).map(|table| table.keys.clone()),
    };
    if let Some(names) = names.as_ref().filter(|names| names.len() != keys.len()) {
        let message = format!("`{}` has {} keys", short(&table.key), names.len());
        let diagnostic = Diagnostic::new(Code::WrongCall, at.clone(), message);
        scope.problem(diagnostic.help(format!("as in `({}) in {}`", names.join(", "), short(&table.key))));
        return Expr::error(at);
    }
    let table = table.key.clone();
    let kind = match names {
        Some(_) => {
            let value = lookup(scope, &table, keys, None, TyKind::Fhir("string".into()), at);
            Kind::Is { value, state: State::Present }
        }
        None => match keys.into_iter().next() {
            Some(value) => Kind::InCodes { value, table },
            None => Kind::Error,
        },
    };
    Expr::new(kind, Ty::fhir("boolean"), at)
}
