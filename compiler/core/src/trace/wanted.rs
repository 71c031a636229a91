//! A value that somebody asks for: `Patient.birthDate` or `Patient.name[0].family`, as FHIR writes paths, and `PID-3[2].1`
//! in a message.

mod known;

use super::could::without_brackets;
use super::{Source, Value};
use crate::standard::Standards;

/// The path of a value. Without a number it means all items of a list, and what lies below it is meant too.
pub enum Wanted {
    Element(Element),
    Field(Field),
}

/// `Patient.name[0].family`, in the resources that it names; `Immunization[1].lotNumber` in the second of them.
pub struct Element {
    resource: Part,
    parts: Vec<Part>,
}

/// `OBX[2]-3[1].1`: components and subcomponents have numbers alone.
pub struct Field {
    segment: Part,
    field: Part,
    components: Vec<String>,
}

/// `name`, or `name[0]`.
struct Part {
    name: String,
    number: Option<String>,
}

impl Wanted {
    /// Nothing where that is no path below a resource and no field.
    pub fn read(path: &str) -> Option<Wanted> {
        Field::read(path).map(Wanted::Field).or_else(|| Element::read(path).map(Wanted::Element))
    }

    /// That the standard has such a place.
    ///
    /// # Errors
    ///
    /// Where it has none, what is there instead.
    pub fn known(&self, standards: &Standards) -> Result<(), String> {
        match self {
            Wanted::Element(element) => known::element(element, &standards.fhir),
            Wanted::Field(field) => known::field(field, standards),
        }
    }

    /// The values that are asked for. Of a field of the message that came, those that are made of it, or if there are none,
    /// those that it decided on.
    pub fn chosen(&self, values: Vec<Value>, makes_messages: bool) -> Vec<Value> {
        match self {
            Wanted::Field(field) if !makes_messages => {
                let is_of = |sources: &[Source]| sources.iter().any(|source| field.touches(&source.path));
                let made = values.iter().any(|value| is_of(&value.sources));
                let is_meant = |value: &Value| is_of(if made { &value.sources } else { &value.conditions });
                values.into_iter().filter(is_meant).collect()
            }
            Wanted::Element(element) => {
                let root = element.root(&values);
                let is_in = |value: &Value| root.as_ref().is_none_or(|root| self::root(value) == root);
                values.into_iter().filter(|value| is_in(value) && self.is(value)).collect()
            }
            _ => values.into_iter().filter(|value| self.is(value)).collect(),
        }
    }

    fn is(&self, value: &Value) -> bool {
        match self {
            Wanted::Element(element) => element.is(value),
            // What stands in a resource is in none of a message.
            Wanted::Field(field) => {
                let holds = |path: &str| Field::written(path).is_some_and(|it| field.holds(&it));
                value.resource.is_empty() && (holds(&value.path) || field.is_of(&value.path))
            }
        }
    }

    /// What a rule that writes it begins with.
    pub fn name(&self) -> String {
        match self {
            Wanted::Element(element) => element.parts.last().map(|part| part.name.clone()).unwrap_or_default(),
            Wanted::Field(field) => format!("{}-{}", field.segment.name, field.field.name),
        }
    }
}

impl Element {
    fn read(path: &str) -> Option<Element> {
        let mut parts = path.split('.');
        let resource = parts.next().filter(|it| it.starts_with(|first: char| first.is_ascii_uppercase()))?;
        let resource = Part::read(resource)?;
        let parts: Vec<Part> = parts.map(Part::read).collect::<Option<_>>()?;
        let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_sound = is_name(&resource.name) && !parts.is_empty() && parts.iter().all(|part| is_name(&part.name));
        is_sound.then_some(Element { resource, parts })
    }

    /// Where the resource stands that is meant by its number, counted from 0; nothing where all are.
    fn root<'v>(&self, values: &'v [Value]) -> Option<String> {
        let number = self.resource.number.as_ref()?;
        let mut roots: Vec<&'v str> = Vec::new();
        for value in values.iter().filter(|value| value.resource == self.resource.name) {
            if !roots.contains(&self::root(value)) {
                roots.push(self::root(value));
            }
        }
        // One that is not there is no value's.
        let root = number.parse().ok().and_then(|number: usize| roots.get(number).copied());
        Some(root.unwrap_or("-").to_owned())
    }

    /// Whether what a rule writes, `Patient.contact.name`, is this, lies below it or around it.
    pub(super) fn touches(&self, written: &str) -> bool {
        let written = without_brackets(written);
        let mut own = written.split('.');
        let mut parts = own.clone().skip(1).map(|name| Part { name: name.to_owned(), number: None });
        own.next() == Some(self.resource.name.as_str())
            && self
                .parts
                .iter()
                .all(|wanted| parts.next().is_none_or(|own| wanted.is_element(&own) || own.is_element(wanted)))
    }

    fn is(&self, value: &Value) -> bool {
        let Some(own) = value.element.split('.').map(Part::read).collect::<Option<Vec<_>>>() else { return false };
        value.resource == self.resource.name
            && own.len() >= self.parts.len()
            && self.parts.iter().zip(&own).all(|(wanted, own)| wanted.is_element(own))
    }
}

/// The path of the resource that a value stands in.
fn root(value: &Value) -> &str {
    value.path.strip_suffix(value.element.as_str()).unwrap_or_default()
}

impl Field {
    pub(super) fn read(path: &str) -> Option<Field> {
        let (segment, rest) = path.split_once('-')?;
        let segment = Part::read(segment).filter(|it| emr_message::Name::read(&it.name).is_some())?;
        let mut numbers = rest.split('.');
        let field = Part::read(numbers.next()?).filter(|it| is_number(&it.name))?;
        let components: Vec<String> = numbers.map(str::to_owned).collect();
        let is_sound = components.len() <= 2 && components.iter().all(|it| is_number(it));
        is_sound.then_some(Field { segment, field, components })
    }

    /// Where a value is written: of a part of a code, in the component that a coded field has for it.
    fn written(path: &str) -> Option<Field> {
        Field::read(path).or_else(|| {
            let (coded, part) = path.rsplit_once('.')?;
            let component = match part {
                "code" => 1,
                "display" => 2,
                "system" => 3,
                _ => return None,
            };
            Field::read(&format!("{coded}.{component}")).or_else(|| Field::read(coded))
        })
    }

    /// Whether it stands in a segment, `NK1[2]`, of which nothing is left.
    fn is_of(&self, segment: &str) -> bool {
        Part::read(segment).is_some_and(|own| self.segment.is_counted(&own))
    }

    /// Whether a path of the message is this one, lies below it or around it. Conditions in brackets do not count.
    pub(super) fn touches(&self, path: &str) -> bool {
        let own = Field::read(path).or_else(|| Field::read(&without_brackets(path)));
        own.is_some_and(|own| {
            let depth = self.components.len().min(own.components.len());
            self.segment.is_counted(&own.segment)
                && self.field.is_counted(&own.field)
                && self.components.get(..depth) == own.components.get(..depth)
        })
    }

    /// Whether the place of a value is this one or lies below it.
    fn holds(&self, own: &Field) -> bool {
        self.segment.is_counted(&own.segment)
            && self.field.is_counted(&own.field)
            && own.components.starts_with(&self.components)
    }
}

impl Part {
    fn read(part: &str) -> Option<Part> {
        let (name, number) = match part.split_once('[') {
            Some((name, number)) => (name, Some(number.strip_suffix(']').filter(|it| is_number(it))?.to_owned())),
            None => (part, None),
        };
        (!name.is_empty()).then(|| Part { name: name.to_owned(), number })
    }

    /// `value` is also `valueQuantity`, `birthDate` also its extensions in `_birthDate`, and without a number any item.
    fn is_element(&self, own: &Part) -> bool {
        let name = match self.name.starts_with('_') {
            true => &own.name,
            false => own.name.trim_start_matches('_'),
        };
        let rest = name.strip_prefix(self.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase()))
            && (self.number.is_none() || self.number == own.number)
    }

    /// The first of a message is not numbered.
    fn is_counted(&self, own: &Part) -> bool {
        let number = |part: &Part| part.number.clone().unwrap_or_else(|| "1".to_owned());
        self.name == own.name && (self.number.is_none() || number(self) == number(own))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(resource: &str, element: &str) -> Value {
        Value {
            path: element.to_owned(),
            resource: resource.to_owned(),
            element: element.to_owned(),
            json: String::new(),
            rules: Vec::new(),
            sources: Vec::new(),
            conditions: Vec::new(),
            conversions: Vec::new(),
            whole_message: false,
        }
    }

    #[test]
    fn a_path_means_what_lies_below_it_and_all_items() {
        let is = |wanted: &str, element: &str| Wanted::read(wanted).unwrap().is(&value("Patient", element));
        assert!(is("Patient.name", "name[1].family"));
        assert!(is("Patient.name[1].family", "name[1].family"));
        assert!(is("Patient.deceased", "deceasedDateTime"));
        assert!(is("Patient.birthDate.extension", "_birthDate.extension[0].url"));
        assert!(is("Patient._birthDate", "_birthDate.extension[0].url"));
        for other in ["Patient.name[0]", "Patient.name.given", "Practitioner.name", "Patient.nam", "Patient._name"] {
            assert!(!is(other, "name[1].family"), "{other}");
        }
        for no_path in ["name", "Patient", "Patient..name", "Patient.name[x]", "", "PID", "PID-", "PID-5.1.1.1"] {
            assert!(Wanted::read(no_path).is_none(), "{no_path}");
        }
    }

    #[test]
    fn a_field_means_what_lies_below_it_and_all_repetitions() {
        let is = |wanted: &str, place: &str| Wanted::read(wanted).unwrap().is(&value("", place));
        assert!(is("PID-3", "PID-3[2].4.1"));
        assert!(is("PID-3[1].4", "PID-3.4.1"));
        assert!(is("OBX[2]-5", "OBX[2]-5"));
        assert!(is("OBX-5", "OBX[2]-5"));
        assert!(is("PID-8", "PID-8.code"));
        assert!(is("PID-22.2", "PID-22.display"));
        assert!(is("PV1-7.9.3", "PV1-7.9.system"));
        assert!(is("NK1-2.1", "NK1[2]"));
        assert!(!is("NK1[1]-2.1", "NK1[2]"));
        assert!(!is("PID-22.1", "PID-22.display"));
        for other in ["PID-30", "PID-3[2]", "PID-3.1", "PID[2]-3", "PD1-3"] {
            assert!(!is(other, "PID-3.4.1"), "{other}");
        }
    }

    #[test]
    fn what_no_standard_has_is_said_with_what_it_has() {
        let known = |path: &str| Wanted::read(path).unwrap().known(&Standards::embedded());
        for known_path in [
            "Patient.name[0].family",
            "Patient.resourceType",
            "Patient.deceased",
            "Patient.deceasedDateTime",
            "Observation.valueQuantity.value",
            "Observation.value.value",
            "Patient.birthDate.extension.url",
            "Patient._birthDate.extension",
            "Patient.extension.valueCodeableConcept.coding.code",
            "Patient.contact.name.family",
            "Questionnaire.item.item.item.linkId",
            "Bundle.entry.fullUrl",
            "PID-3[2].4.1",
            "OBX-5.1",
            "MSH-9.3",
        ] {
            assert_eq!(known(known_path), Ok(()), "{known_path}");
        }
        let said: String = [
            "Patient.nam",
            "Patient.name.famil",
            "Patient.deceasedQuantity",
            "Patien.name",
            "Patient.xyz",
            "Patient.birthDate.year",
            "Patient._birthDat.extension",
            "Bundle.entry.resource.name",
            "PID-99",
            "PDI-3",
            "ZZZ-1",
            "PID-5.1.9",
            "PID-7.2.1",
        ]
        .iter()
        .map(|path| format!("{path}: {}\n", known(path).unwrap_err()))
        .collect();
        insta::assert_snapshot!(said);
    }
}
