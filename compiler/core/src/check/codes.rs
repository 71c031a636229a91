//! Code tables: `codes Gender from v2-0001 to "http://…" { "M" => "male", … }`.

use super::World;
use super::expression;
use super::literal::system_uri;
use super::scope::Scope;
use super::signature::key;
use super::suggest::nearest;
use super::typed::{CodeArm, CodeKey, CodeResult, CodeTable, CodeTo, Expr, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, Arm, At, CodeTable as Written, Codes, Pattern, System};
use smol_str::SmolStr;

/// The table that is declared, and what is wrong with it.
pub fn codes(codes: &Codes, module: &str, world: &dyn World) -> (CodeTable, Vec<Diagnostic>) {
    let mut scope = Scope::new(world);
    let from = codes.from.as_ref().and_then(|system| self::system(&mut scope, system));
    let to = codes.to.as_ref().and_then(|system| self::system(&mut scope, system));
    let mut table = CodeTable { key: key(module, &codes.name), from, arms: Vec::new(), otherwise: None };
    match &codes.table {
        Written::From(source) => {
            scope.not_yet(&source.at, "a code table from a file");
        }
        Written::Arms(arms) => {
            for arm in arms {
                add(&mut scope, &mut table, arm, to.as_ref());
            }
        }
    }
    (table, scope.problems)
}

fn system(scope: &mut Scope, system: &System) -> Option<SmolStr> {
    match system {
        System::Name(name) => system_uri(scope, name),
        System::Uri(uri) => Some(uri.text.clone()),
    }
}

fn add(scope: &mut Scope, table: &mut CodeTable, arm: &Arm, to: Option<&SmolStr>) {
    if table.otherwise.is_some() {
        let diagnostic =
            Diagnostic::new(Code::UnreachableArm, arm.at.clone(), "this arm is never taken: `else` stands before it");
        scope.problem(diagnostic.help("put `else` last"));
        return;
    }
    let Some(result) = result(scope, &arm.value, to) else { return };
    if arm.patterns.is_empty() {
        table.otherwise = Some(result);
        return;
    }
    let mut keys = Vec::new();
    for pattern in &arm.patterns {
        let Some((key, at)) = pattern_key(scope, pattern) else { continue };
        if table.arms.iter().flat_map(|arm| &arm.keys).chain(&keys).any(|known| *known == key) {
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

fn result(scope: &mut Scope, expr: &tree::Expr, to: Option<&SmolStr>) -> Option<CodeResult> {
    let with = |what| Some(CodeResult { what, warn: None });
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
            return Some(CodeResult { what: CodeTo::Absent(None), warn });
        }
        _ => {}
    }
    let value: Expr = expression::infer(scope, expr);
    match *value.kind {
        Kind::Text(code) => {
            in_target(scope, to, &code, &expr.at);
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

/// A right-hand code must be one of the target system, where its codes are known.
fn in_target(scope: &mut Scope, to: Option<&SmolStr>, code: &str, at: &At) {
    let Some(target) = to.and_then(|system| scope.world.standards().fhir.code_system(system)) else { return };
    if target.find(code).is_some() {
        return;
    }
    let message = format!("`{code}` is not a code of `{}`", target.url);
    let diagnostic = Diagnostic::new(Code::UnknownCode, at.clone(), message);
    let known = || target.concepts.iter().map(|concept| concept.code.as_str());
    let help = match nearest(code, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", known().take(12).map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")),
    };
    scope.problem(diagnostic.help(help));
}
