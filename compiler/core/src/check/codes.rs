//! Code tables: `codes Gender from v2-0001 to "http://…" { "M" => "male", … }`.

use super::World;
use super::csv::{self, Sheet};
use super::rows::{self, Findings, Source};
use super::scope::Scope;
use super::systems::{canonical, system};
use super::typed::{ArmPlace, CodeArm, CodeKey, CodeResult, CodeTable, CodeTo, Expr, Key, Kind};
use super::{conceptmap, expression, operator, terms};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{self, DeclaredKind, Found};
use crate::syntax::tree::{self, Arm, At, CodeTable as Written, Codes, Extend, Pattern, Word};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

/// A table of that name without a row, where its rows cannot be known.
pub fn no_codes(codes: &Codes, module: &str) -> CodeTable {
    CodeTable { key: resolve::key(module, &codes.name.text), from: None, to: None, arms: Vec::new(), otherwise: None }
}

/// The table that is declared, and what is wrong with it.
pub fn codes(codes: &Codes, module: &str, world: &dyn World) -> (CodeTable, Vec<Diagnostic>) {
    let mut scope = Scope::new(world);
    let from = codes.from.as_ref().and_then(|named| system(&mut scope, named));
    let to = codes.to.as_ref().and_then(|named| system(&mut scope, named));
    let mut table = CodeTable { from, to, ..no_codes(codes, module) };
    match &codes.table {
        Written::From(source) => from_file(&mut scope, &mut table, source),
        Written::Arms(arms) => {
            let mut known = FxHashSet::default();
            for arm in arms {
                add(&mut scope, &mut table, arm, &mut known);
            }
        }
    }
    (table, scope.problems)
}

/// The table that a declaration names.
pub fn table_of(name: &Word, world: &dyn World) -> Result<Key, Box<Diagnostic>> {
    match world.find(&name.text) {
        Found::One(export) if export.kind == DeclaredKind::Codes => Ok(export.key),
        found => Err(Box::new(operator::not_codes(world, name, &found))),
    }
}

/// By what the arms are known that a module adds to a table.
pub fn extension_key(extend: &Extend, module: &str) -> Key {
    format!("{module}.extend {}", extend.table.text).into()
}

/// Teaches a table more rows; gives what is wrong with them. What the table holds already stays as it is.
pub fn extend(table: &mut CodeTable, extend: &Extend, module: &str, world: &dyn World) -> Vec<Diagnostic> {
    let mut scope = Scope::new(world);
    for arm in &extend.arms {
        if arm.patterns.is_empty() {
            let message = "`else` is the table's own: rows that are added to it have none";
            let diagnostic = Diagnostic::new(Code::RowsConflict, arm.at.clone(), message);
            scope.problem(
                diagnostic.help("name the codes, or say behind `via` what else there is: `… via Table else …`"),
            );
            continue;
        }
        let Some(result) = placed(&mut scope, table, arm, &extension_key(extend, module)) else { continue };
        let mut keys = Vec::new();
        for (key, at) in arm.patterns.iter().filter_map(|pattern| pattern_key(&mut scope, pattern)).collect::<Vec<_>>()
        {
            let known = table.arms.iter().flat_map(|arm| &arm.keys).chain(&keys);
            if known.into_iter().any(|known| known.meets(&key)) {
                scope.problem(known_row(table, at));
            } else {
                keys.push(key);
            }
        }
        table.arms.push(CodeArm { keys, result });
    }
    scope.problems
}

fn known_row(table: &CodeTable, at: At) -> Diagnostic {
    let name = table.key.rsplit('.').next().unwrap_or_default();
    let message = format!("`{name}` has a row for this code already");
    Diagnostic::new(Code::RowsConflict, at, message)
        .help("a table that is extended keeps its rows; where they do not fit, write a table of your own")
}

/// `= csv(…)`, `= conceptmap(…)`
fn from_file(scope: &mut Scope, table: &mut CodeTable, written: &tree::Expr) {
    let tree::ExprKind::Call { name, .. } = &*written.kind else { return };
    match name.text.as_str() {
        "csv" => {
            let Some(source) = rows::source(scope, written, &["code", "to", "system", "display"]) else { return };
            let Some(sheet) = csv::sheet(scope, &source) else { return };
            from_sheet(scope, table, &source, &sheet);
        }
        "conceptmap" => {
            if let Some(source) = rows::source(scope, written, &[]) {
                conceptmap::fill(scope, table, &source);
            }
        }
        other => {
            let message = format!("a code table cannot come from `{other}`");
            let diagnostic = Diagnostic::new(Code::WrongCall, name.at.clone(), message);
            scope.problem(diagnostic.help("it comes from `csv(\"…\")`, `conceptmap(\"…\")`, or arms in braces"));
        }
    }
}

/// A row each: a code, what it becomes, and its system and display where there are such columns.
fn from_sheet(scope: &mut Scope, table: &mut CodeTable, source: &Source, sheet: &Sheet) {
    let mut needed = |name| match source.option(name) {
        Some((column, at)) => sheet.column(scope, column, at),
        None => sheet.column(scope, name, &source.at),
    };
    let (code, to) = (needed("code"), needed("to"));
    let mut optional = |name| match source.option(name) {
        Some((column, at)) => sheet.column(scope, column, at),
        None => sheet.optional(name),
    };
    let (system, display) = (optional("system"), optional("display"));
    let (Some(code), Some(to)) = (code, to) else { return };
    let mut findings = Findings::default();
    let mut lines = FxHashMap::default();
    for row in &sheet.rows {
        let Some(key) = row.cell(code) else {
            findings.add(Code::WrongRow, format!("line {} of `{}` has no code", row.number, source.name));
            continue;
        };
        if let Some(first) = lines.insert(key, row.number) {
            let message =
                format!("`{key}` stands in line {first} of `{}` and again in line {}", source.name, row.number);
            findings.add(Code::RowsConflict, message);
            continue;
        }
        let named = system.and_then(|system| row.cell(system));
        let what = match row.cell(to) {
            Some(code) => {
                let system = named.map(|named| canonical(scope.world, named)).or_else(|| table.to.clone());
                let wrong = system.as_ref().and_then(|system| terms::wrong(scope, system, code, &source.at));
                if let Some(wrong) = wrong {
                    findings.add(wrong.code, format!("{}, in line {} of `{}`", wrong.message, row.number, source.name));
                }
                let display = display.and_then(|display| row.cell(display)).map(SmolStr::from);
                CodeTo::Code { system, code: code.into(), display }
            }
            None => CodeTo::Absent(None),
        };
        table.arms.push(CodeArm {
            keys: vec![CodeKey::Code(key.into())],
            result: CodeResult { what, warn: None, place: None },
        });
    }
    findings.tell(scope, &source.at);
}

fn add(scope: &mut Scope, table: &mut CodeTable, arm: &Arm, known: &mut FxHashSet<CodeKey>) {
    if table.otherwise.is_some() {
        let diagnostic =
            Diagnostic::new(Code::UnreachableArm, arm.at.clone(), "this arm is never taken: `else` stands before it");
        scope.problem(diagnostic.help("put `else` last"));
        return;
    }
    let Some(result) = placed(scope, table, arm, &table.key) else { return };
    if arm.patterns.is_empty() {
        table.otherwise = Some(result);
        return;
    }
    let mut keys = Vec::new();
    for pattern in &arm.patterns {
        let Some((key, at)) = pattern_key(scope, pattern) else { continue };
        if !known.insert(key.clone()) {
            let diagnostic = Diagnostic::new(Code::UnreachableArm, at, "an arm above takes this code already");
            scope.problem(diagnostic.help("take one of the two away"));
        } else {
            keys.push(key);
        }
    }
    table.arms.push(CodeArm { keys, result });
}

fn pattern_key(scope: &mut Scope, pattern: &Pattern) -> Option<(CodeKey, At)> {
    match pattern {
        Pattern::Range(bounds) => Some((CodeKey::Range(bounds.min, bounds.max), bounds.at.clone())),
        Pattern::Is(_, at) => {
            scope.error(Code::WrongType, at, "a code table is looked up by codes");
            None
        }
        Pattern::Value(expr) => {
            let value = expression::infer(scope, expr);
            match *value.kind {
                Kind::Text(code) | Kind::Code { code, .. } => Some((CodeKey::Code(code), expr.at.clone())),
                Kind::Number(number) => Some((CodeKey::Code(number), expr.at.clone())),
                Kind::Error => None,
                _ => {
                    scope.error(Code::WrongType, &expr.at, "a code table is looked up by codes that stand in it");
                    None
                }
            }
        }
    }
}

/// What an arm of an item comes to.
fn placed(scope: &mut Scope, table: &CodeTable, arm: &Arm, item: &Key) -> Option<CodeResult> {
    let result = result(scope, &arm.value, table.to.as_ref())?;
    Some(CodeResult { place: Some(ArmPlace { item: item.clone(), at: arm.at.clone() }), ..result })
}

fn result(scope: &mut Scope, expr: &tree::Expr, to: Option<&SmolStr>) -> Option<CodeResult> {
    let with = |what| Some(CodeResult { what, warn: None, place: None });
    match &*expr.kind {
        tree::ExprKind::Keep => return with(CodeTo::Keep),
        tree::ExprKind::Skip => return with(CodeTo::Skip),
        tree::ExprKind::Reject(text) => return with(CodeTo::Reject(text.text.clone())),
        tree::ExprKind::Warn { value, text } => {
            let text =
                text.as_ref().map_or_else(|| "a code that the table does not hold".into(), |word| word.text.clone());
            return result(scope, value, to).map(|result| CodeResult { warn: Some(text), ..result });
        }
        tree::ExprKind::WarnOnly(text) => {
            let text = text.as_ref().map(|word| word.text.clone());
            let warn = Some(text.unwrap_or_else(|| "a code that the table does not hold".into()));
            return Some(CodeResult { what: CodeTo::Absent(None), warn, place: None });
        }
        _ => {}
    }
    let value: Expr = expression::infer(scope, expr);
    match *value.kind {
        Kind::Text(code) => {
            if let Some(system) = to {
                terms::hold(scope, system, &code, &expr.at);
            }
            with(CodeTo::Code { system: to.cloned(), code, display: None })
        }
        Kind::Number(code) => with(CodeTo::Code { system: to.cloned(), code, display: None }),
        Kind::Boolean(value) => {
            with(CodeTo::Code { system: to.cloned(), code: value.to_string().into(), display: None })
        }
        Kind::Code { system, code, display } => with(CodeTo::Code { system: Some(system), code, display }),
        Kind::Absent => with(CodeTo::Absent(None)),
        Kind::DataAbsent(reason) => with(CodeTo::Absent(Some(reason))),
        Kind::Error => None,
        _ => {
            let diagnostic = Diagnostic::new(Code::WrongType, expr.at.clone(), "a code table gives codes");
            scope.problem(diagnostic.help("write a code, `keep`, `absent`, `skip` or `reject \"…\"`"));
            None
        }
    }
}
