//! What FHIR says of a name: the embedded R4, and the packages that a project adds to it.
//!
//! Nothing is read before it is asked for, and nothing is read twice.

mod embedded;
pub mod rules;
mod system;
mod terminology;
pub mod written;

use std::fmt;
use std::sync::Arc;

use emr_stdlib::fhir as text;
use smol_str::SmolStr;

pub(super) use self::embedded::strength;
pub use self::system::{CodeSystem, Concept};
pub(crate) use self::terminology::bare;
pub use self::terminology::{Coded, Terminology, ValueSet};
use crate::standard::memo::Memo;
use crate::standard::package::{Definition, Head, Package};
use crate::standard::shape::{Element, Shape};

/// FHIR R4 with the packages of a project.
#[derive(Default)]
pub struct Fhir {
    packages: Vec<Arc<Package>>,
    shapes: Memo<Option<Arc<Shape>>>,
    placements: Memo<Option<Arc<Placement>>>,
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

/// What a name of a package means, such as `uscore.Patient`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profiles {
    Found(Arc<Shape>),
    /// Several profiles narrow the resource of that name: theirs, one of which is meant.
    Several(Vec<SmolStr>),
    /// The package has no such profile: the names of those that it has.
    Unknown(Vec<SmolStr>),
    /// No package goes by that name.
    NoPackage,
}

/// How often an extension may stand on one element, and on which elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub min: u32,
    /// [`MANY`](crate::standard::shape::MANY) for `*`.
    pub max: u32,
    /// Paths such as `Patient` or `Patient.contact`; `Element` is everywhere, and so is an empty list, which a package has
    /// where it says it in FHIRPath.
    pub contexts: Vec<SmolStr>,
}

impl Fhir {
    /// R4 alone.
    pub fn r4() -> Fhir {
        Fhir::default()
    }

    /// R4 with packages, those that the project names before those that they need.
    pub fn with_packages(packages: Vec<Arc<Package>>) -> Fhir {
        Fhir { packages, ..Fhir::default() }
    }

    pub fn packages(&self) -> &[Arc<Package>] {
        &self.packages
    }

    /// A type by its key: `Patient`, `Patient.contact`, `HumanName`, `code`, the URL of an extension or a profile, or
    /// what [`Type::shape`](crate::standard::shape::Type::shape) of an element says.
    pub fn shape(&self, key: &str) -> Option<Arc<Shape>> {
        if self.packages.is_empty() || !key.contains(':') {
            return embedded::shape(key);
        }
        let packaged = || self.packaged(key).map(Arc::new);
        self.shapes.get(key, packaged).or_else(|| embedded::shape(key))
    }

    /// The profile that `package` (its short name) calls so: by name, by id, or the only one of that resource.
    pub fn profile(&self, package: &str, name: &str) -> Profiles {
        let Some(package) = self.packages.iter().find(|known| known.alias == package) else {
            return Profiles::NoPackage;
        };
        let named = package.structures().find(|head| head.name == name || head.id == name);
        let of_type: Vec<&Head> = package.profiles().filter(|head| head.type_name == name).collect();
        let found = match (named, of_type.as_slice()) {
            (Some(head), _) => head,
            (None, [head]) => head,
            (None, []) => return Profiles::Unknown(package.profiles().map(|head| head.name.clone()).collect()),
            (None, several) => return Profiles::Several(several.iter().map(|head| head.name.clone()).collect()),
        };
        match self.shape(&self.key_in(package, &found.url)) {
            Some(shape) => Profiles::Found(shape),
            None => Profiles::Unknown(Vec::new()),
        }
    }

    /// The definition with that canonical URL, with or without a version.
    pub fn by_url(&self, url: &str) -> Option<Arc<Shape>> {
        // Two versions of a package may both be there: the one that is asked for, else the first.
        let (bare, version) = url.split_once('|').unwrap_or((url, ""));
        let versioned = self.packages.iter().find(|package| package.version == version && package.head(bare).is_some());
        match versioned {
            Some(package) => self.shape(&self.key_in(package, bare)),
            None => self.shape(embedded::key(bare)),
        }
    }

    /// The definition of an extension: `value` with the types that it allows (0..0 where it holds other extensions, which
    /// are slices of `extension`).
    pub fn extension(&self, url: &str) -> Option<Arc<Shape>> {
        self.by_url(url).filter(|shape| shape.base == "Extension")
    }

    /// Where an extension may stand.
    pub fn placement(&self, url: &str) -> Option<Arc<Placement>> {
        let url = bare(url);
        self.placements.get(url, || {
            let packaged = self.definition(url).and_then(|definition| definition.placement());
            let (min, max, contexts) = packaged.or_else(|| embedded::placement(url))?;
            Some(Arc::new(Placement { min, max, contexts }))
        })
    }

    /// What a type specialises: `DomainResource` for `Patient`, `string` for `code`, `Quantity` for `Age`.
    pub fn parent(&self, key: &str) -> Option<SmolStr> {
        embedded::parent(key).map(SmolStr::from)
    }

    /// The codes of a value set, by its canonical URL with or without a version.
    pub fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        let url = bare(url);
        self.value_sets.get(url, || Within { fhir: self, depth: 0 }.value_set(url))
    }

    /// A code system that comes with all its codes.
    pub fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        let url = bare(url);
        let packaged = || self.packages.iter().find_map(|package| package.code_system(url));
        self.code_systems.get(url, || packaged().or_else(|| terminology::code_system(url)).map(Arc::new))
    }

    /// The URI of the system that an object identifier stands for, as a package says, or R4.
    pub fn system_of(&self, oid: &str) -> Option<SmolStr> {
        let packaged = self.packages.iter().flat_map(|package| package.oids()).find(|(known, _)| *known == oid);
        let embedded = || text::SYSTEMS.block(oid)?.next()?.rsplit(' ').next().map(SmolStr::from);
        packaged.map(|(_, uri)| uri.clone()).or_else(embedded)
    }

    /// The object identifiers of systems that may stand in a message, each with its URI: those of packages before those of
    /// R4. FHIR's own code systems and HL7's tables go by other names there.
    pub fn systems(&self) -> Vec<(SmolStr, SmolStr)> {
        let packaged = self.packages.iter().flat_map(|package| package.oids());
        let packaged = packaged.map(|(oid, uri)| (oid.clone(), uri.clone()));
        let is_elsewhere =
            |oid: &str| ["2.16.840.1.113883.4.642.", "2.16.840.1.113883.18."].iter().any(|it| oid.starts_with(it));
        let embedded = text::SYSTEMS.headings().filter_map(|(_, heading)| heading.split_once(' '));
        let embedded = embedded.filter(|(oid, _)| !is_elsewhere(oid)).map(|(oid, uri)| (oid.into(), uri.into()));
        packaged.chain(embedded).collect()
    }

    /// Whether what is known of a code system is R4's copy of one that HL7 keeps elsewhere, where codes are added to it.
    pub fn is_copy(&self, url: &str) -> bool {
        let is_own = self.packages.iter().any(|package| package.head(bare(url)).is_some());
        !is_own && url.starts_with("http://terminology.hl7.org/CodeSystem/")
    }

    /// The parameter of that name by which `resource` is searched: `identifier` of `Patient`, `_id` of any.
    pub fn search_parameter(&self, resource: &str, name: &str) -> Option<SearchParameter> {
        let mut all = self.search_parameters(resource).into_iter();
        all.find(|parameter| parameter.name == name)
    }

    /// All parameters by which `resource` is searched, its own before those of every resource.
    pub fn search_parameters(&self, resource: &str) -> Vec<SearchParameter> {
        let bases = [resource, "DomainResource", "Resource"].into_iter();
        let lines = bases.filter_map(|base| text::SEARCH.block(base)).flat_map(|lines| lines.skip(1));
        lines.filter_map(search_parameter).collect()
    }

    /// The names of the resources that can be sent, in the order of the alphabet.
    pub fn resources(&self) -> &'static [&'static str] {
        &embedded::RESOURCES
    }

    /// The names of the data types with elements, in the order of the alphabet.
    pub fn datatypes(&self) -> &'static [&'static str] {
        &embedded::DATATYPES
    }

    /// The names of the types that are one JSON value, in the order of the alphabet.
    pub fn primitives(&self) -> &'static [&'static str] {
        &embedded::PRIMITIVES
    }

    /// What the text of a primitive's JSON value matches as a whole; none for `xhtml`.
    pub fn regex(&self, primitive: &str) -> Option<&'static str> {
        embedded::regex(primitive)
    }

    /// What the text of a primitive's JSON value matches, where its type has a form.
    pub fn pattern(&self, primitive: &str) -> Option<String> {
        embedded::pattern(primitive)
    }

    /// Whether the text of a primitive's JSON value has the form of its type; where that has none, any text has.
    pub fn fits(&self, primitive: &str, text: &str) -> bool {
        embedded::form(primitive).is_none_or(|form| form.is_match(text))
    }
}

/// Definitions of packages.
impl Fhir {
    /// The key of a definition of that package: its URL, with the version if an earlier package has the same URL.
    fn key_in(&self, package: &Arc<Package>, url: &str) -> String {
        match self.packages.iter().find(|other| other.head(url).is_some()) {
            Some(first) if !Arc::ptr_eq(first, package) => format!("{url}|{}", package.version),
            _ => url.to_string(),
        }
    }

    fn definition(&self, key: &str) -> Option<Arc<Definition>> {
        let (url, version) = key.split_once('|').unwrap_or((key, ""));
        let mut packages = self.packages.iter().filter(|package| version.is_empty() || package.version == version);
        packages.find_map(|package| package.definition(url))
    }

    fn packaged(&self, key: &str) -> Option<Shape> {
        let (of, id) = key.split_once('#').unwrap_or((key, ""));
        let mut shape = self.definition(of)?.shape(of, id, &|key| self.shape(embedded::key(key)))?;
        for element in &mut shape.elements {
            self.settle(of, element);
        }
        Some(shape)
    }

    /// Puts keys and names of resources where a definition has canonical URLs.
    fn settle(&self, of: &str, element: &mut Element) {
        for kind in &mut element.types {
            let own = kind.shape.strip_prefix(of).is_some_and(|rest| rest.starts_with('#'));
            if !own && kind.shape.contains("://") {
                // What is defined in a package that is not there is taken for what it narrows.
                let known = self.by_url(&kind.shape).map(|shape| shape.key.clone());
                kind.shape = known.unwrap_or_else(|| kind.name.clone());
            }
            let targets: Option<Vec<SmolStr>> = kind.targets.iter().map(|target| self.resource(target)).collect();
            // A target that nobody here knows may be any.
            kind.targets = targets.filter(|targets| targets.iter().all(|name| name != "Resource")).unwrap_or_default();
            kind.targets.sort();
            kind.targets.dedup();
        }
        for slice in &mut element.slices {
            self.settle(of, &mut slice.element);
        }
    }

    /// The resource that a canonical URL defines or narrows.
    fn resource(&self, url: &str) -> Option<SmolStr> {
        let packaged = || self.packages.iter().find_map(|package| package.head(url)).map(|head| head.type_name.clone());
        match embedded::key(url) {
            key if key.contains(':') => packaged(),
            key => Some(key.into()),
        }
    }
}

/// How deep value sets may refer to others: a circle of them ends there.
const VALUE_SETS_MAX: usize = 16;

/// What a value set sees of others while it is read.
struct Within<'a> {
    fhir: &'a Fhir,
    depth: usize,
}

impl Terminology for Within<'_> {
    fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        let deeper = Within { fhir: self.fhir, depth: self.depth + 1 };
        if deeper.depth > VALUE_SETS_MAX {
            return None;
        }
        let packaged = self.fhir.packages.iter().find_map(|package| package.value_set(url, &deeper));
        let embedded = || terminology::value_set(url, &deeper);
        match packaged {
            Some(set) if set.complete => Some(set),
            Some(set) => embedded().filter(|embedded| embedded.complete).or(Some(set)),
            None => embedded(),
        }
        .map(Arc::new)
    }

    fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        self.fhir.code_system(url)
    }
}

impl fmt::Debug for Fhir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fhir").field("packages", &self.packages).finish()
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
