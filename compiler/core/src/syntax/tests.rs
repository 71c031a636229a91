//! Text in, tree out.

use super::*;
use std::path::{Path, PathBuf};

fn samples() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["../shared/design/snippets/mappings", "../shared/design/snippets/grammar/samples"];
    let ours = ["stdlib/prelude", "stdlib/v2_to_fhir", "examples/admission", "examples/lab"];
    let mut found = Vec::new();
    for folder in folders.iter().chain(&ours) {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            println!("{folder} is not there: skipped");
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "emr"));
        paths.sort();
        found.extend(paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())));
    }
    println!("{} files", found.len());
    found
}

#[test]
fn samples_are_read_without_problems() {
    for (path, text) in samples() {
        for at in items(&text) {
            let piece = &text[at];
            let parsed = item(piece);
            assert!(parsed.problems.is_empty(), "{}\n{piece}\n{:?}", path.display(), parsed.problems);
            assert!(parsed.item.is_some());
        }
    }
}

/// The value with every grouping written out.
fn grouped(value: &tree::Expr) -> String {
    use tree::ExprKind::*;
    match &*value.kind {
        Else(a, b) => format!("({} else {})", grouped(a), grouped(b)),
        When { value, condition } => format!("({} when {})", grouped(value), grouped(condition)),
        Warn { value, text } => format!("({} warn {:?})", grouped(value), text.as_ref().map_or("", |text| &text.text)),
        WarnOnly(Some(text)) => format!("warn {:?}", text.text),
        Binary(op, a, b) => format!("({} {op:?} {})", grouped(a), grouped(b)),
        Prefix(op, a) => format!("({op:?} {})", grouped(a)),
        Is { value, not, what } => format!("({} is{} {what:?})", grouped(value), if *not { " not" } else { "" }),
        Via { value, codes } => format!("({} via {})", grouped(value), codes.text),
        As { value, ty } => format!("({} as {})", grouped(value), ty.name.text),
        With { value, block } => format!("({} with {})", grouped(value), block.items.len()),
        IfNew(value) => format!("({} if new)", grouped(value)),
        List { items, parts } => {
            format!("[{}]{}", items.iter().map(grouped).collect::<Vec<_>>().join(", "), parts.len())
        }
        Each(each) => format!("each {} => {}", grouped(&each.list), grouped(&each.body)),
        Call { name, arguments, .. } => {
            let arguments: Vec<_> = arguments.iter().map(|argument| grouped(&argument.value)).collect();
            format!("{}({})", name.text, arguments.join(", "))
        }
        Text(parts) => format!("{} parts", parts.len()),
        Number(text) | Duration(text) | Raw(text) => text.to_string(),
        Path(path) => path.root.as_ref().map_or("", |root| &root.text).to_owned() + &".".repeat(path.parts.len()),
        Skip => "skip".into(),
        other => format!("{other:?}"),
    }
}

fn constant(value: &str) -> String {
    let parsed = item(&format!("let it = {value}"));
    assert!(parsed.problems.is_empty(), "{value}: {:?}", parsed.problems);
    match parsed.item.unwrap().declaration {
        tree::Declaration::Constant(found) => grouped(&found.value),
        other => panic!("{other:?}"),
    }
}

#[test]
fn operators_bind_by_their_precedence() {
    for (text, groups) in [
        ("A via T else B else 1 warn \"w\"", "(((A via T) else B) else (1 warn \"w\"))"),
        ("A when C else B when D else E", "(((A when C) else (B when D)) else E)"),
        ("A when B warn \"w\"", "((A when B) warn \"w\")"),
        ("first PID-3.1 via T else 1", "(((First PID..) via T) else 1)"),
        ("emit p(A, B) with { a: 1 } when A", "((Emit (p(A, B) with 1)) when A)"),
        ("emit m(x) with { a: 1 } if new when A", "(((Emit (m(x) with 1)) if new) when A)"),
        ("X as NM via T as Coding", "(((X as NM) via T) as Coding)"),
        ("not A == B and C or D", "(((Not (A Equal B)) And C) Or D)"),
        ("A and not B is not present", "(A And (Not (B is not Present)))"),
        ("f(A) + 1 > 8 - 2 * 3", "((f(A) Plus 1) Greater (8 Minus (2 Times 3)))"),
        ("a - -1", "(a Minus -1)"),
        ("a - -1d", "(a Minus -1d)"),
        ("x-1", "x."),
        ("A not in (B, C)", "(A NotIn [B, C]0)"),
        ("(A else B) via T", "((A else B) via T)"),
        ("(first X).1", "[(First X)]1"),
        ("each X => . via T else 1", "each X => (( via T) else 1)"),
        ("A matches '[0-9]' and B in C", "((A Matches [0-9]) And (B In C))"),
        ("refer p(A) else skip", "((Refer p(A)) else skip)"),
        ("A else warn \"w\"", "(A else warn \"w\")"),
    ] {
        assert_eq!(constant(text), groups, "{text}");
    }
}

#[test]
fn what_is_too_deep_is_said_and_nothing_overflows() {
    for (open, close) in
        [("(", ")"), ("{ a: ", " }"), ("x[.a == ", "]"), ("\"{", "}\""), ("not ", ""), ("each a => ", "")]
    {
        for depth in [200, 1_000, 100_000] {
            let text = format!("let a = {}b{}", open.repeat(depth), close.repeat(depth));
            let parsed = item(&text);
            assert_eq!(parsed.problems.len(), 1, "{open} {depth}");
            assert_eq!(parsed.problems[0].message, "this is nested too deeply", "{open} {depth}");
        }
    }
}
