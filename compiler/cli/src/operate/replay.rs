//! `emr replay`: has messages delivered once more that were settled.

use emr_runtime::control::words::Request;
use emr_runtime::journal::id::Id;

use super::Site;
use crate::end::End;

/// It is mapped with the project as it runs now, and keeps its id: what tells a target that it is the same is the same.
#[derive(clap::Args)]
pub struct Args {
    /// Which: `adt-17`
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Id>,
    /// To this target alone, or on this way (`admissions>ehr`); without it, by all routes that take the message
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    #[command(flatten)]
    site: Site,
}

pub fn run(args: &Args) -> Result<End, End> {
    let Args { ids, to, site } = args;
    site.journals().have(&Request::Replay { ids: ids.clone(), to: to.clone() }, "replaying")
}
