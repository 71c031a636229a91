//! `segment ZPI { … }`: a segment that a site made for itself.

use super::shapes::segment_element;
use crate::check::suggest::nearest;
use crate::check::{ANY_VERSION, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::Standards;
use crate::standard::shape::{self, Element, MANY, Shape, Type};
use crate::syntax::tree::{Count, Expr, ExprKind, Segment, SegmentField, TextPart, Word};
use smol_str::{SmolStr, format_smolstr};

/// A segment that the project declares, as a shape of the standard. None by a name that is not its own: it would hide
/// what the standard has.
pub fn segment(segment: &Segment, standards: &Standards) -> (Option<Shape>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let name = &segment.name;
    // HL7 v2.5.1 §2.11.2: names that begin with Z are left to sites.
    let is_own = name.text.len() == 3 && name.text.starts_with('Z');
    if !name.text.is_empty() && !is_own {
        let message = format!("`{}` is not a name for a segment of one's own", name.text);
        let diagnostic = Diagnostic::new(Code::NotLocal, name.at.clone(), message);
        let help = match standards.hl7.segment(ANY_VERSION, &name.text) {
            Some(_) => format!(
                "HL7 has this segment; what a sender does in it stands in a profile, as in `{}-3 0..1 as ST`",
                name.text
            ),
            None => "such a name has three letters or digits and begins with Z, as in `ZPI`".to_owned(),
        };
        problems.push(diagnostic.help(help));
    }
    let mut elements: Vec<Element> = Vec::new();
    for field in &segment.fields {
        let number = format_smolstr!("{}", field.number);
        if elements.iter().any(|element| element.name == number) {
            let message = format!("field {number} is declared twice");
            problems.push(Diagnostic::new(Code::DuplicateName, field.at.clone(), message));
        }
        if u16::try_from(field.number).is_err() || field.number == 0 {
            let diagnostic = Diagnostic::new(Code::UnknownPath, field.at.clone(), "a segment has no such field");
            problems.push(diagnostic.help("fields are counted from 1"));
        }
        elements.push(element(field, number, segment, standards, &mut problems));
    }
    let title = segment.title.as_ref().map(|title| title.text.clone()).unwrap_or_default();
    let (kind, key, base) = (shape::Kind::Segment, name.text.clone(), name.text.clone());
    let shape = Shape { key, kind, title, base, url: SmolStr::default(), elements };
    (is_own.then_some(shape), problems)
}

/// A segment or structure that another module declares too.
pub fn declared_elsewhere(name: &Word, module: &str) -> Diagnostic {
    let message = format!("the module `{module}` declares `{}` too", name.text);
    let diagnostic = Diagnostic::new(Code::DuplicateName, name.at.clone(), message);
    diagnostic.help("segments and structures are seen in the whole project: declare each of them once")
}

fn element(
    field: &SegmentField,
    number: SmolStr,
    segment: &Segment,
    standards: &Standards,
    problems: &mut Vec<Diagnostic>,
) -> Element {
    let name = &field.ty.name;
    if !is_data_type(&name.text, standards) {
        problems.push(unknown_type(field, standards));
    }
    let codes = field.one_of.iter().filter_map(|value| match code(value) {
        Some(code) => Some(code),
        None => {
            let diagnostic = Diagnostic::new(Code::WrongProfile, value.at.clone(), "this is no code");
            problems.push(diagnostic.help("the codes of a field are texts, as in `in (\"M\", \"F\")`"));
            None
        }
    });
    Element {
        name: number,
        title: field.title.as_ref().map(|title| title.text.clone()).unwrap_or_default(),
        types: vec![Type { name: name.text.clone(), shape: name.text.clone(), targets: Vec::new() }],
        min: u32::from(matches!(field.ty.count, Count::One | Count::Some)),
        max: if field.ty.count.is_list() { MANY } else { 1 },
        codes: codes.collect(),
        ..segment_element(&segment.name.text)
    }
}

/// Whether HL7 has a data type of that name in any version.
pub(super) fn is_data_type(name: &str, standards: &Standards) -> bool {
    name == "varies" || types::is_hl7_name(name) && standards.datatype(ANY_VERSION, name).is_some()
}

fn unknown_type(field: &SegmentField, standards: &Standards) -> Diagnostic {
    let name = &field.ty.name;
    let message = format!("HL7 v2 has no data type `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownType, name.at.clone(), message);
    match nearest(&name.text, standards.hl7.datatypes(ANY_VERSION).into_iter()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("as in `1 ST? \"pet name\"`"),
    }
}

/// The code that a constant is.
fn code(value: &Expr) -> Option<SmolStr> {
    match &*value.kind {
        ExprKind::Text(parts) => match parts.as_slice() {
            [] => None,
            [TextPart::Plain(text)] => Some(text.clone()),
            _ => None,
        },
        ExprKind::Raw(text) | ExprKind::Number(text) => Some(text.clone()),
        ExprKind::Code { code, .. } => Some(code.text.clone()),
        _ => None,
    }
}
