//! What comes in is held to its profile, before the map looks at it: a routine of its own, whose steps only ask and say.

use super::{Env, Lower, Made};
use crate::check::typed::{CodeKey, Compare, Comparison, Function, Pick, Primitive, Step as Way, TyKind};
use crate::check::{Held, ProfileFacts};
use crate::plan::{Block, Code, Constant, IssueId, Part, Step, Test, Until, Val};
use crate::standard::shape::MANY;
use crate::syntax::tree::Side;
use emr_abi::Builtin;
use emr_message::group::{Grammar, NodeId, Stated};
use smol_str::SmolStr;

/// How many codes an issue lists.
const CODES_SAID: usize = 8;

/// A segment or group that is looked at, and what is looked at inside it.
struct Member<'f> {
    name: SmolStr,
    /// Its place in the shape around it.
    member: u32,
    held: Vec<&'f Held>,
    inside: Vec<Member<'f>>,
    fields: Vec<Field<'f>>,
}

/// A field or component.
struct Field<'f> {
    way: Way,
    held: Vec<&'f Held>,
    parts: Vec<Field<'f>>,
}

impl<'a> Lower<'a> {
    /// Asks of each message that a profile is of whether it keeps to it. What does not is said, and mapped all the same.
    pub(super) fn intake(&mut self, entry: &'a Function) {
        for (val, param) in (0..).zip(&entry.params) {
            let TyKind::Structure(_, key) = &param.ty.kind else { continue };
            let Some(facts) = self.world.profile(key) else { continue };
            let mut members = Vec::new();
            let asks = |held: &&Held| held.asks();
            facts.held.iter().filter(asks).for_each(|held| sort(held, &held.steps, &mut members));
            if members.is_empty() {
                continue;
            }
            let routine = self.routine(Made::Profile(key.clone()), 1, |lower| {
                lower.members(0, &param.ty.kind, &members, facts);
                Some(lower.constant(Constant::Missing))
            });
            self.to(|to| Step::Call { routine, arguments: vec![val], to: Some(to) });
        }
    }

    fn members(&mut self, of: Val, around: &TyKind, members: &[Member], facts: &ProfileFacts) {
        for member in members {
            let (nth, _, ty) = self.member(around, &member.name, member.member);
            let part = Part::Member { name: member.name.clone(), nth, repeats: true };
            let all = self.to(|to| Step::Take { of, part, to });
            for held in &member.held {
                self.times(all, held, facts);
            }
            if member.inside.is_empty() && member.fields.is_empty() {
                continue;
            }
            self.each_item(all, |lower, item| {
                for field in &member.fields {
                    lower.held_field(item, &ty, field, facts);
                }
                lower.members(item, &ty, &member.inside, facts);
            });
        }
    }

    fn held_field(&mut self, segment: Val, ty: &TyKind, field: &Field, facts: &ProfileFacts) {
        let Way::Field { number, .. } = field.way else { return };
        self.reads(ty, number, true);
        let all = self.to(|to| Step::Take { of: segment, part: Part::Field { number, repeats: true }, to });
        for held in &field.held {
            self.times(all, held, facts);
        }
        if !field.parts.is_empty() || field.held.iter().any(|held| held.asks_of_values()) {
            self.each_item(all, |lower, item| lower.held_value(item, field, facts));
        }
    }

    /// A repetition or component that is there.
    fn held_value(&mut self, of: Val, field: &Field, facts: &ProfileFacts) {
        for held in &field.held {
            let env = Env::new(&facts.key);
            self.ruled(&env, &held.at, |lower| lower.held_text(of, held, facts));
        }
        for part in &field.parts {
            let Way::Component(number) = part.way else { continue };
            let component = self.to(|to| Step::Take { of, part: Part::Component(number), to });
            let inside = self.block(|lower| {
                for held in part.held.iter().filter(|held| held.max == 0) {
                    lower.deviates(Code::Forbidden, &never(held, facts), held, component, facts);
                }
                lower.held_value(component, part, facts);
            });
            let missing = self.block(|lower| {
                for held in part.held.iter().filter(|held| held.min > 0) {
                    lower.deviates(
                        Code::TooFew,
                        &has(held, &times(held), "it is missing", facts),
                        held,
                        component,
                        facts,
                    );
                }
            });
            self.when(Test::Present(component), inside, missing);
        }
    }

    /// How many segments, groups or repetitions there are.
    fn times(&mut self, all: Val, held: &Held, facts: &ProfileFacts) {
        let env = Env::new(&facts.key);
        self.ruled(&env, &held.at, |lower| {
            if held.max == 0 {
                let text = never(held, facts);
                let there = lower.block(|lower| lower.first_deviates(Code::Forbidden, &text, held, all, facts));
                return lower.when(Test::Present(all), there, Block::new());
            }
            if held.min > 0 {
                let (from, what) =
                    if held.min == 1 { (all, "it is missing") } else { (lower.from(all, held.min), "there are fewer") };
                let text = has(held, &times(held), what, facts);
                let fewer = lower.block(|lower| lower.deviates(Code::TooFew, &text, held, all, facts));
                lower.when(Test::Present(from), Block::new(), fewer);
            }
            if let Some(first) = held.max.checked_add(1).filter(|_| held.max < MANY) {
                let rest = lower.from(all, first);
                let text = has(held, &times(held), "there are more", facts);
                let more = lower.block(|lower| lower.first_deviates(Code::TooMany, &text, held, rest, facts));
                lower.when(Test::Present(rest), more, Block::new());
            }
        });
    }

    fn from(&mut self, all: Val, first: u32) -> Val {
        self.to(|to| Step::Take { of: all, part: Part::Range(first, None), to })
    }

    /// What is asked of a value, if it is one: a field may have parts and no first one.
    fn held_text(&mut self, of: Val, held: &Held, facts: &ProfileFacts) {
        if !held.asks_of_values() {
            return;
        }
        let text = self.to(|to| Step::Convert { of, into: Primitive::String, to, issue: None });
        let asked = self.block(|lower| {
            lower.one_of(text, of, held, facts);
            lower.length(text, of, held, facts);
            lower.pattern(text, of, held, facts);
        });
        self.when(Test::Present(text), asked, Block::new());
    }

    fn one_of(&mut self, text: Val, of: Val, held: &Held, facts: &ProfileFacts) {
        if held.one_of.is_empty() {
            return;
        }
        let listed: Vec<_> = held.one_of.iter().take(CODES_SAID).map(|code| format!("\"{code}\"")).collect();
        let more = if held.one_of.len() > CODES_SAID { ", …" } else { "" };
        let said = has(held, &format!("in ({}{more})", listed.join(", ")), "this is another code", facts);
        let other = self.block(|lower| lower.deviates(Code::NotListed, &said, held, of, facts));
        let keys = held.one_of.iter().cloned().map(CodeKey::Code).collect();
        self.push(Step::Choose { of: text, arms: vec![(keys, Block::new())], other });
    }

    fn length(&mut self, text: Val, of: Val, held: &Held, facts: &ProfileFacts) {
        let Some((least, most)) = held.length else { return };
        let said = has(held, &format!("length {}", range(least, most)), "this value is shorter or longer", facts);
        let issue = self.issue(Code::WrongLength, &said, held, facts);
        let count = self.to(|to| Step::Builtin { function: Builtin::length, arguments: vec![text], to, issue });
        let mut beyond = Vec::new();
        if least > 0 {
            beyond.push(self.count_is(count, Compare::Less, least));
        }
        if most < MANY {
            beyond.push(self.count_is(count, Compare::Greater, most));
        }
        let either = beyond.into_iter().reduce(|left, right| Test::Either(Box::new(left), Box::new(right)));
        self.when(either.unwrap_or(Test::Always(false)), vec![Step::Issue { issue, at: Some(of) }], Block::new());
    }

    fn pattern(&mut self, text: Val, of: Val, held: &Held, facts: &ProfileFacts) {
        let Some(pattern) = &held.pattern else { return };
        let said = has(held, &format!("matches '{pattern}'"), "this value does not", facts);
        let other = self.block(|lower| lower.deviates(Code::NotMatched, &said, held, of, facts));
        // A profile speaks of the whole value.
        let whole = format!("^(?:{pattern})$").into();
        self.when(Test::Matches { of: text, pattern: whole }, Block::new(), other);
    }

    fn count_is(&mut self, count: Val, op: Compare, bound: u32) -> Test {
        let right = self.text(bound.to_string().into());
        Test::Compare { op, left: count, right, how: Comparison::Number }
    }

    fn deviates(&mut self, code: Code, text: &str, held: &Held, at: Val, facts: &ProfileFacts) {
        let issue = self.issue(code, text, held, facts);
        self.push(Step::Issue { issue, at: Some(at) });
    }

    /// The first of several that are there.
    fn first_deviates(&mut self, code: Code, text: &str, held: &Held, of: Val, facts: &ProfileFacts) {
        let issue = self.issue(code, text, held, facts);
        let first = self.to(|to| Step::Pick { which: Pick::First, of, to, issue });
        self.push(Step::Issue { issue, at: Some(first) });
    }

    fn issue(&mut self, code: Code, text: &str, held: &Held, facts: &ProfileFacts) -> IssueId {
        let env = Env::new(&facts.key);
        self.said(code, text, &env, &held.at)
    }

    fn each_item(&mut self, of: Val, make: impl FnOnce(&mut Self, Val)) {
        let item = self.fresh();
        self.surely(item);
        let body = self.block(|lower| make(lower, item));
        if !body.is_empty() {
            self.push(Step::Each { of, item, body, until: Until::All });
        }
    }

    /// The places of the grammar that stand beside others, as the profile has them.
    pub(super) fn stated(&mut self, entry: &Function, grammar: &Grammar) -> Vec<(Stated, IssueId)> {
        let mut stated = Vec::new();
        for param in &entry.params {
            let TyKind::Structure(_, key) = &param.ty.kind else { continue };
            let Some(facts) = self.world.profile(key) else { continue };
            for held in &facts.held {
                let Some((side, beside)) = &held.stands else { continue };
                let Some((node, around)) = self.node(&param.ty.kind, &held.steps, grammar) else { continue };
                let Some(other) = grammar.named(around, beside, 0) else { continue };
                let (after, word) = (*side == Side::After, if *side == Side::After { "after" } else { "before" });
                let text = has(held, &format!("{word} {beside}"), "it stands elsewhere", facts);
                let issue = self.issue(Code::Misplaced, &text, held, facts);
                stated.push((Stated { node, beside: other, after }, issue));
            }
        }
        stated
    }

    /// The places of segments that a profile says are never sent.
    pub(super) fn never_sent(&self, entry: &Function, grammar: &Grammar) -> Vec<NodeId> {
        let node = |ty, held: &Held| self.node(ty, &held.steps, grammar).map(|(node, _)| node);
        let mut never = Vec::new();
        for param in &entry.params {
            let TyKind::Structure(_, key) = &param.ty.kind else { continue };
            let Some(facts) = self.world.profile(key) else { continue };
            never.extend(facts.held.iter().filter(|held| held.max == 0).filter_map(|held| node(&param.ty.kind, held)));
        }
        never
    }

    /// The node at the end of a way, and that of the group around it.
    fn node(&self, message: &TyKind, steps: &[Way], grammar: &Grammar) -> Option<(NodeId, NodeId)> {
        let (mut node, mut around, mut ty) = (0, 0, message.clone());
        for step in steps {
            let Way::Member { name, member } = step else { return None };
            let (nth, _, inner) = self.member(&ty, name, *member);
            around = node;
            node = grammar.named(node, name, nth)?;
            ty = inner;
        }
        Some((node, around))
    }
}

/// Puts what is held among what stands beside it in the message.
fn sort<'f>(held: &'f Held, way: &[Way], members: &mut Vec<Member<'f>>) {
    let Some((Way::Member { name, member }, rest)) = way.split_first() else { return };
    let known = members.iter().position(|it| it.member == *member && it.name == *name);
    let index = known.unwrap_or_else(|| {
        let (held, inside, fields) = (Vec::new(), Vec::new(), Vec::new());
        members.push(Member { name: name.clone(), member: *member, held, inside, fields });
        members.len() - 1
    });
    let Some(found) = members.get_mut(index) else { return };
    match rest.first() {
        None => found.held.push(held),
        Some(Way::Member { .. }) => sort(held, rest, &mut found.inside),
        Some(_) => sort_field(held, rest, &mut found.fields),
    }
}

fn sort_field<'f>(held: &'f Held, way: &[Way], fields: &mut Vec<Field<'f>>) {
    let Some((first, rest)) = way.split_first() else { return };
    let known = fields.iter().position(|field| field.way == *first);
    let index = known.unwrap_or_else(|| {
        fields.push(Field { way: first.clone(), held: Vec::new(), parts: Vec::new() });
        fields.len() - 1
    });
    let Some(found) = fields.get_mut(index) else { return };
    if rest.is_empty() { found.held.push(held) } else { sort_field(held, rest, &mut found.parts) }
}

// ---- what is said: of the profile and the place, never of the message

fn has(held: &Held, what: &str, but: &str, facts: &ProfileFacts) -> String {
    format!("`{}` has `{} {what}`, and {but}", name(facts), held.path)
}

fn never(held: &Held, facts: &ProfileFacts) -> String {
    let because = held.because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
    format!("`{}` never sends `{}`{because}, and it is here", name(facts), held.path)
}

fn name(facts: &ProfileFacts) -> &str {
    facts.key.rsplit('.').next().unwrap_or_default()
}

fn times(held: &Held) -> String {
    range(held.min, held.max)
}

fn range(min: u32, max: u32) -> String {
    if max == MANY { format!("{min}..*") } else { format!("{min}..{max}") }
}
