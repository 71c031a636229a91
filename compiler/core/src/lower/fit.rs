//! Codes that must fit the place of HL7 v2 where they are written: it has other components in other versions.

use super::Lower;
use super::block::{Field, json};
use super::codes::is_coded;
use super::element::Source;
use crate::check::typed::{EditPlace, Expr, Kind, TyKind, Value};
use crate::plan::Block;
use crate::standard::built;
use emr_message::encode::CODED;
use smol_str::SmolStr;

impl<'a> Lower<'a> {
    /// How many components the place of a field has in each version, where a code may be written there.
    pub(super) fn fits(&self, field: &Field<'_>, shape: &SmolStr) -> Option<String> {
        built::name(shape)?;
        let values = field.sources.iter().filter_map(|source| match source {
            Source::Rule(value, _) => Some(&value.value),
            _ => None,
        });
        if !values.into_iter().any(|value| self.may_be_coded(value)) {
            return None;
        }
        self.world.standards().components(shape, &field.name, None, CODED)
    }

    /// The same of a place of a message that is changed.
    pub(super) fn fits_edit(&self, segments: &TyKind, place: EditPlace, values: &[Value]) -> Option<String> {
        let TyKind::Segment(_, owner) = segments else { return None };
        if place.subcomponent > 0 || !values.iter().any(|value| self.may_be_coded(&value.value)) {
            return None;
        }
        let part = (place.component > 0).then(|| place.component.to_string());
        let owner = self.world.standards().target(owner)?;
        self.world.standards().components(&owner, &place.field.to_string(), part.as_deref(), CODED)
    }

    /// What was written, with what it must fit.
    pub(super) fn wrap_fitted(&mut self, open: &str, fits: Option<&str>, body: Block, close: &str) {
        match fits {
            Some(fits) => {
                let open = format!("{open}{{\"fits\":{},\"is\":", json(fits));
                self.wrap(open, body, &format!("}}{close}"), false, Vec::new());
            }
            None if open.is_empty() => self.extend(body),
            None => self.wrap(open.to_owned(), body, close, false, Vec::new()),
        }
    }

    fn may_be_coded(&self, value: &Expr) -> bool {
        let is_coded_type = match &value.ty.kind {
            TyKind::Coded => true,
            TyKind::Fhir(key) => matches!(self.base(key).as_str(), "CodeableConcept" | "Coding"),
            _ => false,
        };
        let chosen = value.chosen();
        if is_coded_type || !chosen.is_empty() {
            return is_coded_type || chosen.into_iter().any(|one| self.may_be_coded(one));
        }
        match &*value.kind {
            Kind::Copy { .. } | Kind::Block(_) | Kind::Text(_) | Kind::Number(_) | Kind::Edited { .. } => false,
            Kind::Code { .. } | Kind::Coded(_) => true,
            _ => matches!(&value.ty.kind, TyKind::Fhir(key) if built::name(key).is_some_and(is_coded)),
        }
    }
}
