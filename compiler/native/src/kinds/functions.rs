//! What the functions of the library give, by the kinds of what they take.

use emr_abi::Builtin;
use emr_compiler::plan::{Block, Constant, Step, Val};
use rustc_hash::FxHashSet;

use super::{Kind, Live, Typing, kind, leaf, list, text_of};

/// Whether a function makes no difference between an empty text as this argument and none.
pub fn takes_none_for_empty(function: Builtin, index: usize) -> bool {
    use Builtin::{join, pad, pieces, replace};
    matches!((function, index), (replace | pad, 2) | (pieces, 1) | (join, 0))
}

/// The values that are set by nothing but the empty text.
pub fn empty_texts(body: &Block) -> FxHashSet<Val> {
    let (mut empty, mut others) = (FxHashSet::default(), FxHashSet::default());
    sort_out(body, &mut empty, &mut others);
    empty.retain(|val| !others.contains(val));
    empty
}

fn sort_out(block: &Block, empty: &mut FxHashSet<Val>, others: &mut FxHashSet<Val>) {
    for step in block {
        match (step, step.sets()) {
            (Step::Constant { value: Constant::Text(text), to }, _) if text.is_empty() => {
                empty.insert(*to);
            }
            (_, to) => others.extend(to),
        }
        step.blocks().into_iter().for_each(|inner| sort_out(inner, empty, others));
    }
}

/// What a function gives.
pub fn builtin(function: Builtin, arguments: &[Val], vals: &[Kind], typing: &Typing) -> Kind {
    let kinds = || {
        arguments.iter().enumerate().map(|(index, argument)| {
            let is_none = takes_none_for_empty(function, index) && typing.empty.contains(argument);
            if is_none { Kind::Missing } else { kind(vals, *argument) }
        })
    };
    // What is no text is none to a function of texts, which then gives nothing.
    let texts = || {
        let first =
            kinds().take(1).map(|one| if one != Kind::Any && leaf(&one).is_none() { Kind::Missing } else { one });
        // Whether there is a node beside the first text is known when it runs, and so whether it counts.
        let others = kinds().skip(1).map(|kind| if kind == Kind::Node { Kind::Text(Live::Told) } else { kind });
        text_of(first.chain(others))
    };
    match function {
        Builtin::has_time => texts().into_bool(),
        Builtin::length
        | Builtin::upper
        | Builtin::lower
        | Builtin::trim
        | Builtin::digits
        | Builtin::search_value
        | Builtin::left
        | Builtin::right
        | Builtin::substring
        | Builtin::replace
        | Builtin::extract
        | Builtin::pad
        | Builtin::number
        | Builtin::round
        | Builtin::year
        | Builtin::truncate
        | Builtin::parse
        | Builtin::format
        | Builtin::in_zone
        | Builtin::age
        | Builtin::base64
        | Builtin::unhex
        | Builtin::text_of
        | Builtin::convert_units
        | Builtin::size
        | Builtin::sha1
        | Builtin::pseudonym => texts(),
        Builtin::count => match arguments.first().map(|argument| kind(vals, *argument)) {
            Some(Kind::Any) => Kind::Any,
            None => Kind::Text(Live::No),
            // A list without items is none of the message.
            Some(one) if one.live() == Live::No => Kind::Text(Live::No),
            Some(_) => Kind::Text(Live::Told),
        },
        Builtin::any | Builtin::all => match arguments.first().map(|argument| kind(vals, *argument)) {
            Some(Kind::Any) => Kind::Any,
            _ => Kind::Bool,
        },
        // Over lists: the joined texts.
        Builtin::join | Builtin::position => {
            let mut live = Live::No;
            for one in kinds() {
                match one.item(typing) {
                    item if item != Kind::Missing && leaf(&item).is_none() => return Kind::Any,
                    item => live = live.either(item.live()),
                }
            }
            Kind::Text(live)
        }
        Builtin::minutes | Builtin::hours | Builtin::days | Builtin::duration => match texts() {
            Kind::Any => Kind::Any,
            _ => Kind::Duration,
        },
        Builtin::in_minutes => match arguments.first().map(|argument| kind(vals, *argument)) {
            Some(Kind::Any) => Kind::Any,
            Some(Kind::Duration) => Kind::Text(Live::Yes),
            _ => Kind::Missing,
        },
        // Where a list is empty, what is made of it is none of the message.
        Builtin::uuid | Builtin::sum => match arguments.first().map(|argument| kind(vals, *argument)) {
            None | Some(Kind::Missing) => Kind::Text(Live::No),
            Some(one) => match one.item(typing) {
                Kind::Missing => Kind::Text(Live::No),
                item if leaf(&item).is_none() => Kind::Any,
                Kind::Text(live) | Kind::Coded(live) if live != Live::Yes => Kind::Text(live),
                _ => Kind::Text(Live::Told),
            },
        },
        Builtin::min | Builtin::max | Builtin::distinct => {
            let item = arguments.first().map_or(Kind::Missing, |argument| kind(vals, *argument).item(typing));
            match item {
                item if item != Kind::Missing && leaf(&item).is_none() => Kind::Any,
                item if function == Builtin::distinct => list(item),
                item => item,
            }
        }
        Builtin::pieces => list(texts()),
        // Only what is in a resource that came leads to something.
        Builtin::resolve => match arguments.first().map(|argument| kind(vals, *argument)) {
            Some(Kind::Any) => Kind::Any,
            Some(of) if of.item(typing) == Kind::Node => Kind::Node,
            _ => Kind::Missing,
        },
        // Missing, or else the interpreter's.
        Builtin::er7 | Builtin::raw => Kind::Missing,
        _ => Kind::Any,
    }
}

impl Kind {
    fn into_bool(self) -> Kind {
        if self == Kind::Any { Kind::Any } else { Kind::Bool }
    }
}
