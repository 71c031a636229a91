//! What stands beside the map that is run, and its head: code tables, helpers, converts, profiles, segments.

use super::blocks::braces;
use super::known::{Known, Member, Place};
use super::statements::Helper;
use super::values::Wanted;
use super::view::{Held, Named, View};
use super::{Program, WORDS, Writer};
use emr_compiler::standard::fhir::SearchKind;
use emr_compiler::standard::hl7::Version;
use std::mem::take;

/// Structures of every make: flat, deep, with groups side by side, with segments in several places.
const STRUCTURES: [&str; 12] = [
    "ADT_A01", "ADT_A01", "ADT_A01", "ORU_R01", "ORU_R01", "SIU_S12", "MDM_T02", "VXU_V04", "DFT_P03", "BAR_P01",
    "ADT_A39", "OML_O21",
];

/// What one meets in mappings, before all others.
const RESOURCES: [&str; 22] = [
    "Patient",
    "Patient",
    "Encounter",
    "Observation",
    "DiagnosticReport",
    "Condition",
    "AllergyIntolerance",
    "Coverage",
    "RelatedPerson",
    "Practitioner",
    "Organization",
    "Location",
    "ServiceRequest",
    "Basic",
    "Person",
    "Device",
    "Procedure",
    "Communication",
    "Account",
    "Immunization",
    "Specimen",
    "Appointment",
];

const TYPES: [&str; 7] = ["XPN", "CX", "CWE", "XAD", "XTN", "XCN", "DTM"];

impl Writer<'_> {
    pub fn program(&mut self) -> Program {
        let structure = (*self.random.of(&STRUCTURES)).to_owned();
        let all = self.known.standards.fhir.resources();
        for _ in 0..3 {
            let any = (*self.random.of(all)).to_owned();
            let common = (*self.random.of(&RESOURCES)).to_owned();
            let rare = !matches!(any.as_str(), "Bundle" | "Parameters" | "Binary") && self.chance(15);
            self.uses.push(if rare { any } else { common });
        }
        let profile = self.chance(20).then(|| self.profile(&structure)).flatten();
        let version = if profile.is_some() { Version::V2_5_1 } else { Version::Union };
        let mut view = self.view_of(version, &structure, &[]);
        for (name, _) in self.local.clone() {
            view.names.push(Named { text: name.clone(), held: Held::Segment(name), list: false });
        }
        if self.chance(20) {
            self.convert();
        }
        if self.chance(25) {
            self.choice();
        }
        // Small ones too: what one construct does is not hidden behind what another does.
        self.small = self.chance(60);
        for _ in 0..self.random.below(if self.small { 2 } else { 4 }) {
            self.helper(&view, &structure);
        }
        let parameter = profile.unwrap_or_else(|| structure.clone());
        let entry = match self.random.below(12) {
            0 => {
                self.budget = 4;
                self.changed(&view, &parameter, &structure)
            }
            1 => {
                self.budget = 4;
                self.built(&view, &parameter)
            }
            _ => self.entry(view, &parameter),
        };
        let mut parts = take(&mut self.declarations);
        parts.push(entry);
        let text = format!("{}\n", parts.join("\n"));
        Program { text, structure, resource: None, constructs: take(&mut self.constructs) }
    }

    /// A map that gives one of several types.
    fn choice(&mut self) {
        let words = [self.word(), self.word()];
        let arms = [
            format!("{} => Quantity {{ unit: CWE.2 }}", words[0]),
            format!("{} => CWE", if words[0] == words[1] { "\"other\"" } else { &words[1] }),
            "is present => CWE.1 as DTM".into(),
            "else => CWE.2".into(),
        ];
        self.declarations.push(format!("map choice(CWE) -> Observation.value? = match CWE.3 {}", braces(&arms)));
        self.choices.push(("choice".into(), "CWE".into()));
        self.declarations.push("map several(CWE) -> string* = (CWE.1, CWE.2 when CWE.3 is present, CWE.5)".into());
        self.declarations.push("map known_as(XPN) -> HumanName* = (XPN, HumanName { text: XPN.1.1 else skip })".into());
    }

    fn entry(&mut self, view: View, parameter: &str) -> String {
        self.budget = if self.small { 1 + self.random.below(4) } else { 4 + self.random.below(24) };
        match self.random.below(20) {
            0..12 => {
                self.hit("a map that gives a Bundle");
                self.bundle(view, parameter)
            }
            12..15 => {
                let ty = self.random.of(&self.uses).clone();
                let optional = if self.chance(30) { "?" } else { "" };
                self.hit("a map that gives a resource");
                format!(
                    "map m({parameter}) -> {ty}{optional} {}",
                    braces(&self.rules(&view, &ty, if self.small { 1 } else { 3 }, true))
                )
            }
            15 => {
                self.hit("a map that gives a value");
                let ty = *self.random.of(&["string", "decimal", "dateTime", "boolean"]);
                let value = self.decided(&view, &Wanted::of(ty), 2);
                format!("map m({parameter}) -> {ty}? = {value}")
            }
            16 => {
                self.hit("a map that gives a data type");
                let ty = *self.random.of(&["HumanName", "CodeableConcept", "Period", "Timing", "Address", "Quantity"]);
                format!("map m({parameter}) -> {ty}? {}", self.block(&view, ty, 2))
            }
            _ => self.of_segments(&view),
        }
    }

    fn bundle(&mut self, mut view: View, parameter: &str) -> String {
        let mut lines = Vec::new();
        if self.chance(25) {
            self.hit("the type of a Bundle");
            let ty = *self.random.of(&["message", "collection", "batch", "transaction"]);
            lines.push(format!("type: \"{ty}\""));
            if ty == "message" {
                lines.push("emit MessageHeader { event: v2-0003#A01, source: { endpoint: \"urn:x\" } }".into());
            }
        }
        let (statements, depth) = if self.small { (1, 2) } else { (2 + self.random.below(4), 3) };
        for _ in 0..statements {
            lines.extend(self.statement(&mut view, depth, true));
        }
        if !lines.iter().any(|line| line.contains("emit")) {
            let ty = self.random.of(&self.uses).clone();
            lines.push(format!("emit {ty} {}", self.block(&view, &ty, 2)));
        }
        format!("map m({parameter}) -> Bundle {}", braces(&lines))
    }

    /// A map over segments, wherever they stand, and over what no message has.
    fn of_segments(&mut self, outer: &View) -> String {
        let all: Vec<Named> = outer.segments().filter(|named| !named.text.contains('[')).cloned().collect();
        let mut view = View::empty();
        let mut parameters = Vec::new();
        for index in 0..1 + self.random.below(3) {
            let Named { text, held, .. } = self.random.of(&all).clone();
            if view.names.iter().any(|named| named.text == text) || self.local.iter().any(|(name, _)| *name == text) {
                continue;
            }
            let mark = *self.random.of(if index == 0 { &["", "", "+"] } else { &["?", "*", ""] });
            self.hit(match mark {
                "" => "a segment as a parameter",
                "?" => "a segment that may be missing as a parameter",
                _ => "a list of segments as a parameter",
            });
            parameters.push(format!("{text}{mark}"));
            view.names.push(Named { text, held, list: matches!(mark, "*" | "+") });
        }
        if parameters.is_empty() {
            parameters.push("MSH".to_owned());
            view = view.named("MSH", Held::Segment("MSH".into()));
        }
        if self.chance(30) {
            self.hit("a parameter that no message has");
            parameters.push("label: string?".to_owned());
            view.names.push(Named { text: "label".into(), held: Held::Plain("string".into()), list: false });
        }
        if self.chance(30) {
            return self.bundle(view, &parameters.join(", "));
        }
        let ty = self.random.of(&self.uses).clone();
        format!(
            "map m({}) -> {ty} {}",
            parameters.join(", "),
            braces(&self.rules(&view, &ty, if self.small { 1 } else { 3 }, true))
        )
    }

    /// What a group of a structure, or the structure itself, lets a rule name.
    pub fn view_of(&self, version: Version, structure: &str, within: &[String]) -> View {
        let mut view =
            View { version, structure: Some(structure.to_owned()), within: within.to_vec(), ..View::empty() };
        for member in self.known.members(version, structure, within) {
            match member.group {
                Some(_) if !member.text.contains('[') => view.groups.push(member),
                Some(_) => {}
                None => {
                    view.names.push(Named { text: member.text, held: Held::Segment(member.name), list: member.list })
                }
            }
        }
        // A group around is no group to walk into.
        view.groups.retain(|group| group.group.as_ref().is_some_and(|key| !within.contains(key)));
        view
    }

    // ---- helpers -------------------------------------------------------------------------------------------------

    fn helper(&mut self, outer: &View, structure: &str) {
        self.budget = 1 + self.random.below(if self.small { 2 } else { 6 });
        let name = format!("h{}", self.helpers.len());
        let all: Vec<Named> = outer.segments().filter(|named| named.text.len() == 3).cloned().collect();
        let all: Vec<Named> =
            all.into_iter().filter(|named| !self.local.iter().any(|(local, _)| *local == named.text)).collect();
        let mut view = View { version: Version::Union, ..View::empty() };
        let groups: Vec<String> = outer.groups.iter().filter_map(|group| group.group.clone()).collect();
        let (first, list, parameter) = match self.random.below(10) {
            0..2 => {
                let ty = *self.random.of(&TYPES);
                self.hit("a data type as a parameter");
                view = view.named(ty, Held::Type(ty.into()));
                (Held::Type(ty.into()), false, ty.to_owned())
            }
            2 if !groups.is_empty() && outer.version == Version::Union => {
                let key = self.random.of(&groups).clone();
                self.hit("a group as a parameter");
                view = View {
                    version: Version::Union,
                    ..self.view_of(Version::Union, structure, std::slice::from_ref(&key))
                };
                let inside = self.known.members(Version::Union, &key, &[]);
                view.names.retain(|named| inside.iter().any(|member| member.text == named.text));
                view.groups.clear();
                (Held::Group(key.clone()), false, key)
            }
            choice => {
                let named = self.random.of(&all).clone();
                let list = choice == 3;
                view.names.push(Named { list, ..named.clone() });
                (named.held, list, format!("{}{}", named.text, if list { "*" } else { "" }))
            }
        };
        if list {
            self.hit("a list of segments as a parameter");
        }
        let mut parameters = vec![parameter];
        let mut others = Vec::new();
        if self.chance(35) {
            let (name, ty, held) = self.parameter(&first);
            parameters.push(format!("{name}: {ty}"));
            match &held {
                Held::Value(resource) => view.references.push((name.clone(), resource.clone())),
                _ => view.names.push(Named { text: name.clone(), held: held.clone(), list: false }),
            }
            others.push((name, held));
        }
        let gives = if self.chance(65) {
            self.random.of(&self.uses).clone()
        } else {
            (*self.random.of(&["string", "HumanName", "CodeableConcept", "Identifier", "decimal", "Period"])).to_owned()
        };
        let simple = super::known::PRIMITIVES.contains(&gives.as_str());
        let resource = self.is_resource(&gives);
        let optional = !resource || self.chance(30);
        let head = format!("map {name}({}) -> {gives}{}", parameters.join(", "), if optional { "?" } else { "" });
        let (mut keys, mut patched) = (0, false);
        let text = if simple {
            self.hit("a body that is a value");
            let mut lets = Vec::new();
            if self.chance(40) {
                let mut inner = view.clone();
                lets.extend(self.statement(&mut inner, 1, false).into_iter().filter(|line| line.starts_with("let")));
                view = inner;
            }
            let value = self.decided(&view, &Wanted::of(&gives), 2);
            if lets.is_empty() {
                format!("{head} = {value}")
            } else {
                self.hit("a body of lets and a value");
                lets.push(format!("= {value}"));
                format!("{head} {}", braces(&lets))
            }
        } else {
            let parts = if resource { self.keyed(&view, &gives) } else { Vec::new() };
            keys = parts.len();
            let keyed = if parts.is_empty() { String::new() } else { format!(" keyed by {}", parts.join(", ")) };
            let mut rules = self.rules(&view, &gives, 2, resource);
            patched = keys > 0 && resource && self.chance(40);
            if patched {
                rules.retain(|rule| can_be_sent(rule));
                self.hit("a map of what is patched");
            }
            format!("{head}{keyed} {}", braces(&rules))
        };
        self.hit("a helper");
        self.declarations.push(text);
        self.helpers.push(Helper { name, first, list, others, gives, keys, patched });
    }

    /// A parameter that is given by name.
    fn parameter(&mut self, first: &Held) -> (String, String, Held) {
        match self.random.below(4) {
            0 => {
                let resource = self.random.of(&self.uses).clone();
                self.hit("a reference as a parameter");
                ("who".into(), format!("Reference({resource})?"), Held::Value(resource))
            }
            1 => {
                self.hit("a code as a parameter");
                ("role".into(), "Coding".into(), Held::Code)
            }
            2 if matches!(first, Held::Segment(_)) => {
                let Held::Segment(name) = first else {
                    return ("since".into(), "dateTime?".into(), Held::Plain("dateTime".into()));
                };
                self.hit("a second segment under a name");
                ("old".into(), format!("{name}?"), Held::Segment(name.clone()))
            }
            _ => {
                self.hit("a value as a parameter");
                let ty = *self.random.of(&["string", "dateTime", "decimal"]);
                ("given".into(), format!("{ty}?"), Held::Plain(ty.into()))
            }
        }
    }

    /// The parts of a key, `identifier: …`.
    fn keyed(&mut self, view: &View, resource: &str) -> Vec<String> {
        if !self.chance(55) {
            return Vec::new();
        }
        let mut parameters = self.known.standards.fhir.search_parameters(resource);
        parameters.retain(|parameter| parameter.name.chars().all(|c| c.is_ascii_alphanumeric()));
        if parameters.is_empty() {
            return Vec::new();
        }
        let mut parts: Vec<String> = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let parameter = self.random.of(&parameters).clone();
            let value = match parameter.kind {
                _ if parameter.name == "identifier" || self.chance(40) => {
                    if !parameters.iter().any(|known| known.name == "identifier")
                        || parts.iter().any(|part| part.starts_with("identifier"))
                    {
                        continue;
                    }
                    let source = self.one(view, &|writer, ty| writer.fits(ty, "Identifier") && ty != "HD");
                    self.hit("keyed by an identifier");
                    source.map(|source| format!("identifier: {}", source.text))
                }
                SearchKind::Token => {
                    let source = self.one(view, &|_, ty| matches!(ty, "CWE" | "ID" | "ST"));
                    let concept = |ty: &str| if ty == "CWE" { " as CodeableConcept" } else { "" };
                    self.hit("keyed by a code");
                    source.map(|source| format!("{}: {}{}", parameter.name, source.text, concept(&source.ty)))
                }
                SearchKind::Reference if !view.references.is_empty() => {
                    self.hit("keyed by a reference");
                    Some(format!("{}: {}", parameter.name, view.references[0].0))
                }
                SearchKind::String | SearchKind::Date | SearchKind::Uri => {
                    let source = self.one(view, &|_, ty| matches!(ty, "ST" | "ID" | "DTM"));
                    self.hit("keyed by a text");
                    source.map(|source| format!("{}: {}", parameter.name, source.text))
                }
                _ => None,
            };
            parts.extend(value);
        }
        parts.dedup_by(|a, b| a.split(':').next() == b.split(':').next());
        parts
    }

    fn convert(&mut self) {
        let (from, to) = *self.random.of(&[
            ("XPN", "HumanName"),
            ("CWE", "CodeableConcept"),
            ("XTN", "ContactPoint"),
            ("CX", "Identifier"),
            ("XAD", "Address"),
            ("XCN", "Practitioner"),
            ("XON", "Organization"),
        ]);
        self.budget = 5;
        self.converting = Some((from.into(), to.into()));
        let view = View::empty().with_item(Held::Type(from.into()));
        let body = self.block(&view, to, 1);
        self.converting = None;
        self.hit("a convert");
        let keyed = if self.is_resource(to) && self.chance(50) { " keyed by identifier: . as Identifier" } else { "" };
        self.declarations.push(format!("convert own({from}) -> {to}?{keyed} {body}"));
    }

    // ---- code tables ---------------------------------------------------------------------------------------------

    /// A table whose codes are of these, or of any.
    pub fn table(&mut self, codes: &[(String, String)]) -> String {
        let fitting: Vec<String> =
            self.tables.iter().filter(|(_, of)| of == codes).map(|(name, _)| name.clone()).collect();
        if !fitting.is_empty() && self.chance(65) {
            return self.random.of(&fitting).clone();
        }
        let name = format!("T{}", self.tables.len());
        let mut words: Vec<&str> = WORDS.to_vec();
        let mut arms = Vec::new();
        for _ in 0..2 + self.random.below(6) {
            let key = if self.chance(15) {
                self.hit("an arm of a range");
                let from = self.random.below(30);
                if self.chance(30) { format!("{}..*", 50 + from) } else { format!("{from}..{}", from + 10) }
            } else {
                let mut keys = Vec::new();
                for _ in 0..1 + self.random.below(2) {
                    let at = self.random.below(words.len());
                    keys.push(format!("\"{}\"", words.swap_remove(at)));
                }
                keys.join(", ")
            };
            let result = self.arm(codes);
            arms.push(format!("{key} => {result}"));
        }
        if self.chance(10) {
            self.hit("a table of many codes");
            for number in 0..40 {
                let result = match codes {
                    [] => format!("\"x{number}\""),
                    codes => format!("\"{}\"", self.random.of(codes).1),
                };
                arms.push(format!("\"C{number}\" => {result}"));
            }
            while let Some(word) = words.pop() {
                let result = match codes {
                    [] => self.code_literal(&[]),
                    codes => format!("\"{}\"", self.random.of(codes).1),
                };
                arms.push(format!("\"{word}\" => {result}"));
            }
        }
        if self.chance(55) {
            let result = if self.chance(40) { self.also("an arm that keeps", "keep") } else { self.arm(codes) };
            self.hit("else of a table");
            arms.push(format!("else => {result}"));
        }
        let from =
            if self.chance(25) { self.also("a table from a table of HL7", " from v2-0001") } else { String::new() };
        let to = if codes.is_empty() && self.chance(25) {
            self.also("a table to a system", " to \"http://x.org/to\"")
        } else {
            String::new()
        };
        self.hit("a code table");
        self.declarations.push(format!("codes {name}{from}{to} {}", braces(&arms)));
        words.retain(|word| word.parse::<u32>().is_err());
        if !words.is_empty() && self.chance(20) {
            self.hit("a table that is extended");
            let (key, result) = (*self.random.of(&words), self.arm(codes));
            self.declarations.push(format!("extend codes {name} {}", braces(&[format!("\"{key}\" => {result}")])));
        }
        self.tables.push((name.clone(), codes.to_vec()));
        name
    }

    /// The table of rows, once.
    pub fn rows(&mut self) {
        if self.has_rows {
            return;
        }
        self.has_rows = true;
        self.hit("a table of rows");
        let mut pairs = Vec::new();
        for _ in 0..10 + self.random.below(60) {
            let pair = (*self.random.of(&WORDS), *self.random.of(&WORDS));
            if pairs.contains(&pair) {
                continue;
            }
            pairs.push(pair);
        }
        let mut rows = Vec::new();
        for (first, second) in pairs {
            let mut cells = vec![format!("number: {}", self.number()), format!("truth: {}", self.chance(50))];
            if self.chance(80) {
                cells.push(format!("text: {}", self.text()));
            }
            if self.chance(80) {
                cells.push(format!("whole: {}", self.random.below(90)));
            }
            if self.chance(80) {
                let display = if self.chance(50) { " \"A \\\"code\\\"\"" } else { "" };
                cells.push(format!("coded: loinc#718-{}{display}", self.random.below(9)));
            }
            rows.push(format!("(\"{first}\", \"{second}\") => {{ {} }}", cells.join(", ")));
        }
        let columns = "text: string?, number: decimal, whole: integer?, truth: boolean, coded: code(loinc)?";
        self.declarations
            .push(format!("table Rows(one: string, other: string) -> {{ {columns} }} = {}", braces(&rows)));
    }

    fn arm(&mut self, codes: &[(String, String)]) -> String {
        let warn =
            if self.chance(10) { self.also("an arm that warns", " warn \"an odd code\"") } else { String::new() };
        let result = match self.random.below(20) {
            0 => self.also("an arm that gives nothing", "absent"),
            1 => self.also("an arm with a reason", "absent \"unknown\""),
            2 => self.also("an arm that skips", "skip"),
            3 if self.chance(30) => self.also("an arm that rejects", "reject \"a code that is not wanted\""),
            4 => self.also("an arm that keeps", "keep"),
            5..9 if codes.is_empty() => self.code_literal(&[]),
            _ if codes.is_empty() => format!("\"{}\"", self.random.of(&["a", "b", "final", "x-1"])),
            _ => format!("\"{}\"", self.random.of(codes).1),
        };
        format!("{result}{warn}")
    }

    // ---- profiles ------------------------------------------------------------------------------------------------

    /// A profile of the structure, with a segment of its own after PID.
    fn profile(&mut self, structure: &str) -> Option<String> {
        let members = self.known.members(Version::V2_5_1, structure, &[]);
        let has = |name: &str| members.iter().any(|member| member.text == name);
        if !has("PID") {
            return None;
        }
        let mut lines = vec!["PID-3 1..5".to_owned()];
        let more = ["PID-8 1..1 in (\"M\", \"F\", \"U\")", "PID-5.1 1..1", "PID-7 1..1", "PID-5 1..1", "PID-11 0..2"];
        for line in more {
            if self.chance(40) {
                lines.push(line.to_owned());
            }
        }
        lines.extend(self.values());
        let several = |member: &&Member| member.list && !member.text.contains(['[', '.']);
        let repeating: Vec<String> = members.iter().filter(several).map(|member| member.text.clone()).collect();
        if !repeating.is_empty() && self.chance(50) {
            let (text, least) = (self.random.of(&repeating).clone(), self.random.below(3));
            let most = least.max(2) + self.random.below(2);
            self.hit("a segment of a profile");
            lines.push(format!("{text} {least}..{most}"));
        }
        if structure == "ADT_A01" && self.chance(70) {
            self.hit("a segment that is declared");
            self.declarations.push(
                "segment ZPI \"local\" { 1 ST? \"name\", 2 CWE* \"kind\", 3 NM? \"number\", 4 DTM? \"time\" }".into(),
            );
            lines.push("ZPI 0..1 after PID".to_owned());
            self.local.push(("ZPI".into(), local_places(self.known)));
        }
        self.hit("a profile");
        let mut of = structure.to_owned();
        if structure == "ADT_A01" && self.chance(30) {
            self.hit("a profile of several structures");
            of += ", ADT_A03";
        }
        self.declarations.push(format!("profile Sender of {of} version \"2.5.1\" {}", braces(&lines)));
        Some("Sender".into())
    }

    /// What a profile says of values, each of another place.
    fn values(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for place in ["PID-3.1", "PID-13.1", "PID-10.1", "PID-3.4.1", "MSH-10", "PID-18.1"] {
            if !self.chance(25) {
                continue;
            }
            let mut line = format!("{place} {}", self.random.of(&["0..1", "1..1"]));
            if self.chance(50) {
                let least = self.random.below(4);
                line += &format!(" length {least}..{}", least + self.random.below(8));
                self.hit("a length in a profile");
            }
            if self.chance(50) {
                let pattern = self.random.of(&["[A-Z0-9]+", "\\d*", "(a|b).*|c", ".{2,5}"]);
                line += &format!(" matches '{pattern}'");
                self.hit("a pattern in a profile");
            }
            if self.chance(30) {
                line += " in (\"A\", \"MR\", \"1\", \"4711\")";
                self.hit("codes in a profile");
            }
            lines.push(line);
        }
        if self.chance(20) {
            self.hit("what a profile forbids");
            lines.push((*self.random.of(&["PID-3.9 0..0", "PID-28 0..0", "PID-5.7 0..0"])).to_owned());
        }
        lines
    }
}

fn local_places(known: &Known) -> Vec<Place> {
    let place = |number, ty: &str, list| Place { numbers: vec![number], ty: ty.into(), list, field: ty.into() };
    let mut all = vec![place(1, "ST", false), place(2, "CWE", true), place(3, "NM", false), place(4, "DTM", false)];
    for inner in known.components(Version::V2_5_1, "CWE") {
        all.push(Place { numbers: [vec![2], inner.numbers].concat(), ty: inner.ty, list: true, field: "CWE".into() });
    }
    all
}

/// Whether a rule of a map can be told to a server as a change: its sources are one, and nothing is contained.
fn can_be_sent(rule: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i32, None, false);
    let several = rule.chars().any(|c| {
        match (quoted, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(quote), c) if quote == c => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quoted = Some(c),
            (None, '(' | '{' | '[') => depth += 1,
            (None, ')' | '}' | ']') => depth -= 1,
            (None, ',') => return depth == 0,
            _ => {}
        }
        false
    });
    let is_one = !several && !rule.starts_with("match") && !rule.contains("+:");
    is_one && !rule.contains("contain") && !rule.split(':').next().is_some_and(|target| target.contains(".extension"))
}
