//! The standards as data: one façade over what a project declares, its packages, and the embedded packs.
//!
//! Read-only and lazy: a shape is parsed when it is first asked for, and remembered.

pub mod built;
pub mod fhir;
pub mod hl7;
pub(crate) mod memo;
pub mod package;
pub mod shape;
mod text;

use fhir::Fhir;
use hl7::{Hl7, Version};
use rustc_hash::FxHashMap;
use shape::Shape;
use smol_str::SmolStr;
use std::sync::Arc;

/// Every definition that a path or a type can name. Cheap to clone; two are equal if they are the same.
#[derive(Clone)]
pub struct Standards {
    pub hl7: Arc<Hl7>,
    pub fhir: Arc<Fhir>,
    /// Structures, groups and segments that the project declares (`profile`, `segment`, `structure`), by key.
    pub local: Arc<FxHashMap<SmolStr, Arc<Shape>>>,
}

impl Standards {
    /// What comes with the compiler.
    pub fn embedded() -> Self {
        Self { hl7: Arc::new(Hl7::new()), fhir: Arc::new(Fhir::r4()), local: Arc::default() }
    }

    /// The same, with definitions of a project before the embedded ones.
    pub fn with_local(&self, local: FxHashMap<SmolStr, Arc<Shape>>) -> Self {
        Self { local: Arc::new(local), ..self.clone() }
    }

    /// A message structure or a group, by its key: `ADT_A01`, `ADT_A01.INSURANCE`, or a profile's own.
    pub fn structure(&self, version: Version, key: &str) -> Option<Arc<Shape>> {
        let embedded = || self.hl7.structure(version, key).or_else(|| self.hl7.group(version, key));
        let declared = self.local.get(key).filter(|shape| shape.kind != shape::Kind::Segment);
        declared.cloned().or_else(embedded)
    }

    pub fn segment(&self, version: Version, name: &str) -> Option<Arc<Shape>> {
        let declared = self.local.get(name).filter(|shape| shape.kind == shape::Kind::Segment);
        declared.cloned().or_else(|| self.hl7.segment(version, name))
    }

    /// Whether a segment is one that the project declares.
    pub fn is_declared(&self, name: &str) -> bool {
        self.local.get(name).is_some_and(|shape| shape.kind == shape::Kind::Segment)
    }

    pub fn datatype(&self, version: Version, name: &str) -> Option<Arc<Shape>> {
        self.hl7.datatype(version, name)
    }
}

impl PartialEq for Standards {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hl7, &other.hl7) && Arc::ptr_eq(&self.fhir, &other.fhir) && self.local == other.local
    }
}

impl Eq for Standards {}

impl std::fmt::Debug for Standards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Standards({} declared here)", self.local.len())
    }
}
