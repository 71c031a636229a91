//! `emr park`: what waits for a person, and what the person decides.

use anstream::println;
use emr_runtime::control::shapes::{self, instant};
use emr_runtime::control::words::{Parked, Request, Which};
use emr_runtime::journal::fs::Disk;
use emr_runtime::journal::id::Id;
use emr_runtime::journal::ledger::Ledger;

use super::{Site, ago};
use crate::end::End;
use crate::shown::{self, Format};

/// A message is parked when it was tried often enough, or when no further try would help.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Lists what is parked, and why; the engine may run or not
    List {
        /// Of this feed alone
        #[arg(long)]
        feed: Option<String>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        site: Site,
    },
    /// Lets messages go on where they were parked: what was not mapped is mapped again, with the project as it runs now
    Release {
        /// Which: `adt-17`
        #[arg(value_name = "ID", required_unless_present_any = ["feed", "all"], conflicts_with_all = ["feed", "all"])]
        ids: Vec<Id>,
        /// All of this feed
        #[arg(long, conflicts_with = "all")]
        feed: Option<String>,
        /// All that are parked
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        site: Site,
    },
    /// Gives messages up: they count as dropped
    Drop {
        /// Which: `adt-17`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<Id>,
        /// Why, as it stands in the journal from then on
        #[arg(long, value_name = "REASON")]
        because: String,
        #[command(flatten)]
        site: Site,
    },
}

pub fn run(args: &Args) -> Result<End, End> {
    match &args.what {
        What::List { feed, format, site } => list(feed.as_deref(), *format, site),
        What::Release { ids, feed, all, site } => {
            let which = match feed {
                Some(feed) => Which::Feed(feed.clone()),
                None if *all => Which::All,
                None => Which::Ids(ids.clone()),
            };
            site.journals().have(&Request::Release { which }, "released")
        }
        What::Drop { ids, because, site } => {
            site.journals().have(&Request::Drop { ids: ids.clone(), because: because.clone() }, "dropped")
        }
    }
}

fn list(feed: Option<&str>, format: Format, site: &Site) -> Result<End, End> {
    let mut all = Vec::new();
    for (name, folder) in site.journals().chosen(feed)? {
        let ledger = Ledger::of(Disk, folder).map_err(|fault| End::World(format!("{name}: {fault}")))?;
        for parked in Parked::of(&name, &ledger) {
            if format == Format::Json {
                all.push(shapes::parked(&parked));
            } else {
                let Parked { id, received, why } = parked;
                println!("{id}  {}  {} ago  {}", instant(received), ago(received), why.join("; "));
            }
        }
    }
    if format == Format::Json {
        println!("{}", shown::json(&all)?);
    }
    Ok(End::Fine)
}
