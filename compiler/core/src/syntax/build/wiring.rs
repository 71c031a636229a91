//! Feeds, targets, routes, alarms, and the connectors that say what these can be told.

use super::declaration::count;
use super::{Build, find};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::tree::*;

impl Build<'_> {
    pub(super) fn feed(&self, pair: Pair<'_, Rule>) -> Feed {
        let name = self.first_name(&pair);
        let from = match find(&pair, Rule::expr) {
            Some(like) => Origin::Like(self.operand(like)),
            None => self.endpoint(&pair).map_or(Origin::Missing, Origin::Connector),
        };
        Feed { name, from }
    }

    pub(super) fn sink(&self, pair: Pair<'_, Rule>) -> Sink {
        Sink { name: self.first_name(&pair), to: self.endpoint(&pair) }
    }

    fn endpoint(&self, pair: &Pair<'_, Rule>) -> Option<Endpoint> {
        let written = find(pair, Rule::endpoint)?;
        let first = find(&written, Rule::string).or_else(|| find(&written, Rule::call));
        let first = first.map(|first| self.operand(first));
        let settings = find(pair, Rule::block).map(|block| self.block(block));
        Some(Endpoint { connector: self.first_name(&written), first, settings })
    }

    pub(super) fn route(&self, pair: Pair<'_, Rule>) -> Route {
        let mut route = Route {
            name: self.first_name(&pair),
            from: Vec::new(),
            through: Vec::new(),
            to: Vec::new(),
            filter: find(&pair, Rule::where_).and_then(|part| find(&part, Rule::expr)).map(|it| self.operand(it)),
            settings: find(&pair, Rule::block).map(|block| self.block(block)),
        };
        let mut to = false;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::k_to => to = true,
                Rule::names => {
                    let names = part.into_inner().filter(|part| part.as_rule() == Rule::name);
                    let list = if to { &mut route.to } else { &mut route.from };
                    list.extend(names.map(|name| self.word(&name)));
                }
                Rule::through => {
                    let maps = part.into_inner().filter(|part| part.as_rule() == Rule::module);
                    route.through = maps.map(|map| self.word(&map)).collect();
                }
                _ => {}
            }
        }
        route
    }

    pub(super) fn alarm(&self, pair: Pair<'_, Rule>) -> Alarm {
        let settings = find(&pair, Rule::block).map(|block| self.block(block)).unwrap_or_default();
        Alarm { name: self.first_name(&pair), settings }
    }

    pub(super) fn accept(&self, pair: Pair<'_, Rule>) -> Accept {
        let mut accept = Accept { ty: self.nameless(&pair), events: Vec::new(), filter: None, at: self.at(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::type_name => accept.ty = self.word(&part),
                Rule::event => accept.events.push(self.word(&part)),
                Rule::where_ => accept.filter = find(&part, Rule::expr).map(|condition| self.operand(condition)),
                _ => {}
            }
        }
        accept
    }

    pub(super) fn connector(&self, pair: Pair<'_, Rule>) -> Connector {
        let settings = find(&pair, Rule::settings).map(|settings| self.told_all(settings)).unwrap_or_default();
        Connector { name: self.first_name(&pair), settings }
    }

    fn told_all(&self, pair: Pair<'_, Rule>) -> Vec<Told> {
        pair.into_inner().filter(|part| part.as_rule() == Rule::told).map(|told| self.told(told)).collect()
    }

    fn told(&self, pair: Pair<'_, Rule>) -> Told {
        let mut told =
            Told { docs: Vec::new(), name: self.nameless(&pair), options: Vec::new(), default: None, within: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::doc => told.docs.push(self.docs(&part)),
                Rule::word => told.name = self.word(&part),
                Rule::option => told.options.extend(self.choice(part)),
                Rule::bounds => {
                    let mut ends = part.into_inner().filter(|end| end.as_rule() != Rule::k_in);
                    let ends = ends.next().map(|end| self.operand(end)).zip(ends.next().map(|end| self.operand(end)));
                    told.within = ends;
                }
                Rule::colon | Rule::equals => {}
                _ => told.default = Some(self.operand(part)),
            }
        }
        told
    }

    fn choice(&self, pair: Pair<'_, Rule>) -> Option<Choice> {
        let (mut what, mut many, mut because, mut name) = (None, Count::One, false, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.word(&part)),
                Rule::settings => what = Some(ChoiceOf::Block(name.take(), self.told_all(part))),
                Rule::text => what = Some(ChoiceOf::Text(self.said(part))),
                Rule::r#type => {
                    let ty = self.ty(part);
                    many = ty.count;
                    what = Some(ChoiceOf::Type(ty));
                }
                Rule::count => many = count(&part),
                Rule::k_because => because = true,
                _ => {}
            }
        }
        Some(Choice { what: what?, count: many, because })
    }

    fn first_name(&self, pair: &Pair<'_, Rule>) -> Word {
        find(pair, Rule::name).map_or_else(|| self.nameless(pair), |name| self.word(&name))
    }
}
