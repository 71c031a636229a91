//! `emr reload` and `emr start`: what a running engine is to do from now on.

use anstream::println;
use emr_runtime::control::words::{Answer, Request};
use emr_runtime::flow::engine::Change;

use super::Site;
use crate::end::End;

/// The project is checked and its tests are run first; one that is wrong, or whose tests fail, changes nothing. Feeds whose
/// settings are the same keep their connections.
#[derive(clap::Args)]
pub struct Reload {
    #[command(flatten)]
    site: Site,
}

/// What waits for the route is delivered from now on, also by the processes that come.
#[derive(clap::Args)]
pub struct Start {
    /// Its name
    #[arg(value_name = "ROUTE")]
    route: String,
    #[command(flatten)]
    site: Site,
}

pub fn reload(args: &Reload) -> Result<End, End> {
    match args.site.journals().answer(&Request::Reload)? {
        Answer::Changed { change: Change { new, anew, kept, gone }, later } => {
            for (names, what) in [
                (new, "takes messages, and is new"),
                (anew, "takes messages anew, by other settings"),
                (kept, "goes on, with its connections as they are"),
                (gone, "takes no more; what is in flight stays in its journal"),
            ] {
                names.iter().for_each(|name| println!("{name} {what}"));
            }
            for section in later {
                println!("`[{section}]` of `emr.toml` has changed, and counts from the next start on");
            }
            Ok(End::Fine)
        }
        _ => Err(super::other_version()),
    }
}

pub fn start(args: &Start) -> Result<End, End> {
    match args.site.journals().answer(&Request::Start { route: args.route.clone() })? {
        Answer::Started { was_held } => {
            println!("{} {}", args.route, if was_held { "delivers" } else { "was not held" });
            Ok(End::Fine)
        }
        _ => Err(super::other_version()),
    }
}
