//! What a map makes for a receiver, held to the profile of what that receiver takes.

use super::ProfileFacts;
use crate::check::typed::{Expr, Function, Kind, Param, Slot, Ty, TyKind};
use crate::plan::MADE;
use smol_str::format_smolstr;

/// A map over a message that was made, which says nothing of it but where it does not keep to the profile. Nothing where
/// the profile asks nothing.
pub fn held(facts: &ProfileFacts) -> Option<Function> {
    facts.held.iter().any(|held| held.asks() || held.stands.is_some()).then(|| Function {
        key: format_smolstr!("{MADE}{}", facts.key),
        params: vec![Param {
            name: "made".into(),
            slot: Slot(0),
            ty: Ty::one(TyKind::Structure(facts.version, facts.key.clone())),
        }],
        result: Ty::fhir("boolean"),
        keyed: Vec::new(),
        total: false,
        writes: Vec::new(),
        body: Expr { kind: Box::new(Kind::Boolean(true)), ty: Ty::fhir("boolean"), at: 0..0 },
        ignored: Vec::new(),
        slots: 1,
        at: 0..0,
    })
}
