//! Targets: what takes messages out.

use super::super::World;
use super::connector::{Part, SAYS, Speech};
use super::given::{self, Given};
use super::kind::{self, Fixed};
use super::setting::Settings;
use super::{module_of, named};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{self, DeclaredKind, Found};
use crate::syntax::tree::{Declaration, Sink, Told, Word};
use smol_str::SmolStr;

/// What is wrong with a target.
pub fn target(target: &Sink, module: &str, world: &dyn World) -> Vec<Diagnostic> {
    let Some(endpoint) = &target.to else { return Vec::new() };
    let own = match world.connectors().of(&endpoint.connector, Part::Target) {
        Ok(told) => told,
        Err(problem) => return vec![*problem],
    };
    let mut problems = Vec::new();
    let given = given::of_endpoint(endpoint, own, &mut problems, |_| false);
    let told: Vec<&Told> = own.iter().chain(world.connectors().every(Part::Target)).collect();
    let owner = format!("a target to `{}`", endpoint.connector.text);
    let key = resolve::key(module, &target.name.text);
    let messages = delivered(&key, world);
    let mut settings = Settings::new(world, messages.iter().collect());
    settings.hold(&given, &told, &owner);
    settings.complete(&given, &told, &target.name.at, &owner);
    problems.append(&mut settings.problems);
    if problems.is_empty() {
        problems.extend(one_file(&given, own, world));
    }
    problems
}

/// That all messages go to a file of one name, which is kept when it is there: the second one fails.
fn one_file(given: &[Given], told: &[Told], world: &dyn World) -> Option<Diagnostic> {
    told.iter().find(|told| told.name.text == EXISTING)?;
    let value = |name: &str| given.iter().find(|it| it.name.text == name).and_then(|it| it.values.first());
    let path = value("path")?;
    let keeps =
        |value| matches!(kind::fixed(value, world), Some(Fixed::Texts(texts)) if texts.iter().any(|it| it == "fail"));
    let is_fixed = kind::fixed(path, world).is_some();
    if !is_fixed || value(EXISTING).is_some_and(|existing| !keeps(existing)) {
        return None;
    }
    let message = "each message goes to a file of this name: the second one finds it there, and is not delivered";
    let diagnostic = Diagnostic::new(Code::OneFile, path.at.clone(), message);
    Some(diagnostic.help(
        "name the file by the message, `path: \"archive/{receipt.id}.hl7\"`, or say `existing: \"replace\"` or `\"append\"`",
    ))
}

/// The setting that says what becomes of a file that is there already.
const EXISTING: &str = "existing";

/// What comes into its routes: what a setting of a target reads is the message as it came.
pub(super) fn delivered(key: &SmolStr, world: &dyn World) -> Vec<super::accept::Accepted> {
    let mut messages: Vec<super::accept::Accepted> = Vec::new();
    for (module, route) in world.routes() {
        let Some(there) = world.beside(module) else { continue };
        let goes = |name: &Word| matches!(there.find(&name.text), Found::One(export) if export.key == *key);
        if route.to.iter().any(goes) {
            let feeds = route.from.iter().filter_map(|name| super::feed::by_name(name, &*there).ok());
            for accepted in feeds.flat_map(|feed| super::route::taken(&feed, route, &*there)) {
                if !messages.iter().any(|it| it.ty == accepted.ty && it.profile == accepted.profile) {
                    messages.push(accepted);
                }
            }
        }
    }
    messages
}

/// What the target that a name stands for says of what it takes; nothing for one that says nothing.
pub(super) fn says(name: &Word, world: &dyn World) -> Vec<Speech> {
    match named(name, DeclaredKind::Target, world) {
        Ok((_, Declaration::Target(Sink { to: Some(endpoint), .. }))) => {
            world.connectors().words(&endpoint.connector.text, SAYS)
        }
        _ => Vec::new(),
    }
}

/// What the target that a name stands for takes, and the name of its connector.
pub(super) fn takes(name: &Word, world: &dyn World) -> Result<(SmolStr, Vec<Speech>), Box<Diagnostic>> {
    let (export, declaration) = named(name, DeclaredKind::Target, world)?;
    let Declaration::Target(Sink { to: Some(endpoint), .. }) = declaration else {
        return Ok((module_of(&export.key).into(), Vec::new()));
    };
    let connector = endpoint.connector.text.clone();
    let speech = world.connectors().speech(&connector, Part::Target);
    Ok((connector, speech))
}
