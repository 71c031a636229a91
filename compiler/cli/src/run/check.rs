//! `emr run --check`: whether a project could start here and now.

use anstream::println;
use emr_abi::wiring::Wiring;
use emr_runtime::connector::Places;
use emr_runtime::flow::engine::{self, Need};

use crate::end::End;
use crate::style::count;

pub async fn needs(wiring: &Wiring, places: &Places) -> Result<End, End> {
    let needs = engine::needs(wiring, places).await.map_err(|refused| End::World(refused.to_string()))?;
    for Need { whose, missing } in &needs {
        match missing {
            None => println!("{whose}: ready"),
            Some(why) => println!("{whose}: {why}"),
        }
    }
    match needs.iter().filter(|need| need.missing.is_some()).count() {
        0 => Ok(End::Fine),
        missing => Err(End::World(format!("{} could not start", count(missing, "part")))),
    }
}
