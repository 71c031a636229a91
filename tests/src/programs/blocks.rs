//! Blocks: rules for the elements of a shape, and statements between them.

use super::Writer;
use super::known::PRIMITIVES;
use super::values::Wanted;
use super::view::{Held, View};
use emr_compiler::standard::shape::{Element, Kind};

/// Elements that no rule assigns: HL7's own bookkeeping, and what has a syntax of its own.
const LEFT_OUT: [&str; 7] = ["id", "meta", "implicitRules", "contained", "extension", "modifierExtension", "entry"];

impl Writer<'_> {
    /// A block of a type, in braces.
    pub fn block(&mut self, view: &View, key: &str, depth: usize) -> String {
        let lines = self.rules(view, key, depth, false);
        braces(&lines)
    }

    /// The rules of a shape and what stands between them. A resource is written with statements.
    pub fn rules(&mut self, view: &View, key: &str, depth: usize, statements: bool) -> Vec<String> {
        let Some(shape) = self.known.shape(key) else { return Vec::new() };
        let mut view = view.clone();
        let mut lines = Vec::new();
        if statements {
            for _ in 0..self.random.below(3) {
                lines.extend(self.statement(&mut view, depth, false));
            }
        }
        let mut optional: Vec<Element> = Vec::new();
        for element in &shape.elements {
            if !self.writes(element, depth) {
                continue;
            }
            if element.min > 0 {
                lines.push(self.rule(&view, element, depth));
            } else {
                optional.push(element.clone());
            }
        }
        let resource = shape.kind == Kind::Resource;
        let count = match (resource, self.small) {
            (true, true) => 1 + self.random.below(3),
            (true, false) => 2 + self.random.below(5),
            (false, true) => 1,
            (false, false) => 1 + self.random.below(2),
        };
        for _ in 0..count.min(optional.len()) {
            if self.spent() && !lines.is_empty() {
                break;
            }
            let at = self.random.below(optional.len());
            let element = optional.swap_remove(at);
            lines.extend(self.optional_rule(&view, &element, depth));
        }
        if resource || shape.kind == Kind::Datatype && self.chance(4) {
            for _ in 0..self.random.below(if resource && !self.small { 4 } else { 2 }) {
                lines.push(self.extension(&view, depth));
            }
        }
        if resource && statements && self.chance(25) {
            lines.extend(self.match_rules(&view, &mut optional, depth));
        }
        lines
    }

    /// Whether rules for an element can be written at that depth.
    fn writes(&self, element: &Element, depth: usize) -> bool {
        let named = LEFT_OUT.contains(&element.name.as_str());
        let own = element.fixed.is_some() || element.pattern.is_some();
        !named && !own && element.max > 0 && self.writable(element, depth).is_some()
    }

    /// A type of the element that a value can be written of.
    fn writable(&self, element: &Element, depth: usize) -> Option<Vec<(String, Vec<String>)>> {
        let fits = element.types.iter().filter(|ty| {
            let name = ty.name.as_str();
            let simple = PRIMITIVES.contains(&name) || name == "base64Binary";
            let built = self.known.shape(&ty.shape).is_some_and(|shape| {
                let kind = matches!(shape.kind, Kind::Datatype | Kind::Backbone);
                kind && (depth > 0 || element.min > 0)
                    && !matches!(name, "Narrative" | "Extension" | "Meta" | "Reference")
            });
            simple || name == "Reference" || built
        });
        let all: Vec<_> = fits
            .map(|ty| {
                let key = if ty.name == "Reference" { "Reference" } else { ty.shape.as_str() };
                (key.to_owned(), ty.targets.iter().map(ToString::to_string).collect())
            })
            .collect();
        (!all.is_empty()).then_some(all)
    }

    fn wanted(&mut self, element: &Element, depth: usize) -> Wanted {
        let types = self.writable(element, depth).unwrap_or_default();
        let (ty, targets) = self.random.of(&types).clone();
        let codes = if matches!(ty.as_str(), "code" | "CodeableConcept" | "Coding") {
            self.known.codes(element)
        } else {
            Vec::new()
        };
        Wanted { ty, codes, targets, choice: element.types.len() > 1, required: element.min > 0 }
    }

    fn rule(&mut self, view: &View, element: &Element, depth: usize) -> String {
        let wanted = self.wanted(element, depth);
        self.budget = self.budget.saturating_sub(1);
        if wanted.choice {
            self.hit("a choice element");
        }
        let because = if self.chance(4) { self.also("because", " because \"it was agreed\"") } else { String::new() };
        if !element.repeats() {
            self.hit("a rule");
            return format!("{}: {}{because}", element.name, self.decided(view, &wanted, depth));
        }
        let values = self.list(view, &wanted, depth);
        self.hit("a rule of a list");
        format!("{}: {values}{because}", element.name)
    }

    fn optional_rule(&mut self, view: &View, element: &Element, depth: usize) -> Vec<String> {
        let [only] = element.types.as_slice() else { return vec![self.rule(view, element, depth)] };
        let name = element.name.clone();
        let simple = PRIMITIVES.contains(&only.name.as_str());
        if element.repeats() && self.chance(25) {
            let wanted = self.wanted(element, depth);
            let all: Vec<String> =
                (0..2).map(|_| format!("{name} +: {}", self.decided(view, &wanted, depth))).collect();
            self.hit("a rule that adds");
            return all;
        }
        if simple && !element.repeats() && self.chance(12) {
            let rule = self.rule(view, element, depth);
            self.hit("an extension of a primitive");
            let text = self.value(view, &Wanted::of("string"), 1).text;
            return vec![rule, format!("{name}.extension[\"http://x.org/raw\"]: {text}")];
        }
        if matches!(only.name.as_str(), "HumanName" | "CodeableConcept" | "Period" | "Address") && self.chance(20) {
            let inner = match only.name.as_str() {
                "Period" => "start",
                _ => "text",
            };
            let ty = if inner == "start" { "dateTime" } else { "string" };
            self.hit("a rule of a nested element");
            return vec![format!("{name}.{inner}: {}", self.decided(view, &Wanted::of(ty), 1))];
        }
        vec![self.rule(view, element, depth)]
    }

    /// What a list takes: a list, several values, an `each`.
    pub fn list(&mut self, view: &View, wanted: &Wanted, depth: usize) -> String {
        if wanted.ty == "HumanName"
            && !self.choices.is_empty()
            && self.chance(40)
            && let Some(source) = self.source(view, &|_, ty| ty == "XPN")
        {
            self.hit("a map that gives a list");
            return format!("known_as({})", source.text);
        }
        let ty = wanted.ty.clone();
        let direct = wanted.codes.is_empty() && wanted.ty != "Reference" && self.chance(35);
        if direct && let Some(source) = self.source(view, &move |writer, hl7| writer.fits(hl7, &ty)) {
            self.hit("a list of the message");
            let mut text = source.text;
            if !text.contains(" as ")
                && depth > 0
                && !wanted.choice
                && self.chance(25)
                && !PRIMITIVES.contains(&wanted.ty.as_str())
                && let Some(fields) = self.with_fields(view, &wanted.ty, depth - 1)
            {
                self.hit("with");
                text = format!("{text} with {{ {fields} }}");
            }
            return if wanted.required { self.also("else skip", &format!("{text} else skip")) } else { text };
        }
        if depth > 0
            && self.chance(35)
            && let Some(each) = self.each(view, wanted, depth - 1)
        {
            return if wanted.required { self.also("else skip", &format!("({each}) else skip")) } else { each };
        }
        let first = self.decided(view, wanted, depth);
        if self.chance(25) {
            let second = self.decided(view, wanted, depth.saturating_sub(1));
            self.hit("several values behind one colon");
            return format!("{first}, {second}");
        }
        if wanted.ty == "string"
            && self.chance(30)
            && let Some(source) = self.source(view, &|writer, ty| writer.known.is_simple(ty))
        {
            self.hit_builtin("distinct");
            return format!("distinct({}) else {first}", source.text);
        }
        if wanted.ty == "string"
            && self.chance(20)
            && let Some(source) = self.simple(view)
        {
            self.hit_builtin("pieces");
            return format!("pieces({}, \" \") else {first}", source.text);
        }
        first
    }

    /// `each X { … }` or `each X => v`.
    pub fn each(&mut self, view: &View, wanted: &Wanted, depth: usize) -> Option<String> {
        let (list, held) = self.walked(view)?;
        let named = self.chance(20) && !matches!(held, Held::Segment(_));
        let by = self.chance(20);
        let mut inner = match (&held, named) {
            (Held::Segment(name), _) => {
                let item = held.clone();
                view.named(name, held.clone()).with_item(item)
            }
            (_, true) => view.named("it", held.clone()),
            _ => view.with_item(held.clone()),
        };
        let head = if named { self.also("each with a name", &format!("it in {list}")) } else { list };
        let filter = if self.chance(30) {
            let condition = self.condition(&inner, 1);
            self.also("each with a filter", &format!(" where {condition}"))
        } else {
            String::new()
        };
        let mut grouped = String::new();
        if by && !named {
            let key = self.simple(&View { names: Vec::new(), ..inner.clone() })?;
            self.hit("each by");
            grouped = format!(" by {}", key.text);
            // The items of a group are a list under a leading dot: only what lists serve is read of them.
            inner = View { item: None, ..view.clone() };
            let part = key.text;
            let text = format!("join(\"+\", {part})");
            let body = match wanted.ty.as_str() {
                "string" => format!("=> {text}"),
                "HumanName" | "CodeableConcept" | "Address" => {
                    format!("{{ text: \"{{count(.)}} of them: {{{text}}}\" }}")
                }
                _ => self.block(&inner, &wanted.ty, depth),
            };
            if wanted.ty == "Reference"
                || PRIMITIVES.contains(&wanted.ty.as_str()) && wanted.ty != "string"
                || wanted.choice
            {
                return None;
            }
            return Some(format!("each {head}{filter}{grouped} {body}"));
        }
        let block =
            !PRIMITIVES.contains(&wanted.ty.as_str()) && wanted.ty != "Reference" && wanted.ty != "base64Binary";
        if block && !wanted.choice && self.chance(60) {
            self.hit("each with a block");
            return Some(format!("each {head}{filter}{grouped} {}", self.block(&inner, &wanted.ty, depth)));
        }
        self.hit("each with a value");
        let value = self.value(&inner, wanted, depth).text;
        Some(format!("each {head}{filter} => {value}"))
    }

    /// A segment or a field that is walked, and what its items are.
    pub fn walked(&mut self, view: &View) -> Option<(String, Held)> {
        let segments: Vec<_> = view.segments().cloned().collect();
        if !segments.is_empty() && self.chance(50) {
            let named = self.random.of(&segments).clone();
            // What opens a group is walked as that group, whose key is not at hand here.
            let opens = view.groups.iter().any(|group| {
                let shape = group.group.as_ref().and_then(|key| self.known.standards.structure(view.version, key));
                shape.is_some_and(|shape| shape.elements.first().is_some_and(|first| first.name == named.text))
            });
            let inside = view.within.iter().any(|key| {
                let shape = self.known.standards.structure(view.version, key);
                shape.is_some_and(|shape| shape.elements.first().is_some_and(|first| first.name == named.text))
            });
            if !opens && !inside && !named.text.contains('[') && named.list {
                self.hit("each of a segment");
                return Some((named.text, named.held));
            }
        }
        let source = self.source(view, &|_, ty| ty != "?" && ty != "varies")?;
        self.hit("each of a field");
        source.list.then_some((source.text, Held::Type(source.ty)))
    }

    /// The rules of `with`, on one line.
    pub fn with_fields(&mut self, view: &View, key: &str, depth: usize) -> Option<String> {
        let shape = self.known.shape(key)?;
        let simple: Vec<Element> = shape
            .elements
            .iter()
            .filter(|element| {
                let one = element.types.len() == 1 && PRIMITIVES.contains(&element.types[0].name.as_str());
                one && !LEFT_OUT.contains(&element.name.as_str()) && element.max > 0
            })
            .cloned()
            .collect();
        if simple.is_empty() {
            return None;
        }
        let mut rules = Vec::new();
        let mut left = simple;
        for _ in 0..1 + self.random.below(3) {
            if left.is_empty() {
                break;
            }
            let at = self.random.below(left.len());
            let element = left.swap_remove(at);
            let name = element.name.as_str();
            let wanted = Wanted { required: false, ..self.wanted(&element, depth) };
            let literal = self.literal(&wanted)?;
            rules.push(match self.random.below(5) {
                0 if element.min == 0 => self.also("with that takes away", &format!("{name}: absent")),
                1 if !element.repeats() => self.also("keep", &format!("{name}: keep else {literal}")),
                2 if !element.repeats() && element.min == 0 => self.also("keep", &format!("{name}: keep else skip")),
                0..4 if element.repeats() => self.also("with that adds", &format!("{name} +: {literal}")),
                4 => format!("{name}: {}", self.value(view, &wanted, 0).text),
                _ => format!("{name}: {literal}"),
            });
        }
        Some(rules.join(", "))
    }

    /// A line that writes an extension of a URL of its own.
    fn extension(&mut self, view: &View, depth: usize) -> String {
        self.extensions += 1;
        let url = format!("http://x.org/{}", self.extensions);
        let types = [
            "string",
            "boolean",
            "decimal",
            "integer",
            "dateTime",
            "date",
            "code",
            "Coding",
            "uri",
            "time",
            "base64Binary",
            "instant",
            "id",
            "CodeableConcept",
            "Period",
            "Quantity",
            "unsignedInt",
        ];
        let ty = *self.random.of(&types);
        let wanted = Wanted { choice: true, ..Wanted::of(ty) };
        match self.random.below(8) {
            0 => {
                self.hit("extensions of an extension");
                let inner = self.decided(view, &Wanted { choice: true, ..Wanted::of("string") }, 1);
                let other = self.decided(view, &wanted, depth.min(1));
                format!("extension[\"{url}\"]: {{\n    extension[\"a\"]: {inner}\n    extension[\"b\"]: {other}\n}}")
            }
            1 => {
                self.hit("a path of extensions");
                let inner = self.decided(view, &wanted, depth.min(1));
                format!("extension[\"{url}\"].extension[\"one\"]: {inner}")
            }
            _ => {
                self.hit("an extension");
                format!("extension[\"{url}\"]: {}", self.decided(view, &wanted, depth.min(2)))
            }
        }
    }

    /// A `match` whose arms assign elements.
    fn match_rules(&mut self, view: &View, elements: &mut Vec<Element>, depth: usize) -> Option<String> {
        if elements.is_empty() {
            return None;
        }
        let element = elements.swap_remove(self.random.below(elements.len()));
        let source = self.one(view, &|_, ty| matches!(ty, "ID" | "IS" | "ST"))?;
        let (mut first, second) = (self.rule(view, &element, depth.min(1)), self.rule(view, &element, depth.min(1)));
        let word = self.word();
        let simple = element.types.len() == 1 && PRIMITIVES.contains(&element.types[0].name.as_str());
        if simple && !element.repeats() && self.chance(30) {
            self.hit("an extension of a primitive in an arm");
            let text = self.value(view, &Wanted::of("string"), 0).text;
            first = format!("{first}\n{}.extension[\"http://x.org/arm\"]: {text}", element.name);
        }
        self.hit("match that holds rules");
        let arms = [format!("{word} => {}", braces(&[first])), format!("else => {}", braces(&[second]))];
        Some(format!("match {} {}", source.text, braces(&arms)))
    }
}

/// Lines inside braces, each indented.
pub fn braces(lines: &[String]) -> String {
    let inner: Vec<String> = lines.iter().map(|line| format!("    {}", line.replace('\n', "\n    "))).collect();
    if inner.is_empty() { "{}".into() } else { format!("{{\n{}\n}}", inner.join("\n")) }
}
