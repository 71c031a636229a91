//! `emr messages`: finds messages of a project's journals. The engine may run or not.

use std::sync::Arc;

use anstream::{eprintln, println};
use emr_runtime::control::moment;
use emr_runtime::control::shapes::{self, instant};
use emr_runtime::control::sought::{Key, Sought};
use emr_runtime::journal::id::Id;
use emr_runtime::journal::search::{self, Found};

use super::Site;
use crate::end::End;
use crate::run::{Compiled, Ready};
use crate::shown::{self, Format};
use crate::style::count;
use crate::world::{Chosen, World};

/// Says when each came, its type, its size, where it is and why; nothing else that is in it.
#[derive(clap::Args)]
pub struct Args {
    /// Of this feed alone
    #[arg(long)]
    feed: Option<String>,
    /// That came at this time or later: `2026-11-29T08:00`, in UTC where it has no offset, or `90m`, `8h`, `3d` ago
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    since: Option<i64>,
    /// That came before this time
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    until: Option<i64>,
    /// That are there now
    #[arg(long, value_enum)]
    state: Option<State>,
    /// With this MSH-10
    #[arg(long, value_name = "TEXT")]
    control_id: Option<String>,
    /// Whose feed keeps them in order by this value: one of those that its `order_by` reads
    #[arg(long, value_name = "VALUE")]
    key: Option<String>,
    /// How many of each feed: the last ones
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum State {
    InFlight,
    Parked,
    Delivered,
    Filtered,
    Refused,
    Dropped,
}

impl From<State> for search::State {
    fn from(state: State) -> search::State {
        match state {
            State::InFlight => search::State::InFlight,
            State::Parked => search::State::Parked,
            State::Delivered => search::State::Delivered,
            State::Filtered => search::State::Filtered,
            State::Refused => search::State::Refused,
            State::Dropped => search::State::Dropped,
        }
    }
}

pub fn run(args: &Args) -> Result<End, End> {
    let keys = args.key.as_deref().map(|key| Keys::new(args, key)).transpose()?;
    let mut feeds = args.site.journals().chosen(args.feed.as_deref())?;
    if let Some(keys) = &keys {
        feeds.retain(|(name, _)| keys.of(name).is_some());
        if feeds.is_empty() {
            let why = "no feed says `order_by`: it names the values that messages are found by with `--key`";
            return Err(End::Call(why.to_owned()));
        }
    }
    let sought = Sought {
        since: args.since,
        until: args.until,
        control_id: args.control_id.clone(),
        state: args.state.map(Into::into),
        limit: args.limit,
    };
    let mut all = Vec::new();
    for (name, folder) in feeds {
        let key = keys.as_ref().and_then(|keys| keys.of(&name));
        let found = sought.found(folder, key.as_ref()).map_err(|fault| End::World(format!("{name}: {fault}")))?;
        if args.format == Format::Json {
            all.extend(found.rows.iter().map(|row| shapes::row(&name, row)));
        } else {
            print(&name, &found);
        }
    }
    if args.format == Format::Json {
        println!("{}", shown::json(&all)?);
    }
    Ok(End::Fine)
}

fn print(name: &str, found: &Found) {
    for row in &found.rows {
        let (id, why) = (Id::new(name, row.number), row.why.join("; "));
        let kind = if row.kind.is_empty() { "?" } else { &row.kind };
        let line = format!("{id}  {}  {kind}  {} bytes  {}  {why}", instant(row.received), row.bytes, state(row.state));
        println!("{}", line.trim_end());
    }
    let older = usize::try_from(found.count).unwrap_or(usize::MAX).saturating_sub(found.rows.len());
    if older > 0 {
        eprintln!("{name}: {} before; `--limit` shows more", count(older, "other"));
    }
}

/// `in flight`
pub fn state(state: search::State) -> &'static str {
    match state {
        search::State::InFlight => "in flight",
        search::State::Parked => "parked",
        search::State::Delivered => "delivered",
        search::State::Filtered => "filtered",
        search::State::Refused => "refused",
        search::State::Dropped => "dropped",
    }
}

/// Reads of messages what their feeds keep them in order by.
struct Keys {
    /// Of each feed its name, and the numbers of what is read.
    feeds: Vec<(String, Vec<usize>)>,
    program: Arc<Compiled>,
    key: String,
}

impl Keys {
    fn new(args: &Args, key: &str) -> Result<Keys, End> {
        let world = World::open(&args.site.project, &args.chosen)?;
        world.sound()?;
        let Ready { wiring, program, .. } = Ready::new(&world, &args.chosen)?;
        let feeds = wiring.feeds.into_iter().map(|feed| (feed.name, feed.order_by)).collect();
        Ok(Keys { feeds, program, key: key.to_owned() })
    }

    /// The key, as the messages of a feed have it; nothing if they have none.
    fn of(&self, feed: &str) -> Option<Key> {
        let mut feeds = self.feeds.iter().enumerate();
        let (number, (_, order_by)) = feeds.find(|(_, (name, _))| name == feed)?;
        Key::new(feed, (Arc::clone(&self.program) as _, number), order_by, &self.key)
    }
}
