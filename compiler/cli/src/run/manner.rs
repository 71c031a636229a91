//! How the messages of a feed are read: in the zone that each brings, where its feed says that they bring one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use emr_compiler::check::wiring::run::FeedFacts;
use emr_compiler::standard::Standards;
use emr_message::Receipt;
use serde_json::Value;

use super::came::{Came, Reading};
use crate::end::End;
use crate::engine::Settings;
use crate::world::World;

pub struct Manner {
    /// Where a message brings no zone.
    plain: Settings,
    /// What the zone of a message is put together of; nothing where it is that of all.
    parts: Vec<Part>,
    /// By the names of their zones.
    known: Mutex<HashMap<String, Settings>>,
}

enum Part {
    Text(String),
    Read(Reading),
}

/// A message names a zone that is none. What its times mean is not known then.
#[derive(Debug)]
pub struct NoZone;

impl Manner {
    /// # Errors
    /// A zone or charset of the feed is none.
    pub fn new(world: &World, feed: &FeedFacts, (zone, charset): (Option<&str>, Option<&str>)) -> Result<Manner, End> {
        let own = |name: &str| feed.settings.get(name).and_then(Value::as_str);
        let charset = own("charset").or(charset);
        let parts = feed.settings.get("timezone").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let fixed: Option<String> = parts.iter().map(|part| part.get("text")?.as_str()).collect();
        let is_fixed = fixed.is_some();
        let fixed = fixed.filter(|zone| !zone.is_empty());
        let plain = Settings::new(fixed.as_deref().or(zone), charset)?.trusting(Arc::clone(&world.secrets));
        let read = |part: &Value| match part.get("read").and_then(Value::as_u64) {
            Some(number) => {
                let reader = feed.reads.get(usize::try_from(number).ok()?)?;
                Some(Part::Read(Reading::new(world, reader)))
            }
            None => Some(Part::Text(part.get("text")?.as_str()?.to_owned())),
        };
        let parts = if is_fixed { Vec::new() } else { parts.iter().filter_map(read).collect() };
        Ok(Manner { plain, parts, known: Mutex::default() })
    }

    /// How messages are read that bring no zone.
    pub fn plain(&self) -> &Settings {
        &self.plain
    }

    /// How a message is read, and the zone that it brings, if it brings one.
    ///
    /// # Errors
    /// It brings one that there is not.
    pub fn of(
        &self,
        bytes: &[u8],
        receipt: &Receipt,
        standards: &Standards,
    ) -> Result<(Cow<'_, Settings>, String), NoZone> {
        let zone = if self.parts.is_empty() { String::new() } else { self.zone(bytes, receipt, standards) };
        if zone.is_empty() {
            return Ok((Cow::Borrowed(&self.plain), zone));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settings) = known.get(&zone) {
            return Ok((Cow::Owned(settings.clone()), zone));
        }
        let settings = self.plain.in_zone(&zone).map_err(|_| NoZone)?;
        known.insert(zone.clone(), settings.clone());
        Ok((Cow::Owned(settings), zone))
    }

    fn zone(&self, bytes: &[u8], receipt: &Receipt, standards: &Standards) -> String {
        let Some(came) = Came::read(bytes, &self.plain, standards) else { return String::new() };
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Read(reading) => reading.values(&came, &self.plain, receipt).into_iter().next().unwrap_or_default(),
        };
        self.parts.iter().map(text).collect()
    }
}
