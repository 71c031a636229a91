//! Spells paths and expressions as an analyst writes them, for the sentences of a report.

use super::walk::Found;
use crate::json::Json;
use crate::syntax::tree::{Argument, Binary, Expr, ExprKind, Is, Part, PartKind, Path, Prefix, TextPart};

/// Values beyond this many characters are cut: a report is read line by line.
const SHOWN_MAX: usize = 120;

pub fn path(path: &Path) -> String {
    let root = path.root.as_ref().map_or("", |word| word.text.as_str());
    let spelled = format!("{root}{}", parts(&path.parts));
    if spelled.is_empty() { ".".to_owned() } else { spelled }
}

fn parts(parts: &[Part]) -> String {
    parts.iter().map(part).collect()
}

fn part(part: &Part) -> String {
    match &part.kind {
        PartKind::Field(number) => format!("-{number}"),
        PartKind::Component(number) => format!(".{number}"),
        PartKind::Child(name) => format!(".{name}"),
        PartKind::Index(index) => format!("[{index}]"),
        PartKind::Range(from, Some(to)) => format!("[{from}..{to}]"),
        PartKind::Range(from, None) => format!("[{from}..*]"),
        PartKind::Place(place) => format!("[place {place}]"),
        PartKind::After(segment) => format!("[after {segment}]"),
        PartKind::Url(url) => format!("[\"{url}\"]"),
        PartKind::Slice(name) => format!("[{name}]"),
        PartKind::Filter(condition) => format!("[{}]", expr(condition)),
        PartKind::Unfinished => String::new(),
    }
}

pub fn expr(expr: &Expr) -> String {
    let of = self::expr;
    match &*expr.kind {
        ExprKind::Text(pieces) => {
            let piece = |piece: &TextPart| match piece {
                TextPart::Plain(text) => text.to_string(),
                TextPart::Hole(hole) => format!("{{{}}}", of(hole)),
            };
            format!("\"{}\"", pieces.iter().map(piece).collect::<String>())
        }
        ExprKind::Raw(text) => format!("'{text}'"),
        ExprKind::Number(digits) | ExprKind::Duration(digits) => digits.to_string(),
        ExprKind::Boolean(it) => it.to_string(),
        ExprKind::Code { system, code, .. } => format!("{}#{}", system.text, code.text),
        ExprKind::Path(path) => self::path(path),
        ExprKind::Call { name, arguments, parts } => {
            let one = |argument: &Argument| match &argument.name {
                Some(name) => format!("{}: {}", name.text, of(&argument.value)),
                None => of(&argument.value),
            };
            let arguments: Vec<_> = arguments.iter().map(one).collect();
            format!("{}({}){}", name.text, arguments.join(", "), self::parts(parts))
        }
        ExprKind::List { items, parts } => {
            format!("({}){}", items.iter().map(of).collect::<Vec<_>>().join(", "), self::parts(parts))
        }
        ExprKind::Prefix(prefix, value) => format!("{} {}", prefix_word(*prefix), of(value)),
        ExprKind::Binary(binary, left, right) => format!("{} {} {}", of(left), binary_word(*binary), of(right)),
        ExprKind::Is { value, not, what } => {
            let what = match what {
                Is::Present => "present",
                Is::Null => "null",
                Is::Absent => "absent",
                Is::Type(ty) => ty.text.as_str(),
            };
            format!("{} is {}{what}", of(value), if *not { "not " } else { "" })
        }
        _ => "this".to_owned(),
    }
}

fn prefix_word(prefix: Prefix) -> &'static str {
    match prefix {
        Prefix::First => "first",
        Prefix::Last => "last",
        Prefix::Only => "only",
        Prefix::Not => "not",
        Prefix::Emit => "emit",
        Prefix::Patch => "patch",
        Prefix::Contain => "contain",
        Prefix::Refer => "refer",
    }
}

fn binary_word(binary: Binary) -> &'static str {
    match binary {
        Binary::Or => "or",
        Binary::And => "and",
        Binary::Equal => "==",
        Binary::NotEqual => "!=",
        Binary::Less => "<",
        Binary::LessOrEqual => "<=",
        Binary::Greater => ">",
        Binary::GreaterOrEqual => ">=",
        Binary::In => "in",
        Binary::NotIn => "not in",
        Binary::Matches => "matches",
        Binary::Plus => "+",
        Binary::Minus => "-",
        Binary::Times => "*",
        Binary::Over => "/",
    }
}

/// A value as a person reads it: texts in quotes, codes with their system, anything else as JSON.
pub fn found(found: &Found) -> String {
    match found {
        Found::Node(node) => json(&node.value),
        Found::Text(text) => json(&Json::Text(text.as_str().into())),
        Found::Number(digits) => digits.to_string(),
        Found::Boolean(it) => it.to_string(),
        Found::Code { system, code } => format!("the code {code} of {system}"),
    }
}

pub fn json(value: &Json) -> String {
    if let Some(codings) = codings(value) {
        return codings;
    }
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Of a `CodeableConcept` with codings: each code with its system.
fn codings(value: &Json) -> Option<String> {
    let one = |coding: &Json| {
        let code = coding.member("code")?.text()?;
        let system = coding.member("system").and_then(Json::text);
        Some(system.map_or_else(|| format!("the code {code}"), |system| format!("the code {code} of {system}")))
    };
    let codings: Option<Vec<_>> = value.member("coding")?.items().iter().map(one).collect();
    codings.filter(|all| !all.is_empty()).map(|all| all.join(" and "))
}
