//! Feeds: what brings messages in, and where these go.

use super::super::World;
use super::super::cycle::BEHIND_MAX;
use super::accept::{self, Accepted, Event};
use super::connector::{Part, Speech};
use super::given::{self, Given};
use super::narrow::{self, Comes};
use super::setting::Settings;
use super::{joined, module_of, name_of, named};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::resolve::{self, DeclaredKind, Found};
use crate::syntax::tree::{Accept, At, BlockItem, Declaration, ExprKind, Feed, Ignored, Origin, Told, Word};
use smol_str::SmolStr;

/// A feed with all that it has from those that it is like.
#[derive(Default)]
pub(super) struct Whole {
    pub connector: Option<Word>,
    /// The nearest of each name; whether the feed itself has it.
    pub settings: Vec<(Given, bool)>,
    pub accepted: Vec<Accepted>,
    pub ignored: Vec<Unwanted>,
}

/// An event that is accepted and goes nowhere.
pub(super) struct Unwanted {
    pub event: Event,
    pub because: SmolStr,
}

impl Unwanted {
    pub fn is(&self, event: &Event) -> bool {
        self.event.code == event.code && self.event.event == event.event
    }
}

/// What is wrong with a feed.
pub fn feed(feed: &Feed, module: &str, world: &dyn World) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let key = resolve::key(module, &feed.name.text);
    let whole = whole(feed, &key, world, &mut problems);
    let Some(connector) = &whole.connector else { return problems };
    let told = match world.connectors().of(connector, Part::Feed) {
        Ok(told) => told,
        Err(problem) => {
            // Of what it is like, the other says it.
            problems.extend(matches!(feed.from, Origin::Connector(_)).then_some(*problem));
            return problems;
        }
    };
    let told: Vec<&Told> = told.iter().chain(world.connectors().every(Part::Feed)).collect();
    let owner = format!("a feed from `{}`", connector.text);
    let own: Vec<Given> = whole.settings.iter().filter(|(_, own)| *own).map(|(given, _)| given.clone()).collect();
    let mut settings = Settings::new(world, whole.accepted.iter().collect());
    settings.hold(&own, &told, &owner);
    if !whole.accepted.is_empty() {
        let all: Vec<Given> = whole.settings.iter().map(|(given, _)| given.clone()).collect();
        settings.complete(&all, &told, &feed.name.at, &owner);
    }
    problems.append(&mut settings.problems);
    problems.extend(inherited(&whole, &told, feed, world));
    problems.extend(speech(connector, &whole, world));
    problems.extend(handled(&key, &whole, feed, world));
    problems
}

/// The feed with its settings, whatever stands in the way; what is wrong with its own lines goes to `problems`.
pub(super) fn whole(feed: &Feed, key: &SmolStr, world: &dyn World, problems: &mut Vec<Diagnostic>) -> Whole {
    let mut whole = Whole::default();
    gather(feed, world, &mut vec![key.clone()], &mut whole, problems);
    whole.settings.retain(|(given, _)| !is_taken_away(given));
    whole
}

fn is_taken_away(given: &Given) -> bool {
    matches!(given.values.as_slice(), [only] if matches!(&*only.kind, ExprKind::Absent(None)))
}

fn gather(feed: &Feed, world: &dyn World, seen: &mut Vec<SmolStr>, whole: &mut Whole, problems: &mut Vec<Diagnostic>) {
    let own = seen.len() == 1;
    match &feed.from {
        Origin::Missing => {}
        Origin::Connector(endpoint) => {
            let told = world.connectors().of(&endpoint.connector, Part::Feed).unwrap_or_default();
            let mut lines = Lines::default();
            let given = given::of_endpoint(endpoint, told, problems, |item| lines.take(item));
            add(given, own, whole);
            lines.gather(world, whole, problems);
            whole.connector = Some(endpoint.connector.clone());
        }
        Origin::Like(like) => {
            let (base, block) = match &*like.kind {
                ExprKind::With { value, block } => (value, Some(block)),
                _ => (like, None),
            };
            if let Some(block) = block {
                let mut lines = Lines::default();
                let given = given::of_block(block, problems, |item| lines.take(item));
                add(given, own, whole);
                lines.gather(world, whole, problems);
            }
            let Some(name) = name_of(base) else {
                let diagnostic = Diagnostic::new(Code::WrongKind, base.at.clone(), "this is no feed");
                problems.push(diagnostic.help("as in `feed north = base with { … }`"));
                return;
            };
            match named(&name, DeclaredKind::Feed, world) {
                Ok((export, _)) if seen.contains(&export.key) || seen.len() > BEHIND_MAX => {
                    problems.push(endless(feed, &name));
                }
                Ok((export, Declaration::Feed(base))) => {
                    seen.push(export.key.clone());
                    let mut theirs = Vec::new();
                    match world.beside(module_of(&export.key)) {
                        Some(other) => gather(base, &*other, seen, whole, &mut theirs),
                        None => gather(base, world, seen, whole, &mut theirs),
                    }
                    // What is wrong with the other is said there, but for what is wrong with both.
                    if theirs.iter().any(|it| it.code == Code::Recursive) {
                        problems.push(endless(feed, &name));
                    }
                }
                Ok(_) => {}
                Err(problem) => problems.push(*problem),
            }
        }
    }
}

fn endless(feed: &Feed, name: &Word) -> Diagnostic {
    let message = format!("`{}` is like itself", feed.name.text);
    Diagnostic::new(Code::Recursive, name.at.clone(), message)
        .help("name the connector of one of them: `feed base from mllp { … }`")
}

/// The nearer setting goes before; what it adds to stays.
fn add(given: Vec<Given>, own: bool, whole: &mut Whole) {
    for setting in given {
        let replaces = |(nearer, _): &(Given, bool)| nearer.name.text == setting.name.text && !nearer.adds;
        if !whole.settings.iter().any(replaces) {
            whole.settings.push((setting, own));
        }
    }
}

/// What stands among the settings of a feed.
#[derive(Default)]
struct Lines<'a> {
    accepts: Vec<&'a Accept>,
    /// Each with its reason.
    ignored: Vec<(&'a Word, SmolStr)>,
    /// What is ignored and is no event.
    others: Vec<At>,
}

impl<'a> Lines<'a> {
    /// Whether an item is one of these.
    fn take(&mut self, item: &'a BlockItem) -> bool {
        match item {
            BlockItem::Accept(accept) => self.accepts.push(accept),
            BlockItem::Ignore(ignore) => {
                let because = ignore.because.as_ref().map(|because| because.text.clone()).unwrap_or_default();
                for what in &ignore.what {
                    match what {
                        Ignored::Event(event) => self.ignored.push((event, because.clone())),
                        _ => self.others.push(ignore.at.clone()),
                    }
                }
            }
            _ => return false,
        }
        true
    }

    fn gather(self, world: &dyn World, whole: &mut Whole, problems: &mut Vec<Diagnostic>) {
        for at in self.others {
            let diagnostic = Diagnostic::new(Code::UnknownEvent, at, "a feed ignores events");
            problems.push(diagnostic.help("as in `ignore ADT^A60 because \"allergies come from the pharmacy\"`"));
        }
        for accept in self.accepts {
            whole.accepted.extend(accept::accepted(accept, world, problems));
        }
        for (word, because) in self.ignored {
            let Some(event) = accept::event(word) else { continue };
            let accepts = |it: &Event| it.code == event.code && it.event == event.event;
            if !whole.accepted.iter().flat_map(|it| &it.events).any(accepts) {
                let message = format!("`{}` is not accepted here", word.text);
                let diagnostic = Diagnostic::new(Code::UnknownEvent, word.at.clone(), message);
                problems.push(diagnostic.help("what a feed does not accept, it refuses: there is nothing to ignore"));
            }
            whole.ignored.push(Unwanted { event, because });
        }
    }
}

/// Settings of another feed that read the message, held against what this one accepts.
fn inherited(whole: &Whole, told: &[&Told], feed: &Feed, world: &dyn World) -> Vec<Diagnostic> {
    let theirs: Vec<Given> = whole.settings.iter().filter(|(_, own)| !*own).map(|(given, _)| given.clone()).collect();
    if theirs.is_empty() || whole.accepted.is_empty() {
        return Vec::new();
    }
    // What is wrong whatever is accepted is said there; here only what this feed's messages bring about.
    let held = |messages: Vec<&Accepted>| {
        let mut settings = Settings::new(world, messages);
        settings.hold(&theirs, told, "");
        settings.problems
    };
    let there = held(Vec::new());
    let here = held(whole.accepted.iter().collect()).into_iter();
    let here = here.filter(|it| it.severity() == Severity::Error && !there.contains(it));
    here.map(|it| {
        let message = format!("a setting that `{}` has from another feed does not fit: {}", feed.name.text, it.message);
        let diagnostic = Diagnostic::new(Code::NotInEachMessage, feed.name.at.clone(), message);
        diagnostic.help("set it here as well, for what is accepted here")
    })
    .collect()
}

/// What a connector does not bring cannot be accepted.
fn speech(connector: &Word, whole: &Whole, world: &dyn World) -> Vec<Diagnostic> {
    let brings = world.connectors().speech(&connector.text, Part::Feed);
    let wrong = whole.accepted.iter().filter(|it| !brings.contains(&it.speech()));
    wrong
        .map(|it| {
            let what = if it.speech() == Speech::V2 { "messages of HL7 v2" } else { "resources of FHIR" };
            let message = format!("`{}` brings no {what}", connector.text);
            Diagnostic::new(Code::DoesNotFit, it.at.clone(), message)
                .help("accept what it brings, or take the messages from another connector")
        })
        .collect()
}

/// Each message type that is accepted goes through a route, or is ignored by name.
fn handled(key: &SmolStr, whole: &Whole, feed: &Feed, world: &dyn World) -> Vec<Diagnostic> {
    let routes: Vec<_> =
        world.routes().iter().filter(|(module, route)| reads(module, &route.from, key, world)).collect();
    let goes = |comes: Comes| routes.iter().any(|(_, route)| comes.may_reach(route));
    let is_ignored = |event: &Event| whole.ignored.iter().any(|it| it.is(event));
    let mut problems = Vec::new();
    let conditions = routes.iter().filter_map(|(_, route)| route.filter.as_ref());
    let parts = conditions.fold(whole.accepted.clone(), |parts, condition| {
        parts.iter().flat_map(|part| narrow::apart(part, condition, world)).collect()
    });
    for accepted in &parts {
        let is_lost = |comes: &Comes| !comes.event.is_some_and(is_ignored) && !goes(*comes);
        let lost: Vec<Comes> = Comes::all(accepted, world).filter(is_lost).collect();
        if lost.is_empty() {
            continue;
        }
        let lost: Vec<&Event> = lost.iter().filter_map(|comes| comes.event).collect();
        let message = if routes.is_empty() || lost.is_empty() {
            let any = if accepted.except.is_empty() { "" } else { "any other " };
            format!("no route takes what `{}` accepts as {any}`{}`", feed.name.text, accepted.shown())
        } else {
            let names: Vec<_> = lost.iter().map(|event| event.show()).collect();
            format!("no route takes {}", joined(names.iter().map(String::as_str), "or"))
        };
        // What another feed accepts stands in another text.
        let at = match lost.first() {
            Some(event) if is_own(feed, accepted) => event.at.clone(),
            _ if is_own(feed, accepted) => accepted.at.clone(),
            _ => feed.name.at.clone(),
        };
        let help = match lost.first() {
            None if accepted.is_resource() => format!("write a route `from {}`, or do not accept it", feed.name.text),
            first => format!(
                "write a route `from {}`, or say why it goes nowhere: `ignore {} because \"…\"`",
                feed.name.text,
                first.map_or_else(|| "ADT^A60".to_owned(), |event| event.show())
            ),
        };
        problems.push(Diagnostic::new(Code::NotHandled, at, message).help(help));
    }
    problems
}

fn is_own(feed: &Feed, accepted: &Accepted) -> bool {
    let block = match &feed.from {
        Origin::Connector(endpoint) => endpoint.settings.as_ref(),
        Origin::Like(like) => match &*like.kind {
            ExprKind::With { block, .. } => Some(block),
            _ => None,
        },
        Origin::Missing => None,
    };
    let items = block.into_iter().flat_map(|block| &block.items);
    items.into_iter().any(|item| matches!(item, BlockItem::Accept(accept) if accept.at == accepted.at))
}

/// Whether one of these names means the feed of that key in a module.
pub(super) fn reads(module: &str, names: &[Word], key: &SmolStr, world: &dyn World) -> bool {
    let Some(there) = world.beside(module) else { return false };
    names.iter().any(|name| matches!(there.find(&name.text), Found::One(export) if export.key == *key))
}

/// The feed that a name stands for, with all that it has, and the world that its text sees.
pub(super) fn by_name(name: &Word, world: &dyn World) -> Result<Whole, Box<Diagnostic>> {
    let (export, declaration) = named(name, DeclaredKind::Feed, world)?;
    let Declaration::Feed(feed) = declaration else { return Ok(Whole::default()) };
    let whole = match world.beside(module_of(&export.key)) {
        Some(other) => whole(feed, &export.key, &*other, &mut Vec::new()),
        None => whole(feed, &export.key, world, &mut Vec::new()),
    };
    if whole.accepted.is_empty() && whole.connector.is_some() {
        let message = format!("`{}` accepts nothing", name.text);
        let diagnostic = Diagnostic::new(Code::DoesNotFit, name.at.clone(), message);
        let help = "a feed without `accept` is only there to be shared; say there what comes: `accept ADT_A01`";
        return Err(Box::new(diagnostic.help(help)));
    }
    Ok(whole)
}
