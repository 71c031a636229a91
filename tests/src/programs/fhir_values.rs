//! What stands in values of FHIR: their elements, by brackets and by type.

use super::Writer;
use super::view::{Held, View};

impl Writer<'_> {
    /// A text that is made of a list of FHIR values, or of one that may be of several types.
    pub(super) fn of_fhir_values(&mut self, view: &View) -> Option<String> {
        let ty = *self.random.of(&["HumanName", "Identifier", "Address", "ContactPoint"]);
        let fits = move |writer: &Self, hl7: &str| writer.fits(hl7, ty) && hl7 != "HD";
        let (first, second) = (self.source(view, &fits)?, self.source(view, &fits)?);
        let list = format!("({} as {ty}, {} as {ty})", first.text, second.text);
        let element = match ty {
            "HumanName" => "family",
            "Address" => "city",
            _ => "value",
        };
        Some(match self.random.below(6) {
            0 => {
                self.hit("the last FHIR value");
                format!("(last {list}).{element}")
            }
            1 => {
                self.hit("a FHIR value chosen by number");
                let number = self.random.below(3);
                format!("{list}[{number}].{element}")
            }
            2 => {
                self.hit("a FHIR value chosen by number");
                let (from, to) = (self.random.below(3), self.random.below(3));
                let to = if self.chance(50) { "*".to_owned() } else { (from + to).to_string() };
                format!("join(\"+\", {list}[{from}..{to}].{element})")
            }
            3 => {
                self.hit("a FHIR value counted");
                self.hit_builtin("count");
                format!("\"{{count({list})}}\"")
            }
            4 => {
                self.hit("FHIR values that differ");
                self.hit_builtin("distinct");
                format!("join(\"+\", distinct({list}).{element})")
            }
            _ => {
                self.hit("each by of FHIR values");
                format!("join(\"+\", each {list} by .{element} => \"{{count(.)}} {{first .{element}}}\")")
            }
        })
    }

    /// A text that depends on the type of a value.
    pub(super) fn by_type(&mut self, view: &View) -> Option<String> {
        let choices = self.choices.clone();
        let map = (!choices.is_empty()).then(|| self.random.of(&choices).clone())?;
        let call = format!(
            "{}({})",
            map.0,
            self.one(view, &{
                let ty = map.1.clone();
                move |_, hl7| hl7 == ty
            })?
            .text
        );
        Some(match self.random.below(3) {
            0 => {
                self.hit("match by a type");
                format!("match {call} {{ is Quantity => \"q\", is string => ({call} as string), else => \"other\" }}")
            }
            1 => {
                self.hit("as one type of a choice");
                format!("({call} as Quantity).unit")
            }
            _ => {
                self.hit("a FHIR value by its type");
                let (word, ty) = (self.random.below(2), *self.random.of(&["Quantity", "string", "dateTime"]));
                format!("{} when {call} is {}{ty}", self.word(), if word == 0 { "" } else { "not " })
            }
        })
    }

    /// An element of a FHIR value that a let or a conversion gives.
    pub(super) fn element_of(&mut self, view: &View) -> Option<String> {
        let lets: Vec<_> = view.names.iter().filter(|named| matches!(&named.held, Held::Value(_))).cloned().collect();
        let (text, ty) = if lets.is_empty() || self.chance(40) {
            let ty = *self.random.of(&["HumanName", "Identifier", "Address", "ContactPoint"]);
            let source = self.one(view, &move |writer, hl7| writer.fits(hl7, ty) && hl7 != "HD")?;
            (format!("({} as {ty})", source.text), ty.to_owned())
        } else {
            let named = self.random.of(&lets).clone();
            let Held::Value(ty) = named.held else { return None };
            (named.text, ty)
        };
        let (element, list) = match ty.as_str() {
            "HumanName" => *self.random.of(&[("family", false), ("given", true), ("text", false), ("prefix", true)]),
            "Identifier" => *self.random.of(&[("value", false), ("system", false)]),
            "Address" => *self.random.of(&[("city", false), ("line", true), ("postalCode", false)]),
            "ContactPoint" => *self.random.of(&[("value", false), ("system", false)]),
            _ => return None,
        };
        self.hit("an element of a FHIR value");
        Some(match (list, self.chance(50)) {
            (true, true) => format!("join(\"+\", {text}.{element})"),
            (true, false) => format!("first {text}.{element}"),
            (false, _) => format!("{text}.{element}"),
        })
    }
}
