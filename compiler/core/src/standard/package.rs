//! A FHIR package: profiles, extensions, value sets and code systems beyond R4's own.
//!
//! Its files are handed in as text. Of each only the head is read at first; the rest when it is asked for.

mod codes;
mod names;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use crate::standard::fhir::{CodeSystem, Terminology, ValueSet};
use crate::standard::memo::Memo;
pub use snapshot::Definition;

/// A package as a project names it.
pub struct Package {
    /// The short name of `emr.toml` (`uscore`); for a package that another one needs, its full name.
    pub alias: SmolStr,
    /// `hl7.fhir.us.core`
    pub name: SmolStr,
    /// `7.0.0`
    pub version: SmolStr,
    /// Names and versions of the packages that it needs.
    pub dependencies: Vec<(SmolStr, SmolStr)>,
    /// The files that are not JSON.
    pub unreadable: Vec<String>,
    heads: Vec<Head>,
    by_url: FxHashMap<SmolStr, usize>,
    definitions: Memo<Option<Arc<Definition>>>,
}

/// What is known of a definition without reading it.
pub struct Head {
    pub kind: HeadKind,
    pub url: SmolStr,
    pub id: SmolStr,
    pub name: SmolStr,
    /// Of a StructureDefinition, the type that it defines or narrows: `Patient`.
    pub type_name: SmolStr,
    /// It narrows a resource, and one can name it as the type of a map.
    pub profile: bool,
    /// Object identifiers of the system that a CodeSystem is, or that a NamingSystem names.
    pub oids: Vec<SmolStr>,
    /// The URI of that system.
    pub system: SmolStr,
    body: Body,
}

/// What a definition is read from.
enum Body {
    Json(String),
    /// A code system as [`CodeSystem::bytes`]; empty where it does not come with all its codes.
    Packed(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadKind {
    StructureDefinition,
    ValueSet,
    CodeSystem,
    NamingSystem,
}

/// The text of a definition is no JSON.
#[derive(Debug)]
pub struct NotJson;

/// What stands before a definition that is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: HeadKind,
    url: SmolStr,
    id: SmolStr,
    name: SmolStr,
    oids: Vec<SmolStr>,
    system: SmolStr,
}

impl Head {
    /// The head of a definition by its JSON; nothing of what is none that anybody asks for.
    pub fn read(text: String) -> Result<Option<Head>, NotJson> {
        let fields = serde_json::from_str::<Fields>(&text).map_err(|_| NotJson)?;
        Ok(head(fields, text))
    }

    /// A code system as it is kept, so that its JSON need not be read again; nothing of other definitions.
    pub fn stored(&self) -> Option<Vec<u8>> {
        if self.kind != HeadKind::CodeSystem {
            return None;
        }
        let (url, id, name) = (self.url.clone(), self.id.clone(), self.name.clone());
        let stored = Stored { kind: self.kind, url, id, name, oids: self.oids.clone(), system: self.system.clone() };
        let mut bytes = serde_json::to_vec(&stored).ok()?;
        bytes.push(b'\n');
        if let Some(system) = self.code_system() {
            bytes.extend_from_slice(system.bytes());
        }
        Some(bytes)
    }

    /// What was stored so; nothing if these are no such bytes.
    pub fn of_stored(mut bytes: Vec<u8>) -> Option<Head> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let body = bytes.split_off(end + 1);
        let Stored { kind, url, id, name, oids, system } = serde_json::from_slice(&bytes).ok()?;
        let head =
            Head { kind, url, id, name, type_name: "".into(), profile: false, oids, system, body: Body::Packed(body) };
        let is_whole = matches!(&head.body, Body::Packed(body) if body.is_empty()) || head.code_system().is_some();
        is_whole.then_some(head)
    }

    fn code_system(&self) -> Option<CodeSystem> {
        match &self.body {
            Body::Json(text) => codes::code_system(&serde_json::from_str(text).ok()?),
            Body::Packed(bytes) => CodeSystem::of_bytes(&self.url, &self.name, bytes.clone()),
        }
    }
}

/// The text of `package.json` is not that of a package.
#[derive(Debug)]
pub struct NotAPackage;

#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    resource_type: Option<String>,
    url: Option<String>,
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    type_name: Option<Value>,
    kind: Option<String>,
    derivation: Option<String>,
    identifier: Option<Value>,
    unique_id: Option<Value>,
}

impl Package {
    /// A package of `package.json` and the other files of its folder, as (name, text).
    pub fn new(alias: &str, files: Vec<(String, String)>) -> Result<Package, NotAPackage> {
        let manifest = files.iter().find(|(name, _)| name == "package.json").ok_or(NotAPackage)?;
        let manifest: Manifest = serde_json::from_str(&manifest.1).map_err(|_| NotAPackage)?;
        let dependencies = manifest.dependencies.into_iter().map(|(name, version)| (name.into(), version.into()));
        let dependencies = dependencies.collect();
        let files = files.into_iter().filter(|(name, _)| name != "package.json").collect();
        let (name, version) = (manifest.name.into(), manifest.version.into());
        Ok(Package { alias: alias.into(), name, version, dependencies, ..Package::of(files) })
    }

    /// Code systems and value sets of a project's own, as (name, text): a package that nobody can name.
    pub fn of(files: Vec<(String, String)>) -> Package {
        let (mut heads, mut unreadable) = (Vec::new(), Vec::new());
        for (name, text) in files {
            match Head::read(text) {
                Ok(head) => heads.extend(head),
                Err(NotJson) => unreadable.push(name),
            }
        }
        Package { unreadable, ..Package::of_heads(heads) }
    }

    /// The same of definitions whose heads are read already.
    pub fn of_heads(mut heads: Vec<Head>) -> Package {
        // A folder lists its files in any order.
        heads.sort_by(|a, b| a.url.cmp(&b.url));
        let by_url = heads.iter().enumerate().map(|(at, head)| (head.url.clone(), at)).collect();
        Package {
            alias: SmolStr::default(),
            name: SmolStr::default(),
            version: SmolStr::default(),
            dependencies: Vec::new(),
            unreadable: Vec::new(),
            heads,
            by_url,
            definitions: Memo::default(),
        }
    }

    /// How many definitions it has.
    pub fn definitions(&self) -> usize {
        self.heads.len()
    }

    /// The head of the definition with that canonical URL (without a version).
    pub fn head(&self, url: &str) -> Option<&Head> {
        self.by_url.get(url).and_then(|at| self.heads.get(*at))
    }

    /// The profiles of resources, in the order of their URLs.
    pub fn profiles(&self) -> impl Iterator<Item = &Head> {
        self.heads.iter().filter(|head| head.profile)
    }

    /// The heads of all StructureDefinitions, in the order of their URLs.
    pub fn structures(&self) -> impl Iterator<Item = &Head> {
        self.heads.iter().filter(|head| head.kind == HeadKind::StructureDefinition)
    }

    /// The systems that have object identifiers, each with its URI.
    pub fn oids(&self) -> impl Iterator<Item = (&SmolStr, &SmolStr)> {
        self.heads.iter().flat_map(|head| head.oids.iter().map(|oid| (oid, &head.system)))
    }

    /// A StructureDefinition, read.
    pub fn definition(&self, url: &str) -> Option<Arc<Definition>> {
        let head = self.head(url).filter(|head| head.kind == HeadKind::StructureDefinition)?;
        let Body::Json(text) = &head.body else { return None };
        let read = || Definition::read(serde_json::from_str(text).ok()?).map(Arc::new);
        self.definitions.get(url, read)
    }

    /// The codes that a value set of the package allows, as far as `terminology` has what it refers to.
    pub fn value_set(&self, url: &str, terminology: &dyn Terminology) -> Option<ValueSet> {
        codes::value_set(&self.json(HeadKind::ValueSet, url)?, terminology)
    }

    /// A code system of the package, if it comes with all its codes.
    pub fn code_system(&self, url: &str) -> Option<CodeSystem> {
        let head = self.head(url).filter(|head| head.kind == HeadKind::CodeSystem)?;
        head.code_system()
    }

    fn json(&self, kind: HeadKind, url: &str) -> Option<Value> {
        let head = self.head(url).filter(|head| head.kind == kind)?;
        match &head.body {
            Body::Json(text) => serde_json::from_str(text).ok(),
            Body::Packed(_) => None,
        }
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Package({}#{}, {} definitions)", self.name, self.version, self.heads.len())
    }
}

fn head(fields: Fields, text: String) -> Option<Head> {
    let kind = match fields.resource_type?.as_str() {
        "StructureDefinition" => HeadKind::StructureDefinition,
        "ValueSet" => HeadKind::ValueSet,
        "CodeSystem" => HeadKind::CodeSystem,
        "NamingSystem" => HeadKind::NamingSystem,
        _ => return None,
    };
    let id = fields.id.unwrap_or_default();
    // R4 gives a NamingSystem no URL; its name is its own alone.
    let own = (kind == HeadKind::NamingSystem).then(|| format!("NamingSystem/{id}"));
    let url = fields.url.or(own)?;
    let (oids, system) = names::of(kind, &url, fields.identifier.as_ref(), fields.unique_id.as_ref());
    let narrows = fields.derivation.as_deref() == Some("constraint") && fields.kind.as_deref() == Some("resource");
    Some(Head {
        kind,
        url: url.into(),
        id: id.into(),
        name: fields.name.unwrap_or_default().into(),
        type_name: fields.type_name.as_ref().and_then(Value::as_str).unwrap_or("").into(),
        profile: narrows,
        oids,
        system,
        body: Body::Json(text),
    })
}

#[cfg(test)]
mod tests;
