//! What is said of text that cannot be read, in words that an analyst knows.

use super::grammar::Rule;
use super::pieces::Pieces;
use super::scan::Kind;
use crate::diagnostic::{Code, Diagnostic};
use std::ops::Range;

/// Nothing that begins an item.
pub fn no_declaration(at: Range<usize>, found: &str) -> Diagnostic {
    let message = match found {
        "" => "expected a declaration".to_owned(),
        _ => format!("expected a declaration, found `{found}`"),
    };
    let problem = Diagnostic::new(Code::Unreadable, at.clone(), message);
    let near = super::items::KEYWORDS.iter().max_by(|a, b| {
        let near = |word: &str| strsim::jaro_winkler(word, found);
        near(a).total_cmp(&near(b))
    });
    match near.filter(|near| strsim::damerau_levenshtein(near, found) <= 2 && found.len() > 2) {
        Some(near) => problem.help(format!("did you mean `{near}`?")).fix(at, *near),
        None => problem.help("a declaration begins with a word such as `map`, `codes`, `profile` or `test`"),
    }
}

/// A doc comment and nothing below it, or nothing at all.
pub fn nothing_declared(at: Range<usize>) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, at, "expected a declaration below this comment")
        .help("a comment of nothing begins with `//`")
}

pub fn wrong_escape(pieces: &Pieces<'_>, at: usize) -> Diagnostic {
    if pieces.text.get(at..).is_some_and(|rest| rest.starts_with('{')) {
        return Diagnostic::new(Code::Unreadable, at..at + 1, "this text can have no `{…}` in it")
            .help("no value may reach a log or a code; write `\\{` for the character itself")
            .fix(at..at, "\\");
    }
    let end = pieces.text.get(at..).unwrap_or_default().char_indices().nth(2).map_or(at + 1, |(next, _)| at + next);
    Diagnostic::new(Code::Unreadable, at..end, "there is no such escape")
        .help("there are `\\\"`, `\\\\`, `\\{`, `\\n`, `\\t` and `\\u{…}`; patterns stand in single quotes")
        .fix(at..at, "\\")
}

pub fn no_blank(at: Range<usize>, next: &str) -> Diagnostic {
    let next = next.chars().next().map(String::from).unwrap_or_default();
    let problem = Diagnostic::new(Code::Unreadable, at.clone(), format!("no blank can stand before `{next}` here"));
    problem.help("a path, a call and a code are written without blanks").fix(at, "")
}

/// The word of the language that was meant, if one is near.
pub fn near_keyword(found: &str) -> Option<&'static str> {
    const WORDS: &[&str] = &[
        "absent", "accept", "because", "before", "contain", "each", "else", "emit", "expect", "given", "ignore",
        "ignoring", "input", "issues", "keep", "keyed", "length", "match", "matches", "patch", "present", "reject",
        "rejected", "require", "skip", "through", "version", "warn", "when", "where", "with", "writes",
    ];
    let distance = |word: &&str| strsim::damerau_levenshtein(word, found);
    let near = WORDS.iter().copied().min_by_key(distance)?;
    let allowed = if near.len() > 5 { 2 } else { 1 };
    (found.len() > 2 && (1..=allowed).contains(&distance(&near))).then_some(near)
}

pub fn misspelt(at: Range<usize>, found: &str, near: &str) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, at.clone(), format!("`{found}` is no word of the language here"))
        .help(format!("did you mean `{near}`?"))
        .fix(at, near)
}

/// A mark is missing behind `previous`.
pub fn no_mark(pieces: &Pieces<'_>, next: Option<usize>, previous: Option<usize>, mark: &str) -> Diagnostic {
    let behind = previous.map_or_else(String::new, |at| format!(" behind {}", named(pieces, at)));
    let end = previous.map_or(0, |at| pieces.bytes(&(at..at + 1)).end);
    let at = next.map_or(end..end, |next| pieces.bytes(&(next..next + 1)));
    let message = match (mark, next) {
        (",", Some(next)) => format!("expected a comma, found {}", named(pieces, next)),
        _ => format!("expected `{mark}`{behind}"),
    };
    let text = if matches!(mark, "=>" | "->") { format!(" {mark}") } else { mark.to_owned() };
    Diagnostic::new(Code::Unreadable, at, message).fix(end..end, text)
}

pub fn never_closed(pieces: &Pieces<'_>, open: usize, end: usize) -> Diagnostic {
    let (bracket, closer) = match pieces.word(open) {
        "(" | "," => ("(", ")"),
        "[" => ("[", "]"),
        _ => ("{", "}"),
    };
    Diagnostic::new(Code::Unreadable, pieces.bytes(&(open..open + 1)), format!("`{bracket}` is never closed"))
        .label(end..end, format!("expected `{closer}` here at the latest"))
        .help(format!("add `{closer}`"))
}

pub fn text_never_closed(pieces: &Pieces<'_>, at: usize) -> Diagnostic {
    let quote = match pieces.kind(at) {
        Kind::Text => "\"",
        Kind::Raw => "'",
        _ => "'''",
    };
    let problem = Diagnostic::new(Code::Unreadable, pieces.bytes(&(at..at + 1)), "this text is never closed");
    match quote {
        "'''" => problem.help("close it with `'''`"),
        _ => problem.help(format!("close it with `{quote}` on the same line")),
    }
}

pub fn no_comma(pieces: &Pieces<'_>, next: usize, behind: usize) -> Diagnostic {
    let found = pieces.word(next);
    let at = pieces.bytes(&(next..next + 1));
    Diagnostic::new(Code::Unreadable, at, format!("expected a comma or a line end, found `{found}`"))
        .help("each rule has its own line, or a comma before it")
        .fix(behind..behind, ",")
}

pub fn other_mark(pieces: &Pieces<'_>, at: Range<usize>, right: &str) -> Diagnostic {
    let found = pieces.text.get(at.clone()).unwrap_or_default();
    let spaced = if right.chars().all(char::is_alphabetic) { format!("{right} ") } else { right.to_owned() };
    let spaced = if found.len() > 1 { right.to_owned() } else { spaced };
    Diagnostic::new(Code::Unreadable, at.clone(), format!("expected `{right}`, found `{found}`"))
        .help(format!("write `{right}`"))
        .fix(at, spaced)
}

/// Something is missing before `next`, behind `previous`.
pub fn missing(
    pieces: &Pieces<'_>,
    piece: &Range<usize>,
    next: Option<usize>,
    previous: Option<usize>,
    wanted: &[Rule],
) -> Diagnostic {
    let previous_word = previous.map_or("", |at| pieces.word(at));
    let glued = previous.filter(|at| matches!(pieces.kind(*at), Kind::Mark | Kind::Code | Kind::Open));
    let in_path = |at: usize| match pieces.kind(at) {
        Kind::Mark => matches!(pieces.word(at), "-" | "."),
        kind => matches!(kind, Kind::Word | Kind::Number | Kind::Close),
    };
    let path = || {
        let mut start = previous.unwrap_or(piece.start);
        while start > piece.start && in_path(start - 1) {
            start -= 1;
        }
        pieces.bytes(&(start..previous.unwrap_or(start) + 1))
    };
    let half = |what: &str| {
        let at = path();
        let written = pieces.text.get(at.clone()).unwrap_or_default().to_owned();
        Diagnostic::new(Code::HalfTyped, at, format!("expected {what} behind `{written}`"))
    };
    let before_blank =
        glued.is_some_and(|at| at > piece.start && !matches!(pieces.kind(at - 1), Kind::Blank | Kind::Line));
    match previous_word {
        "-" if before_blank => return half("the number of a field"),
        "." => return half("a number or a name"),
        "#" => return half("a code"),
        "[" => return half("a number, a condition or a name in the brackets"),
        _ => {}
    }
    let what = match previous_word {
        "via" => "the name of a code table",
        "as" | "->" if wanted.iter().any(|kind| matches!(kind, Rule::r#type | Rule::type_name)) => "a type",
        "ignore" => "what is ignored",
        "with" => "a block `{ … }`",
        "is" => "`present`, `absent`, `null` or a type",
        "because" | "reject" => "a text in quotes",
        "input" => "a file in quotes or a message between `'''`",
        "map" | "convert" | "codes" | "profile" | "segment" | "let" | "feed" | "target" | "route" | "table"
        | "alarm" | "structure" | "connector" | "fn" => "a name",
        "test" => "what is tested, in quotes",
        "from" | "to" => "a code system",
        "use" => "a module",
        "given" => "the name of a table",
        ":" | "+:" | "=" | "=>" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "*" | "/" | "-" | "(" | ","
        | "else" | "when" | "and" | "or" | "not" | "in" | "where" | "first" | "last" | "only" | "emit" | "refer"
        | "patch" | "contain" | "each" | "by" | "require" | "expect" => "a value",
        _ => expected(wanted),
    };
    let same_line = |next: &usize| !(previous.unwrap_or(piece.start)..*next).any(|at| pieces.kind(at) == Kind::Line);
    let found = next.filter(same_line);
    let at = found.or(previous).unwrap_or(piece.start);
    let at = pieces.bytes(&(at..at + 1));
    let message = match found {
        Some(next) => format!("expected {what}, found {}", named(pieces, next)),
        None => match previous {
            Some(previous) => format!("expected {what} behind {}", named(pieces, previous)),
            None => format!("expected {what}"),
        },
    };
    let problem = Diagnostic::new(Code::HalfTyped, at, message);
    match what {
        "`because`" => problem.help("what is left out has a reason: `because \"…\"`"),
        "`else`" => problem.help("say what happens where it does not hold: `else reject \"…\"`"),
        _ => problem,
    }
}

/// What stands there belongs elsewhere, or nowhere.
pub fn unexpected(pieces: &Pieces<'_>, next: Option<usize>, previous: Option<usize>, wanted: &[Rule]) -> Diagnostic {
    let Some(next) = next else {
        let at = previous.map_or(0..0, |previous| pieces.bytes(&(previous..previous + 1)));
        let behind = previous.map_or_else(String::new, |previous| format!(" behind {}", named(pieces, previous)));
        return Diagnostic::new(Code::Unreadable, at, format!("expected {}{behind}", expected(wanted)));
    };
    let at = pieces.bytes(&(next..next + 1));
    let found = named(pieces, next);
    match pieces.word(next) {
        closer @ (")" | "]" | "}") if !wanted.iter().any(|kind| is_value(*kind)) => {
            Diagnostic::new(Code::Unreadable, at, format!("`{closer}` closes nothing"))
        }
        "." if pieces.word(next + 1) == "*" => {
            let both = pieces.bytes(&(next..next + 2));
            Diagnostic::new(Code::Unreadable, both, "there is no `*`: what is brought in is named")
                .help("as in `use std.codes.{AdministrativeSex, EncounterClass}`")
        }
        _ if pieces.kind(next) == Kind::Doc => {
            let first = at.start..at.start + 1;
            Diagnostic::new(Code::Unreadable, at, format!("expected {}, found {found}", expected(wanted)))
                .help("a comment of nothing begins with `//`; that of a declaration stands above it")
                .fix(first, "")
        }
        _ => Diagnostic::new(Code::Unreadable, at, format!("expected {}, found {found}", expected(wanted))),
    }
}

/// Texts may be long, and some are messages: they are not repeated.
fn named(pieces: &Pieces<'_>, at: usize) -> String {
    match (pieces.kind(at), pieces.word(at)) {
        (Kind::Raw, _) => "a text in single quotes".into(),
        (Kind::Text | Kind::RawLines, _) => "a text".into(),
        (Kind::Doc, _) => "a doc comment".into(),
        (_, word) if word.chars().count() > 30 => format!("`{}…`", word.chars().take(30).collect::<String>()),
        (_, word) => format!("`{}`", word.escape_debug()),
    }
}

fn is_value(kind: Rule) -> bool {
    use Rule::{call, each, expr, here, list, number, path, source, string, value};
    matches!(kind, call | each | expr | here | list | number | path | source | string | value)
}

fn expected(wanted: &[Rule]) -> &'static str {
    let has = |kind: Rule| wanted.contains(&kind);
    let first = [
        (wanted.iter().any(|kind| is_value(*kind)), "a value"),
        (has(Rule::k_map) || has(Rule::declaration), "a declaration"),
        (has(Rule::rule) || has(Rule::target), "a rule or a statement"),
        (has(Rule::segment_line), "the number of a field"),
        (has(Rule::profile_line), "a path such as `PID-3`"),
        (has(Rule::arm), "a code or `else`"),
        (has(Rule::input) || has(Rule::expect), "`input`, `given`, `through`, `expect` or `let`"),
        (has(Rule::member), "a segment"),
        (has(Rule::equals), "`=`"),
        (has(Rule::arrow), "`->`"),
        (has(Rule::yields) && !has(Rule::block), "`=>`"),
        (has(Rule::params), "what goes in, in round brackets"),
        (has(Rule::assign), "`:`"),
        (has(Rule::r#type) || has(Rule::type_name), "a type"),
        (has(Rule::k_because) && wanted.len() < 12 && !has(Rule::EOI), "`because`"),
        (has(Rule::k_else) && !has(Rule::EOI) && !has(Rule::arm), "`else`"),
        (has(Rule::block) || has(Rule::arms) || has(Rule::open), "a block `{ … }`"),
        (has(Rule::text) && !has(Rule::EOI), "a text in quotes"),
        (has(Rule::EOI), "the end of the line"),
        (has(Rule::int), "a number"),
        (has(Rule::name) || has(Rule::word) || has(Rule::module), "a name"),
        (has(Rule::k_of), "`of`"),
    ];
    first.into_iter().find_map(|(holds, words)| holds.then_some(words)).unwrap_or("something else")
}
