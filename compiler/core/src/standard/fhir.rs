//! What FHIR says of a name: the embedded R4, and the packages that a project adds to it.
//!
//! Nothing is read before it is asked for, and nothing is read twice.

mod embedded;
mod memo;
mod terminology;

use std::fmt;
use std::sync::Arc;

use emr_stdlib::fhir::{self as text, block};
use smol_str::SmolStr;

use self::memo::Memo;
use self::terminology::bare;
pub use self::terminology::{CodeSystem, Coded, Concept, Terminology, ValueSet};
use crate::standard::shape::Shape;

/// FHIR R4 with the packages of a project.
#[derive(Default)]
pub struct Fhir {
    value_sets: Memo<Option<Arc<ValueSet>>>,
    code_systems: Memo<Option<Arc<CodeSystem>>>,
}

/// A search parameter of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchParameter {
    pub name: SmolStr,
    pub kind: SearchKind,
    /// FHIRPath; of an expression for several resources, the part that is this one's. Empty where there is none.
    pub expression: SmolStr,
}

/// FHIR R4 §3.1.1.4, the types of search parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchKind {
    Composite,
    Date,
    Number,
    Quantity,
    Reference,
    Special,
    String,
    Token,
    Uri,
}

/// How often an extension may stand on one element, and on which elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub min: u32,
    /// [`MANY`](crate::standard::shape::MANY) for `*`.
    pub max: u32,
    /// Paths such as `Patient` or `Patient.contact`; `Element` is everywhere.
    pub contexts: Vec<SmolStr>,
}

impl Fhir {
    /// R4 alone.
    pub fn r4() -> Fhir {
        Fhir::default()
    }

    /// A type by its key: `Patient`, `Patient.contact`, `HumanName`, `code`, the URL of an extension, or what
    /// [`Type::shape`](crate::standard::shape::Type::shape) of an element says.
    pub fn shape(&self, key: &str) -> Option<Arc<Shape>> {
        embedded::shape(key)
    }

    /// The definition with that canonical URL, with or without a version.
    pub fn by_url(&self, url: &str) -> Option<Arc<Shape>> {
        self.shape(embedded::key(bare(url)))
    }

    /// The definition of an extension: `value` with the types that it allows (0..0 where it holds other extensions, which
    /// are slices of `extension`).
    pub fn extension(&self, url: &str) -> Option<Arc<Shape>> {
        self.by_url(url).filter(|shape| shape.base == "Extension")
    }

    /// Where an extension of the core package may stand.
    pub fn placement(&self, url: &str) -> Option<Placement> {
        embedded::placement(bare(url)).map(|(min, max, contexts)| Placement { min, max, contexts })
    }

    /// What a type specialises: `DomainResource` for `Patient`, `string` for `code`, `Quantity` for `Age`.
    pub fn parent(&self, key: &str) -> Option<SmolStr> {
        embedded::parent(key).map(SmolStr::from)
    }

    /// The codes of a value set, by its canonical URL with or without a version.
    pub fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        let url = bare(url);
        self.value_sets.get(url, || terminology::value_set(url, self).map(Arc::new))
    }

    /// A code system that comes with all its codes.
    pub fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        let url = bare(url);
        self.code_systems.get(url, || terminology::code_system(url).map(Arc::new))
    }

    /// The parameter of that name by which `resource` is searched: `identifier` of `Patient`, `_id` of any.
    pub fn search_parameter(&self, resource: &str, name: &str) -> Option<SearchParameter> {
        let mut all = self.search_parameters(resource).into_iter();
        all.find(|parameter| parameter.name == name)
    }

    /// All parameters by which `resource` is searched, its own before those of every resource.
    pub fn search_parameters(&self, resource: &str) -> Vec<SearchParameter> {
        let bases = [resource, "DomainResource", "Resource"].into_iter();
        let lines = bases.filter_map(|base| block(text::SEARCH, base)).flat_map(|lines| lines.skip(1));
        lines.filter_map(search_parameter).collect()
    }

    /// The names of the resources that can be sent, in the order of the alphabet.
    pub fn resources(&self) -> Vec<&'static str> {
        embedded::names("resource")
    }

    /// The names of the data types with elements, in the order of the alphabet.
    pub fn datatypes(&self) -> Vec<&'static str> {
        embedded::names("datatype")
    }

    /// The names of the types that are one JSON value, in the order of the alphabet.
    pub fn primitives(&self) -> Vec<&'static str> {
        embedded::names("primitive")
    }

    /// What the text of a primitive's JSON value matches as a whole; none for `xhtml`.
    pub fn regex(&self, primitive: &str) -> Option<&'static str> {
        embedded::regex(primitive)
    }
}

impl Terminology for Fhir {
    fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        self.value_set(url)
    }

    fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        self.code_system(url)
    }
}

impl fmt::Debug for Fhir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fhir(R4)")
    }
}

fn search_parameter(line: &str) -> Option<SearchParameter> {
    let mut words = line.splitn(3, ' ');
    let name = words.next()?.into();
    let kind = match words.next()? {
        "composite" => SearchKind::Composite,
        "date" => SearchKind::Date,
        "number" => SearchKind::Number,
        "quantity" => SearchKind::Quantity,
        "reference" => SearchKind::Reference,
        "string" => SearchKind::String,
        "token" => SearchKind::Token,
        "uri" => SearchKind::Uri,
        _ => SearchKind::Special,
    };
    let expression = words.next()?.trim_start_matches('-').into();
    Some(SearchParameter { name, kind, expression })
}

#[cfg(test)]
mod tests;
