//! Steps through an output: elements, choice elements by their stem, extensions, indexes, references.

use crate::json::Json;
use crate::standard::fhir::Fhir;
use smol_str::SmolStr;
use std::collections::HashSet;
use std::sync::LazyLock;

/// A value of the output, or one that the test itself names.
#[derive(Clone)]
pub enum Found {
    Node(Node),
    Text(SmolStr),
    Number(SmolStr),
    Boolean(bool),
    Code { system: String, code: SmolStr },
}

/// A place in an output.
#[derive(Clone)]
pub struct Node {
    /// Nothing for a primitive that has only extensions.
    pub value: Json,
    /// `_birthDate` of `birthDate`.
    beside: Json,
    /// Of a choice element: the `Quantity` of `valueQuantity`.
    pub ty: Option<SmolStr>,
    /// The resource around it, for references into its `contained`.
    owner: Json,
}

impl Node {
    /// A whole resource, or whatever else a map gives.
    pub fn whole(value: &Json) -> Node {
        let ty = value.resource_type().map(SmolStr::from);
        Node { value: value.clone(), beside: Json::Null, ty, owner: value.clone() }
    }

    /// The items of an element; a choice element is found by its stem.
    pub fn child(&self, name: &str) -> Vec<Node> {
        let Json::Object(members) = &self.value else {
            // A primitive has elements of its own only in what stands beside it.
            let beside = Node { value: self.beside.clone(), beside: Json::Null, ..self.clone() };
            return if matches!(self.beside, Json::Object(_)) { beside.child(name) } else { Vec::new() };
        };
        let bare = |key: &str| key.strip_prefix('_').unwrap_or(key).to_owned();
        let exact = members.iter().map(|(key, _)| bare(key)).find(|key| key == name);
        let found = exact.map(|key| (key, None)).or_else(|| {
            members.iter().map(|(key, _)| bare(key)).find_map(|key| {
                let ty = choice_type(key.strip_prefix(name)?)?;
                Some((key, Some(ty)))
            })
        });
        let Some((key, ty)) = found else { return Vec::new() };
        let empty = Json::Null;
        let value = self.value.member(&key).unwrap_or(&empty);
        let beside = self.value.member(&format!("_{key}")).unwrap_or(&empty);
        self.below(value, beside, ty)
    }

    fn below(&self, value: &Json, beside: &Json, ty: Option<SmolStr>) -> Vec<Node> {
        let node = |value: &Json, beside: &Json| {
            let own = value.resource_type().map(SmolStr::from);
            let owner = if own.is_some() { value.clone() } else { self.owner.clone() };
            Node { value: value.clone(), beside: beside.clone(), ty: own.or_else(|| ty.clone()), owner }
        };
        match (value, beside) {
            (Json::Null, Json::Null) => Vec::new(),
            (Json::List(_), _) | (_, Json::List(_)) => {
                let (values, besides) = (value.items(), beside.items());
                let at = |list: &[Json], index: usize| list.get(index).cloned().unwrap_or(Json::Null);
                (0..values.len().max(besides.len())).map(|i| node(&at(values, i), &at(besides, i))).collect()
            }
            (value, beside) => vec![node(value, beside)],
        }
    }

    /// Whether it is an extension with that URL.
    pub fn has_url(&self, url: &str) -> bool {
        self.value.member("url").and_then(Json::text) == Some(url)
    }

    /// Whether it is the extension that a profile's slice of that name stands for: `race` is
    /// `http://hl7.org/fhir/us/core/StructureDefinition/us-core-race`, or `ombCategory` within it.
    pub fn is_slice(&self, name: &str) -> bool {
        let url = self.value.member("url").and_then(Json::text).unwrap_or_default();
        let last = url.rsplit('/').next().unwrap_or(url);
        last == name || last.strip_suffix(name).is_some_and(|before| before.ends_with('-'))
    }

    /// The reference that it is, or that its `reference` is.
    pub fn reference(&self) -> Option<&str> {
        self.value.text().or_else(|| self.value.member("reference")?.text())
    }

    /// The resource that a reference leads to: in `contained`, an entry by its `fullUrl`, or by type and id.
    pub fn resolve(&self, reference: &str, outputs: &[Json]) -> Option<Node> {
        let found = match reference.strip_prefix('#') {
            Some(id) => {
                let contained = self.owner.member("contained").map_or(&[][..], Json::items);
                contained.iter().find(|it| it.member("id").and_then(Json::text) == Some(id)).cloned()
            }
            None => entries(outputs)
                .find(|(url, resource)| {
                    let id = || {
                        let id = resource.member("id")?.text()?;
                        Some(format!("{}/{id}", resource.resource_type()?))
                    };
                    url.as_deref() == Some(reference) || id().as_deref() == Some(reference)
                })
                .map(|(_, resource)| resource),
        };
        let resource = found?;
        // A contained resource refers to its siblings, which are in the resource around it.
        let owner = if reference.starts_with('#') { self.owner.clone() } else { resource.clone() };
        Some(Node { owner, ..Node::whole(&resource) })
    }
}

/// All resources of a type, the Bundle itself included, in the order of the outputs.
pub fn of_type(name: &str, outputs: &[Json]) -> Vec<Node> {
    let tops = outputs.iter().flat_map(Json::items).cloned();
    let all = tops.chain(entries(outputs).filter(|(url, _)| url.is_some()).map(|(_, resource)| resource));
    all.filter(|it| it.resource_type() == Some(name)).map(|it| Node::whole(&it)).collect()
}

/// The resources of an output, each with its `fullUrl`: the entries of a Bundle, or the resources themselves. Those
/// of a Bundle's entries always have a URL, be it empty.
fn entries(outputs: &[Json]) -> impl Iterator<Item = (Option<String>, Json)> {
    outputs.iter().flat_map(Json::items).flat_map(|top| {
        if top.resource_type() != Some("Bundle") {
            return vec![(None, top.clone())];
        }
        let entries = top.member("entry").map_or(&[][..], Json::items).iter();
        let one = |entry: &Json| {
            let url = entry.member("fullUrl").and_then(Json::text).unwrap_or_default();
            Some((Some(url.to_owned()), entry.member("resource")?.clone()))
        };
        entries.filter_map(one).collect()
    })
}

/// The type that the ending of a choice element's name stands for: `Quantity`, `dateTime` for `DateTime`.
pub fn choice_type(ending: &str) -> Option<SmolStr> {
    static TYPES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let fhir = Fhir::r4();
        fhir.datatypes().iter().chain(fhir.primitives()).copied().collect()
    });
    let mut letters = ending.chars();
    let first = letters.next().filter(char::is_ascii_uppercase)?;
    let lower = format!("{}{}", first.to_ascii_lowercase(), letters.as_str());
    [ending, lower.as_str()].into_iter().find(|name| TYPES.contains(name)).map(SmolStr::from)
}
