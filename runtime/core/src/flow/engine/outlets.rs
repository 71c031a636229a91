//! The targets of a project, with how they are written to.

use std::sync::Arc;

use emr_abi::wiring::{self, Wiring};
use serde::Deserialize;

use super::super::deliver::Outlet;
use super::super::pace::{Pace, Quiet, Rate};
use super::super::retry::Retry;
use super::{Engine, Refused, read};
use crate::connector::{self, Places};

/// What the settings of every target are read for here.
#[derive(Deserialize)]
struct OfTarget {
    retry: Option<Retry>,
    rate: Option<Rate>,
    quiet: Option<Quiet>,
}

impl Engine {
    /// By their numbers in the wiring. Those that are told the same stay as they are.
    ///
    /// # Errors
    /// A setting names what is not to be had.
    pub(super) fn outlets_of(&self, wiring: &Wiring) -> Result<Vec<Arc<Outlet>>, Refused> {
        let zone = wiring.zone.as_deref();
        let outlets = wiring.targets.iter().map(|target| match self.same(target, zone) {
            Some(known) => Ok(known),
            None => outlet(target, zone, &self.places).map(Arc::new),
        });
        outlets.collect()
    }

    fn same(&self, target: &wiring::Target, zone: Option<&str>) -> Option<Arc<Outlet>> {
        let mut known = self.wiring.targets.iter().zip(&self.outlets).filter(|_| self.wiring.zone.as_deref() == zone);
        let same = known.find(|(known, _)| {
            (&known.name, &known.connector, &known.settings) == (&target.name, &target.connector, &target.settings)
        });
        same.map(|(_, outlet)| Arc::clone(outlet))
    }
}

pub(super) fn outlet(facts: &wiring::Target, zone: Option<&str>, places: &Places) -> Result<Outlet, Refused> {
    let whose = format!("target {}", facts.name);
    let refused = |why| Refused::new(&whose, why);
    let target = connector::target(&facts.name, &facts.connector, &facts.settings, places).map_err(refused)?;
    let OfTarget { retry, rate, quiet } = read(&whose, &facts.settings)?;
    let pace = Pace::new(rate, quiet.as_ref(), zone).map_err(refused)?;
    Ok(Outlet { target, retry: retry.unwrap_or_default(), pace })
}
