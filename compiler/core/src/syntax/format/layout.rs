//! Where lines end, and how far in they begin.

use super::align;
use super::piece::{Entry, Pieces, has_lines};
use super::space::glued;
use crate::syntax::grammar::Rule;
use crate::syntax::scan::Kind;
use std::collections::{HashMap, HashSet};

/// A line is no longer than this if its blocks can be spread over several.
const WIDTH: usize = 120;

const STEP: usize = 4;

/// A value that begins further in than this goes on four blanks in.
const FAR: usize = 44;

/// How often the first block of a line is spread to see whether that is enough.
const TURNS_MAX: usize = 4;

/// A comment behind a longer line stands alone.
const COMMENT_FAR: usize = 100;

pub fn print(pieces: &Pieces, line_end: &str) -> String {
    let mut layout = Layout::new(pieces);
    let mut turns = 0;
    loop {
        let lines = layout.lines();
        // Each turn costs as much as the file is long, so a line of very many blocks is spread at once.
        let spread = layout.too_long(&lines, turns >= TURNS_MAX);
        if spread.is_empty() {
            return finish(lines, line_end);
        }
        layout.spread.extend(spread);
        turns += 1;
    }
}

pub struct Layout<'a> {
    pub pieces: &'a Pieces,
    /// Braces whose lines have lines of their own.
    spread: HashSet<usize>,
    /// The lines of blocks, by their first piece.
    firsts: HashMap<usize, &'a Entry>,
    /// For each piece the next that is no comment, itself included.
    solid: Vec<usize>,
}

#[derive(Default)]
struct Line {
    text: String,
    comment: Option<String>,
    /// The braces that stand on it whole, outermost first.
    groups: Vec<usize>,
}

/// A bracket that is open, or the file.
struct Frame {
    /// Where its lines begin.
    inside: usize,
    /// Where the bracket that closes it stands, if that begins a line.
    base: usize,
    /// Has lines, as the file has.
    lines: bool,
    entry: Option<Line_>,
}

/// The line of a block that is being written.
struct Line_ {
    indent: usize,
    /// Where its value begins, if what goes on below stands there.
    value: Option<usize>,
    value_starts: Option<usize>,
}

impl<'a> Layout<'a> {
    fn new(pieces: &'a Pieces) -> Layout<'a> {
        let firsts = pieces.entries.iter().map(|entry| (entry.first, entry)).collect();
        let mut layout = Layout { pieces, spread: HashSet::new(), firsts, solid: Vec::new() };
        let mut next = pieces.all.len();
        for at in (0..pieces.all.len()).rev() {
            next = if layout.is_comment(at) { next } else { at };
            layout.solid.push(next);
        }
        layout.solid.reverse();
        // Counted once for all braces: how many lines end, and how many comments stand, up to each piece.
        let mut breaks = 0;
        let counts: Vec<usize> = pieces
            .all
            .iter()
            .map(|piece| {
                let own = piece.lines + usize::from(piece.text.contains('\n') || piece.kind == Kind::Comment);
                breaks += own;
                breaks
            })
            .collect();
        let braces = pieces.all.iter().enumerate().filter(|(at, _)| layout.has_lines(*at));
        let spread = braces.filter(|(at, piece)| {
            let close = piece.partner.filter(|close| *close > at + 1);
            close.is_some_and(|close| counts.get(close) > counts.get(*at))
        });
        let spread = spread.map(|(at, _)| at).collect();
        layout.spread = spread;
        layout
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.pieces.all.get(at).map(|piece| piece.kind)
    }

    pub fn within(&self, at: usize) -> Option<Rule> {
        self.pieces.all.get(at).and_then(|piece| piece.within)
    }

    fn text(&self, at: usize) -> &'a str {
        self.pieces.all.get(at).map_or("", |piece| piece.text.as_str())
    }

    pub fn is_comment(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Comment | Kind::Doc))
    }

    fn solid(&self, at: usize) -> Option<usize> {
        self.solid.get(at).copied().filter(|next| *next < self.pieces.all.len())
    }

    /// Opens braces with lines in them.
    fn has_lines(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Open)
            && self.text(at) == "{"
            && self.within(at).is_some_and(|within| has_lines(within) || within == Rule::open)
    }

    pub fn is_spread(&self, at: usize) -> bool {
        self.spread.contains(&at)
    }

    /// Closes braces that are spread.
    fn closes_spread(&self, at: usize) -> bool {
        let opener = self.pieces.all.get(at).filter(|piece| piece.kind == Kind::Close).and_then(|piece| piece.partner);
        opener.is_some_and(|opener| self.is_spread(opener))
    }

    /// A comma that says nothing: before a bracket that closes, or where a line ends.
    fn is_left_out(&self, at: usize) -> bool {
        if self.kind(at) != Some(Kind::Comma) {
            return false;
        }
        let closes = self.kind(at + 1) == Some(Kind::Close);
        let separates = self.within(at).is_some_and(has_lines);
        closes || separates && (self.firsts_behind(at) && self.spreads_around(at))
    }

    /// A line begins behind it, but for comments.
    fn firsts_behind(&self, at: usize) -> bool {
        self.solid(at + 1).is_none_or(|next| self.firsts.contains_key(&next) || self.kind(next) == Some(Kind::Close))
    }

    fn spreads_around(&self, at: usize) -> bool {
        self.solid(at + 1).is_some_and(|next| match self.firsts.get(&next) {
            Some(entry) => entry.group.is_some_and(|group| self.is_spread(group)),
            None => self.closes_spread(next),
        })
    }

    pub fn breaks_before(&self, at: usize) -> bool {
        let Some(piece) = self.pieces.all.get(at) else { return true };
        let Some(before) = (0..at).rev().find(|before| !self.is_left_out(*before)) else { return true };
        if piece.kind == Kind::Close && piece.partner == Some(before) {
            return false;
        }
        if piece.kind == Kind::Comment {
            // One that stood behind a comma which is gone stands behind what is left.
            return piece.lines > 0 || self.is_comment(before);
        }
        let starts = self.firsts.get(&at).is_some_and(|entry| entry.group.is_none_or(|group| self.is_spread(group)));
        let verbatim = |at: usize| self.pieces.all.get(at).is_some_and(|piece| piece.verbatim);
        let moved = (before + 1..at).any(|left_out| self.pieces.all.get(left_out).is_some_and(|comma| comma.lines > 0));
        piece.lines > 0
            || moved
            || starts
            || piece.kind == Kind::Doc
            || self.is_comment(before)
            || self.closes_spread(at)
            || self.is_spread(before)
            || verbatim(at)
            || verbatim(before)
    }

    /// How wide these pieces are on one line, without the blank behind them.
    pub fn width(&self, from: usize, to: usize) -> usize {
        let mut width = 0;
        for at in from..to {
            let text = self.text(at);
            let blank = at > from && self.blank_before(at);
            width += usize::from(blank) + text.rsplit('\n').next().unwrap_or(text).chars().count();
        }
        width
    }

    fn blank_before(&self, at: usize) -> bool {
        let before = (0..at).rev().find(|before| !self.is_left_out(*before));
        match (before.and_then(|before| self.pieces.all.get(before)), self.pieces.all.get(at)) {
            (Some(before), Some(after)) => !glued(before, after),
            _ => false,
        }
    }

    /// The first piece behind `from` that a blank separates from it, brackets skipped.
    pub fn next_word(&self, from: usize, last: usize) -> Option<usize> {
        let mut at = from;
        while at < last {
            let close =
                self.pieces.all.get(at).filter(|piece| piece.kind == Kind::Open).and_then(|piece| piece.partner);
            at = close.unwrap_or(at) + 1;
            if at <= last && self.blank_before(at) {
                return Some(at);
            }
        }
        None
    }

    fn lines(&self) -> Vec<Line> {
        let cells = align::cells(self);
        let mut writer = Writer {
            layout: self,
            cells,
            lines: Vec::new(),
            line: Line::default(),
            indent: 0,
            frames: vec![Frame { inside: 0, base: 0, lines: true, entry: None }],
        };
        for at in 0..self.pieces.all.len() {
            if !self.is_left_out(at) {
                writer.piece(at);
            }
        }
        writer.lines.push(writer.line);
        writer.lines
    }

    /// The outermost braces of each line that is too long: the first, or all of them.
    fn too_long(&self, lines: &[Line], all: bool) -> Vec<usize> {
        let long = lines.iter().filter(|line| width(&line.text) > WIDTH);
        long.flat_map(|line| line.groups.iter().take(if all { usize::MAX } else { 1 }).copied()).collect()
    }
}

struct Writer<'a, 'b> {
    layout: &'b Layout<'a>,
    cells: HashMap<usize, usize>,
    lines: Vec<Line>,
    line: Line,
    /// How far in the line begins.
    indent: usize,
    frames: Vec<Frame>,
}

impl Writer<'_, '_> {
    fn piece(&mut self, at: usize) {
        let layout = self.layout;
        let Some(piece) = layout.pieces.all.get(at) else { return };
        let breaks = layout.breaks_before(at);
        if piece.kind == Kind::Comment && !breaks {
            self.line.comment = Some(piece.text.trim_end().to_owned());
            return;
        }
        let closes = piece.kind == Kind::Close && piece.partner.is_some();
        let closed = if closes && self.frames.len() > 1 { self.frames.pop() } else { None };
        // What goes on behind lines of their own does not stand where they began.
        if let (Some(frame), Some(around)) = (&closed, self.frames.last_mut())
            && let Some(entry) =
                around.entry.as_mut().filter(|entry| layout.closes_spread(at) && entry.indent == frame.base)
        {
            entry.value = None;
        }
        if breaks {
            let indent = match &closed {
                Some(frame) => frame.base,
                None => self.begins(at),
            };
            self.break_line(at, indent);
        } else if let Some(column) = self.cells.get(&at) {
            let start = self.frames.last().and_then(|frame| frame.entry.as_ref()).map_or(0, |entry| entry.indent);
            let missing = (start + column).saturating_sub(width(&self.line.text)).max(1);
            self.line.text.push_str(&" ".repeat(missing));
        } else if layout.blank_before(at) {
            self.line.text.push(' ');
        }
        self.enter(at);
        self.line.text.push_str(if piece.kind == Kind::Doc { piece.text.trim_end() } else { &piece.text });
        if piece.kind == Kind::Open && piece.partner.is_some() {
            self.open(at);
        }
    }

    fn break_line(&mut self, at: usize, indent: usize) {
        let layout = self.layout;
        if at > 0 {
            self.lines.push(std::mem::take(&mut self.line));
        }
        let before = (0..at).rev().find(|before| !layout.is_left_out(*before));
        let blank = layout.pieces.all.get(at).is_some_and(|piece| piece.lines > 1);
        let opened = before.is_some_and(|before| layout.kind(before) == Some(Kind::Open));
        if blank && before.is_some() && !opened && layout.kind(at) != Some(Kind::Close) {
            self.lines.push(Line::default());
        }
        self.indent = indent;
        if layout.pieces.all.get(at).is_none_or(|piece| !piece.verbatim) {
            self.line.text = " ".repeat(indent);
        }
    }

    /// How far in a line begins that starts with this piece.
    fn begins(&self, at: usize) -> usize {
        let layout = self.layout;
        let Some(frame) = self.frames.last() else { return 0 };
        if !frame.lines {
            return frame.inside;
        }
        let own = layout.solid(at).is_none_or(|next| {
            layout.firsts.contains_key(&next)
                || layout.kind(next) == Some(Kind::Close)
                || layout.pieces.all.get(next).is_some_and(|piece| piece.verbatim)
        });
        match &frame.entry {
            Some(entry) if !own && layout.kind(at) != Some(Kind::Doc) => {
                if entry.value_starts == Some(at) {
                    return entry.indent + self.cells.get(&at).copied().unwrap_or(STEP).max(STEP);
                }
                let goes_on = entry.value.unwrap_or(entry.indent + STEP);
                let body = at.checked_sub(1).is_some_and(|before| layout.within(before) == Some(Rule::yields));
                if body && entry.value.is_some() { goes_on + STEP } else { goes_on }
            }
            _ => frame.inside,
        }
    }

    /// Notes where an entry, and its value, begins.
    fn enter(&mut self, at: usize) {
        let layout = self.layout;
        let column = width(&self.line.text);
        let indent = self.indent;
        let Some(frame) = self.frames.last_mut().filter(|frame| frame.lines) else { return };
        if let Some(entry) = layout.firsts.get(&at) {
            let mark = (entry.first..=entry.last).find(|at| match entry.of {
                Rule::rule => layout.within(*at) == Some(Rule::assign),
                Rule::arm => layout.within(*at) == Some(Rule::yields),
                Rule::column | Rule::told => layout.within(*at) == Some(Rule::colon),
                _ => false,
            });
            frame.entry = Some(Line_ { indent, value: None, value_starts: mark.map(|mark| mark + 1) });
        } else if let Some(entry) = frame.entry.as_mut().filter(|entry| entry.value_starts == Some(at)) {
            entry.value = Some(column).filter(|column| *column <= entry.indent + FAR);
        }
    }

    fn open(&mut self, at: usize) {
        let layout = self.layout;
        let column = width(&self.line.text);
        let entry = self.frames.last().filter(|frame| frame.lines).and_then(|frame| frame.entry.as_ref());
        let of_declaration = matches!(
            layout.pieces.all.get(at).and_then(|piece| piece.owner),
            Some(
                Rule::map
                    | Rule::convert
                    | Rule::codes
                    | Rule::extend
                    | Rule::table
                    | Rule::profile
                    | Rule::segment
                    | Rule::structure
                    | Rule::feed
                    | Rule::target_to
                    | Rule::route
                    | Rule::alarm
                    | Rule::test
                    | Rule::connector
                    | Rule::declaration
            )
        );
        if layout.has_lines(at) {
            let base = entry.filter(|_| of_declaration).map_or(self.indent, |entry| entry.indent);
            if !layout.is_spread(at) {
                self.line.groups.push(at);
            }
            return self.frames.push(Frame { inside: base + STEP, base, lines: true, entry: None });
        }
        let base = entry.and_then(|entry| entry.value.filter(|_| entry.indent == self.indent)).unwrap_or(self.indent);
        let imports = layout.within(at) == Some(Rule::imports);
        let inside = if layout.breaks_before(at + 1) || imports { base + STEP } else { column };
        self.frames.push(Frame { inside, base, lines: false, entry: None });
    }
}

fn width(line: &str) -> usize {
    line.rsplit('\n').next().unwrap_or(line).chars().count()
}

/// Comments behind neighbouring lines stand below each other.
fn finish(lines: Vec<Line>, line_end: &str) -> String {
    let mut text = String::new();
    let mut lines = lines.into_iter().peekable();
    while let Some(first) = lines.next() {
        let mut run = vec![first];
        while run.last().is_some_and(|line| line.comment.is_some())
            && lines.peek().is_some_and(|line| line.comment.is_some())
        {
            run.extend(lines.next());
        }
        let widths = run.iter().map(|line| width(&line.text));
        let column = widths.filter(|width| *width <= COMMENT_FAR).max().unwrap_or(0) + 2;
        for line in run {
            text.push_str(line.text.trim_end_matches(' '));
            if let Some(comment) = line.comment {
                let missing = column.saturating_sub(width(&line.text)).max(2);
                text.push_str(&" ".repeat(missing));
                text.push_str(&comment);
            }
            text.push_str(line_end);
        }
    }
    if text.trim().is_empty() { String::new() } else { text }
}
