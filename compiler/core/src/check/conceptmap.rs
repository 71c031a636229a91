//! Code tables from FHIR R4 ConceptMaps: `group`, `element`, `target`, `unmapped`.
//!
//! A translation may say less than the code, never more. So a target is taken that is `equal` or `equivalent`, else one
//! that is `wider` or `subsumes` the code (R4 ConceptMapEquivalence). One that is narrower, specializes, is inexact or only
//! related, or depends on something else, is not, which is a warning. `unmatched` and `disjoint` say that there is none.

use super::rows::{self, Findings, Source};
use super::scope::Scope;
use super::systems::canonical;
use super::typed::{CodeArm, CodeKey, CodeResult, CodeTable, CodeTo};
use super::{World, terms};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::fhir::bare;
use indexmap::IndexMap;
use serde_json::Value;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// The rows of the concept map that a source names.
pub(super) fn fill(scope: &mut Scope, table: &mut CodeTable, source: &Source) {
    let Some(text) = rows::text(scope, source) else { return };
    let map = match serde_json::from_str::<Value>(&text) {
        Ok(map) if map.get("resourceType").and_then(Value::as_str) == Some("ConceptMap") => map,
        _ => {
            let message = format!("`{}` is no FHIR ConceptMap in JSON", source.name);
            scope.problem(
                Diagnostic::new(Code::UnreadableFile, source.at.clone(), message)
                    .help("it begins with `{ \"resourceType\": \"ConceptMap\"`"),
            );
            return;
        }
    };
    let Some(groups) = groups(scope, table, source, &map) else { return };
    let mut elements = IndexMap::<&str, Vec<Target>>::new();
    for group in &groups {
        let to = system(scope.world, group, "target");
        for element in items(group, "element") {
            let Some(code) = text_of(element, "code") else { continue };
            let targets = items(element, "target").filter_map(|target| Target::of(target, to.as_ref()));
            elements.entry(code).or_default().extend(targets);
        }
    }
    let mut findings = Findings::default();
    let mut left = Vec::new();
    for (code, targets) in elements {
        let what = match best(&targets) {
            Best::One(target) => {
                let wrong =
                    target.system.as_ref().and_then(|system| terms::wrong(scope, system, target.code, &source.at));
                if let Some(wrong) = wrong {
                    findings.add(wrong.code, format!("{}, in `{}`", wrong.message, source.name));
                }
                target.result()
            }
            Best::Several => {
                let message = format!("`{code}` has several translations in `{}` that are equally good", source.name);
                findings.add(Code::RowsConflict, message);
                continue;
            }
            Best::None => CodeTo::Absent(None),
            Best::NotTaken => {
                left.push(code);
                CodeTo::Absent(None)
            }
        };
        table.arms.push(CodeArm {
            keys: vec![CodeKey::Code(code.into())],
            result: CodeResult { what, warn: None, place: None },
        });
    }
    findings.tell(scope, &source.at);
    not_taken(scope, source, &left);
    table.otherwise = unmapped(scope, source, &groups).map(|what| CodeResult { what, warn: None, place: None });
}

/// The groups that translate from the table's system to its other.
fn groups<'m>(scope: &mut Scope, table: &mut CodeTable, source: &Source, map: &'m Value) -> Option<Vec<&'m Value>> {
    let world = scope.world;
    let system = |group: &Value, side: &str| system(world, group, side);
    let fits = |declared: &Option<SmolStr>, given: Option<SmolStr>| {
        declared.as_ref().is_none_or(|declared| given.is_none_or(|given| *declared == given))
    };
    let all: Vec<&Value> = items(map, "group").collect();
    let groups: Vec<&Value> = all
        .iter()
        .copied()
        .filter(|group| fits(&table.from, system(group, "source")) && fits(&table.to, system(group, "target")))
        .collect();
    let sources: BTreeSet<SmolStr> = groups.iter().filter_map(|group| system(group, "source")).collect();
    let message = match sources.len() {
        _ if groups.is_empty() => format!("`{}` has no group of these systems", source.name),
        0 | 1 => {
            table.from = table.from.take().or_else(|| sources.first().cloned());
            return Some(groups);
        }
        _ => format!("`{}` translates codes of several systems", source.name),
    };
    let known: BTreeSet<SmolStr> = all.iter().filter_map(|group| system(group, "source")).collect();
    let known: Vec<SmolStr> = known.into_iter().collect();
    let diagnostic = Diagnostic::new(Code::WrongConceptMap, source.at.clone(), message);
    scope.problem(diagnostic.help(format!("say behind `from` which it is: `{}`", known.join("`, `"))));
    None
}

/// A code that an element is translated to.
struct Target<'m> {
    system: Option<SmolStr>,
    code: &'m str,
    display: Option<&'m str>,
    /// 0 is best; nothing if it says more than the code.
    rank: Option<u8>,
}

impl<'m> Target<'m> {
    /// Nothing if it says that there is none.
    fn of(target: &'m Value, system: Option<&SmolStr>) -> Option<Target<'m>> {
        let depends = target.get("dependsOn").is_some();
        let rank = match text_of(target, "equivalence") {
            Some("unmatched" | "disjoint") => return None,
            Some("equal") => Some(0),
            Some("equivalent") => Some(1),
            Some("wider" | "subsumes") => Some(2),
            _ => None,
        };
        let code = text_of(target, "code")?;
        Some(Target {
            system: system.cloned(),
            code,
            display: text_of(target, "display"),
            rank: rank.filter(|_| !depends),
        })
    }

    fn result(&self) -> CodeTo {
        CodeTo::Code { system: self.system.clone(), code: self.code.into(), display: self.display.map(SmolStr::from) }
    }
}

enum Best<'t, 'm> {
    One(&'t Target<'m>),
    Several,
    /// There is no translation.
    None,
    /// There are some, and each says more than the code.
    NotTaken,
}

fn best<'t, 'm>(targets: &'t [Target<'m>]) -> Best<'t, 'm> {
    let Some(rank) = targets.iter().filter_map(|target| target.rank).min() else {
        return if targets.is_empty() { Best::None } else { Best::NotTaken };
    };
    let mut best = targets.iter().filter(|target| target.rank == Some(rank));
    match best.next() {
        Some(first) if best.all(|other| (&other.system, other.code) == (&first.system, first.code)) => Best::One(first),
        _ => Best::Several,
    }
}

fn not_taken(scope: &mut Scope, source: &Source, codes: &[&str]) {
    const SHOWN_MAX: usize = 8;
    if codes.is_empty() {
        return;
    }
    let shown: Vec<_> = codes.iter().take(SHOWN_MAX).map(|code| format!("`{code}`")).collect();
    let more = if codes.len() > SHOWN_MAX { format!(" and {} more", codes.len() - SHOWN_MAX) } else { String::new() };
    let message =
        format!("`{}` has no translation of {}{more} that says no more than the code", source.name, shown.join(", "));
    scope.problem(
        Diagnostic::new(Code::NotTaken, source.at.clone(), message)
            .help("only `equal`, `equivalent`, `wider` and `subsumes` are taken: say behind `via` what else there is"),
    );
}

/// What a code without an element comes to.
fn unmapped(scope: &mut Scope, source: &Source, groups: &[&Value]) -> Option<CodeTo> {
    let mut found: Vec<CodeTo> = Vec::new();
    for group in groups {
        let Some(unmapped) = group.get("unmapped") else { continue };
        match (text_of(unmapped, "mode"), text_of(unmapped, "code")) {
            (Some("provided"), _) => found.push(CodeTo::Keep),
            (Some("fixed"), Some(code)) => found.push(CodeTo::Code {
                system: system(scope.world, group, "target"),
                code: code.into(),
                display: text_of(unmapped, "display").map(SmolStr::from),
            }),
            (mode, _) => {
                let message = match mode {
                    Some("other-map") => {
                        format!("`{}` sends codes that it lacks on to another map", source.name)
                    }
                    _ => format!("`{}` does not say what becomes of codes that it lacks", source.name),
                };
                let help = "take `unmapped` out of the file, and translate by a table of that map behind it: \
                            `… via This else … via Other`";
                scope.problem(Diagnostic::new(Code::WrongConceptMap, source.at.clone(), message).help(help));
            }
        }
    }
    found.dedup();
    if found.len() > 1 {
        let message = format!("the groups of `{}` say different things of codes that they lack", source.name);
        let diagnostic = Diagnostic::new(Code::WrongConceptMap, source.at.clone(), message);
        scope.problem(diagnostic.help("say behind `to` which system is meant"));
    }
    found.into_iter().next()
}

/// The URI of a system, whichever of its names the map has for it.
fn system(world: &dyn World, group: &Value, side: &str) -> Option<SmolStr> {
    text_of(group, side).map(|name| canonical(world, bare(name)))
}

fn text_of<'m>(value: &'m Value, name: &str) -> Option<&'m str> {
    value.get(name).and_then(Value::as_str)
}

fn items<'m>(value: &'m Value, name: &str) -> impl Iterator<Item = &'m Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
