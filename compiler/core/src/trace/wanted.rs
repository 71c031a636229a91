//! A value that somebody asks for, as FHIR writes paths: `Patient.birthDate`, `Patient.name[0].family`.

use super::Value;

/// The path of a value in a resource: `Patient.birthDate`. Without numbers it means all items of a list, and what lies
/// below it is meant too.
pub struct Wanted {
    resource: String,
    parts: Vec<String>,
}

impl Wanted {
    /// Nothing where that is no path below a resource.
    pub fn read(path: &str) -> Option<Wanted> {
        let mut parts = path.split('.').map(str::to_owned);
        let resource = parts.next().filter(|it| it.starts_with(|first: char| first.is_ascii_uppercase()))?;
        let parts: Vec<String> = parts.collect();
        let sound = !parts.is_empty() && parts.iter().all(|part| !part.is_empty());
        sound.then_some(Wanted { resource, parts })
    }

    pub fn is(&self, value: &Value) -> bool {
        let own: Vec<&str> = value.element.split('.').collect();
        value.resource == self.resource
            && own.len() >= self.parts.len()
            && self.parts.iter().zip(&own).all(|(wanted, own)| is_part(wanted, own))
    }

    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The element that a rule would name.
    pub fn name(&self) -> &str {
        let last = self.parts.last().map(String::as_str).unwrap_or_default();
        last.split('[').next().unwrap_or_default()
    }
}

/// `value` is also `valueQuantity`, and without a number any item.
fn is_part(wanted: &str, own: &str) -> bool {
    let (name, number) = split(wanted);
    let (own_name, own_number) = split(own);
    let is_choice = own_name.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    (name == own_name || is_choice) && (number.is_none() || number == own_number)
}

fn split(part: &str) -> (&str, Option<&str>) {
    match part.split_once('[') {
        Some((name, number)) => (name, Some(number)),
        None => (part, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_what_lies_below_it_and_all_items() {
        let value = |element: &str| Value {
            path: String::new(),
            resource: "Patient".to_owned(),
            element: element.to_owned(),
            json: String::new(),
            rules: Vec::new(),
            sources: Vec::new(),
            conditions: Vec::new(),
            conversions: Vec::new(),
            whole_message: false,
        };
        let is = |wanted: &str, element: &str| Wanted::read(wanted).unwrap().is(&value(element));
        assert!(is("Patient.name", "name[1].family"));
        assert!(is("Patient.name[1].family", "name[1].family"));
        assert!(is("Patient.deceased", "deceasedDateTime"));
        for other in ["Patient.name[0]", "Patient.name.given", "Practitioner.name", "Patient.nam"] {
            assert!(!is(other, "name[1].family"), "{other}");
        }
        for no_path in ["name", "Patient", "Patient..name", ""] {
            assert!(Wanted::read(no_path).is_none(), "{no_path}");
        }
    }
}
