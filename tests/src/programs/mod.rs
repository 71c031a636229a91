//! Writes well-typed mappings, and messages for them: both engines must make the same of each.
//!
//! A program is text and goes through the whole compiler. It is made by the types of the standards, rule by rule; the
//! same seed gives the same program. That one of them does not check is a slip here or in the compiler, and counted.

pub mod cases;
pub mod counted;
pub mod known;
pub mod messages;
pub mod resources;
pub mod run;
pub mod shrink;

mod blocks;
mod changed;
mod constructs;
mod declarations;
mod fhir_values;
mod received;
mod statements;
mod values;
mod view;

pub use constructs::CONSTRUCTS;

use crate::random::Random;
use emr_compiler::standard::hl7::Version;
use known::{Known, Place};
use statements::Helper;
use std::collections::BTreeSet;

/// Texts that messages and mappings both hold, so that comparisons and tables meet them.
pub const WORDS: [&str; 24] = [
    "M", "F", "U", "A", "N", "Y", "I", "O", "E", "1", "2", "25", "MR", "PI", "HB", "Doe", "x", "final", "LN",
    "HL70001", "PRN", "<", "=", "Zoë",
];

const PATTERNS: &[&str] = &[r"^[A-Z]", r"\d+", r"(\d)(\d)", r"^$", r"a|M", r"^(.*?)x?$", r"[^ ]+$", r"^\d{4}"];

/// A mapping whose map `m` is run.
#[derive(Clone, Debug)]
pub struct Program {
    pub text: String,
    /// The structure of the messages that it takes, by the name in the standard.
    pub structure: String,
    /// The type of the resources that it takes in place of messages.
    pub resource: Option<String>,
    /// Of the constructs of the language, those that it holds.
    pub constructs: BTreeSet<&'static str>,
}

/// The program of a seed.
pub fn write(known: &Known, seed: u64) -> Program {
    let mut writer = Writer {
        known,
        random: Random::seeded(seed),
        small: false,
        budget: 0,
        names: 0,
        extensions: 0,
        constructs: BTreeSet::new(),
        declarations: Vec::new(),
        systems: Vec::new(),
        tables: Vec::new(),
        has_rows: false,
        helpers: Vec::new(),
        uses: Vec::new(),
        local: Vec::new(),
        choices: Vec::new(),
        converting: None,
        called: None,
    };
    if seed % RECEIVING == RECEIVING - 1 { writer.received() } else { writer.program() }
}

/// One of so many programs takes resources of FHIR.
const RECEIVING: u64 = 5;

pub struct Writer<'k> {
    known: &'k Known,
    random: Random,
    /// Blocks are kept short.
    small: bool,
    /// How many rules may still be written of what is written now.
    budget: usize,
    names: usize,
    extensions: usize,
    constructs: BTreeSet<&'static str>,
    declarations: Vec<String>,
    /// Constants that name code systems.
    systems: Vec<(String, String)>,
    /// Code tables, each with the codes that it is held to.
    tables: Vec<(String, Vec<(String, String)>)>,
    /// Whether the table of rows is declared.
    has_rows: bool,
    helpers: Vec<Helper>,
    /// The resources that the program writes.
    uses: Vec<String>,
    /// Segments that it declares, with what they hold.
    local: Vec<(String, Vec<Place>)>,
    /// Maps that give one of several types, each with the type of HL7 that it takes.
    choices: Vec<(String, String)>,
    /// The two types of the `convert` that is written now, which does not use itself.
    converting: Option<(String, String)>,
    /// What the map `told` takes, if there is one.
    called: Option<String>,
}

impl Writer<'_> {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn spent(&self) -> bool {
        self.budget == 0
    }

    fn hit(&mut self, construct: &'static str) {
        assert!(CONSTRUCTS.contains(&construct), "`{construct}` is not in the list of constructs");
        self.constructs.insert(construct);
    }

    fn hit_builtin(&mut self, name: &str) {
        let built_in = emr_abi::Builtin::from_name(name);
        self.constructs.insert(built_in.unwrap_or_else(|| panic!("`{name}` is no function")).name());
    }

    fn also(&mut self, construct: &'static str, text: &str) -> String {
        self.hit(construct);
        text.to_owned()
    }

    fn fits(&self, hl7: &str, fhir: &str) -> bool {
        let own = self.converting.as_ref().is_some_and(|(from, to)| from == hl7 || to == fhir);
        let simple = known::PRIMITIVES.contains(&fhir) && self.known.is_simple(hl7);
        (simple || !own) && self.known.fits(hl7, fhir)
    }

    fn fields(&self, version: Version, segment: &str) -> Vec<Place> {
        let local = self.local.iter().find(|(name, _)| name == segment);
        local.map_or_else(|| self.known.fields(version, segment), |(_, places)| places.clone())
    }

    // ---- constants -----------------------------------------------------------------------------------------------

    /// A text as one compares it with.
    fn word(&mut self) -> String {
        format!("\"{}\"", self.random.of(&WORDS))
    }

    fn text(&mut self) -> String {
        if self.chance(15) {
            return self.also("a text with escapes", "\"a \\\"b\\\" \\\\ \\{x} \\u{e9}\\n\"");
        }
        self.word()
    }

    fn number(&mut self) -> String {
        self.random.of(&["0", "1", "7.50", "42", "0.001", "1000000", "3"]).to_string()
    }

    fn duration(&mut self) -> String {
        self.hit("a duration");
        self.random.of(&["30d", "1h", "90m", "10s", "500ms", "1d"]).to_string()
    }

    /// `system#code "Display"`, of these codes or of any.
    fn code_literal(&mut self, codes: &[(String, String)]) -> String {
        self.hit("a code literal");
        if codes.is_empty() {
            let any = ["v2-0203#MR", "loinc#718-7 \"Hemoglobin\"", "v2-0001#M", "v2-0001#F \"Female\""];
            return self.random.of(&any).to_string();
        }
        let (system, code) = self.random.of(codes).clone();
        let name = self.system(&system);
        let display = if self.chance(50) { " \"Display\"" } else { "" };
        format!("{name}#\"{code}\"{display}")
    }

    /// The constant that names a code system.
    fn system(&mut self, uri: &str) -> String {
        if let Some((name, _)) = self.systems.iter().find(|(_, known)| known == uri) {
            return name.clone();
        }
        let name = format!("system{}", self.systems.len());
        self.hit("a constant");
        self.declarations.push(format!("let {name} = \"{uri}\""));
        self.systems.push((name.clone(), uri.to_owned()));
        name
    }
}

#[cfg(test)]
mod tests;
