//! What the columns of the rules hold; the same on a page and in a workbook.

use emr_compiler::specification::{Rule, Source};

pub struct Column {
    pub name: &'static str,
    pub of: fn(&Rule) -> String,
    /// In characters, for a workbook.
    pub width: u8,
    /// Paths and words of the mapping's text.
    pub is_code: bool,
}

const fn column(name: &'static str, width: u8, is_code: bool, of: fn(&Rule) -> String) -> Column {
    Column { name, of, width, is_code }
}

pub const COLUMNS: &[Column] = &[
    column("HL7 path", 16, true, |rule| sources(rule, |source| source.path.clone())),
    column("HL7 name", 28, false, |rule| sources(rule, |source| source.name.clone())),
    column("HL7 type", 9, true, |rule| sources(rule, |source| source.ty.clone())),
    column("HL7 card.", 9, true, |rule| sources(rule, |source| source.cardinality.clone())),
    column("FHIR element", 34, true, |rule| rule.element.clone()),
    column("FHIR type", 16, true, |rule| rule.element_type.clone()),
    column("FHIR card.", 9, true, |rule| rule.element_cardinality.clone()),
    column("Constant", 18, true, |rule| rule.constant.clone()),
    column("Alternative", 11, false, |rule| rule.alternative.clone()),
    column("Condition", 28, true, |rule| rule.conditions.join("\n")),
    column("Code table", 22, true, |rule| rule.tables.join("\n")),
    column("If missing", 26, true, |rule| {
        rule.otherwise.iter().map(|it| format!("else {it}")).collect::<Vec<_>>().join("\n")
    }),
    column("Through", 26, true, |rule| rule.through.join("\n")),
    column("Reason", 30, false, |rule| [rule.because.as_str(), rule.doc.as_str()].join("\n").trim().to_owned()),
    column("Map", 22, true, |rule| rule.map.clone()),
    column("Place", 18, true, |rule| rule.place.clone()),
];

/// A line for each source, so that those of one source stand beside one another.
fn sources(rule: &Rule, of: fn(&Source) -> String) -> String {
    rule.sources.iter().map(of).collect::<Vec<_>>().join("\n")
}
