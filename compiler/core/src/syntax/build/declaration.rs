//! Declarations.

use super::{Build, find};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::tree::*;

impl Build<'_> {
    pub(super) fn item(&self, pair: Pair<'_, Rule>) -> Option<Item> {
        let at = self.at(&pair);
        let (mut docs, mut private, mut total, mut declaration) = (Vec::new(), false, false, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::doc => docs.push(self.docs(&part)),
                Rule::modifier if find(&part, Rule::k_private).is_some() => private = true,
                Rule::modifier => total = true,
                _ => declaration = self.declaration(part),
            }
        }
        declaration.map(|declaration| Item { docs, private, total, declaration, at })
    }

    fn declaration(&self, pair: Pair<'_, Rule>) -> Option<Declaration> {
        Some(match pair.as_rule() {
            Rule::import => Declaration::Use(self.import(pair)),
            Rule::constant => Declaration::Constant(self.constant(pair)),
            Rule::map => Declaration::Map(self.map(pair, MapKind::Map)),
            Rule::convert => Declaration::Map(self.map(pair, MapKind::Convert)),
            Rule::codes => Declaration::Codes(self.codes(pair)),
            Rule::table => Declaration::Table(self.table(pair)),
            Rule::extend => Declaration::Extend(self.extend(pair)),
            Rule::profile => Declaration::Profile(self.profile(pair)),
            Rule::segment => Declaration::Segment(self.segment(pair)),
            Rule::structure => Declaration::Structure(self.structure(pair)),
            Rule::test => Declaration::Test(self.test(pair)),
            Rule::extern_fn => Declaration::ExternFn(self.extern_fn(pair)),
            Rule::feed => Declaration::Feed(self.feed(pair)),
            Rule::target_to => Declaration::Target(self.sink(pair)),
            Rule::route => Declaration::Route(self.route(pair)),
            Rule::alarm => Declaration::Alarm(self.alarm(pair)),
            Rule::connector => Declaration::Connector(self.connector(pair)),
            _ => return None,
        })
    }

    fn import(&self, pair: Pair<'_, Rule>) -> Use {
        let mut module = Word { text: "".into(), at: self.at(&pair) };
        let mut what = Used::Module(None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::module => module = self.word(&part),
                Rule::name => what = Used::Module(Some(self.word(&part))),
                Rule::imports => what = Used::Names(part.into_inner().filter_map(|name| self.imported(name)).collect()),
                _ => {}
            }
        }
        Use { module, what }
    }

    fn imported(&self, pair: Pair<'_, Rule>) -> Option<(Word, Option<Word>)> {
        let mut names = pair.into_inner().filter(|part| part.as_rule() == Rule::name).map(|name| self.word(&name));
        names.next().map(|name| (name, names.next()))
    }

    pub(super) fn constant(&self, pair: Pair<'_, Rule>) -> Let {
        let mut found = Let { name: self.nameless(&pair), ty: None, value: self.missing(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => found.name = self.word(&part),
                Rule::r#type => found.ty = Some(self.ty(part)),
                Rule::value => found.value = self.value(part),
                _ => {}
            }
        }
        found
    }

    fn map(&self, pair: Pair<'_, Rule>, kind: MapKind) -> Map {
        let result = Type { name: self.nameless(&pair), references: Vec::new(), count: Count::One, at: self.at(&pair) };
        let mut map = Map {
            kind,
            name: self.nameless(&pair),
            params: Vec::new(),
            result,
            keyed: Vec::new(),
            writes: Vec::new(),
            body: Body::Missing,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => map.name = self.word(&part),
                Rule::params => map.params = self.params(part),
                Rule::r#type => map.result = self.ty(part),
                Rule::keyed => map.keyed = self.keyed(part),
                Rule::writes => {
                    let targets = part.into_inner().filter(|part| part.as_rule() == Rule::target);
                    map.writes = targets.map(|target| self.target(target)).collect();
                }
                Rule::block => map.body = Body::Block(self.block(part)),
                Rule::value => map.body = Body::Value(self.value(part)),
                _ => {}
            }
        }
        map
    }

    fn extern_fn(&self, pair: Pair<'_, Rule>) -> ExternFn {
        let result = Type { name: self.nameless(&pair), references: Vec::new(), count: Count::One, at: self.at(&pair) };
        let mut found = ExternFn { name: self.nameless(&pair), params: Vec::new(), result };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => found.name = self.word(&part),
                Rule::params => found.params = self.params(part),
                Rule::r#type => found.result = self.ty(part),
                _ => {}
            }
        }
        found
    }

    fn params(&self, pair: Pair<'_, Rule>) -> Vec<Param> {
        let params = pair.into_inner().filter(|part| part.as_rule() == Rule::param);
        params
            .filter_map(|param| {
                let name = find(&param, Rule::name).map(|name| self.word(&name));
                find(&param, Rule::r#type).map(|ty| Param { name, ty: self.ty(ty) })
            })
            .collect()
    }

    fn keyed(&self, pair: Pair<'_, Rule>) -> Vec<Key> {
        let keys = pair.into_inner().filter(|part| part.as_rule() == Rule::key);
        keys.map(|key| {
            let parameter = find(&key, Rule::word).map(|word| self.word(&word));
            let values = key.clone().into_inner().filter(|part| part.as_rule() == Rule::expr);
            let value = values.map(|value| self.operand(value)).reduce(|left, right| self.or_else(left, right));
            Key { parameter, value: value.unwrap_or_else(|| self.missing(&key)) }
        })
        .collect()
    }

    pub(super) fn ty(&self, pair: Pair<'_, Rule>) -> Type {
        let mut ty = Type { name: self.nameless(&pair), references: Vec::new(), count: Count::One, at: self.at(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::type_name => ty.name = self.word(&part),
                Rule::references => ty.references = part.into_inner().map(|name| self.word(&name)).collect(),
                Rule::count => ty.count = count(&part),
                _ => {}
            }
        }
        ty
    }

    fn codes(&self, pair: Pair<'_, Rule>) -> Codes {
        let mut codes =
            Codes { name: self.nameless(&pair), from: None, to: None, table: CodeTable::From(self.missing(&pair)) };
        let mut to = false;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => codes.name = self.word(&part),
                Rule::k_to => to = true,
                Rule::system_ref if to => codes.to = self.system(part),
                Rule::system_ref => codes.from = self.system(part),
                Rule::arms => codes.table = CodeTable::Arms(self.arms(part)),
                Rule::call => codes.table = CodeTable::From(self.operand(part)),
                _ => {}
            }
        }
        codes
    }

    fn extend(&self, pair: Pair<'_, Rule>) -> Extend {
        let mut extend = Extend { table: self.nameless(&pair), arms: Vec::new() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::module => extend.table = self.word(&part),
                Rule::arms => extend.arms = self.arms(part),
                _ => {}
            }
        }
        extend
    }

    fn table(&self, pair: Pair<'_, Rule>) -> Table {
        let rows = Rows::From { source: self.missing(&pair), settings: None };
        let mut table = Table { name: self.nameless(&pair), keys: Vec::new(), columns: Vec::new(), rows };
        for part in pair.into_inner() {
            match (part.as_rule(), &mut table.rows) {
                (Rule::name, _) => table.name = self.word(&part),
                (Rule::params, _) => table.keys = self.params(part),
                (Rule::columns, _) => table.columns = part.into_inner().filter_map(|it| self.column(it)).collect(),
                (Rule::arms, rows) => *rows = Rows::Arms(self.arms(part)),
                (Rule::call, Rows::From { source, .. }) => *source = self.operand(part),
                (Rule::block, Rows::From { settings, .. }) => *settings = Some(self.block(part)),
                _ => {}
            }
        }
        table
    }

    fn column(&self, pair: Pair<'_, Rule>) -> Option<Column> {
        let name = find(&pair, Rule::word).map(|name| self.word(&name))?;
        let ty = find(&pair, Rule::r#type).map(|ty| self.ty(ty))?;
        let docs = pair.into_inner().filter(|part| part.as_rule() == Rule::doc).map(|part| self.docs(&part));
        Some(Column { docs: docs.collect(), name, ty })
    }

    fn system(&self, pair: Pair<'_, Rule>) -> Option<System> {
        let part = pair.into_inner().next()?;
        match part.as_rule() {
            Rule::system => Some(System::Name(self.word(&part))),
            Rule::text => Some(System::Uri(self.said(part))),
            _ => None,
        }
    }

    fn profile(&self, pair: Pair<'_, Rule>) -> Profile {
        let mut profile =
            Profile { name: self.nameless(&pair), of: Vec::new(), version: None, closed: false, lines: Vec::new() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => profile.name = self.word(&part),
                Rule::type_name => profile.of.push(self.word(&part)),
                Rule::text | Rule::gone => profile.version = Some(self.said(part)),
                Rule::k_closed => profile.closed = true,
                Rule::profile_line => profile.lines.extend(self.profile_line(part)),
                _ => {}
            }
        }
        profile
    }

    fn profile_line(&self, pair: Pair<'_, Rule>) -> Option<ProfileLine> {
        let mut line = ProfileLine {
            path: find(&pair, Rule::path).map(|path| self.path(path))?,
            range: None,
            one_of: Vec::new(),
            length: None,
            ty: None,
            matches: None,
            stands: None,
            because: None,
            at: self.at(&pair),
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::range => line.range = Some(self.bounds(part)),
                Rule::in_list => line.one_of = self.one_of(part),
                Rule::length => line.length = find(&part, Rule::range).map(|range| self.bounds(range)),
                Rule::has_type => line.ty = find(&part, Rule::r#type).map(|ty| self.ty(ty)),
                Rule::pattern_of => line.matches = find(&part, Rule::raw).map(|raw| self.raw(raw)),
                Rule::stands => {
                    let side = if find(&part, Rule::k_after).is_some() { Side::After } else { Side::Before };
                    line.stands = find(&part, Rule::name).map(|name| (side, self.word(&name)));
                }
                Rule::because => line.because = self.because(part),
                _ => {}
            }
        }
        Some(line)
    }

    fn one_of(&self, pair: Pair<'_, Rule>) -> Vec<Expr> {
        let listed = find(&pair, Rule::list).and_then(|list| find(&list, Rule::listed));
        let values = listed.into_iter().flat_map(Pair::into_inner);
        values.map(|value| self.value(value)).collect()
    }

    pub(super) fn bounds(&self, pair: Pair<'_, Rule>) -> Bounds {
        let at = self.at(&pair);
        let mut ends = pair.into_inner();
        let min = ends.next().map_or(0, |min| self.number(&min));
        let max = ends.next().filter(|max| max.as_rule() == Rule::int).map(|max| self.number(&max));
        Bounds { min, max, at }
    }

    fn segment(&self, pair: Pair<'_, Rule>) -> Segment {
        let mut segment = Segment { name: self.nameless(&pair), title: None, fields: Vec::new() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => segment.name = self.word(&part),
                Rule::text => segment.title = Some(self.said(part)),
                Rule::segment_line => segment.fields.extend(self.segment_line(part)),
                _ => {}
            }
        }
        segment
    }

    fn segment_line(&self, pair: Pair<'_, Rule>) -> Option<SegmentField> {
        let number = find(&pair, Rule::int).map(|number| self.number(&number))?;
        let ty = find(&pair, Rule::r#type).map(|ty| self.ty(ty))?;
        let one_of = find(&pair, Rule::in_list).map(|list| self.one_of(list)).unwrap_or_default();
        let title = find(&pair, Rule::text).map(|text| self.said(text));
        Some(SegmentField { number, ty, one_of, title, at: self.at(&pair) })
    }

    fn structure(&self, pair: Pair<'_, Rule>) -> Structure {
        let name = find(&pair, Rule::name).map_or_else(|| self.nameless(&pair), |name| self.word(&name));
        let members = find(&pair, Rule::members).map(|members| self.members(members)).unwrap_or_default();
        Structure { name, members }
    }

    /// Text is read no deeper than a bound, so neither is this.
    fn members(&self, pair: Pair<'_, Rule>) -> Vec<Member> {
        let member = |pair: Pair<'_, Rule>| {
            let name = find(&pair, Rule::name).map(|name| self.word(&name))?;
            let count = find(&pair, Rule::count).map_or(Count::One, |written| count(&written));
            let members = find(&pair, Rule::members).map(|members| self.members(members));
            Some(Member { name, count, members })
        };
        pair.into_inner().filter_map(member).collect()
    }

    fn test(&self, pair: Pair<'_, Rule>) -> Test {
        let mut test = Test { name: self.nameless(&pair), steps: Vec::new() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::text | Rule::gone => test.name = self.said(part),
                _ => test.steps.extend(self.step(part)),
            }
        }
        test
    }

    fn step(&self, pair: Pair<'_, Rule>) -> Option<Step> {
        match pair.as_rule() {
            Rule::constant => Some(Step::Let(self.constant(pair))),
            Rule::through => {
                let modules = pair.into_inner().filter(|part| part.as_rule() == Rule::module);
                Some(Step::Through(modules.map(|module| self.word(&module)).collect()))
            }
            Rule::given => {
                let table = find(&pair, Rule::module).map(|name| self.word(&name))?;
                let rows = find(&pair, Rule::arms).map(|rows| self.rows(rows))?;
                Some(Step::Given { table, rows })
            }
            Rule::input => pair.into_inner().find_map(|part| match part.as_rule() {
                Rule::raw_lines => Some(Step::InputText(self.raw(part))),
                Rule::text => Some(Step::InputFile(self.said(part))),
                _ => None,
            }),
            Rule::expect => {
                let at = self.at(&pair);
                self.expected(pair).map(|what| Step::Expect(Expect { what, at }))
            }
            _ => None,
        }
    }

    fn expected(&self, pair: Pair<'_, Rule>) -> Option<Expected> {
        let mut parts = pair.into_inner().filter(|part| part.as_rule() != Rule::k_expect);
        let first = parts.next()?;
        let text = find(&first, Rule::text).map(|text| self.said(text));
        Some(match first.as_rule() {
            Rule::no_issues => Expected::NoIssues,
            Rule::issue => Expected::Issue { text, place: find(&first, Rule::path).map(|path| self.path(path)) },
            Rule::rejected => Expected::Rejected(text),
            _ => {
                let ignoring = parts.flat_map(Pair::into_inner).filter(|part| part.as_rule() == Rule::path);
                let ignoring = ignoring.map(|path| self.path(path)).collect();
                Expected::That { condition: self.operand(first), ignoring }
            }
        })
    }

    /// An empty word at the start of what should have had one.
    pub(super) fn nameless(&self, pair: &Pair<'_, Rule>) -> Word {
        let start = self.at(pair).start;
        Word { text: "".into(), at: start..start }
    }
}

pub(super) fn count(pair: &Pair<'_, Rule>) -> Count {
    match pair.as_str() {
        "?" => Count::Optional,
        "*" => Count::Any,
        _ => Count::Some,
    }
}
