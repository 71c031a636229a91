//! Maps that take resources of FHIR: by the shapes of R4, as those over messages are by the dictionary.

use super::blocks::braces;
use super::known::PRIMITIVES;
use super::{Program, Writer};
use emr_compiler::standard::shape::{Element, Kind};
use std::mem::take;

/// What one meets as a source.
const SOURCES: [&str; 14] = [
    "Patient",
    "Patient",
    "Patient",
    "Observation",
    "Observation",
    "Encounter",
    "DiagnosticReport",
    "Practitioner",
    "Organization",
    "ServiceRequest",
    "AllergyIntolerance",
    "Condition",
    "Appointment",
    "Questionnaire",
];

/// Elements that maps hardly name.
const LEFT: [&str; 8] =
    ["contained", "extension", "modifierExtension", "text", "meta", "language", "implicitRules", "data"];

/// Something in a resource that a map can name.
#[derive(Clone)]
pub(super) struct Thing {
    text: String,
    /// The key of its shape.
    ty: String,
    list: bool,
    /// The element that it is, if it is one.
    element: Option<Element>,
}

impl Thing {
    fn new(text: &str, ty: &str, list: bool) -> Thing {
        Thing { text: text.to_owned(), ty: ty.to_owned(), list, element: None }
    }

    fn is_text(&self) -> bool {
        matches!(self.ty.as_str(), "string" | "code" | "uri" | "id" | "markdown")
    }

    fn is_number(&self) -> bool {
        matches!(self.ty.as_str(), "decimal" | "integer" | "positiveInt" | "unsignedInt")
    }

    fn is_time(&self) -> bool {
        matches!(self.ty.as_str(), "date" | "dateTime")
    }

    fn is_primitive(&self) -> bool {
        PRIMITIVES.contains(&self.ty.as_str())
    }
}

/// Whether its items hold lists of primitives, as few types do.
fn has_lists(element: &Element) -> bool {
    element.repeats() && element.types.iter().any(|ty| matches!(ty.name.as_str(), "HumanName" | "Address"))
}

impl Writer<'_> {
    /// A program whose map takes a resource.
    pub(super) fn received(&mut self) -> Program {
        self.hit("a resource as a source");
        self.small = self.chance(50);
        let ty = if self.chance(25) { "Bundle" } else { *self.random.of(&SOURCES) };
        let mut scope = vec![Thing::new("r", ty, false)];
        if ty == "Bundle" {
            scope.clear();
            for _ in 0..2 {
                let of = *self.random.of(&SOURCES);
                scope.push(Thing::new(&format!("(r.entry.resource as {of})"), of, true));
            }
        }
        if self.chance(40) {
            self.received_helper();
        }
        let entry = match self.random.below(10) {
            0..3 => format!("map m(r: {ty}) -> Basic {}", self.basic(&scope)),
            3..5 if ty != "Bundle" => self.copied(&scope, ty),
            5..7 => self.pid(&scope, ty),
            _ => self.entries_of(&mut scope, ty),
        };
        let mut parts = take(&mut self.declarations);
        parts.push(entry);
        Program {
            text: format!("{}\n", parts.join("\n")),
            structure: String::new(),
            resource: Some(ty.to_owned()),
            constructs: take(&mut self.constructs),
        }
    }

    /// A map of a data type that the others call.
    fn received_helper(&mut self) {
        let ty = *self.random.of(&["HumanName", "Identifier", "Period", "Address", "ContactPoint"]);
        let scope = [Thing::new("x", ty, false)];
        let value = self.told(&scope, 1);
        self.declarations.push(format!("map told(x: {ty}) -> string? = {value}"));
        self.called = Some(ty.to_owned());
    }

    // ---- what is made

    fn basic(&mut self, scope: &[Thing]) -> String {
        let mut lines = vec![format!("code: {{ text: {} else \"none\" }}", self.told(scope, 2))];
        let values = (0..1 + self.random.below(if self.small { 3 } else { 9 })).map(|_| self.told(scope, 2));
        let values: Vec<String> = values.map(|value| format!("{{ value: {value} }}")).collect();
        lines.push(format!("identifier: {}", values.join(", ")));
        if self.chance(30) {
            let condition = self.holds(scope, 2);
            lines.push(format!("author: {{ display: \"yes\" }} when {condition}"));
        }
        if self.chance(20) {
            let condition = self.holds(scope, 1);
            lines.push(format!("require {condition} else reject \"not this one\""));
        }
        braces(&lines)
    }

    /// A resource of the same type.
    fn copied(&mut self, scope: &[Thing], ty: &str) -> String {
        let Some(shape) = self.known.shape(ty) else { return String::new() };
        let elements: Vec<Element> =
            shape.elements.iter().filter(|it| it.max > 0 && !LEFT.contains(&it.name.as_str())).cloned().collect();
        if self.chance(40) {
            self.hit("a resource that came with changes");
            let free: Vec<&Element> = elements.iter().filter(|element| element.min == 0).collect();
            let mut changed = Vec::new();
            for _ in 0..1 + self.random.below(3) {
                let element = *self.random.of(&free);
                let rule = if self.chance(40) {
                    format!("{}: absent", element.name)
                } else {
                    format!("{}: {}", element.name, self.copy(scope, element))
                };
                if !changed.iter().any(|known: &String| known.split(':').next() == rule.split(':').next()) {
                    changed.push(rule);
                }
            }
            return format!("map m(r: {ty}) -> {ty} = r with {{ {} }}", changed.join(", "));
        }
        self.hit("a resource of what came");
        let mut lines = Vec::new();
        for element in &elements {
            if element.min > 0 {
                lines.push(format!("{}: {} else skip", element.name, self.copy(scope, element)));
            } else if self.chance(if has_lists(element) {
                90
            } else if self.small {
                15
            } else {
                50
            }) {
                lines.push(format!("{}: {}", element.name, self.copy(scope, element)));
            }
        }
        format!("map m(r: {ty}) -> {ty}? {}", braces(&lines))
    }

    /// Rules that copy some primitives of a type which needs nothing else.
    fn parts(&mut self, ty: &str) -> Option<String> {
        let shape = self.known.shape(ty)?;
        let is_primitive =
            |it: &&Element| !it.choice && it.types.iter().all(|ty| PRIMITIVES.contains(&ty.name.as_str()));
        if shape.elements.iter().any(|it| it.min > 0) {
            return None;
        }
        let all: Vec<&Element> = shape.elements.iter().filter(|it| it.max > 0).filter(is_primitive).collect();
        let first = self.random.below(all.len().max(1));
        let named = all.iter().skip(first / 2).map(|it| format!("{0}: .{0}", it.name));
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| named.join(", "))
    }

    /// The element of what came, or some of its items.
    fn copy(&mut self, scope: &[Thing], element: &Element) -> String {
        let base = format!("{}.{}", scope[0].text, element.name);
        let ty = element.types[0].shape.to_string();
        let is_some = element.repeats() && !element.choice && element.min == 0;
        if is_some
            && self.chance(if has_lists(element) { 80 } else { 20 })
            && let Some(parts) = self.parts(&ty)
        {
            return format!("each {base} {{ {parts} }}");
        }
        if !is_some || self.chance(50) {
            return base;
        }
        let list = Thing { element: Some(element.clone()), ..Thing::new(&base, &ty, true) };
        self.some(list).text
    }

    fn pid(&mut self, scope: &[Thing], ty: &str) -> String {
        self.hit("a message of a resource");
        let [number, name, other] = [(); 3].map(|()| self.told(scope, 2));
        let mut lines = vec![
            "EVN-2: \"20240102030405+0000\"".to_owned(),
            format!("PID: {{ PID-3: {{ CX.1: {number} else \"0\" }}, PID-5: {{ XPN.1.1: {name} else \"N\" }} }}"),
            "PV1-2: \"O\"".to_owned(),
        ];
        let items = self.several_of(scope, &|thing| !thing.is_primitive());
        match items {
            Some(list) if self.chance(60) => {
                let inner = [Thing::new("x", &list.ty, false)];
                let value = self.told(&inner, 1);
                let list = list.text;
                lines.push(format!("NK1: each x in {list} {{ NK1-1: \"1\", NK1-2: {{ XPN.1.1: {value} }} }}"));
            }
            _ => lines.push(format!("NK1: {{ NK1-1: \"1\", NK1-2: {{ XPN.1.1: {other} }} }}")),
        }
        format!("map m(r: {ty}) -> ADT_A01 {}", braces(&lines))
    }

    /// A Bundle.
    fn entries_of(&mut self, scope: &mut [Thing], ty: &str) -> String {
        let mut lines = vec!["type: \"collection\"".to_owned()];
        let one = scope[0].clone();
        if !one.list {
            self.hit("what came as an entry");
            lines.push(format!("let whole = emit {}", one.text));
            if self.chance(30) {
                let text = self.told(scope, 1);
                lines.push(format!("emit Basic {{ code: {{ text: {text} else \"none\" }}, subject: whole }}"));
            }
        }
        for _ in 0..1 + self.random.below(if self.small { 2 } else { 4 }) {
            let Some(list) = self.several_of(scope, &|thing| !thing.is_primitive()) else { continue };
            let item = [Thing::new("x", &list.ty, false)];
            match self.random.below(4) {
                0 => {
                    self.hit("groups of what came");
                    let keys = self.texts_below(&Thing::new("", &list.ty, false));
                    let Some(key) = keys.first() else { continue };
                    lines.push(format!(
                        "each {} by {key} {{ emit Basic {{ code: {{ text: \"{{count(.)}} {{first {key}}}\" }} }} }}",
                        list.text
                    ));
                }
                1 => {
                    let body = self.basic(scope);
                    let condition = self.holds(scope, 1);
                    lines.push(format!("emit Basic {body} when {condition}"));
                }
                // A parameter of these types is a code, or a reference, and has no elements.
                2 if !matches!(list.ty.as_str(), "Coding" | "CodeableConcept" | "Reference") => {
                    self.hit("a key of what came");
                    let (key, name) = (self.told(&item, 1), format!("person{}", self.declarations.len()));
                    self.declarations.push(format!(
                        "map {name}(x: {}) -> Person keyed by identifier: {key} {{ identifier: {{ value: {key} }} }}",
                        list.ty
                    ));
                    lines.push(format!("each x in {} {{ emit {name}(x) }}", list.text));
                }
                _ => {
                    let condition =
                        if self.chance(50) { format!(" where {}", self.holds(&item, 1)) } else { String::new() };
                    let body = self.basic(&item);
                    lines.push(format!("each x in {}{condition} {{ emit Basic {body} }}", list.text));
                }
            }
        }
        if lines.len() == 1 {
            let body = self.basic(scope);
            lines.push(format!("emit Basic {body}"));
        }
        format!("map m(r: {ty}) -> Bundle {}", braces(&lines))
    }

    // ---- paths

    /// An element below something.
    fn below(&mut self, of: &Thing) -> Option<Thing> {
        let shape = self.known.shape(&of.ty).filter(|_| !of.is_primitive())?;
        let with_id = self.chance(10);
        let fits = |it: &&Element| {
            if it.name == "id" && !with_id {
                return false;
            }
            let none = it.types.iter().all(|ty| matches!(ty.name.as_str(), "Resource" | "xhtml" | "base64Binary"));
            it.max > 0 && !none && !LEFT.contains(&it.name.as_str())
        };
        let elements: Vec<Element> = shape.elements.iter().filter(fits).cloned().collect();
        if elements.is_empty() {
            return None;
        }
        let element = self.random.of(&elements).clone();
        let (base, list) = (format!("{}.{}", of.text, element.name), of.list || element.repeats());
        if !element.choice {
            let ty = element.types.first()?.shape.to_string();
            return Some(Thing { text: base, ty, list, element: Some(element) });
        }
        if list {
            return None;
        }
        self.hit("a choice of what came");
        let ty = self.random.of(&element.types).clone();
        let text = format!("({base} as {})", ty.name);
        (ty.name != "base64Binary").then(|| Thing { element: Some(element), ..Thing::new(&text, &ty.shape, false) })
    }

    /// One or some of a list.
    fn some(&mut self, list: Thing) -> Thing {
        let Thing { text, ty, element, .. } = list.clone();
        let one = |text: String| Thing { text, ty: ty.clone(), list: false, element: element.clone() };
        let several = |text: String| Thing { text, ty: ty.clone(), list: true, element: element.clone() };
        match self.random.below(8) {
            0 => {
                self.hit("one of what came by its number");
                one(format!("{text}[{}]", self.random.below(3)))
            }
            1 => one(format!("(first {text})")),
            2 => one(format!("(last {text})")),
            3 => {
                let from = self.random.below(2);
                several(format!("{text}[{from}..{}]", from + self.random.below(3)))
            }
            4 => {
                self.hit("those that differ of what came");
                several(format!("distinct({text})"))
            }
            5 | 6 if self.known.shape(&ty).is_some_and(|shape| shape.kind != Kind::FhirPrimitive) => {
                self.hit("a bracket in what came");
                let condition = self.holds(&[Thing::new("", &ty, false)], 0);
                several(format!("{text}[{condition}]"))
            }
            _ => list,
        }
    }

    /// What a few steps lead to, if it is as wanted.
    fn reach(&mut self, scope: &[Thing], fits: &dyn Fn(&Thing) -> bool) -> Option<Thing> {
        for _ in 0..30 {
            let mut at = self.random.of(scope).clone();
            if at.text == "r" && self.chance(8) {
                self.hit("an extension of what came");
                at = Thing::new("r.extension[\"http://x.org/e\"]", "Extension", true);
            }
            for _ in 0..1 + self.random.below(3) {
                let Some(next) = self.below(&at) else { break };
                at = if next.list && self.chance(45) { self.some(next) } else { next };
                if at.ty == "Reference" && !at.list && self.chance(30) {
                    at = self.led(at);
                }
            }
            if fits(&at) {
                return Some(at);
            }
        }
        None
    }

    /// What a reference leads to.
    fn led(&mut self, reference: Thing) -> Thing {
        let targets =
            reference.element.as_ref().and_then(|element| element.types.iter().find(|ty| ty.name == "Reference"));
        let targets = targets.map(|ty| ty.targets.clone()).unwrap_or_default();
        if targets.is_empty() {
            return reference;
        }
        self.hit_builtin("resolve");
        let ty = self.random.of(&targets).to_string();
        Thing::new(&format!("(resolve({}) as {ty})", reference.text), &ty, false)
    }

    fn several_of(&mut self, scope: &[Thing], fits: &dyn Fn(&Thing) -> bool) -> Option<Thing> {
        self.reach(scope, &|thing| thing.list && fits(thing))
    }

    fn one_that_came(&mut self, scope: &[Thing], fits: &dyn Fn(&Thing) -> bool) -> Option<Thing> {
        self.reach(scope, &|thing| !thing.list && fits(thing))
    }

    /// The elements of something that are one text.
    fn texts_below(&self, of: &Thing) -> Vec<String> {
        let shape = self.known.shape(&of.ty);
        let is_text = |it: &&Element| {
            !it.repeats() && it.types.len() == 1 && matches!(it.types[0].name.as_str(), "string" | "code" | "uri")
        };
        let elements = shape.iter().flat_map(|shape| shape.elements.iter().filter(is_text));
        elements.map(|it| format!("{}.{}", of.text, it.name)).collect()
    }

    // ---- values

    /// A constant that a value may be compared with.
    fn like(&mut self, thing: &Thing) -> Option<String> {
        if thing.is_number() {
            return Some(self.number());
        }
        let element = thing.element.as_ref()?;
        if thing.ty == "code" || element.binding.is_some() {
            let codes = self.known.codes(element);
            let (_, code) = (!codes.is_empty()).then(|| self.random.of(&codes).clone())?;
            return Some(format!("\"{code}\""));
        }
        match thing.ty.as_str() {
            "boolean" => Some("true".to_owned()),
            "string" | "uri" | "id" => Some(self.word()),
            _ => None,
        }
    }

    /// A condition.
    fn holds(&mut self, scope: &[Thing], depth: usize) -> String {
        match self.random.below(if depth == 0 { 6 } else { 9 }) {
            0..4 => {
                let Some(thing) = self.one_that_came(scope, &Thing::is_primitive) else {
                    return self.is_there(scope);
                };
                match self.like(&thing) {
                    Some(like) if thing.is_number() => {
                        format!("{} {} {like}", thing.text, self.random.of(&["<", ">", "==", "!="]))
                    }
                    Some(like) => format!("{} {} {like}", thing.text, self.random.of(&["==", "==", "!="])),
                    None if thing.is_text() && thing.ty != "code" => {
                        format!("{} matches '{}'", thing.text, self.random.of(super::PATTERNS))
                    }
                    None => format!("{} is {}", thing.text, self.random.of(&["present", "absent"])),
                }
            }
            4 => self.is_there(scope),
            5 => self.of_type(scope).unwrap_or_else(|| self.is_there(scope)),
            6 => match self.several_of(scope, &|_| true) {
                Some(list) => format!("count({}) {} 1", list.text, self.random.of(&[">", "==", "<"])),
                None => self.is_there(scope),
            },
            7 => format!("not ({})", self.holds(scope, depth - 1)),
            _ => {
                let [left, right] = [(); 2].map(|()| self.holds(scope, depth - 1));
                format!("({left} {} {right})", self.random.of(&["and", "or"]))
            }
        }
    }

    fn is_there(&mut self, scope: &[Thing]) -> String {
        let thing = self.reach(scope, &|_| true).unwrap_or_else(|| scope[0].clone());
        if thing.text.is_empty() {
            return ".id is present".to_owned();
        }
        format!("{} is {}", thing.text, self.random.of(&["present", "absent", "present"]))
    }

    /// Whether a choice has a value of a type.
    fn of_type(&mut self, scope: &[Thing]) -> Option<String> {
        let of = scope.iter().find(|thing| !thing.list)?.clone();
        let shape = self.known.shape(&of.ty)?;
        let choices: Vec<Element> =
            shape.elements.iter().filter(|it| it.choice && it.max == 1 && it.types.len() > 1).cloned().collect();
        let element = (!choices.is_empty()).then(|| self.random.of(&choices).clone())?;
        let ty = self.random.of(&element.types).name.clone();
        (ty != "Reference").then(|| format!("{}.{} is {ty}", of.text, element.name))
    }

    /// A text of what came, which may be missing.
    fn told(&mut self, scope: &[Thing], depth: usize) -> String {
        let Some(one) = self.one_that_came(scope, &Thing::is_primitive) else { return self.word() };
        let plain = format!("\"{{{}}}\"", one.text);
        if depth == 0 {
            return plain;
        }
        match self.random.below(16) {
            0 | 1 if one.is_text() => {
                let of = one.text;
                let number = self.random.below(4);
                let words = [self.word(), self.word()];
                self.random
                    .of(&[
                        format!("upper({of})"),
                        format!("left({of}, {number})"),
                        format!("\"{{length({of})}}\""),
                        format!("replace({of}, 'a', ({of} else {}))", words[1]),
                        format!("replace(\"abc\", 'b', {of} else {})", words[0]),
                        format!("trim({of})"),
                        format!("(match {of} {{ {} => \"one\", else => {} }})", words[0], words[1]),
                        format!("first pieces({of}, \" \")"),
                    ])
                    .clone()
            }
            2 if one.is_number() => format!("\"{{{} * 2}} {{round({}, 1)}}\"", one.text, one.text),
            2 | 3 if one.is_time() => format!("\"{{year({})}} {{truncate({}, \"month\")}}\"", one.text, one.text),
            4 => match self.several_of(scope, &|_| true) {
                Some(list) if self.chance(50) => format!("\"{{count({})}}\"", list.text),
                Some(list) => format!("\"{{count(distinct({}))}} of {{count({})}}\"", list.text, list.text),
                None => plain,
            },
            5 | 6 => match self.several_of(scope, &Thing::is_text) {
                Some(list) => format!("join({}, {})", self.word(), list.text),
                None => plain,
            },
            7 => match self.several_of(scope, &|thing| thing.is_number() || thing.is_time()) {
                Some(list) => format!("\"{{{}({})}}\"", self.random.of(&["max", "min"]), list.text),
                None => plain,
            },
            8 | 9 => match self.several_of(scope, &|thing| !thing.is_primitive()) {
                Some(list) => {
                    let item = [Thing::new("y", &list.ty, false)];
                    let (condition, value) = (self.holds(&item, 1), self.told(&item, 0));
                    let word = *self.random.of(&["first", "last", "join(\"+\", "]);
                    let end = if word.starts_with("join") { ")" } else { "" };
                    format!("{word} (each y in {} where {condition} => {value}){end}", list.text)
                }
                None => plain,
            },
            10 => format!("{} when {}", self.word(), self.holds(scope, 1)),
            11 | 12 => {
                let [first, second] = [(); 2].map(|()| self.told(scope, depth - 1));
                format!("({first} else {second})")
            }
            13 => match (self.called.clone(), self.one_that_came(scope, &|thing| !thing.is_primitive())) {
                (Some(ty), Some(thing)) if thing.ty == ty => format!("told({})", thing.text),
                (Some(ty), _) => match self.one_that_came(scope, &move |thing| thing.ty == ty) {
                    Some(thing) => format!("told({})", thing.text),
                    None => plain,
                },
                _ => plain,
            },
            _ => plain,
        }
    }
}
