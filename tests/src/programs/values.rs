//! Values of FHIR types.

use super::Writer;
use super::known::PRIMITIVES;
use super::view::View;

/// What stands in an element: one of a type, of certain codes.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub ty: String,
    /// System and code; empty for any.
    pub codes: Vec<(String, String)>,
    /// Of a Reference; empty for any.
    pub targets: Vec<String>,
    /// The element takes several types, so that a block says its own.
    pub choice: bool,
    pub required: bool,
}

/// Spellings of dates and times, some of which HL7's fit.
const SPELLINGS: &[&str] =
    &["yyyy[MM[dd[HH[mm[ss]]]]][xx]", "yyyyMMdd", "dd.MM.yyyy[ HH:mm]", "MMM d, yyyy h:mm a", "HH:mm:ss.SSSxxx"];

impl Wanted {
    pub fn of(ty: &str) -> Wanted {
        Wanted { ty: ty.to_owned(), ..Wanted::default() }
    }
}

/// An expression; nothing takes away one that is certain.
#[derive(Clone, Debug)]
pub struct Written {
    pub text: String,
    pub certain: bool,
}

fn certain(text: impl Into<String>) -> Written {
    Written { text: text.into(), certain: true }
}

fn uncertain(text: impl Into<String>) -> Written {
    Written { text: text.into(), certain: false }
}

impl Writer<'_> {
    /// One value with what is done if it is missing.
    pub fn decided(&mut self, view: &View, wanted: &Wanted, depth: usize) -> String {
        let mut value = self.value(view, wanted, depth);
        if self.chance(12) {
            let condition = self.condition(view, 1);
            self.hit("when");
            value = uncertain(format!("{} when {condition}", value.text));
        }
        while !value.certain && self.chance(25) {
            let mut second = self.value(view, wanted, depth.saturating_sub(1));
            self.hit("else another source");
            if self.chance(20) {
                second = uncertain(format!("{} when {}", second.text, self.condition(view, 0)));
            }
            if self.chance(10) {
                self.hit("a value with a warning");
                second.text = format!("{} warn \"another was taken\"", second.text);
            }
            value = Written { text: format!("{} else {}", value.text, second.text), certain: second.certain };
        }
        if !value.certain && (wanted.required || self.chance(20)) {
            let last = self.last_resort(wanted);
            value.text = format!("{} else {last}", value.text);
        }
        value.text
    }

    /// What stands behind the last `else`.
    fn last_resort(&mut self, wanted: &Wanted) -> String {
        let literal = self.literal(wanted);
        match (self.random.below(20), literal) {
            (0..5, _) | (_, None) if !self.chance(6) => {
                self.hit("else skip");
                "skip".into()
            }
            (0..6, _) | (_, None) => {
                self.hit("else reject");
                "reject \"a value is missing\"".into()
            }
            (6..8, _) => {
                self.hit("else absent");
                let reason = *self.random.of(&["unknown", "asked-declined", "masked"]);
                format!("absent \"{reason}\"")
            }
            (8..11, _) if !wanted.required => {
                self.hit("else warn");
                "warn \"nothing was there\"".into()
            }
            (11..13, Some(literal)) => {
                self.hit("else a value with a warning");
                format!("{literal} warn \"a default was taken\"")
            }
            (_, Some(literal)) => {
                self.hit("else a constant");
                literal
            }
        }
    }

    /// A constant of a type, if one can be written.
    pub fn literal(&mut self, wanted: &Wanted) -> Option<String> {
        if !wanted.codes.is_empty() {
            return match wanted.ty.as_str() {
                "CodeableConcept" | "Coding" => Some(self.code_literal(&wanted.codes)),
                _ => Some(format!("\"{}\"", self.random.of(&wanted.codes).1)),
            };
        }
        Some(match wanted.ty.as_str() {
            "string" | "markdown" => self.text(),
            "code" => format!("\"{}\"", self.random.of(&["final", "a", "x-1", "en"])),
            "id" => "\"a.1-b\"".into(),
            "uri" | "url" | "canonical" => format!("\"{}\"", self.random.of(&["http://x.org/a", "urn:x:1"])),
            "oid" => "\"urn:oid:1.2.3\"".into(),
            "uuid" => "\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"".into(),
            "boolean" => self.random.of(&["true", "false"]).to_string(),
            "decimal" => self.number(),
            "integer" | "positiveInt" | "unsignedInt" => (1 + self.random.below(90)).to_string(),
            "date" => format!("\"{}\"", self.random.of(&["1961", "2020-02", "2020-02-29"])),
            "dateTime" => format!("\"{}\"", self.random.of(&["1961", "2020-02-29", "2020-02-29T10:00:00+01:00"])),
            "instant" => "\"2020-02-29T10:00:00Z\"".into(),
            "time" => "\"10:30:00\"".into(),
            "base64Binary" => "\"RE9F\"".into(),
            "CodeableConcept" | "Coding" => self.code_literal(&[]),
            _ => return None,
        })
    }

    /// One value, which may be missing.
    pub fn value(&mut self, view: &View, wanted: &Wanted, depth: usize) -> Written {
        if wanted.ty == "Reference" {
            return uncertain(self.reference(view, wanted, depth));
        }
        if depth > 0 && self.chance(7) {
            return uncertain(self.matched(view, wanted, depth - 1));
        }
        let elements = !PRIMITIVES.contains(&wanted.ty.as_str()) && wanted.ty != "base64Binary";
        if elements
            && depth > 0
            && !wanted.ty.contains('.')
            && self.chance(8)
            && let Some(each) = self.each(view, &Wanted { choice: true, ..wanted.clone() }, depth - 1)
        {
            let pick = *self.random.of(&["first", "last", "only"]);
            self.hit("one of an each");
            return uncertain(format!("{pick} ({each})"));
        }
        if self.chance(12)
            && let Some(call) = self.call(view, &wanted.ty, &wanted.codes)
        {
            return uncertain(call);
        }
        if PRIMITIVES.contains(&wanted.ty.as_str()) || wanted.ty == "base64Binary" {
            return self.primitive(view, wanted, depth);
        }
        let coded = matches!(wanted.ty.as_str(), "CodeableConcept" | "Coding");
        if coded && self.chance(45) {
            return self.coded(view, wanted);
        }
        let only_known = !wanted.codes.is_empty() && !coded;
        let often = if self.spent() { 90 } else { 60 };
        if !only_known && self.chance(often) {
            let ty = wanted.ty.clone();
            if let Some(source) = self.one(view, &move |writer, hl7| writer.fits(hl7, &ty)) {
                self.hit("a conversion of the library");
                let depth = if wanted.choice { 0 } else { depth };
                return uncertain(self.overridden(view, &source.text, &wanted.ty, depth));
            }
        }
        let backbone = wanted.ty.contains('.');
        let name = if !backbone && (wanted.choice || self.chance(15)) {
            self.also("a block with its type", &format!("{} ", wanted.ty))
        } else {
            String::new()
        };
        self.hit("a block");
        uncertain(format!("{name}{}", self.block(view, &wanted.ty, depth.saturating_sub(1))))
    }

    /// What a field gives, now and then with some of it replaced.
    fn overridden(&mut self, view: &View, text: &str, ty: &str, depth: usize) -> String {
        if depth == 0 || !self.chance(25) || text.contains(" as ") {
            return text.to_owned();
        }
        let Some(fields) = self.with_fields(view, ty, depth - 1) else { return text.to_owned() };
        self.hit("with");
        format!("{text} with {{ {fields} }}")
    }

    fn coded(&mut self, view: &View, wanted: &Wanted) -> Written {
        if self.chance(25) {
            self.hit("a code literal");
            return certain(self.code_literal(&wanted.codes));
        }
        if wanted.codes.is_empty()
            && self.chance(8)
            && let Some(column) = self.column(view, "code")
        {
            return uncertain(column);
        }
        let source = self.one(view, &|_, ty| matches!(ty, "CWE" | "CE" | "IS" | "ID" | "ST"));
        match source {
            Some(source) => {
                let table = self.table(&wanted.codes);
                self.hit("via");
                if self.chance(20) {
                    self.hit("via behind via");
                    let first = self.table(&[]);
                    return uncertain(format!("{} via {first} via {table}", source.text));
                }
                uncertain(format!("{} via {table}", source.text))
            }
            None => certain(self.code_literal(&wanted.codes)),
        }
    }

    /// A column of the table of rows.
    fn column(&mut self, view: &View, ty: &str) -> Option<String> {
        let keys = self.row_keys(view)?;
        self.hit("a column of a table");
        let column = match ty {
            "string" => "text",
            "decimal" => "number",
            "integer" => "whole",
            "boolean" => "truth",
            _ => "coded",
        };
        Some(format!("Rows({keys}).{column}"))
    }

    /// Texts by which the table of rows is read, which is declared then.
    pub fn row_keys(&mut self, view: &View) -> Option<String> {
        let plain = |_: &Self, ty: &str| matches!(ty, "CWE" | "IS" | "ID" | "ST" | "NM");
        let first = self.one(view, &plain)?.text;
        let second = if self.chance(50) { Some(self.word()) } else { self.one(view, &plain).map(|it| it.text) };
        self.rows();
        Some(format!("{first}, {}", second?))
    }

    fn matched(&mut self, view: &View, wanted: &Wanted, depth: usize) -> String {
        let mut arms: Vec<String> = Vec::new();
        let subject = self.one(view, &|_, ty| matches!(ty, "ID" | "IS" | "ST" | "NM" | "SI"));
        let count = 1 + self.random.below(3);
        let mut words: Vec<String> = Vec::new();
        for _ in 0..count {
            let value = self.arm_value(view, wanted, depth);
            let pattern = match &subject {
                None => self.condition(view, 1),
                Some(source) if matches!(source.ty.as_str(), "NM" | "SI") => {
                    self.hit("match by a range");
                    let from = 1 + self.random.below(40);
                    if self.chance(30) {
                        format!("{from}..*")
                    } else {
                        format!("{from}..{}", from + self.random.below(60))
                    }
                }
                Some(_) if self.chance(20) => {
                    self.hit("match by a state");
                    self.random.of(&["is present", "is null", "is absent"]).to_string()
                }
                Some(_) => {
                    let mut word = self.word();
                    while words.contains(&word) {
                        word = format!("\"k{}\"", words.len());
                    }
                    words.push(word.clone());
                    self.hit("match by a value");
                    word
                }
            };
            arms.push(format!("{pattern} => {value}"));
        }
        if self.chance(70) {
            let value = self.arm_value(view, wanted, depth);
            arms.push(format!("else => {value}"));
        }
        match subject {
            Some(source) => format!("match {} {{ {} }}", source.text, arms.join(", ")),
            None => {
                self.hit("match by a condition");
                format!("match {{ {} }}", arms.join(", "))
            }
        }
    }

    fn arm_value(&mut self, view: &View, wanted: &Wanted, depth: usize) -> String {
        if self.chance(8) {
            self.hit("an arm that gives nothing");
            return self.random.of(&["absent", "absent", "skip"]).to_string();
        }
        self.value(view, wanted, depth).text
    }

    fn primitive(&mut self, view: &View, wanted: &Wanted, depth: usize) -> Written {
        let ty = wanted.ty.as_str();
        if !wanted.codes.is_empty() {
            let source = self.one(view, &|_, ty| matches!(ty, "ID" | "IS" | "CWE" | "ST")).filter(|_| self.chance(75));
            return match source {
                Some(source) => {
                    self.hit("via");
                    let table = self.table(&wanted.codes);
                    uncertain(format!("{} via {table}", source.text))
                }
                None => certain(self.literal(wanted).unwrap_or_default()),
            };
        }
        if self.chance(8)
            && let Some(literal) = self.literal(wanted)
        {
            return certain(literal);
        }
        if self.chance(45) {
            let name = ty.to_owned();
            if let Some(source) = self.one(view, &move |writer, hl7| writer.fits(hl7, &name)) {
                if self.chance(12) {
                    self.hit("as a type of FHIR");
                    return uncertain(format!("{} as {ty}", source.text));
                }
                return uncertain(source.text);
            }
        }
        if matches!(ty, "string" | "decimal" | "integer" | "boolean")
            && self.chance(5)
            && let Some(column) = self.column(view, ty)
        {
            return uncertain(column);
        }
        let made = match ty {
            "boolean" => {
                self.hit("a condition as a value");
                return uncertain(format!("({})", self.condition(view, depth)));
            }
            "decimal" | "integer" | "positiveInt" | "unsignedInt" => self.numeric(view, ty, depth),
            "dateTime" | "date" | "instant" => self.moment(view),
            "base64Binary" => self.bytes(view),
            "time" => None,
            "string" | "markdown" => self.textual(view, depth),
            "code" | "uri" if self.chance(30) => {
                let source = self.one(view, &|_, ty| matches!(ty, "CWE" | "ID" | "IS"));
                source.map(|source| {
                    self.hit("via");
                    let table = self.table(&[]);
                    format!("{} via {table}", source.text)
                })
            }
            _ => self.textual(view, depth.min(1)),
        };
        match made {
            Some(text) => uncertain(text),
            None => certain(self.literal(wanted).unwrap_or_else(|| "absent".into())),
        }
    }

    fn numeric(&mut self, view: &View, ty: &str, depth: usize) -> Option<String> {
        if self.chance(12) {
            return self.counted(view);
        }
        if self.chance(4) {
            self.hit("a receipt");
            return Some("receipt.sequence".into());
        }
        let number = |_: &Self, ty: &str| matches!(ty, "NM" | "SI");
        // What only a decimal takes is met seldom enough.
        let choice = match ty {
            "decimal" if self.chance(30) => 8 + self.random.below(2),
            "decimal" => self.random.below(12),
            _ => self.random.below(8),
        };
        let literal = self.random.below(5);
        Some(match choice {
            0 => self.called("length", |writer| Some(format!("length({})", writer.simple(view)?.text)))?,
            1 => self.called("count", |writer| {
                Some(format!("count({})", writer.source(view, &|writer, ty| writer.known.is_simple(ty))?.text))
            })?,
            2 => self.called("year", |writer| {
                let time = writer.one(view, &|_, ty| matches!(ty, "DTM" | "TS" | "DT"))?;
                Some(format!("year({})", time.text))
            })?,
            3 => self.called("age", |writer| {
                let birth = writer.one(view, &|_, ty| matches!(ty, "DTM" | "TS" | "DT"))?;
                let at = writer.one(view, &|_, ty| matches!(ty, "DTM" | "TS"));
                let at = at.map_or("\"2024-02-29\"".into(), |at| format!("({} else \"2024\")", at.text));
                Some(format!("age({}, {at})", birth.text))
            })?,
            4 => {
                let bytes = self.bytes(view)?;
                self.called("size", |_| Some(format!("size({bytes})")))?
            }
            5..8 if depth > 0 => {
                let (left, right) = (self.one(view, &number)?, self.one(view, &number));
                let op = *self.random.of(&["+", "-", "*", "/"]);
                self.hit("arithmetic");
                let right = right.filter(|_| self.chance(50)).map_or_else(|| self.number(), |right| right.text);
                format!("({} {op} {right})", left.text)
            }
            8 => self.called("number", |writer| {
                let mark = *writer.random.of(&["", "", ", \",\"", ", \".\""]);
                Some(format!("number({}{mark})", writer.simple(view)?.text))
            })?,
            9 if self.chance(40) => self.called("convert_units", |writer| {
                let (from, to) = *writer.random.of(&[("mg/dL", "g/L"), ("Cel", "[degF]"), ("10*3/uL", "10*9/L")]);
                let from = match writer.simple(view).filter(|_| writer.chance(40)) {
                    Some(unit) => format!("({} else \"{from}\")", unit.text),
                    None => format!("\"{from}\""),
                };
                Some(format!("convert_units({}, {from}, \"{to}\")", writer.one(view, &number)?.text))
            })?,
            9 => {
                self.called("round", |writer| Some(format!("round({}, {literal})", writer.one(view, &number)?.text)))?
            }
            10 => {
                let name = *self.random.of(&["min", "max"]);
                self.called(name, |writer| {
                    let (first, second) = (writer.source(view, &number)?, writer.source(view, &number)?);
                    Some(format!("{name}({}, {})", first.text, second.text))
                })?
            }
            _ => self.called("sum", |writer| {
                let (first, second) = (writer.source(view, &number)?, writer.source(view, &number)?);
                Some(format!("sum({}, {})", first.text, second.text))
            })?,
        })
    }

    /// A place in a list, or how long it is between two times.
    fn counted(&mut self, view: &View) -> Option<String> {
        let time = |_: &Self, ty: &str| matches!(ty, "DTM" | "TS" | "DT");
        if self.chance(40) {
            return self.called("position", |writer| {
                let list = writer.source(view, &|writer, ty| writer.known.is_simple(ty))?;
                let of = writer.simple(view).filter(|_| writer.chance(60));
                let of = of.map_or("\"a\"".into(), |of| format!("({} else \"a\")", of.text));
                Some(format!("position({}, {of})", list.text))
            });
        }
        let (from, to) = (self.one(view, &time)?.text, self.one(view, &time)?.text);
        let factor = *self.random.of(&["", " * 2", " / 3", " + 90m"]);
        self.hit_builtin("in_minutes");
        if self.chance(50) {
            self.hit("a time from a time");
            return Some(format!("in_minutes(({to} - {from}){factor})"));
        }
        self.called("duration", |writer| {
            // Most times of messages are missing or damaged, and then there is nothing to count.
            let [until, since] =
                *writer.random.of(&[["2024-02-29T10:00:00Z", "2024-02-28T08:30:00Z"], ["2024", "2024"]]);
            Some(format!("in_minutes(duration(({to} else \"{until}\"), ({from} else \"{since}\")){factor})"))
        })
    }

    /// A time that is read in another spelling, or has a zone of its own.
    fn otherwise_spelled(&mut self, view: &View) -> Option<String> {
        if self.chance(50) {
            let source = self.one(view, &|_, ty| matches!(ty, "DTM" | "TS" | "DT"))?;
            let zone = *self.random.of(&["Europe/Paris", "America/New_York", "+05:30"]);
            return self.called("in_zone", |_| Some(format!("in_zone({}, \"{zone}\")", source.text)));
        }
        let source = self.one(view, &|writer, ty| writer.known.is_simple(ty))?;
        let pattern = *self.random.of(SPELLINGS);
        self.called("parse", |_| Some(format!("parse({}, '{pattern}')", source.text)))
    }

    fn moment(&mut self, view: &View) -> Option<String> {
        if self.chance(15) {
            return self.otherwise_spelled(view);
        }
        if self.chance(6) {
            self.hit("a receipt");
            return Some("receipt.received".into());
        }
        let time = |_: &Self, ty: &str| matches!(ty, "DTM" | "TS" | "DT");
        let source = self.one(view, &time)?;
        let unit = *self.random.of(&["year", "month", "day", "hour", "minute", "second"]);
        Some(match self.random.below(6) {
            0 | 1 => {
                let op = *self.random.of(&["+", "-"]);
                let duration = self.duration();
                self.hit("a time and a duration");
                format!("({} {op} {duration})", source.text)
            }
            2 => {
                let name = *self.random.of(&["minutes", "hours", "days"]);
                let count = self.one(view, &|_, ty| matches!(ty, "NM" | "SI"))?;
                let op = *self.random.of(&["+", "-"]);
                self.called(name, |_| Some(format!("({} {op} {name}({}))", source.text, count.text)))?
            }
            3 => self.called("truncate", |_| Some(format!("truncate({}, \"{unit}\")", source.text)))?,
            _ => {
                let name = *self.random.of(&["min", "max"]);
                let ty = source.ty.clone();
                let other = self.source(view, &move |_, hl7| hl7 == ty)?;
                self.called(name, |_| Some(format!("{name}({}, {})", source.text, other.text)))?
            }
        })
    }

    fn bytes(&mut self, view: &View) -> Option<String> {
        let source = self.one(view, &|_, ty| matches!(ty, "ST" | "TX" | "FT" | "ID"))?;
        let name = *self.random.of(&["base64", "unhex", "sha1", "base64", "raw"]);
        self.called(name, |writer| {
            Some(match name {
                "raw" => format!("raw({})", writer.one(view, &|_, _| true)?.text),
                "sha1" if writer.chance(50) => format!("sha1(unhex({}))", source.text),
                "sha1" => format!("sha1(base64({}))", source.text),
                _ => format!("{name}({})", source.text),
            })
        })
    }

    /// A text that something is made of.
    fn textual(&mut self, view: &View, depth: usize) -> Option<String> {
        if self.chance(20) {
            return self.holes(view, depth);
        }
        if self.chance(6) {
            return Some(self.known_of_receipt());
        }
        if self.chance(6) {
            let code = self.one(view, &|_, ty| matches!(ty, "CWE" | "CE"))?;
            if self.chance(25) {
                return self
                    .called("pseudonym", |_| Some(format!("pseudonym({}.1, secret(\"HOUSE_KEY\"))", code.text)));
            }
            let name = *self.random.of(&["display", "system_of"]);
            self.hit_builtin(name);
            let table = if self.chance(30) { format!(" via {}", self.table(&[])) } else { String::new() };
            return Some(format!("{name}({}{table})", code.text));
        }
        if self.chance(10)
            && let Some(text) = self.element_of(view)
        {
            return Some(text);
        }
        if self.chance(5)
            && let Some(text) = self.of_fhir_values(view)
        {
            return Some(text);
        }
        if self.chance(8)
            && let Some(text) = self.by_type(view)
        {
            return Some(format!("({text})"));
        }
        if self.chance(4)
            && !self.choices.is_empty()
            && let Some(source) = self.source(view, &|_, ty| ty == "CWE")
        {
            self.hit("a map that gives a list");
            return Some(format!("join(\"+\", several({}))", source.text));
        }
        if self.chance(4)
            && let (Some(first), Some(second)) = (
                self.source(view, &|_, ty| matches!(ty, "CX" | "CWE" | "XPN" | "XAD")),
                self.source(view, &|_, ty| matches!(ty, "CX" | "CWE" | "XPN" | "XAD")),
            )
        {
            self.hit("a path below a list");
            return Some(match self.random.below(2) {
                0 => format!("join(\"+\", ({}, {}).2)", first.text, second.text),
                _ => format!("({}, {})[2].2", first.text, second.text),
            });
        }
        let source = self.simple(view)?;
        let text = if depth > 0 && self.chance(20) { self.textual(view, depth - 1)? } else { source.text };
        let (from, count) = (1 + self.random.below(4), self.random.below(6));
        let pattern = *self.random.of(super::PATTERNS);
        let name = *self.random.of(&[
            "upper",
            "lower",
            "trim",
            "digits",
            "search_value",
            "left",
            "right",
            "substring",
            "replace",
            "extract",
            "join",
            "uuid",
            "first pieces",
            "pad",
            "er7",
            "format",
            "text_of",
        ]);
        self.called(name.trim_start_matches("first "), |writer| {
            Some(match name {
                "left" | "right" if writer.chance(30) => {
                    let size = writer.one(view, &|_, ty| matches!(ty, "NM" | "SI"))?;
                    format!("{name}({text}, ({} else {count}))", size.text)
                }
                "left" | "right" => format!("{name}({text}, {count})"),
                "substring" => format!("substring({text}, {from}, {count})"),
                "replace" => {
                    format!("replace({text}, '{pattern}', \"{}\")", writer.random.of(&["-", "$1", "", "<$0>"]))
                }
                "extract" => format!("extract({text}, '{pattern}')"),
                "pad" => {
                    let (length, filling) =
                        (*writer.random.of(&["8", "-8", "3", "100000"]), *writer.random.of(&["0", "ab", "\\\""]));
                    format!("pad({text}, {length}, \"{filling}\")")
                }
                "er7" => format!("er7({})", writer.one(view, &|_, _| true)?.text),
                "format" => {
                    let time = writer.one(view, &|_, ty| matches!(ty, "DTM" | "TS" | "DT"))?;
                    format!("format({}, '{}')", time.text, writer.random.of(SPELLINGS))
                }
                "text_of" => {
                    let charset = *writer.random.of(&["", "", ", \"8859/1\"", ", \"ASCII\""]);
                    format!("text_of(unhex({text}){charset})")
                }
                "first pieces" => format!("first pieces({text}, \"{}\")", writer.random.of(&[" ", ";", "a", "-"])),
                "join" => {
                    let others = writer.source(view, &|writer, ty| writer.known.is_simple(ty))?;
                    format!("join(\"{}\", {text}, {})", writer.random.of(&[" ", "", ", "]), others.text)
                }
                "uuid" => {
                    let others = writer.source(view, &|writer, ty| writer.known.is_simple(ty))?;
                    format!("uuid({text}, {})", others.text)
                }
                _ => format!("{name}({text})"),
            })
        })
    }

    fn known_of_receipt(&mut self) -> String {
        self.hit("a receipt");
        format!("receipt.{}", self.random.of(&["id", "file", "feed", "id"]))
    }

    fn holes(&mut self, view: &View, depth: usize) -> Option<String> {
        let mut text = String::new();
        for _ in 0..1 + self.random.below(3) {
            let hole = if depth > 0 && self.chance(20) {
                self.textual(view, 0)?
            } else {
                self.one(view, &|writer, ty| writer.known.is_simple(ty) || ty == "FN")?.text
            };
            let otherwise = if self.chance(25) { self.also("a hole with else", " else \"?\"") } else { String::new() };
            text +=
                &format!("{}{{{hole}{otherwise}}}", self.random.of(&["", " ", "a: ", "é ", "\\u{1F600}", "\\\"", "/"]));
        }
        self.hit("a text with holes");
        Some(format!("\"{text}\""))
    }

    pub(super) fn called(
        &mut self,
        name: &'static str,
        make: impl FnOnce(&mut Self) -> Option<String>,
    ) -> Option<String> {
        let text = make(self)?;
        self.hit_builtin(name);
        Some(text)
    }
}
