//! What a start would find, without one: nothing listens, and no message is sent.

use emr_abi::wiring::Wiring;

use super::super::deliver::Outlet;
use super::Refused;
use super::outlets::outlet;
use crate::connector::{self, Places, Why};
use crate::control::place::Hold;

/// Something that a project needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// `feed adt`, `target ehr`, `table Staff`, `journal`
    pub whose: String,
    /// Why it is not to be had.
    pub missing: Option<Why>,
    /// What is not known where nothing is missing.
    pub untold: Option<&'static str>,
}

impl Need {
    pub fn new(whose: String, found: Result<(), Why>) -> Need {
        Need { whose, missing: found.err(), untold: None }
    }
}

/// What the feeds, targets and tables of a project need, in their order: certificates, secrets, addresses, and that the other side
/// is there.
///
/// # Errors
/// The project asks for what is not carried out.
pub async fn needs(wiring: &Wiring, places: &Places) -> Result<Vec<Need>, Refused> {
    let hold = Hold::take(&places.journal);
    let is_free = hold.is_ok();
    let room = |_: &Hold| places.reserve.lack(&places.journal).map_or(Ok(()), Err);
    let mut needs = vec![Need::new("journal".to_owned(), hold.as_ref().map_err(Clone::clone).and_then(room))];
    // Where another engine runs the addresses are its.
    for feed in wiring.feeds.iter().filter(|_| is_free) {
        let reached = match connector::feed(feed, places).await {
            Ok(feed) => feed.reach().await,
            Err(why) => Err(why),
        };
        needs.push(Need::new(format!("feed {}", feed.name), reached));
    }
    for target in &wiring.targets {
        let (reached, untold) = match outlet(target, wiring.zone.as_deref(), places) {
            Ok(Outlet { target, .. }) => {
                (target.reach().await.map_err(|failure| failure.why().to_owned()), target.untold())
            }
            Err(refused) => (Err(refused.why), None),
        };
        needs.push(Need { untold, ..Need::new(format!("target {}", target.name), reached) });
    }
    for table in &wiring.tables {
        let (reached, untold) = match connector::table(table, places) {
            Ok(table) => (table.reach().await.map_err(|failure| failure.why().to_owned()), table.untold()),
            Err(why) => (Err(why), None),
        };
        needs.push(Need { untold, ..Need::new(format!("table {}", table.name), reached) });
    }
    Ok(needs)
}
