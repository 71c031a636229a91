//! Reads an item that the grammar refuses, as far as it can be read.
//!
//! The item is cut into the lines of its blocks (`pieces`), each is parsed alone, with the blocks in it emptied, and
//! one that fails is mended with the smallest edit that lets the parser go on. What no edit mends is taken out. Then
//! the whole is parsed once more with all edits made. So each byte is parsed a bounded number of times, and an error
//! costs no more than its line.

use super::build::too_deep;
use super::grammar::{GONE, Grammar, LOST, Parser, Rule};
use super::patch::{Edit, Patched};
use super::pieces::{Group, Lines, Pieces};
use super::scan::{BRACKETS_MAX, Kind, quoted};
use super::{habits, wording};
use crate::diagnostic::{Code, Diagnostic};
use pest::error::{ErrorVariant, InputLocation};
use std::ops::Range;

/// How many edits one line may need before it is taken out.
const EDITS_MAX: usize = 8;

/// How many lines of one item are mended; behind that they are only taken out, so that a long file of another kind
/// ends soon.
const MENDED_MAX: usize = 200;

/// A line longer than this is not mended either.
const LINE_MAX: usize = 16 << 10;

/// How many words behind an edit must be read for it to be believed.
const BELIEVED: usize = 3;

/// What a line or a declaration may lack at its end.
const ENDINGS: &[&str] = &[
    ":\u{1}",
    "=>\u{1}",
    " because \u{1}",
    " else \u{1}",
    "=\u{1}",
    "{}",
    "\u{1}{}",
    "\u{1}()",
    "\u{1}=\u{1}",
    " of \u{1}{}",
    "\u{1} of \u{1}{}",
];

/// The same of a map, which has more to lack.
const MAP_ENDINGS: &[&str] = &[
    "()",
    "->\u{1}",
    "->\u{1}\u{1}",
    ")->\u{1}\u{1}",
    "()->\u{1}\u{1}",
    "\u{1}()->\u{1}\u{1}",
    "\u{1})->\u{1}\u{1}",
    "()->\u{1}",
    "\u{1}()->\u{1}",
];

/// The text with all edits made that let it be parsed, and why each was needed.
pub fn item(text: &str) -> (Vec<Edit>, Vec<Diagnostic>) {
    let pieces = Pieces::new(text);
    let mut mender = Mender { pieces: &pieces, edits: Vec::new(), problems: Vec::new(), mended: 0, deep: 0 };
    mender.declaration();
    let Mender { mut edits, mut problems, .. } = mender;
    for problem in &mut problems {
        // An edit that says no more than its mark gives way to a word for the whole.
        let says_nothing = problem.help.as_deref().is_none_or(|help| help == "write `,`");
        if let Some(hint) = habits::hint(text, problem).filter(|_| says_nothing) {
            (problem.help, problem.fix) = (Some(hint.to_owned()), None);
        }
    }
    // What is put in for an inner piece comes before what closes the piece around it.
    edits.reverse();
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
    (edits, problems)
}

struct Mender<'a> {
    pieces: &'a Pieces<'a>,
    edits: Vec<Edit>,
    problems: Vec<Diagnostic>,
    mended: usize,
    /// How many blocks there are around the line.
    deep: usize,
}

/// Where the parser stopped, and what it would have taken.
pub struct Failure {
    pub at: usize,
    /// The same in the text that was parsed.
    patched: usize,
    pub wanted: Vec<Rule>,
    deep: bool,
}

/// What is tried, and what to say if it helps.
struct Candidate {
    edit: Edit,
    problem: Diagnostic,
}

impl Mender<'_> {
    fn declaration(&mut self) {
        let pieces = self.pieces;
        let all = 0..pieces.tokens.len();
        let Some(first) = (all.start..all.end)
            .find(|at| pieces.kind(*at) == Kind::Word && !matches!(pieces.word(*at), "private" | "total"))
        else {
            return self.problems.push(wording::nothing_declared(pieces.bytes(&all)));
        };
        let keyword = pieces.word(first);
        if !super::items::KEYWORDS.contains(&keyword) {
            let at = pieces.bytes(&(first..first + 1));
            return self.problems.push(wording::no_declaration(at, keyword));
        }
        if let Some(inside) = self.unopened(first, all.end) {
            return self.lines(inside, Lines::Entries);
        }
        let groups = self.mend(all.clone(), Rule::only_declaration, false);
        for (place, group) in groups.into_iter().enumerate() {
            let lines = match keyword {
                "use" => Lines::Imported,
                "profile" => Lines::Profile,
                "segment" => Lines::Segment,
                "structure" => Lines::Members,
                "connector" => Lines::Settings,
                "test" => Lines::Steps,
                "codes" | "extend" => Lines::Arms,
                "table" if place == 0 => Lines::Columns,
                "table" if pieces.previous(0, group.open).is_some_and(|at| pieces.word(at) == "=") => Lines::Arms,
                _ => pieces.lines_of(group, &all, Lines::Entries),
            };
            self.block(group, lines);
        }
    }

    /// A map whose block is not opened: what is indented below its head is its block all the same.
    fn unopened(&mut self, first: usize, to: usize) -> Option<Range<usize>> {
        let pieces = self.pieces;
        let keyword = pieces.word(first);
        if !matches!(keyword, "map" | "convert") {
            return None;
        }
        let body = (first..to).find(|at| {
            pieces.kind(*at) == Kind::Line && pieces.next(*at, to).is_some_and(|next| pieces.starts(next, to))
        })?;
        let opened = |at: usize| matches!(pieces.word(at), "{" | "=");
        if (first..body).any(opened) || (first..body).any(|at| pieces.is_open(at)) {
            return None;
        }
        let head = 0..pieces.previous(first, body)? + 1;
        let behind = pieces.bytes(&head).end;
        let brace = Edit { at: behind..behind, text: "{".into() };
        let empty = Edit { at: behind..behind, text: "{}".into() };
        self.parse(pieces.bytes(&head), Rule::only_declaration, &[empty]).ok()?;
        self.edits.push(brace);
        self.problems.push(
            Diagnostic::new(Code::Unreadable, behind..behind, "expected `{` at the end of this line")
                .help("a brace opens on the line of its head")
                .fix(behind..behind, " {"),
        );
        let last = pieces.previous(body, to)?;
        if pieces.word(last) == "}" {
            return Some(body..last);
        }
        let end = pieces.bytes(&(last..last + 1)).end;
        self.edits.push(Edit { at: end..end, text: "}".into() });
        Some(body..to)
    }

    fn block(&mut self, group: Group, lines: Lines) {
        if self.deep >= BRACKETS_MAX {
            let inside = self.pieces.bytes(&self.pieces.inside(group));
            self.problems.push(too_deep(inside.clone()));
            return self.edits.push(Edit { at: inside, text: String::new() });
        }
        self.deep += 1;
        self.lines(self.pieces.inside(group), lines);
        self.deep -= 1;
    }

    fn lines(&mut self, inside: Range<usize>, lines: Lines) {
        for piece in self.pieces.cut(inside, lines) {
            self.line(piece, lines);
        }
    }

    fn line(&mut self, mut piece: Range<usize>, lines: Lines) {
        // Two rules on a line without a comma between them are two pieces.
        while let Some(next) = self.second(&piece, lines) {
            let first = piece.start..self.pieces.previous(piece.start, next).map_or(next, |last| last + 1);
            let behind = self.pieces.bytes(&first).end;
            self.edits.push(Edit { at: behind..behind, text: ",".into() });
            self.problems.push(wording::no_comma(self.pieces, next, behind));
            self.mend_line(first, lines);
            piece = next..piece.end;
        }
        self.mend_line(piece, lines);
    }

    /// Where a second rule begins on the line of the first, which ends before it.
    fn second(&self, piece: &Range<usize>, lines: Lines) -> Option<usize> {
        let pieces = self.pieces;
        if lines != Lines::Entries || pieces.bytes(piece).len() > LINE_MAX {
            return None;
        }
        let edits = self.hollow(&pieces.groups(piece));
        let failure = self.parse(pieces.bytes(piece), Rule::only_entry, &edits).err()?;
        let (next, _) = self.around(piece, failure.at);
        let next = next.filter(|next| *next > piece.start && pieces.target_ends(*next, piece.end).is_some())?;
        let before = piece.start..next;
        self.parse(pieces.bytes(&before), Rule::only_entry, &self.hollow(&pieces.groups(&before))).ok().map(|()| next)
    }

    fn mend_line(&mut self, piece: Range<usize>, lines: Lines) {
        let groups = self.mend(piece.clone(), lines.rule(), true);
        for group in groups {
            let inner = self.pieces.lines_of(group, &piece, lines);
            self.block(group, inner);
        }
    }

    /// Edits the piece until it can be parsed. Gives the blocks in it that are still there.
    fn mend(&mut self, piece: Range<usize>, rule_: Rule, can_go: bool) -> Vec<Group> {
        let pieces = self.pieces;
        let bytes = pieces.bytes(&piece);
        let mut groups = pieces.groups(&piece);
        let mut key = None;
        if let Some((group, problem)) = habits::key_in_braces(pieces, &piece, &groups) {
            groups.retain(|it| it.open != group.open);
            key = Some(Edit { at: problem.at.clone(), text: GONE.into() });
            self.edits.extend(key.clone());
            self.problems.push(problem);
        }
        let hollow: Vec<Edit> = key.into_iter().chain(self.hollow(&groups)).collect();
        let before = self.edits.len();
        for group in groups.iter().filter(|group| !group.closed) {
            let end = pieces.bytes(&(group.open..group.end)).end;
            self.edits.push(Edit { at: end..end, text: "}".into() });
            self.problems.push(wording::never_closed(pieces, group.open, end));
        }
        let mut repairs: Vec<Edit> = Vec::new();
        let mut problems = Vec::new();
        let mut failure = match self.parse(bytes.clone(), rule_, &hollow) {
            Ok(()) => return groups,
            Err(failure) => failure,
        };
        if let Some(problem) = habits::foreign(pieces, &piece).filter(|_| can_go) {
            self.problems.push(problem);
            self.edits.truncate(before);
            self.edits.push(Edit { at: bytes, text: LOST.into() });
            return Vec::new();
        }
        self.mended += 1;
        let mut edits_made = 0;
        let short = self.mended <= MENDED_MAX && bytes.len() <= LINE_MAX;
        let mended = short
            && !failure.deep
            && !self.too_deep(&piece, &groups)
            && loop {
                edits_made += 1;
                if edits_made > EDITS_MAX {
                    break false;
                }
                let Some((candidate, after)) = self.best(&piece, rule_, &hollow, &repairs, &failure) else {
                    break false;
                };
                put(&mut repairs, candidate.edit);
                if problems.iter().all(|problem: &Diagnostic| problem.at != candidate.problem.at) {
                    problems.push(candidate.problem);
                }
                match after {
                    None => break true,
                    Some(after) => failure = after,
                }
            };
        if mended {
            self.problems.extend(problems);
            self.edits.extend(repairs.iter().cloned());
            let kept = |group: &Group| {
                let at = pieces.bytes(&(group.open..group.open + 1)).start;
                !repairs.iter().any(|edit| edit.at.start <= at && at < edit.at.end)
            };
            return groups.into_iter().filter(kept).collect();
        }
        // What was understood before the edits stopped helping is worth saying; else that it cannot be read.
        match problems.into_iter().next() {
            Some(problem) => self.problems.push(problem),
            None if failure.deep || self.too_deep(&piece, &groups) => self.problems.push(too_deep(bytes.clone())),
            None => {
                let (next, previous) = self.around(&piece, failure.at);
                self.problems.push(wording::unexpected(pieces, next, previous, &failure.wanted));
            }
        }
        self.edits.truncate(before);
        if can_go {
            self.edits.push(Edit { at: bytes, text: LOST.into() });
        }
        Vec::new()
    }

    /// Edits that empty the blocks, so that a line is parsed without what stands in them.
    fn hollow(&self, groups: &[Group]) -> Vec<Edit> {
        let empty = |group: &Group| {
            let inside = self.pieces.bytes(&self.pieces.inside(*group));
            let start = self.pieces.bytes(&(group.open..group.open + 1)).end;
            let end = inside.end.max(start);
            Edit { at: start..end, text: if group.closed { String::new() } else { "}".into() } }
        };
        groups.iter().map(empty).collect()
    }

    fn too_deep(&self, piece: &Range<usize>, groups: &[Group]) -> bool {
        let mut depth = 0usize;
        let mut groups = groups.iter().peekable();
        let mut at = piece.start;
        while at < piece.end {
            if let Some(group) = groups.next_if(|group| group.open <= at) {
                at = group.end.max(at + 1);
                continue;
            }
            match self.pieces.kind(at) {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth + self.pieces.tokens.get(at).map_or(0, |token| token.depth) > BRACKETS_MAX {
                return true;
            }
            at += 1;
        }
        false
    }

    fn parse(&self, bytes: Range<usize>, rule_: Rule, edits: &[Edit]) -> Result<(), Failure> {
        let patched = Patched::new(self.pieces.text, bytes, edits);
        match Grammar::parse(rule_, &patched.text) {
            Ok(_) => Ok(()),
            Err(error) => {
                let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
                let (patched, at) = (at, patched.start(at));
                Err(match error.variant {
                    ErrorVariant::ParsingError { positives, .. } => {
                        Failure { at, patched, wanted: positives, deep: false }
                    }
                    ErrorVariant::CustomError { .. } => Failure { at, patched, wanted: Vec::new(), deep: true },
                })
            }
        }
    }

    /// The word at the place, and the one before it.
    fn around(&self, piece: &Range<usize>, at: usize) -> (Option<usize>, Option<usize>) {
        let behind = |token: usize| self.pieces.tokens.get(token).is_some_and(|token| token.at.end > at);
        let next = (piece.start..piece.end).find(|token| behind(*token)).unwrap_or(piece.end);
        let next = self.pieces.next(next, piece.end);
        (next, self.pieces.previous(piece.start, next.unwrap_or(piece.end)))
    }

    /// The first edit behind which the parser goes on for a while, else the one behind which it goes furthest.
    fn best(
        &self,
        piece: &Range<usize>,
        rule_: Rule,
        hollow: &[Edit],
        repairs: &[Edit],
        failure: &Failure,
    ) -> Option<(Candidate, Option<Failure>)> {
        let bytes = self.pieces.bytes(piece);
        let mut best: Option<(usize, Candidate, Failure)> = None;
        for candidate in self.candidates(piece, failure) {
            let at = &candidate.edit.at;
            if at.start < bytes.start || at.end > bytes.end || repairs.iter().any(|edit| overlap(&edit.at, at)) {
                continue;
            }
            let mut edits = repairs.to_vec();
            put(&mut edits, candidate.edit.clone());
            edits.extend(hollow.iter().filter(|edit| !(at.start <= edit.at.start && edit.at.end < at.end)).cloned());
            edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
            let Err(after) = self.parse(bytes.clone(), rule_, &edits) else { return Some((candidate, None)) };
            let from = failure.at.max(candidate.edit.at.end);
            let gain = self.pieces.tokens.get(piece.clone()).unwrap_or_default().iter();
            let gain =
                gain.filter(|token| token.counts() && token.at.start >= from && token.at.end <= after.at).count();
            // What was put in is read, and more is missing in the same place.
            let nothing_left =
                candidate.edit.at.is_empty() && after.patched >= failure.patched + candidate.edit.text.len();
            let gain = 2 * gain + usize::from(nothing_left);
            if gain >= 2 * BELIEVED {
                return Some((candidate, Some(after)));
            }
            if gain > best.as_ref().map_or(0, |(gain, ..)| *gain) {
                best = Some((gain, candidate, after));
            }
        }
        best.map(|(_, candidate, after)| (candidate, Some(after)))
    }

    /// Edits that may help, the smallest first.
    fn candidates(&self, piece: &Range<usize>, failure: &Failure) -> Vec<Candidate> {
        let pieces = self.pieces;
        let (next, previous) = self.around(piece, failure.at);
        let end_of = |at: usize| pieces.bytes(&(at..at + 1)).end;
        let start_of = |at: usize| pieces.bytes(&(at..at + 1)).start;
        let here = previous.map_or(start_of(piece.start), end_of);
        let mut found = Vec::new();
        let mut add = |at: Range<usize>, text: &str, problem: Diagnostic| {
            found.push(Candidate { edit: Edit { at, text: text.into() }, problem });
        };

        // A text that is not closed.
        for at in [next, previous].into_iter().flatten() {
            let Some(token) = pieces.tokens.get(at).filter(|token| token.open) else { continue };
            let problem = wording::text_never_closed(pieces, at);
            let closers = match token.kind {
                Kind::Text => quoted(token.text(pieces.text)).1,
                Kind::Raw => "'".into(),
                _ => "'''".into(),
            };
            add(token.at.end..token.at.end, &closers, problem.clone());
            add(token.at.end..token.at.end, &format!("{GONE}{closers}"), problem);
        }

        // An escape that does not exist, or a hole where none can be.
        if next.is_some_and(|at| pieces.kind(at) == Kind::Text && start_of(at) < failure.at) {
            add(failure.at..failure.at, "\\", wording::wrong_escape(pieces, failure.at));
        }

        // A mark in the spelling of another language.
        if let Some(at) = next {
            let token = pieces.bytes(&(at..at + 1));
            let double = pieces.word(at) == pieces.word(at + 1);
            let both = token.start..token.end + 1;
            let others: &[(&str, Range<usize>)] = match pieces.word(at) {
                "=" => &[(":", token.clone()), ("=>", token.clone()), ("==", token.clone())],
                ":" => &[("=", token.clone()), ("=>", token.clone())],
                "&" if double => &[(" and ", both)],
                "|" if double => &[(" or ", both)],
                "!" => &[(" not ", token)],
                "->" => &[("=>", token)],
                "=>" => &[(":", token.clone()), ("->", token)],
                "==" => &[("=", token.clone()), (":", token)],
                _ => &[],
            };
            for (text, at) in others {
                add(at.clone(), text, wording::other_mark(pieces, at.clone(), text.trim()));
            }
            if pieces.kind(at) == Kind::Word
                && let Some(near) = wording::near_keyword(pieces.word(at))
            {
                let token = pieces.bytes(&(at..at + 1));
                add(token.clone(), near, wording::misspelt(token, pieces.word(at), near));
            }
            let glue = |at: usize| matches!(pieces.word(at).chars().next(), Some('#' | '(' | '[' | '.' | '-'));
            if glue(at) || previous.is_some_and(|previous| matches!(pieces.word(previous), "-" | "." | "#")) {
                add(here..start_of(at), "", wording::no_blank(here..start_of(at), pieces.word(at)));
            }
            if glue(at) {
                add(end_of(at)..end_of(at), GONE, wording::missing(pieces, piece, None, Some(at), &failure.wanted));
            }
        }

        add(here..here, GONE, wording::missing(pieces, piece, next, previous, &failure.wanted));

        if next.is_some() {
            for mark in [":", "=>", "->", ","] {
                add(here..here, mark, wording::no_mark(pieces, next, previous, mark));
            }
        }

        // A bracket that is not closed.
        if let Some(open) = (piece.start..next.unwrap_or(piece.end)).rev().find(|at| pieces.is_open(*at)) {
            let closer = if pieces.word(open) == "(" { ")" } else { "]" };
            for text in [closer.to_owned(), format!("{GONE}{closer}")] {
                add(here..here, &text, wording::never_closed(pieces, open, here));
            }
        }

        // What a line or a head needs at its end.
        let ends = next.is_none_or(|next| matches!(pieces.word(next), "{" | "}" | "=" | "->" | "," | "because" | "=>"));
        if ends {
            let head = (piece.start..piece.end).find(|at| pieces.kind(*at) == Kind::Word);
            let map = head.is_some_and(|head| matches!(pieces.word(head), "map" | "convert" | "extern"));
            let (first, second) = if map { (MAP_ENDINGS, ENDINGS) } else { (ENDINGS, MAP_ENDINGS) };
            for text in first.iter().chain(second) {
                add(here..here, text, wording::missing(pieces, piece, next, previous, &failure.wanted));
            }
        }

        // Something that does not belong there: one word, or all up to where the grammar may find itself again.
        if let Some(at) = next {
            let problem = wording::unexpected(pieces, next, previous, &failure.wanted);
            let start = start_of(at).max(here);
            let mut ends = vec![end_of(pieces.past(at, piece.end) - 1)];
            let mut behind = pieces.past(at, piece.end);
            while let Some(token) = pieces.next(behind, piece.end).filter(|_| ends.len() < 6) {
                let stops = match pieces.kind(token) {
                    Kind::Comma | Kind::Close => true,
                    Kind::Open => pieces.word(token) == "{",
                    Kind::Word => matches!(pieces.word(token), "else" | "when" | "because" | "with" | "via"),
                    Kind::Mark => pieces.word(token) == "=>",
                    _ => false,
                };
                if stops {
                    ends.push(previous_end(pieces, at, token));
                }
                behind = pieces.past(token, piece.end);
            }
            ends.push(end_of(piece.end - 1));
            ends.dedup();
            for end in ends {
                for text in ["", GONE] {
                    let problem = Diagnostic { at: start..end, ..problem.clone() };
                    add(start..end, text, problem);
                }
            }
        }

        // Nothing of the value can be read.
        if let Some(colon) = pieces.target_ends(piece.start, piece.end) {
            let problem = wording::unexpected(pieces, next, previous, &failure.wanted);
            add(end_of(colon)..end_of(piece.end - 1), GONE, problem);
        }
        found
    }
}

fn previous_end(pieces: &Pieces<'_>, from: usize, token: usize) -> usize {
    let last = pieces.previous(from, token).unwrap_or(from);
    pieces.bytes(&(last..last + 1)).end
}

/// Whether one of two edits would undo the other.
fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// What is put in where something was put in before stands behind it.
fn put(edits: &mut Vec<Edit>, edit: Edit) {
    match edits.iter_mut().find(|before| before.at.is_empty() && before.at == edit.at) {
        Some(before) => before.text.push_str(&edit.text),
        None => edits.push(edit),
    }
}
