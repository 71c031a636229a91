//! What can be read at a place of a map, and conditions over it.

use super::Writer;
use super::known::{Place, VARYING};
use emr_compiler::standard::hl7::Version;

/// What a name or the current item stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Segment(String),
    /// Of HL7.
    Type(String),
    /// A FHIR value with elements.
    Value(String),
    /// A FHIR primitive.
    Plain(String),
    Duration,
    /// By its key.
    Group(String),
    /// A code with its system.
    Code,
}

#[derive(Clone, Debug)]
pub struct Named {
    pub text: String,
    pub held: Held,
    pub list: bool,
}

/// What is in scope.
#[derive(Clone, Debug)]
pub struct View {
    pub version: Version,
    pub names: Vec<Named>,
    pub groups: Vec<super::known::Member>,
    pub structure: Option<String>,
    /// The keys of the groups around.
    pub within: Vec<String>,
    /// The item that a leading dot is.
    pub item: Option<Held>,
    /// Names of references, each with the resource it refers to.
    pub references: Vec<(String, String)>,
}

/// Something of HL7 to read.
#[derive(Clone, Debug)]
pub struct Source {
    pub text: String,
    pub ty: String,
    pub list: bool,
}

impl View {
    pub fn empty() -> View {
        View {
            version: Version::Union,
            names: Vec::new(),
            groups: Vec::new(),
            structure: None,
            within: Vec::new(),
            item: None,
            references: Vec::new(),
        }
    }

    pub fn with_item(&self, held: Held) -> View {
        View { item: Some(held), ..self.clone() }
    }

    pub fn named(&self, text: &str, held: Held) -> View {
        let mut view = self.clone();
        view.names.retain(|named| named.text != text);
        view.names.push(Named { text: text.to_owned(), held, list: false });
        view
    }

    pub fn segments(&self) -> impl Iterator<Item = &Named> {
        self.names.iter().filter(|named| matches!(named.held, Held::Segment(_)))
    }
}

/// How often something random is tried before one does without it.
const TRIES: usize = 24;

impl Writer<'_> {
    /// A path, or something like it, whose type is accepted.
    pub fn source(&mut self, view: &View, accepts: &dyn Fn(&Self, &str) -> bool) -> Option<Source> {
        (0..TRIES).find_map(|_| self.any_source(view, accepts))
    }

    fn any_source(&mut self, view: &View, accepts: &dyn Fn(&Self, &str) -> bool) -> Option<Source> {
        if let Some(item) = view.item.as_ref().filter(|_| self.chance(50)).cloned() {
            return self.of_item(view, &item, accepts);
        }
        let readable: Vec<&Named> =
            view.names.iter().filter(|named| matches!(named.held, Held::Segment(_) | Held::Type(_))).collect();
        if readable.is_empty() {
            return None;
        }
        let named = (*self.random.of(&readable)).clone();
        let (places, glue) = match &named.held {
            Held::Segment(name) => (self.fields(view.version, name), "-"),
            Held::Type(ty) => {
                if accepts(self, ty) && self.chance(40) {
                    self.hit("a name that a let gives");
                    return Some(Source { text: named.text, ty: ty.clone(), list: named.list });
                }
                (self.known.components(view.version, ty), ".")
            }
            _ => return None,
        };
        let (place, read_as) = self.choose(&places, accepts)?;
        let (mut text, mut list) = (named.text.clone(), named.list);
        if named.list && self.chance(25) {
            let bracket = self.bracket(view, &named.held, &mut list);
            text += &bracket;
        }
        Some(self.spelled(view, text, glue, &place, list, read_as))
    }

    fn of_item(&mut self, view: &View, item: &Held, accepts: &dyn Fn(&Self, &str) -> bool) -> Option<Source> {
        let places = match item {
            Held::Segment(name) => self.fields(view.version, name),
            Held::Type(ty) => {
                if accepts(self, ty) && self.chance(50) {
                    self.hit("the current item");
                    return Some(Source { text: ".".into(), ty: ty.clone(), list: false });
                }
                self.known.components(view.version, ty)
            }
            _ => return None,
        };
        let (place, read_as) = self.choose(&places, accepts)?;
        self.hit("a part of the current item");
        Some(self.spelled(view, String::new(), ".", &place, false, read_as))
    }

    /// A place whose type is accepted, or that is read as such a type.
    fn choose(&mut self, places: &[Place], accepts: &dyn Fn(&Self, &str) -> bool) -> Option<(Place, Option<String>)> {
        let mut chosen = None;
        let mut seen = 0;
        for place in places {
            let read_as = if place.ty == "varies" {
                let fitting: Vec<_> = VARYING.iter().filter(|ty| accepts(self, ty)).collect();
                let Some(ty) = (!fitting.is_empty()).then(|| (**self.random.of(&fitting)).to_owned()) else { continue };
                Some(ty)
            } else if accepts(self, &place.ty) {
                None
            } else {
                continue;
            };
            seen += 1;
            if self.random.below(seen) == 0 {
                chosen = Some((place.clone(), read_as));
            }
        }
        chosen
    }

    fn spelled(
        &mut self,
        view: &View,
        root: String,
        glue: &str,
        place: &Place,
        outer: bool,
        read_as: Option<String>,
    ) -> Source {
        let mut text = root;
        let mut list = outer;
        for (index, number) in place.numbers.iter().enumerate() {
            text += &format!("{}{number}", if index == 0 { glue } else { "." });
            if index == 0 && place.list {
                list = true;
                if self.chance(25) {
                    let held = Held::Type(place.field.clone());
                    let mut one = true;
                    text += &self.bracket(view, &held, &mut one);
                    list = one || outer;
                }
            }
        }
        self.hit(match place.numbers.len() {
            1 => "a field",
            2 => "a component",
            _ => "a subcomponent",
        });
        match read_as {
            None => Source { text, ty: place.ty.clone(), list },
            Some(ty) => {
                self.hit("as a type of HL7");
                Source { text: format!("({text} as {ty})"), ty, list }
            }
        }
    }

    /// Brackets behind a list; `list` is whether it is one still.
    fn bracket(&mut self, view: &View, held: &Held, list: &mut bool) -> String {
        match self.random.below(5) {
            0 | 1 => {
                *list = false;
                self.hit("brackets with a number");
                format!("[{}]", 1 + self.random.below(3))
            }
            2 => {
                self.hit("brackets with a range");
                format!("[{}..{}]", 1 + self.random.below(2), 2 + self.random.below(3))
            }
            3 => {
                self.hit("brackets with an open range");
                format!("[{}..*]", 1 + self.random.below(3))
            }
            _ => {
                let inner = View { names: Vec::new(), ..view.with_item(held.clone()) };
                let Some(condition) = self.comparison(&inner) else { return String::new() };
                self.hit("brackets with a condition");
                format!("[{condition}]")
            }
        }
    }

    /// One value of a source.
    pub fn one(&mut self, view: &View, accepts: &dyn Fn(&Self, &str) -> bool) -> Option<Source> {
        let source = self.source(view, accepts)?;
        if !source.list {
            return Some(source);
        }
        let (word, name) =
            *self.random.of(&[("first", "first"), ("first", "first"), ("last", "last"), ("only", "only")]);
        self.hit(name);
        Some(Source { text: format!("{word} {}", source.text), list: false, ..source })
    }

    pub fn simple(&mut self, view: &View) -> Option<Source> {
        self.one(view, &|writer, ty| writer.known.is_simple(ty))
    }

    // ---- conditions --------------------------------------------------------------------------------------------

    /// A condition; `true` where nothing can be asked.
    pub fn condition(&mut self, view: &View, depth: usize) -> String {
        let asked = match self.random.below(if depth == 0 { 10 } else { 16 }) {
            0..5 => self.comparison(view),
            5..7 => self.state(view),
            7 => self.of_list(view),
            8 => self.call_condition(view),
            9 => self.coded_condition(view),
            10..12 => {
                let (left, right) = (self.condition(view, depth - 1), self.condition(view, depth - 1));
                self.hit("and");
                Some(format!("({left} and {right})"))
            }
            12..14 => {
                let (left, right) = (self.condition(view, depth - 1), self.condition(view, depth - 1));
                self.hit("or");
                Some(format!("({left} or {right})"))
            }
            _ => {
                let inner = self.condition(view, depth - 1);
                self.hit("not");
                Some(format!("not ({inner})"))
            }
        };
        asked.unwrap_or_else(|| if self.chance(50) { "true".into() } else { "false".into() })
    }

    /// Of one value: compared, looked up, matched.
    pub fn comparison(&mut self, view: &View) -> Option<String> {
        let of = |types: &'static [&'static str]| move |_: &Self, ty: &str| types.contains(&ty);
        Some(match self.random.below(9) {
            0..3 => {
                let source = self.one(view, &of(&["ID", "IS", "ST", "TX", "FT", "CWE"]))?;
                let op = *self.random.of(&["==", "!=", "==", "!=", "<", "<=", ">", ">="]);
                let text = self.word();
                self.hit("a comparison of texts");
                format!("{} {op} {text}", source.text)
            }
            3 => {
                let source = self.one(view, &of(&["NM", "SI"]))?;
                let op = self.operator();
                let number = self.number();
                self.hit("a comparison of numbers");
                format!("{} {op} {number}", source.text)
            }
            4 => {
                let source = self.one(view, &of(&["DT", "DTM", "TS"]))?;
                let op = self.operator();
                let other = self.one(view, &of(&["DT", "DTM", "TS"])).filter(|_| self.chance(40));
                let time = self.random.of(&["\"2020\"", "\"2019-06\"", "\"2020-02-29\""]).to_string();
                self.hit("a comparison of times");
                format!("{} {op} {}", source.text, other.map_or(time, |other| other.text))
            }
            5 if self.chance(30) => {
                let source = self.one(view, &of(&["ID", "ST", "IS"]))?;
                let list = self.source(view, &of(&["ID", "ST", "IS"]))?;
                let not = if self.chance(40) { "not " } else { "" };
                self.hit("in a list of the message");
                format!("{} {not}in {}", source.text, list.text)
            }
            5 => {
                let source = self.one(view, &of(&["ID", "ST", "IS", "CWE"]))?;
                let not = if self.chance(40) { self.also("not in", "not ") } else { String::new() };
                let items: Vec<String> = (0..2 + self.random.below(3)).map(|_| self.word()).collect();
                if self.chance(12) {
                    self.hit("in a table of codes");
                    let table = self.table(&[]);
                    return Some(format!("{} {not}in {table}", source.text));
                }
                if self.chance(8)
                    && let Some(keys) = self.row_keys(view)
                {
                    self.hit("in a table of rows");
                    return Some(format!("({keys}) {not}in Rows"));
                }
                if self.chance(8) {
                    self.hit("in a value set");
                    let sets = ["administrative-gender", "marital-status", "observation-status"];
                    let set = self.random.of(&sets);
                    return Some(format!("{} {not}in valueset(\"http://hl7.org/fhir/ValueSet/{set}\")", source.text));
                }
                self.hit("in");
                format!("{} {not}in ({})", source.text, items.join(", "))
            }
            6 => {
                let source = self.one(view, &of(&["ID", "ST", "NM", "DTM"]))?;
                self.hit("matches");
                format!("{} matches '{}'", source.text, self.random.of(super::PATTERNS))
            }
            7 => {
                let source = self.one(view, &of(&["ID"]))?;
                let value = self.random.of(&["true", "false"]).to_string();
                let op = *self.random.of(&["==", "!="]);
                self.hit("a comparison of booleans");
                format!("({} as boolean) {op} {value}", source.text)
            }
            _ => {
                let source = self.one(view, &of(&["NM", "SI"]))?;
                let unit = *self.random.of(&["minutes", "hours", "days"]);
                let op = self.operator();
                let duration = self.duration();
                self.hit("a comparison of durations");
                format!("{unit}({}) {op} {duration}", source.text)
            }
        })
    }

    fn state(&mut self, view: &View) -> Option<String> {
        let source = self.source(view, &|_, ty| ty != "?")?;
        if self.chance(12) {
            let ty = *self.random.of(&["HumanName", "Identifier", "Address", "ContactPoint"]);
            let value = self.one(view, &move |writer, hl7| writer.fits(hl7, ty) && hl7 != "HD")?;
            self.hit("a FHIR value that is present");
            return Some(format!("({} as {ty}) is present", value.text));
        }
        let not = if self.chance(30) { self.also("is not", "not ") } else { String::new() };
        let state = *self.random.of(&["present", "null", "absent"]);
        self.hit(match state {
            "present" => "is present",
            "null" => "is null",
            _ => "is absent",
        });
        Some(format!("{} is {not}{state}", source.text))
    }

    fn of_list(&mut self, view: &View) -> Option<String> {
        let mut found = None;
        for _ in 0..TRIES {
            found = self.source(view, &|_, ty| matches!(ty, "ID" | "ST" | "IS")).filter(|source| source.list);
            if found.is_some() {
                break;
            }
        }
        let (source, text) = (found?, self.word());
        let ask = *self.random.of(&["any", "all"]);
        self.hit(if ask == "any" { "any" } else { "all" });
        let other = self.word();
        Some(match self.random.below(4) {
            0 => format!("{ask}({} in ({text}, {other}))", source.text),
            1 => format!("{ask}({} matches '{}')", source.text, self.random.of(super::PATTERNS)),
            2 => format!("{ask}({} != {text})", source.text),
            _ => format!("{ask}({} == {text})", source.text),
        })
    }

    fn call_condition(&mut self, view: &View) -> Option<String> {
        let source = self.one(view, &|_, ty| matches!(ty, "DTM" | "TS"))?;
        self.hit("a condition that is called");
        Some(format!("has_time({})", source.text))
    }

    fn coded_condition(&mut self, view: &View) -> Option<String> {
        let source = self.one(view, &|_, ty| matches!(ty, "CWE" | "CE" | "ID"))?;
        let op = *self.random.of(&["==", "!="]);
        let code = self.code_literal(&[]);
        self.hit("a comparison of codes");
        if self.chance(30) {
            let other = self.code_literal(&[]);
            return Some(format!("{} in ({code}, {other})", source.text));
        }
        let via = if self.chance(40) { format!(" via {}", self.table(&[])) } else { String::new() };
        Some(format!("({}{via}) {op} {code}", source.text))
    }

    fn operator(&mut self) -> &'static str {
        self.random.text(&["==", "!=", "<", "<=", ">", ">="])
    }
}
