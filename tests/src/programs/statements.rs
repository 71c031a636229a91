//! Statements, references, and calls of the maps that a program declares.

use super::Writer;
use super::blocks::braces;
use super::known::PRIMITIVES;
use super::values::Wanted;
use super::view::{Held, Named, View};
use emr_compiler::standard::shape::Element;
use emr_compiler::standard::shape::Kind;

/// A map that stands before those that call it.
#[derive(Clone, Debug)]
pub struct Helper {
    pub name: String,
    /// The first is not named.
    pub first: Held,
    pub list: bool,
    /// What else it takes, by name.
    pub others: Vec<(String, Held)>,
    pub gives: String,
    /// How many parts its key has.
    pub keys: usize,
    /// Whether what it gives can be sent as changes.
    pub patched: bool,
}

impl Writer<'_> {
    /// A statement; one that is nested deeper where it walks. `emits` is whether resources are emitted.
    pub fn statement(&mut self, view: &mut View, depth: usize, emits: bool) -> Vec<String> {
        let choice = self.random.below(if emits { 20 } else { 8 });
        let made = match choice {
            0 | 1 => self.let_statement(view),
            2 => self.require(view),
            3 => self.ignore(view),
            4..8 if !emits => None,
            4..11 => self.emit_statement(view, depth),
            11..17 => self.walk(view, depth),
            _ => self.match_statement(view, depth),
        };
        made.into_iter().collect()
    }

    fn let_statement(&mut self, view: &mut View) -> Option<String> {
        self.names += 1;
        let name = format!("x{}", self.names);
        let (text, held, list) = match self.random.below(6) {
            0 | 1 => {
                let source = self.source(view, &|_, ty| ty != "varies" && ty != "?")?;
                (source.text, Held::Type(source.ty), source.list)
            }
            2 => {
                let ty = *self.random.of(&["HumanName", "Identifier", "Address", "ContactPoint"]);
                let source = self.one(view, &move |writer, hl7| writer.fits(hl7, ty) && hl7 != "HD")?;
                self.hit("a let of a FHIR value");
                (format!("{} as {ty}", source.text), Held::Value(ty.into()), false)
            }
            3 => {
                let value = self.value(view, &Wanted::of("string"), 1).text;
                self.hit("a let with a type");
                view.names.push(Named { text: name.clone(), held: Held::Plain("string".into()), list: false });
                return Some(format!("let {name}: string? = {value}"));
            }
            4 => {
                let ty = *self.random.of(&["decimal", "dateTime", "boolean"]);
                let value = self.value(view, &Wanted::of(ty), 1).text;
                self.hit("a let with a type");
                view.names.push(Named { text: name.clone(), held: Held::Plain(ty.into()), list: false });
                return Some(format!("let {name}: {ty}? = {value}"));
            }
            _ => {
                let source = self.one(view, &|_, ty| matches!(ty, "CWE" | "ID" | "IS"))?;
                let table = self.table(&[]);
                self.hit("a let of a code");
                (format!("{} via {table}", source.text), Held::Code, false)
            }
        };
        self.hit("let");
        view.names.push(Named { text: name.clone(), held, list });
        Some(format!("let {name} = {text}"))
    }

    fn require(&mut self, view: &View) -> Option<String> {
        let what = if self.chance(50) {
            let source =
                self.source(view, &|_, ty| ty != "?" && ty != "varies").filter(|it| !it.text.contains(" as "))?;
            self.hit("require of a place");
            if source.text.starts_with('.') { format!("{} is present", source.text) } else { source.text }
        } else {
            self.hit("require of a condition");
            // Not one that begins with a parenthesis: a call of `require` would be read.
            format!("not {}", self.comparison(view)?)
        };
        let otherwise = match self.random.below(10) {
            0 => "reject \"it is required\"",
            1 => "skip",
            _ => "warn \"it is required\"",
        };
        self.hit(match otherwise {
            "skip" => "require or skip",
            text if text.starts_with("reject") => "require or reject",
            _ => "require or warn",
        });
        Some(format!("require {what} else {otherwise}"))
    }

    fn ignore(&mut self, view: &View) -> Option<String> {
        let segments: Vec<_> = view.segments().filter(|named| !named.text.contains('[')).cloned().collect();
        if segments.is_empty() {
            return None;
        }
        let name = self.random.of(&segments).text.clone();
        self.hit("ignore");
        Some(match self.random.below(3) {
            0 => format!("ignore {name}-1 because \"it is only a number\""),
            1 => format!("ignore {name}-1..2 because \"nobody needs them\""),
            _ => format!("ignore rest of {name} because \"nobody needs it\""),
        })
    }

    fn emit_statement(&mut self, view: &mut View, depth: usize) -> Option<String> {
        let (resource, ty) = self.emitted(view, depth)?;
        self.names += 1;
        let name = format!("r{}", self.names);
        if self.chance(50) {
            view.references.push((name.clone(), ty));
            self.hit("let of an emit");
            return Some(format!("let {name} = {resource}"));
        }
        Some(resource)
    }

    /// `emit m(…)` or `emit Type { … }`, and the resource that it is.
    fn emitted(&mut self, view: &View, depth: usize) -> Option<(String, String)> {
        let resources: Vec<String> = self.resources();
        let mut new = "";
        if self.chance(20) {
            self.hit("emit if new");
            new = " if new";
        }
        if self.chance(60) {
            let ty = self.random.of(&resources).clone();
            let helpers: Vec<Helper> =
                self.helpers.iter().filter(|helper| resources.contains(&helper.gives)).cloned().collect();
            let helper = (!helpers.is_empty()).then(|| self.random.of(&helpers).clone());
            let given = helper.as_ref().map_or(ty, |helper| helper.gives.clone());
            let patched = helper.as_ref().is_some_and(|helper| helper.patched) && self.chance(60);
            if let Some(call) = helper.and_then(|helper| self.call_of(view, &helper)) {
                if patched {
                    self.hit("patch");
                    let element = self.known.shape(&given).and_then(|shape| {
                        let optional =
                            |element: &&Element| element.min == 0 && element.max == 1 && element.name != "id";
                        shape.elements.iter().find(optional).map(|element| element.name.clone())
                    });
                    if let (Some(element), true) = (element, self.chance(40)) {
                        self.hit("null in a patch");
                        let value = if self.chance(50) {
                            "null".to_owned()
                        } else {
                            format!("null when {}", self.condition(view, 0))
                        };
                        return Some((format!("patch {call} with {{ {element}: {value} }}"), given));
                    }
                    return Some((format!("patch {call}"), given));
                }
                self.hit("emit of a map");
                if depth > 0
                    && self.chance(20)
                    && let Some(fields) = self.with_fields(view, &given, 0)
                {
                    self.hit("with on a resource");
                    return Some((format!("emit {call} with {{ {fields} }}{new}"), given));
                }
                return Some((format!("emit {call}{new}"), given));
            }
        }
        if self.spent() {
            return None;
        }
        let ty = self.random.of(&resources).clone();
        let block = self.block(view, &ty, depth.min(2));
        self.hit("emit of a block");
        Some((format!("emit {ty} {block}{new}"), ty))
    }

    /// `each X { statements }`.
    fn walk(&mut self, view: &View, depth: usize) -> Option<String> {
        if depth == 0 {
            return None;
        }
        let groups = view.groups.clone();
        let (head, mut inner) = if !groups.is_empty() && self.chance(70) {
            let group = self.random.of(&groups).clone();
            let key = group.group.clone()?;
            let mut within = view.within.clone();
            within.push(key.clone());
            let mut inner = View { item: None, ..self.view_of(view.version, view.structure.as_deref()?, &within) };
            inner.references.clone_from(&view.references);
            let first = self.known.standards.structure(view.version, &key)?.elements.first()?.name.to_string();
            let opens = self.known.standards.hl7.segment(view.version, &first).is_some();
            let once = view.names.iter().any(|named| named.text == first) && !view.within.contains(&key);
            if opens && once && self.chance(40) {
                self.hit("each of a segment that opens a group");
                inner.item = Some(Held::Segment(first.clone()));
                (first, inner)
            } else {
                self.hit("each of a group");
                (group.text, inner)
            }
        } else {
            let (text, held) = self.walked(view)?;
            let inner = match &held {
                Held::Segment(name) => view.named(name, held.clone()).with_item(held.clone()),
                _ => view.with_item(held.clone()),
            };
            self.hit("each of statements");
            (text, inner)
        };
        let filter = if self.chance(25) {
            let condition = self.condition(&View { item: None, ..inner.clone() }, 1);
            self.also("each with a filter", &format!(" where {condition}"))
        } else {
            String::new()
        };
        let mut lines = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            lines.extend(self.statement(&mut inner, depth - 1, true));
        }
        if !lines.iter().any(|line| line.contains("emit")) {
            lines.extend(self.emit_statement(&mut inner, depth - 1));
        }
        (!lines.is_empty()).then(|| format!("each {head}{filter} {}", braces(&lines)))
    }

    fn match_statement(&mut self, view: &View, depth: usize) -> Option<String> {
        let source = self.one(view, &|_, ty| matches!(ty, "ID" | "IS" | "ST"))?;
        let mut arms = Vec::new();
        for index in 0..2 {
            let mut inner = view.clone();
            let lines = vec![self.emit_statement(&mut inner, depth.min(1))?];
            let pattern = if index == 0 { self.word() } else { "else".into() };
            arms.push(format!("{pattern} => {}", braces(&lines)));
        }
        self.hit("match of statements");
        Some(format!("match {} {}", source.text, braces(&arms)))
    }

    // ---- references ----------------------------------------------------------------------------------------------

    pub fn reference(&mut self, view: &View, wanted: &Wanted, depth: usize) -> String {
        let allowed =
            |name: &str| wanted.targets.is_empty() || wanted.targets.iter().any(|it| it == name || it == "Resource");
        let known: Vec<String> =
            view.references.iter().filter(|(_, resource)| allowed(resource)).map(|(name, _)| name.clone()).collect();
        if !known.is_empty() && self.chance(60) {
            self.hit("a reference");
            return self.random.of(&known).clone();
        }
        if self.chance(35) {
            let targets: Vec<&str> = ["Practitioner", "Organization", "Location", "Device"]
                .into_iter()
                .filter(|name| allowed(name))
                .collect();
            if !targets.is_empty() {
                let ty = *self.random.of(&targets);
                if let Some(source) = self.one(view, &move |writer, hl7| writer.fits(hl7, ty)) {
                    self.hit("a conversion to a resource");
                    return source.text;
                }
            }
        }
        let helpers: Vec<Helper> = self.helpers.iter().filter(|helper| allowed(&helper.gives)).cloned().collect();
        let helpers: Vec<Helper> =
            helpers.into_iter().filter(|helper| self.is_resource(&helper.gives) && !helper.list).collect();
        let keyed: Vec<Helper> = helpers.iter().filter(|helper| helper.keys > 0).cloned().collect();
        if !keyed.is_empty() && self.chance(40) {
            let helper = self.random.of(&keyed).clone();
            if helper.keys == 1
                && self.chance(50)
                && let Some(source) = self.one(view, &|_, ty| matches!(ty, "CX" | "ID" | "ST" | "CWE"))
            {
                self.hit("refer by a key");
                return format!("(refer {} by ({}))", helper.name, source.text);
            }
            if helper.keys > 1 && self.chance(50) {
                let part = |writer: &mut Self| writer.one(view, &|_, ty| matches!(ty, "CX" | "ID" | "ST" | "CWE"));
                let parts: Option<Vec<String>> = (0..helper.keys).map(|_| part(self).map(|it| it.text)).collect();
                if let Some(parts) = parts {
                    self.hit("refer by the parts of a key");
                    return format!("(refer {} by ({}))", helper.name, parts.join(", "));
                }
            }
            if let Some(call) = self.call_of(view, &helper) {
                self.hit("refer to a map");
                return format!("(refer {call})");
            }
        }
        if !helpers.is_empty() && self.chance(50) {
            let helper = self.random.of(&helpers).clone();
            if matches!(&helper.first, Held::Segment(name) if view.names.iter().any(|it| it.text == *name && !it.list))
                && let Some(call) = self.call_of(view, &helper)
            {
                let word = *self.random.of(&["emit", "contain"]);
                self.hit(if word == "emit" { "emit as a value" } else { "contain of a map" });
                return format!("({word} {call})");
            }
        }
        if depth > 0 && allowed("Organization") && self.chance(50) {
            self.hit("contain");
            let name = self.value(view, &Wanted::of("string"), 1).text;
            return format!("contain Organization {{ name: {name} }}");
        }
        self.hit("a reference by its display");
        let display = self.value(view, &Wanted::of("string"), 1).text;
        let name = if wanted.choice { "Reference " } else { "" };
        format!("{name}{{ display: {display} }}")
    }

    // ---- calls ---------------------------------------------------------------------------------------------------

    /// A call of a map that gives one value of that type.
    pub fn call(&mut self, view: &View, ty: &str, codes: &[(String, String)]) -> Option<String> {
        if !codes.is_empty() {
            return None;
        }
        let plain: Vec<String> = view
            .names
            .iter()
            .filter(|named| match &named.held {
                Held::Plain(held) => held == ty,
                Held::Code => matches!(ty, "CodeableConcept" | "Coding" | "code" | "string"),
                Held::Value(held) => held == ty,
                _ => false,
            })
            .map(|named| named.text.clone())
            .collect();
        if !plain.is_empty() && self.chance(60) {
            self.hit("a let that is used");
            return Some(self.random.of(&plain).clone());
        }
        let fitting: Vec<Helper> = self.helpers.iter().filter(|helper| helper.gives == ty).cloned().collect();
        if fitting.is_empty() {
            return None;
        }
        let helper = self.random.of(&fitting).clone();
        let single = match &helper.first {
            Held::Segment(name) => view.names.iter().any(|it| it.text == *name && (!it.list || helper.list)),
            _ => true,
        };
        single.then(|| self.call_of(view, &helper)).flatten()
    }

    fn call_of(&mut self, view: &View, helper: &Helper) -> Option<String> {
        let first = match &helper.first {
            Held::Segment(name) => {
                let named = view
                    .names
                    .iter()
                    .find(|named| named.held == helper.first && !named.text.starts_with(char::is_lowercase));
                named.map(|named| named.text.clone()).filter(|text| text == name)?
            }
            Held::Type(ty) => {
                let ty = ty.clone();
                self.one(view, &move |_, hl7| hl7 == ty)?.text
            }
            _ => return None,
        };
        let mut arguments = vec![first];
        for (name, held) in helper.others.clone() {
            let value = match &held {
                Held::Plain(ty) => self.value(view, &Wanted::of(ty), 0).text,
                Held::Code => self.code_literal(&[]),
                Held::Value(resource) => {
                    let fitting = view.references.iter().find(|(_, known)| known == resource);
                    match fitting {
                        Some((reference, _)) => reference.clone(),
                        None => "absent".into(),
                    }
                }
                _ => return None,
            };
            arguments.push(format!("{name}: {value}"));
        }
        self.hit(if helper.list { "a call with a list of segments" } else { "a call" });
        Some(format!("{}({})", helper.name, arguments.join(", ")))
    }

    pub fn is_resource(&self, key: &str) -> bool {
        !PRIMITIVES.contains(&key) && self.known.shape(key).is_some_and(|shape| shape.kind == Kind::Resource)
    }

    /// The resources that this program writes.
    fn resources(&mut self) -> Vec<String> {
        self.uses.clone()
    }
}
