//! Values: sources and what stands between them, and operators by their precedence.

use super::{Build, LEVELS_MAX, find};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::grammar::{GONE, Pair, Rule};
use crate::syntax::tree::*;
use pest::pratt_parser::{Assoc::Left, Op, PrattParser};
use std::sync::LazyLock;

/// How operators bind, loosest first.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    use Rule::{as_, k_refer, le, lt, minus, ne, negative, not_in, over, plus, times, via, with};
    use Rule::{
        eq, ge, gt, if_new, is, k_and, k_contain, k_emit, k_first, k_in, k_last, k_matches, k_not, k_only, k_or,
        k_patch,
    };
    let comparisons = [ne, lt, le, gt, ge, k_in, not_in, k_matches].map(|kind| Op::infix(kind, Left));
    PrattParser::new()
        .op(Op::infix(k_or, Left))
        .op(Op::infix(k_and, Left))
        .op(Op::prefix(k_not))
        .op(comparisons.into_iter().fold(Op::infix(eq, Left) | Op::postfix(is), |all, one| all | one))
        .op(Op::infix(plus, Left) | Op::infix(minus, Left))
        .op(Op::infix(times, Left) | Op::infix(over, Left))
        .op(Op::postfix(if_new))
        .op(Op::prefix(k_emit) | Op::prefix(k_patch) | Op::prefix(k_contain) | Op::prefix(k_refer))
        .op(Op::postfix(via) | Op::postfix(as_) | Op::postfix(with))
        .op(Op::prefix(k_first) | Op::prefix(k_last) | Op::prefix(k_only))
        .op(Op::prefix(negative))
});

impl Build<'_> {
    /// Nothing that can be read, where the pair stands.
    pub(super) fn missing(&self, pair: &Pair<'_, Rule>) -> Expr {
        expr(ExprKind::Missing, self.at(pair))
    }

    /// Builds it, unless it lies deeper than whoever walks the tree could follow.
    fn deeper(&self, pair: &Pair<'_, Rule>, by: usize, build: impl FnOnce() -> Expr) -> Expr {
        let before = self.levels.get();
        if before + by > LEVELS_MAX {
            self.problem(too_deep(self.at(pair)));
            return self.missing(pair);
        }
        self.levels.set(before + by);
        let built = build();
        self.levels.set(before);
        built
    }

    /// `A else B when C`
    pub(super) fn value(&self, pair: Pair<'_, Rule>) -> Expr {
        let sources: Vec<_> = pair.clone().into_inner().filter(|part| part.as_rule() == Rule::source).collect();
        self.deeper(&pair, sources.len().max(1), || {
            let built = sources.into_iter().map(|source| self.source(source));
            built.reduce(|left, right| self.or_else(left, right)).unwrap_or_else(|| self.missing(&pair))
        })
    }

    pub(super) fn or_else(&self, left: Expr, right: Expr) -> Expr {
        let at = left.at.start..right.at.end;
        expr(ExprKind::Else(left, right), at)
    }

    fn source(&self, pair: Pair<'_, Rule>) -> Expr {
        let mut built = self.missing(&pair);
        for part in pair.into_inner() {
            let at = built.at.start..self.at(&part).end;
            match part.as_rule() {
                Rule::guard => {
                    let condition = self.inner(&part);
                    built = expr(ExprKind::When { value: built, condition }, at);
                }
                Rule::warn => {
                    let text = find(&part, Rule::text).map(|text| self.said(text));
                    built = expr(ExprKind::Warn { value: built, text }, at);
                }
                _ => built = self.operand(part),
            }
        }
        built
    }

    /// The expression within: of `when`, `where`, `by`.
    fn inner(&self, pair: &Pair<'_, Rule>) -> Expr {
        find(pair, Rule::expr).map_or_else(|| self.missing(pair), |inner| self.operand(inner))
    }

    /// Anything that stands between operators, and a whole expression.
    pub(super) fn operand(&self, pair: Pair<'_, Rule>) -> Expr {
        let at = self.at(&pair);
        let gone = pair.as_str() == GONE;
        let kind = match pair.as_rule() {
            Rule::expr => return self.operators(pair),
            Rule::value => return self.value(pair),
            Rule::outcome => return self.outcome(pair),
            Rule::list => return self.list(pair),
            Rule::block => ExprKind::Block(self.block(pair)),
            Rule::typed_block => {
                let ty = find(&pair, Rule::type_name).map(|name| self.word(&name));
                let block = find(&pair, Rule::block).map(|block| self.block(block)).unwrap_or_default();
                ExprKind::TypedBlock { ty: ty.unwrap_or_else(|| self.word(&pair)), block }
            }
            Rule::each => ExprKind::Each(self.each(pair)),
            Rule::match_ => {
                let on = find(&pair, Rule::expr).map(|on| self.operand(on));
                ExprKind::Match { on, arms: find(&pair, Rule::arms).map(|arms| self.arms(arms)).unwrap_or_default() }
            }
            Rule::refer_by => {
                let map = find(&pair, Rule::type_name).map(|name| self.word(&name));
                let key = pair.clone().into_inner().last().filter(|key| key.as_rule() != Rule::type_name);
                let key = key.map_or_else(|| self.missing(&pair), |key| self.operand(key));
                ExprKind::ReferBy { map: map.unwrap_or_else(|| self.word(&pair)), key }
            }
            Rule::coded => return self.coded(pair),
            Rule::call => self.call(pair),
            Rule::path | Rule::here => match self.path(pair) {
                Path { root: None, parts, .. } if parts.is_empty() && gone => ExprKind::Missing,
                path => ExprKind::Path(path),
            },
            Rule::string => ExprKind::Text(self.string(pair)),
            Rule::raw | Rule::raw_lines => ExprKind::Raw(self.raw(pair).text),
            Rule::number => ExprKind::Number(pair.as_str().into()),
            Rule::duration => ExprKind::Duration(pair.as_str().into()),
            Rule::boolean => ExprKind::Boolean(pair.as_str() == "true"),
            _ => ExprKind::Missing,
        };
        expr(kind, at)
    }

    fn operators(&self, pair: Pair<'_, Rule>) -> Expr {
        let count = pair.clone().into_inner().count();
        if count == 1 {
            return pair.clone().into_inner().next().map_or_else(|| self.missing(&pair), |only| self.operand(only));
        }
        self.deeper(&pair, count, || {
            PRECEDENCE
                .map_primary(|pair| self.operand(pair))
                .map_prefix(|op, value| self.prefix(&op, value))
                .map_postfix(|value, op| self.postfix(value, op))
                .map_infix(|left, op, right| {
                    let at = left.at.start..right.at.end;
                    expr(ExprKind::Binary(binary(op.as_rule()), left, right), at)
                })
                .parse(pair.clone().into_inner())
        })
    }

    fn prefix(&self, op: &Pair<'_, Rule>, value: Expr) -> Expr {
        let at = self.at(op).start..value.at.end;
        let prefix = match op.as_rule() {
            Rule::k_first => Prefix::First,
            Rule::k_last => Prefix::Last,
            Rule::k_only => Prefix::Only,
            Rule::k_not => Prefix::Not,
            Rule::k_emit => Prefix::Emit,
            Rule::k_patch => Prefix::Patch,
            Rule::k_contain => Prefix::Contain,
            Rule::k_refer => Prefix::Refer,
            _ => {
                let kind = match *value.kind {
                    ExprKind::Number(number) => ExprKind::Number(format!("-{number}").into()),
                    ExprKind::Duration(duration) => ExprKind::Duration(format!("-{duration}").into()),
                    other => other,
                };
                return expr(kind, at);
            }
        };
        expr(ExprKind::Prefix(prefix, value), at)
    }

    fn postfix(&self, value: Expr, op: Pair<'_, Rule>) -> Expr {
        let at = value.at.start..self.at(&op).end;
        let kind = match op.as_rule() {
            Rule::is => {
                let (not, what) = self.is(op);
                ExprKind::Is { value, not, what }
            }
            Rule::via => {
                let codes = find(&op, Rule::type_name).map(|name| self.word(&name));
                ExprKind::Via { value, codes: codes.unwrap_or_else(|| self.word(&op)) }
            }
            Rule::as_ => match find(&op, Rule::one).map(|ty| self.ty(ty)) {
                Some(ty) => ExprKind::As { value, ty },
                None => *value.kind,
            },
            Rule::with => {
                let block = find(&op, Rule::block).map(|block| self.block(block));
                ExprKind::With { value, block: block.unwrap_or_else(|| Block { items: Vec::new(), at: self.at(&op) }) }
            }
            _ => ExprKind::IfNew(value),
        };
        expr(kind, at)
    }

    pub(super) fn is(&self, pair: Pair<'_, Rule>) -> (bool, Is) {
        let (mut not, mut what) = (false, Is::Present);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::k_not => not = true,
                Rule::k_null => what = Is::Null,
                Rule::k_absent => what = Is::Absent,
                Rule::type_name => what = Is::Type(self.word(&part)),
                _ => {}
            }
        }
        (not, what)
    }

    pub(super) fn outcome(&self, pair: Pair<'_, Rule>) -> Expr {
        let at = self.at(&pair);
        let text = find(&pair, Rule::text).map(|text| self.said(text));
        let kind = match pair.clone().into_inner().next().map(|keyword| keyword.as_rule()) {
            Some(Rule::k_skip) => ExprKind::Skip,
            Some(Rule::k_keep) => ExprKind::Keep,
            Some(Rule::k_null) => ExprKind::Null,
            Some(Rule::k_absent) => ExprKind::Absent(text),
            Some(Rule::k_reject) => ExprKind::Reject(text.unwrap_or(Word { text: "".into(), at: at.clone() })),
            _ => ExprKind::WarnOnly(text),
        };
        expr(kind, at)
    }

    /// Several values in parentheses are a list, one is that value.
    fn list(&self, pair: Pair<'_, Rule>) -> Expr {
        let at = self.at(&pair);
        let (mut items, mut parts) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::listed => items.extend(part.into_inner().map(|value| self.value(value))),
                _ => parts.push(self.part(part)),
            }
        }
        match <[Expr; 1]>::try_from(items) {
            Ok([only]) if parts.is_empty() => expr(*only.kind, at),
            Ok([only]) => expr(ExprKind::List { items: vec![only], parts }, at),
            Err(items) => expr(ExprKind::List { items, parts }, at),
        }
    }

    fn call(&self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut name = Word { text: "".into(), at: self.at(&pair) };
        let (mut arguments, mut parts) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::call_name => name = self.word(&part),
                Rule::args => arguments = part.into_inner().map(|argument| self.argument(argument)).collect(),
                _ => parts.push(self.part(part)),
            }
        }
        ExprKind::Call { name, arguments, parts }
    }

    fn argument(&self, pair: Pair<'_, Rule>) -> Argument {
        let name = find(&pair, Rule::word).map(|name| self.word(&name));
        let value = find(&pair, Rule::value).map_or_else(|| self.missing(&pair), |value| self.value(value));
        Argument { name, value }
    }

    fn each(&self, pair: Pair<'_, Rule>) -> Each {
        let mut each =
            Each { name: None, list: self.missing(&pair), filter: None, by: None, body: self.missing(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => each.name = Some(self.word(&part)),
                Rule::expr => each.list = self.operand(part),
                Rule::where_ => each.filter = Some(self.inner(&part)),
                Rule::by => each.by = Some(self.inner(&part)),
                Rule::block | Rule::value => each.body = self.operand(part),
                _ => {}
            }
        }
        each
    }

    fn coded(&self, pair: Pair<'_, Rule>) -> Expr {
        let at = self.at(&pair);
        let display = find(&pair, Rule::text).map(|text| self.said(text));
        let code = find(&pair, Rule::code);
        let (mut system, mut written) = (self.word(&pair), Word { text: "".into(), at: at.end..at.end });
        for part in code.into_iter().flat_map(Pair::into_inner) {
            match part.as_rule() {
                Rule::system => system = self.word(&part),
                Rule::text => written = self.said(part),
                _ => written = self.word(&part),
            }
        }
        expr(ExprKind::Code { system, code: written, display }, at)
    }

    fn string(&self, pair: Pair<'_, Rule>) -> Vec<TextPart> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        for part in pair.into_inner() {
            if part.as_rule() != Rule::hole {
                self.unescape(&part, &mut plain);
                continue;
            }
            if !plain.is_empty() {
                parts.push(TextPart::Plain(std::mem::take(&mut plain).into()));
            }
            if part.as_str().contains('\n') {
                self.unreadable(self.at(&part), "what stands in the braces of a text ends on the same line");
            }
            parts.extend(part.into_inner().map(|value| TextPart::Hole(self.value(value))));
        }
        if !plain.is_empty() {
            parts.push(TextPart::Plain(plain.into()));
        }
        parts
    }
}

/// What to say where brackets, or values in values, go deeper than can be followed.
pub fn too_deep(at: At) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, at, "this is nested too deeply")
        .help("give the inner part a name with `let`, and use the name here")
}

fn expr(kind: ExprKind, at: At) -> Expr {
    Expr { kind: Box::new(kind), at }
}

fn binary(kind: Rule) -> Binary {
    match kind {
        Rule::k_or => Binary::Or,
        Rule::k_and => Binary::And,
        Rule::eq => Binary::Equal,
        Rule::ne => Binary::NotEqual,
        Rule::lt => Binary::Less,
        Rule::le => Binary::LessOrEqual,
        Rule::gt => Binary::Greater,
        Rule::ge => Binary::GreaterOrEqual,
        Rule::k_in => Binary::In,
        Rule::not_in => Binary::NotIn,
        Rule::k_matches => Binary::Matches,
        Rule::plus => Binary::Plus,
        Rule::minus => Binary::Minus,
        Rule::times => Binary::Times,
        _ => Binary::Over,
    }
}
