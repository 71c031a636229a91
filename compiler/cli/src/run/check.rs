//! `emr run --check`: whether a project could start here and now.

use anstream::println;
use emr_abi::wiring::Wiring;
use emr_runtime::connector::Places;
use emr_runtime::control::api;
use emr_runtime::flow::engine::{self, Need};
use emr_runtime::observe::{alarm, serve};

use super::looking::mail;
use super::standing::Standing;
use crate::end::End;
use crate::style::count;

/// `lacking` are the routes whose maps cannot run, and why.
pub async fn needs(
    wiring: &Wiring,
    places: &Places,
    standing: &Standing,
    lacking: Vec<(String, String)>,
) -> Result<End, End> {
    let mut needs = engine::needs(wiring, places).await.map_err(|refused| End::World(refused.to_string()))?;
    needs.extend(lacking.into_iter().map(|(route, why)| Need::new(format!("route {route}"), Err(why))));
    // Where another engine runs the addresses are its.
    let is_free = needs.iter().all(|need| need.whose != "journal" || need.missing.is_none());
    if let Some(at) = standing.metrics().filter(|_| is_free) {
        needs.push(Need::new("operations".to_owned(), serve::listening(&at, places).await.map(drop)));
    }
    if let Some((at, _)) = standing.admin().filter(|_| is_free) {
        needs.push(Need::new("admin".to_owned(), api::listening(&at, places).await.map(drop)));
    }
    match mail(standing, places) {
        Ok(mail) => needs.extend(alarm::needs(wiring, places, mail.as_ref()).await),
        // Whom an alarm tells by mail cannot be asked.
        Err(why) => needs.push(Need::new("operations".to_owned(), Err(why.to_string()))),
    }
    for Need { whose, missing, untold } in &needs {
        match (missing, untold) {
            (Some(why), _) => println!("{whose}: {why}"),
            (None, Some(untold)) => println!("{whose}: ready; {untold}"),
            (None, None) => println!("{whose}: ready"),
        }
    }
    match needs.iter().filter(|need| need.missing.is_some()).count() {
        0 => Ok(End::Fine),
        missing => Err(End::World(format!("{} could not start", count(missing, "part")))),
    }
}
