//! The walk through objects and their elements: what may stand where, how often, and as which JSON.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::bundle::{Place, Scope};
use super::json::{Json, Object};
use super::primitive::{self, Fault};
use super::problem::Path;
use super::{Code, Validator};
use crate::standard::shape::{Element, Kind, MANY, Shape, Type};

/// One value of an element: of a primitive also the object that stands under `_name`.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub value: Option<&'a Json>,
    pub more: Option<&'a Object>,
    /// Of the types that the element may have, the one that it has.
    pub kind: &'a Type,
    /// The name in JSON, with the type of a choice.
    pub name: &'a str,
    /// Its place in a list.
    pub index: Option<usize>,
}

/// R4's own definitions bear extensions where R4 does not allow them (structuredefinition-fhir-type on
/// ElementDefinition.type, structuredefinition-normative-version on CodeSystem). Other resources are held to it.
const DEFINITIONS: &[&str] = &[
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "NamingSystem",
    "OperationDefinition",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "ValueSet",
];

impl Validator<'_> {
    /// An object against the shape of its type.
    pub fn object(&mut self, at: &Path, object: &Object, shape: &Shape, scope: Scope) {
        if !scope.narrowed {
            self.members(at, object, shape);
            self.together(at, object, shape);
        }
        let place = Place::new(shape, &scope);
        let scope = Scope { place: Some(&place), ..scope };
        if shape.kind == Kind::Resource && !scope.narrowed {
            self.distinct(at, object);
        }
        for element in &shape.elements {
            let items = self.items(at, object, element, scope);
            // Of a choice in several types that alone was told.
            if !element.choice || items.len() < 2 {
                self.count(at, element, items.len());
            }
            for item in &items {
                item.at(at, |at| self.item(at, item, element, scope));
            }
            if !element.slices.is_empty() {
                self.slices(at, element, &items, scope);
            }
        }
    }

    /// The keys of an object: none twice, each of them an element.
    fn members(&mut self, at: &Path, object: &Object, shape: &Shape) {
        if object.is_empty() {
            self.tell(Code::Empty, at, "an object has at least one member".to_string());
        }
        for key in object.repeated() {
            self.tell(
                Code::Repeated,
                &Path::Name(at, known_key(key, shape)),
                "it stands twice in its object".to_string(),
            );
        }
        for (key, _) in object.members() {
            let plain = key.strip_prefix('_').unwrap_or(key);
            let resource = key == "resourceType" && shape.kind == Kind::Resource;
            let known = shape.elements.iter().find(|element| element.named(plain).is_some());
            match known {
                _ if resource => {}
                Some(element) if key != plain && !self.primitive(element, plain) => {
                    let place = format!("`{}` is no primitive, so there is no `_{}`", element.name, element.name);
                    self.tell(Code::UnknownElement, at, place);
                }
                Some(_) => {}
                None => self.unknown(at, plain, shape),
            }
        }
    }

    /// A key is text of the sender's own: only what looks like a name of FHIR is repeated.
    fn unknown(&mut self, at: &Path, key: &str, shape: &Shape) {
        let of = if shape.kind == Kind::Backbone || shape.kind == Kind::Resource { &shape.key } else { &shape.base };
        let choice = shape.elements.iter().find(|element| {
            let rest = element.choice.then(|| key.strip_prefix(element.name.as_str())).flatten();
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()) && self.is_type(rest))
        });
        if let Some(choice) = choice {
            let message = format!("`{}` of {of} does not take this type", choice.name);
            return self.tell(Code::WrongType, &Path::Name(at, key), message);
        }
        let name = key.len() <= 40 && key.chars().all(|letter| letter.is_ascii_alphanumeric());
        let what = if name { format!("`{key}`") } else { "of one of these names".to_string() };
        self.tell(Code::UnknownElement, at, format!("{of} has no element {what}"));
    }

    fn is_type(&self, name: &str) -> bool {
        let lower: String =
            name.chars().take(1).map(|first| first.to_ascii_lowercase()).chain(name.chars().skip(1)).collect();
        self.fhir.shape(name).is_some() || self.fhir.shape(&lower).is_some()
    }

    /// The values of an element, in their order.
    fn items<'a>(&mut self, at: &Path, object: &'a Object, element: &'a Element, scope: Scope) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        let mut found: Vec<(&str, &Type)> = Vec::new();
        for (key, _) in object.members() {
            let plain = key.strip_prefix('_').unwrap_or(key);
            match element.named(plain) {
                Some(Some(kind)) if found.iter().all(|(name, _)| *name != plain) => found.push((plain, kind)),
                _ => {}
            }
            if scope.narrowed && element.choice && element.named(plain).is_none() && self.other(element, plain) {
                let message = format!("`{}` does not take this type here", element.name);
                self.tell(Code::WrongType, &Path::Name(at, plain), message);
            }
        }
        if found.len() > 1 && !scope.narrowed {
            self.tell(Code::TwoChoices, at, format!("`{}` has values of {} types", element.name, found.len()));
        }
        for (name, kind) in found {
            let value = object.get(name);
            let more = object.members().find(|(key, _)| key.strip_prefix('_') == Some(name)).map(|(_, more)| more);
            let more = more.filter(|_| self.primitive(element, name));
            let at = Path::Name(at, name);
            if !scope.narrowed {
                self.listed(&at, element, value, more);
            }
            spread(value, more, kind, name, &mut items);
        }
        items
    }

    /// Whether a key is this choice with a type that a profile took away.
    fn other(&self, element: &Element, key: &str) -> bool {
        let rest = key.strip_prefix(element.name.as_str()).unwrap_or("");
        rest.starts_with(|first: char| first.is_ascii_uppercase()) && self.is_type(rest)
    }

    fn primitive(&self, element: &Element, key: &str) -> bool {
        let kind = element.named(key).flatten().and_then(|kind| self.fhir.shape(&kind.shape));
        kind.is_some_and(|shape| shape.kind == Kind::FhirPrimitive)
    }

    /// Lists stand where the standard has lists, are not empty, and those of a primitive fit together
    /// (FHIR R4 §2.6.2.3).
    fn listed(&mut self, at: &Path, element: &Element, value: Option<&Json>, more: Option<&Json>) {
        for json in [value, more].into_iter().flatten() {
            match json {
                Json::List(items) if !element.repeats() => {
                    let message = format!("`{}` is one value, not a list of {}", element.name, items.len());
                    self.tell(Code::TooMany, at, message);
                }
                Json::List(items) if items.is_empty() => {
                    self.tell(Code::Empty, at, "a list has at least one item".to_string());
                }
                Json::List(_) => {}
                Json::Null => self.tell(Code::Empty, at, "null stands for nothing here".to_string()),
                single if element.repeats() => {
                    let message = format!("`{}` is a list, even of one; this is {}", element.name, single.kind());
                    self.tell(Code::WrongJson, at, message);
                }
                _ => {}
            }
        }
        let (values, others) = (value.map_or(&[][..], Json::items), more.map_or(&[][..], Json::items));
        if value.is_some() && more.is_some() && values.len() != others.len() {
            let message =
                format!("{} values and {} of their extensions do not fit together", values.len(), others.len());
            self.tell(Code::Misaligned, at, message);
        }
        let nothing = |list: &[Json], index: usize| matches!(list.get(index), None | Some(Json::Null));
        let listed = [value, more].into_iter().flatten().any(|json| matches!(json, Json::List(_)));
        for index in (0..values.len().max(others.len())).filter(|_| listed) {
            if nothing(values, index) && nothing(others, index) {
                self.tell(Code::Empty, &Path::Item(at, index), "null stands for nothing here".to_string());
            }
        }
        for other in others.iter().filter(|other| !matches!(other, Json::Null | Json::Object(_))) {
            let message = format!("beside a primitive stands an object, this is {}", other.kind());
            self.tell(Code::WrongJson, at, message);
        }
    }

    fn count(&mut self, at: &Path, element: &Element, count: usize) {
        let name = &element.name;
        if count < element.min as usize {
            let message = match (element.min, count) {
                (1, _) => format!("`{name}` must be there"),
                (min, count) => format!("at least {min} of `{name}` must be there, these are {count}"),
            };
            self.tell(Code::Missing, at, message);
        }
        if element.max != MANY && count > element.max as usize {
            let message = match element.max {
                0 => format!("`{name}` may not stand here"),
                max => format!("at most {max} of `{name}` may be there, these are {count}"),
            };
            self.tell(Code::TooMany, at, message);
        }
    }

    /// A value against its type, and against what the element says of it.
    pub fn item(&mut self, at: &Path, item: &Item, element: &Element, scope: Scope) {
        let Some(shape) = self.fhir.shape(&item.kind.shape) else { return };
        let scope = Scope { through: Some(element), ..scope };
        match shape.kind {
            Kind::FhirPrimitive => self.simple(at, item, &shape, scope),
            _ => match item.value {
                Some(Json::Object(object)) => self.complex(at, object, item.kind, element, shape, scope),
                // That null stands for nothing was said of the list.
                Some(Json::Null) | None => return,
                Some(other) if !scope.narrowed => {
                    let message = format!("{} is an object, this is {}", item.kind.name, other.kind());
                    self.tell(Code::WrongJson, at, message);
                }
                Some(_) => {}
            },
        }
        self.values(at, item, element, scope);
    }

    fn simple(&mut self, at: &Path, item: &Item, shape: &Arc<Shape>, scope: Scope) {
        if let Some(more) = item.more.filter(|_| !scope.narrowed || shape.key.contains(':')) {
            self.object(at, more, shape, scope);
        }
        let Some(value) = item.value.filter(|value| !scope.narrowed && !matches!(value, Json::Null)) else { return };
        let kind = &item.kind.name;
        match primitive::check(value, kind, self.fhir) {
            Ok(()) => {}
            Err(Fault::Json(right)) => {
                let message = format!("{kind} is {right}, this is {}", value.kind());
                self.tell(Code::WrongJson, at, message);
            }
            Err(Fault::Form) => self.tell(Code::BadValue, at, format!("it does not look like {kind}")),
            Err(Fault::Range) => self.tell(Code::BadValue, at, format!("it is out of the range of {kind}")),
            Err(Fault::Empty) => self.tell(Code::Empty, at, "a text has at least one character".to_string()),
        }
    }

    fn complex(&mut self, at: &Path, object: &Object, kind: &Type, element: &Element, shape: Arc<Shape>, scope: Scope) {
        if shape.kind == Kind::Resource {
            return self.nested(at, object, kind, element, &shape, scope);
        }
        // What the standard itself says of a type was looked at in the first pass.
        if !scope.narrowed || shape.key.contains(':') {
            self.object(at, object, &shape, scope);
        }
        if shape.base == "Extension" && !scope.narrowed {
            self.extension(at, object, scope);
        }
    }

    /// A resource inside another: an entry of a Bundle, a parameter, or a contained one.
    fn nested(&mut self, at: &Path, object: &Object, kind: &Type, element: &Element, shape: &Shape, scope: Scope) {
        let contained = element.name == "contained";
        let inner = Scope { contained, ..scope };
        if !scope.narrowed {
            if contained && scope.contained {
                self.tell(Code::BadContained, at, "a contained resource contains no others".to_string());
            }
            if contained && object.text("id").is_none() {
                self.tell(Code::BadContained, at, "a contained resource needs an `id` to be found by".to_string());
            }
            self.resource(at, object, inner);
        }
        let name = object.text("resourceType").unwrap_or("");
        let any = matches!(kind.name.as_str(), "Resource" | "DomainResource");
        if !any && kind.name != name && self.is_resource(name) {
            self.tell(Code::WrongType, at, format!("this must be {}, it is {name}", kind.name));
        } else if shape.key.contains(':') {
            let entries = super::bundle::Entries::of(object);
            self.profile(at, object, shape, super::inside(inner, name, object, &entries));
        }
    }

    /// Of two contained resources with one id a reference could mean either.
    fn distinct(&mut self, at: &Path, object: &Object) {
        let mut ids = FxHashSet::default();
        let contained = object.items("contained").iter().filter_map(Json::object);
        if !contained.filter_map(|one| one.text("id")).all(|id| ids.insert(id)) {
            self.tell(Code::BadContained, at, "two contained resources have one `id`".to_string());
        }
    }

    /// FHIR R4 Extension: a value or other extensions, and what its definition says if that is known.
    fn extension(&mut self, at: &Path, object: &Object, scope: Scope) {
        let nested = object.get("extension").is_some();
        let value = object.members().any(|(key, _)| key.strip_prefix('_').unwrap_or(key).starts_with("value"));
        match (value, nested) {
            (true, true) => {
                self.tell(Code::BadExtension, at, "it has a value or other extensions, not both".to_string())
            }
            (false, false) => {
                self.tell(Code::BadExtension, at, "it has neither a value nor other extensions".to_string())
            }
            _ => {}
        }
        let Some(url) = object.text("url") else { return };
        let part = scope.place.is_some_and(|place| place.shape.base == "Extension");
        if !part && !url.contains(':') {
            self.tell(Code::BadExtension, at, "its `url` must be absolute".to_string());
        }
        if let Some(defined) = self.fhir.extension(url) {
            self.placed(at, url, scope);
            self.parts(at, object, &defined);
            self.object(at, object, &defined, Scope { narrowed: true, ..scope });
        }
    }

    /// What stands inside an extension whose parts are known is one of them, or an extension of its own.
    fn parts(&mut self, at: &Path, object: &Object, defined: &Shape) {
        let slices = defined.element("extension").map_or(&[][..], |list| &list.slices);
        let known = |url: &str| url.contains(':') || slices.iter().any(|slice| slice.url.as_deref() == Some(url));
        let inner = object.items("extension").iter().filter_map(Json::object).filter_map(|inner| inner.text("url"));
        if !slices.is_empty() && !inner.into_iter().all(known) {
            let names: Vec<_> = slices.iter().filter_map(|slice| slice.url.as_deref()).collect();
            self.tell(Code::BadExtension, at, format!("its parts are {}, and no others", names.join(", ")));
        }
    }

    /// Whether an extension may stand on the object around it (FHIR R4 StructureDefinition.context).
    fn placed(&mut self, at: &Path, url: &str, scope: Scope) {
        let Some((place, placement)) = scope.place.zip(self.fhir.placement(url)) else { return };
        let anywhere = placement.contexts.is_empty() || placement.contexts.iter().any(|context| context == "Element");
        if anywhere || DEFINITIONS.contains(&place.resource()) {
            return;
        }
        let paths = place.paths(|name| self.fhir.parent(name));
        let allowed = |context: &SmolStr| paths.iter().any(|path| *path == context.replace("[x]", ""));
        if !placement.contexts.iter().any(allowed) {
            let contexts: Vec<_> = placement.contexts.iter().take(5).map(SmolStr::as_str).collect();
            let more = if placement.contexts.len() > 5 { " and others" } else { "" };
            self.tell(Code::Misplaced, at, format!("this extension may stand on {}{more}", contexts.join(", ")));
        }
    }
}

impl Item<'_> {
    /// Calls with the path of this item below `parent`.
    pub fn at<T>(&self, parent: &Path, then: impl FnOnce(&Path) -> T) -> T {
        let named = Path::Name(parent, self.name);
        match self.index {
            Some(index) => then(&Path::Item(&named, index)),
            None => then(&named),
        }
    }
}

/// A key that is an element is repeated in a path, another one is not.
fn known_key<'a>(key: &'a str, shape: &Shape) -> &'a str {
    let plain = key.strip_prefix('_').unwrap_or(key);
    let known = plain == "resourceType" || shape.elements.iter().any(|element| element.named(plain).is_some());
    if known { key } else { "*" }
}

fn spread<'a>(
    value: Option<&'a Json>,
    more: Option<&'a Json>,
    kind: &'a Type,
    name: &'a str,
    items: &mut Vec<Item<'a>>,
) {
    let listed = [value, more].into_iter().flatten().any(|json| matches!(json, Json::List(_)));
    let (values, others) = (value.map_or(&[][..], Json::items), more.map_or(&[][..], Json::items));
    for index in 0..values.len().max(others.len()) {
        let value = values.get(index).filter(|value| !matches!(value, Json::Null));
        let more = others.get(index).and_then(Json::object);
        if value.is_some() || more.is_some() {
            items.push(Item { value, more, kind, name, index: listed.then_some(index) });
        }
    }
}
