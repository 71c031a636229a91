//! What is said of a message that was made, and not of the one that came: where it does not keep to the profile that the
//! map gives.

use super::names::Names;
use super::rules::Rules;
use super::{Said, Source};
use crate::db::{self, Database, Project};
use crate::plan::interpret::{self, Issue, Settings};
use crate::plan::{Plan, of_made};
use emr_message::{Message, batch, encode};

/// Nothing where the map gives no profile. `written` is what its plan wrote for the message.
pub(super) fn held(
    db: &Database,
    project: Project,
    plan: &Plan,
    (written, message): (&[u8], &Message),
    settings: &Settings,
) -> Option<Vec<Said>> {
    let key = db::holds(db, project, db::function(db, project, &plan.name)?)?;
    let holder = db::plan(db, project, key).clone()?;
    let rules = Rules::new(db, project, &holder);
    let made = encode::encode(written, message, &settings.receipt).ok()?;
    let mut found = Vec::new();
    for part in batch::messages(&made.bytes) {
        let Ok(part) = Message::read(&part, &emr_message::Settings::default()) else { continue };
        let names = Names::new(db::standards(db, project), &part);
        let said = |Issue { code, text, place, rule }| Said {
            code: String::from(code),
            text: of_made(&text),
            // Its place is none of the message that came.
            source: place.map(|place| Source::elsewhere(names.source(place))),
            rule: rule.and_then(|rule| rules.rule(rule)),
        };
        found.extend(interpret::run(&holder, &part, settings).issues.into_iter().map(said));
    }
    Some(found)
}
