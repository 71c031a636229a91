//! Code systems as they are named: by a constant, an HL7 table, a URI or an object identifier. Names of one system are one
//! system.

use super::World;
use super::scope::Scope;
use super::typed::{CodeKey, CodeTo, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{DeclaredKind, Found};
use crate::syntax::tree::{System, Word};
use smol_str::{SmolStr, format_smolstr};

/// The library's table of the object identifiers that everybody knows, to which a project may add rows.
pub const SYSTEM_OIDS: &str = "std.coded.SystemOid";

/// The URI of the system that is named: `v2-0203`, a constant, a URI, an object identifier.
pub(super) fn system(scope: &mut Scope, system: &System) -> Option<SmolStr> {
    match system {
        System::Name(name) => named(scope, name),
        System::Uri(uri) => Some(canonical(scope.world, &uri.text)),
    }
}

/// The URI of a system by its name in the mapping.
pub(super) fn named(scope: &mut Scope, system: &Word) -> Option<SmolStr> {
    if let Some(uri) = v2_system(&system.text) {
        let standards = scope.world.standards();
        let number = system.text.trim_start_matches("v2-");
        if standards.hl7.table(number).is_none() && standards.fhir.code_system(&uri).is_none() {
            let message = format!("HL7 v2 has no table {number}");
            let diagnostic = Diagnostic::new(Code::UnknownSystem, system.at.clone(), message);
            scope.problem(
                diagnostic.help("look its number up; tables of your own are constants: `let colours = \"http://…\"`"),
            );
        }
        return Some(uri);
    }
    if let Found::One(export) = scope.world.find(&system.text)
        && export.kind == DeclaredKind::Constant
        && let Some(constant) = scope.world.constant(&export.key)
    {
        match &*constant.kind {
            Kind::Text(uri) => return Some(canonical(scope.world, uri)),
            // What is wrong with it is said where it stands.
            Kind::Error => return None,
            _ => {}
        }
    }
    // A name that was mended is told of as what could not be read.
    if system.at.len() != system.text.len() {
        return None;
    }
    let message = format!("there is no code system `{}`", system.text);
    let diagnostic = Diagnostic::new(Code::UnknownSystem, system.at.clone(), message);
    let known: Vec<SmolStr> = scope.world.names().known().cloned().collect();
    let help = match super::suggest::nearest(&system.text, known.iter().map(SmolStr::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name it by its URI: `let {} = \"http://…\"`", system.text),
    };
    scope.problem(diagnostic.help(help));
    None
}

/// HL7 tables are code systems: `v2-0203`.
pub fn v2_system(name: &str) -> Option<SmolStr> {
    let number = name.strip_prefix("v2-")?;
    let digits = number.len() == 4 && number.chars().all(|c| c.is_ascii_digit());
    digits.then(|| format_smolstr!("http://terminology.hl7.org/CodeSystem/v2-{number}"))
}

/// The one URI of a system, whichever of its names is written. What is no name of a known system stays as it is, but an
/// object identifier, which is a URI behind `urn:oid:`.
pub(super) fn canonical(world: &dyn World, written: &str) -> SmolStr {
    if let Some(uri) = v2_system(written) {
        return uri;
    }
    let oid = written.strip_prefix("urn:oid:").unwrap_or(written);
    if !is_oid(oid) {
        return written.into();
    }
    let known = oids(world).into_iter().find(|(known, _)| known == oid).map(|(_, uri)| uri);
    let of_table = || {
        let number: u16 = oid.strip_prefix(TABLES)?.parse().ok()?;
        v2_system(&format!("v2-{number:04}"))
    };
    let known = known.or_else(|| world.standards().fhir.system_of(oid)).or_else(of_table);
    known.unwrap_or_else(|| format_smolstr!("urn:oid:{oid}"))
}

/// The arc of HL7's tables, each by its number.
const TABLES: &str = "2.16.840.1.113883.12.";

/// What the library says of object identifiers. What a project adds to it may name systems itself, and is no part of it.
fn oids(world: &dyn World) -> Vec<(SmolStr, SmolStr)> {
    let arms = world.own_codes(SYSTEM_OIDS).into_iter().flat_map(|table| &table.arms);
    arms.flat_map(|arm| {
        arm.keys.iter().filter_map(|key| match (key, &arm.result.what) {
            (CodeKey::Code(oid), CodeTo::Code { code, .. }) => Some((oid.clone(), code.clone())),
            _ => None,
        })
    })
    .collect()
}

/// X.660: numbers between dots, the first of them 0 to 2.
fn is_oid(text: &str) -> bool {
    let mut arcs = text.split('.');
    let number = |arc: &str| {
        !arc.is_empty() && arc.bytes().all(|it| it.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'))
    };
    arcs.next().is_some_and(|first| matches!(first, "0" | "1" | "2")) && arcs.clone().count() > 1 && arcs.all(number)
}
