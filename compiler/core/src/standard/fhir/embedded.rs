//! Reads the embedded text of FHIR R4 into shapes, a block at a time, when it is asked for.

use std::str::Lines;
use std::sync::{Arc, LazyLock};

use emr_stdlib::fhir as text;
use regex::Regex;
use serde_json::Value;
use smol_str::SmolStr;

use crate::standard::memo::Memo;
use crate::standard::shape::{Binding, Discriminator, Element, Kind, MANY, Shape, Slice, Strength, Type};

const DEFINITION: &str = "http://hl7.org/fhir/StructureDefinition/";
const VALUE_SET: &str = "http://hl7.org/fhir/ValueSet/";

/// Once read, a shape of the standard stays: it is the same for every project.
static SHAPES: LazyLock<Memo<Option<Arc<Shape>>>> = LazyLock::new(Memo::default);

static FORMS: LazyLock<Memo<Option<Arc<Regex>>>> = LazyLock::new(Memo::default);

/// The resource, data type, backbone element or primitive of that key; for an extension its URL, and `URL#:part` for a
/// part of it.
pub fn shape(key: &str) -> Option<Arc<Shape>> {
    SHAPES.get(key, || if key.contains(':') { extension(key) } else { plain(key) }.map(Arc::new))
}

/// Whether R4 has a type of that key.
pub fn has(key: &str) -> bool {
    definition(key).is_some()
}

/// The key of the definition with that canonical URL, if the core package has it.
pub fn key(url: &str) -> &str {
    match url.strip_prefix(DEFINITION) {
        Some(name) if definition(name).is_some() => name,
        _ => url,
    }
}

/// What a type specialises: `DomainResource` for `Patient`, `string` for `code`, `Quantity` for `Age`.
pub fn parent(key: &str) -> Option<&'static str> {
    let heading = definition(key)?.next()?;
    heading.rsplit(' ').next().filter(|base| *base != "-")
}

/// The regex that the JSON value of a primitive type matches as a whole.
pub fn regex(primitive: &str) -> Option<&'static str> {
    text::DATATYPES.block(primitive)?.find_map(|line| line.strip_prefix("regex "))
}

/// The same, compiled when its type is met first.
pub fn form(primitive: &str) -> Option<Arc<Regex>> {
    FORMS.get(primitive, || compile(regex(primitive)?))
}

/// The standard writes regexes in which white space is blank, tab and the line ends; and they match the whole text.
fn compile(regex: &str) -> Option<Arc<Regex>> {
    Regex::new(&whole(regex)).ok().map(Arc::new)
}

fn whole(regex: &str) -> String {
    let plain = regex.replace(r"\S", r"[^ \t\n\r]").replace(r"\s", r"[ \t\n\r]");
    format!(r"\A(?:{plain})\z")
}

/// What the text of a primitive matches, for who holds texts to it elsewhere.
pub fn pattern(primitive: &str) -> Option<String> {
    regex(primitive).map(whole)
}

/// The names of the resources, the data types with elements, and the primitives, each in the order of the alphabet;
/// abstract ones are not among them.
pub static RESOURCES: LazyLock<Vec<&str>> = LazyLock::new(|| names(&text::RESOURCES, "resource"));
pub static DATATYPES: LazyLock<Vec<&str>> = LazyLock::new(|| names(&text::DATATYPES, "datatype"));
pub static PRIMITIVES: LazyLock<Vec<&str>> = LazyLock::new(|| names(&text::DATATYPES, "primitive"));

/// The names of the types whose heading says `kind`.
fn names(table: &text::Table, kind: &str) -> Vec<&'static str> {
    let words = table.headings().map(|(_, heading)| heading.split(' ').collect::<Vec<_>>());
    words
        .filter_map(|words| (words.len() == 3 && words.get(1) == Some(&kind)).then(|| words.first().copied())?)
        .collect()
}

/// How often an extension may stand on one element, and the elements that it may stand on.
pub fn placement(url: &str) -> Option<(u32, u32, Vec<SmolStr>)> {
    let heading = text::EXTENSIONS.block(url)?.next()?;
    let mut words = heading.split(' ').skip(2);
    let (min, max) = range(words.next()?)?;
    Some((min, max, words.next()?.split('|').filter(|context| *context != "-").map(SmolStr::from).collect()))
}

fn definition(name: &str) -> Option<Lines<'static>> {
    text::RESOURCES.block(name).or_else(|| text::DATATYPES.block(name))
}

fn plain(key: &str) -> Option<Shape> {
    let mut lines = definition(key)?;
    let mut heading = lines.next()?.split(' ').skip(2);
    let kind = match heading.next()? {
        "resource" => Kind::Resource,
        "datatype" => Kind::Datatype,
        "backbone" => Kind::Backbone,
        _ => Kind::FhirPrimitive,
    };
    let parent = heading.last()?;
    let inherited = shape(parent).map(|parent| parent.elements.clone());
    let mut elements = inherited.unwrap_or_default();
    for element in lines.filter_map(element) {
        put(&mut elements, element);
    }
    // These two are profiles: other types with the same elements, such as `Age`, are types of their own.
    let base = if matches!(key, "SimpleQuantity" | "MoneyQuantity") { "Quantity" } else { key };
    let url = if kind == Kind::Backbone { SmolStr::default() } else { SmolStr::from(format!("{DEFINITION}{key}")) };
    Some(Shape { key: key.into(), kind, title: SmolStr::default(), base: base.into(), url, elements })
}

/// The extension of a URL, or a part of it (`URL#:part`, `URL#:part.:inner`), as a narrowed `Extension`.
fn extension(key: &str) -> Option<Shape> {
    let (url, part) = key.split_once('#').unwrap_or((key, ""));
    let mut lines = text::EXTENSIONS.block(url)?;
    lines.next();
    let mut elements = shape("Extension")?.elements.clone();
    let prefix = if part.is_empty() { String::new() } else { format!("{part}.") };
    let mut known = part.is_empty();
    for line in lines {
        known |= line.split(' ').next() == Some(part);
        // What stands below another part has a dot after that part's name.
        let Some(rest) = line.strip_prefix(&prefix) else { continue };
        if rest.split(' ').next().is_none_or(|path| path.contains('.')) {
            continue;
        }
        let Some(own) = element(rest) else { continue };
        match own.name.strip_prefix(':') {
            Some(name) => inner(&mut elements, name, &own, url, &prefix),
            None => put(&mut elements, own),
        }
    }
    let says = part.rsplit(':').next().filter(|name| !name.is_empty()).unwrap_or(url);
    if let Some(at) = elements.iter_mut().find(|element| element.name == "url") {
        at.fixed = Some(Value::String(says.to_string()));
    }
    let url = if part.is_empty() { url.into() } else { SmolStr::default() };
    let (key, base, title) = (key.into(), "Extension".into(), SmolStr::default());
    known.then_some(Shape { key, kind: Kind::Datatype, title, base, url, elements })
}

/// An extension inside an extension is a slice of its list.
fn inner(elements: &mut [Element], name: &str, own: &Element, url: &str, prefix: &str) {
    let Some(list) = elements.iter_mut().find(|element| element.name == "extension") else { return };
    let mut element = Element { name: "extension".into(), ..own.clone() };
    for kind in &mut element.types {
        if kind.shape == kind.name {
            kind.shape = format!("{url}#{prefix}:{name}").into();
        }
    }
    let defined = element.types.first().filter(|kind| !kind.shape.contains('#'));
    let says = defined.map_or_else(|| name.into(), |kind| kind.shape.clone());
    let discriminators = vec![Discriminator::Value("url".into())];
    list.slices.push(Slice { name: name.into(), discriminators, element, url: Some(says) });
}

/// Sets an element, or adds it where it is new.
fn put(elements: &mut Vec<Element>, element: Element) {
    match elements.iter_mut().find(|old| old.name == element.name) {
        // A line that forbids an element says no more than that.
        Some(old) if element.types.is_empty() => (old.min, old.max) = (element.min, element.max),
        Some(old) => *old = element,
        None => elements.push(element),
    }
}

/// `value[x] 0..1 Quantity|Reference(Patient) required observation-codes`
fn element(line: &str) -> Option<Element> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let (min, max) = range(words.next()?)?;
    let types = words.next().map(|types| types.split('|').map(kind).collect()).unwrap_or_default();
    let binding = words.next().and_then(strength).zip(words.next()).map(|(strength, set)| Binding {
        strength,
        set: if set.contains(':') { set.into() } else { format!("{VALUE_SET}{set}").into() },
    });
    Some(Element {
        types,
        choice: name.ends_with("[x]"),
        binding,
        ..Element::new(name.strip_suffix("[x]").unwrap_or(name), min, max)
    })
}

/// `Quantity`, `Quantity:SimpleQuantity`, `Reference(Patient,Group)`
fn kind(text: &str) -> Type {
    let (head, targets) = text.strip_suffix(')').and_then(|text| text.split_once('(')).unwrap_or((text, ""));
    let (name, shape) = head.split_once(':').unwrap_or((head, head));
    let targets = targets.split(',').filter(|target| !target.is_empty()).map(SmolStr::from).collect();
    Type { name: name.into(), shape: shape.into(), targets }
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (min, max) = text.split_once("..")?;
    Some((min.parse().ok()?, if max == "*" { MANY } else { max.parse().ok()? }))
}

pub fn strength(text: &str) -> Option<Strength> {
    Some(match text {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        "example" => Strength::Example,
        _ => return None,
    })
}
