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
        ("X as dateTime + days(1) * 2", "((X as dateTime) Plus (days(1) Times 2))"),
        ("X as NM *2 > Y as NM", "(((X as NM) Times 2) Greater (Y as NM))"),
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

/// What is said of a text, by line and column, and what is left of it.
fn report(text: &str) -> String {
    let mut out = String::new();
    for at in items(text) {
        let parsed = item(&text[at.clone()]);
        for problem in &parsed.problems {
            let start = at.start + problem.at.start;
            let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
            let line = text[..start].matches('\n').count() + 1;
            let under = text.get(start..at.start + problem.at.end).unwrap();
            out += &format!("{line}:{} {:?} {} ‹{under}›\n", start - line_start + 1, problem.code, problem.message);
        }
        out += &outline(&parsed);
    }
    out
}

/// A line for each thing that was read.
fn outline(parsed: &Parsed) -> String {
    use tree::{BlockItem, Body, CodeTable, Declaration, ExprKind, Rows};
    fn block(block: &tree::Block, indent: usize, out: &mut String) {
        for item in &block.items {
            let (line, inner): (String, Vec<&tree::Expr>) = match item {
                BlockItem::Rule(rule) => {
                    let parts: Vec<_> = rule.target.parts.iter().map(|part| format!("{:?}", part.kind)).collect();
                    (
                        format!("{}{} {}", rule.target.first.text, parts.concat(), rule.values.len()),
                        rule.values.iter().collect(),
                    )
                }
                BlockItem::Let(found) => (format!("let {}", found.name.text), vec![&found.value]),
                BlockItem::Require { condition, .. } => ("require".into(), vec![condition]),
                BlockItem::Ignore(ignore) => (format!("ignore {}", ignore.what.len()), vec![]),
                BlockItem::Do(value) | BlockItem::Result(value) => ("do".into(), vec![value]),
                BlockItem::Accept(accept) => (format!("accept {} {}", accept.ty.text, accept.events.len()), vec![]),
                BlockItem::Drop(drop) => ("drop".into(), drop.filter.iter().collect()),
            };
            *out += &format!("{:indent$}{line}\n", "");
            inner.into_iter().for_each(|value| expr(value, indent + 2, out));
        }
    }
    fn expr(value: &tree::Expr, indent: usize, out: &mut String) {
        match &*value.kind {
            ExprKind::Block(inner) | ExprKind::TypedBlock { block: inner, .. } => block(inner, indent, out),
            ExprKind::With { value, block: inner } => {
                expr(value, indent, out);
                block(inner, indent, out);
            }
            ExprKind::Each(each) => {
                expr(&each.list, indent, out);
                expr(&each.body, indent, out);
            }
            ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| expr(&arm.value, indent, out)),
            ExprKind::Path(path) => {
                *out += &format!(
                    "{:indent$}{} {:?}\n",
                    "",
                    path.root.as_ref().map_or("", |root| &root.text),
                    path.parts.iter().map(|part| &part.kind).collect::<Vec<_>>()
                )
            }
            ExprKind::Missing => *out += &format!("{:indent$}missing\n", ""),
            _ => *out += &format!("{:indent$}{}\n", "", grouped(value)),
        }
    }
    let mut out = String::new();
    match parsed.item.as_ref().map(|item| &item.declaration) {
        None => out += "nothing\n",
        Some(Declaration::Map(map)) => {
            out += &format!("{:?} {} ({}) -> {}\n", map.kind, map.name.text, map.params.len(), map.result.name.text);
            match &map.body {
                Body::Block(inner) => block(inner, 2, &mut out),
                Body::Value(value) => expr(value, 2, &mut out),
                Body::Missing => out += "  no body\n",
            }
        }
        Some(Declaration::Constant(found)) => {
            out += &format!("let {}\n", found.name.text);
            expr(&found.value, 2, &mut out);
        }
        Some(Declaration::Codes(codes)) => match &codes.table {
            CodeTable::Arms(arms) => {
                out += &format!("codes {}\n", codes.name.text);
                for arm in arms {
                    out += &format!("  {} patterns\n", arm.patterns.len());
                    expr(&arm.value, 4, &mut out);
                }
            }
            CodeTable::From(from) => {
                out += &format!("codes {}\n", codes.name.text);
                expr(from, 2, &mut out);
            }
        },
        Some(Declaration::Table(table)) => {
            out += &format!("table {} {} keys {} columns\n", table.name.text, table.keys.len(), table.columns.len());
            match &table.rows {
                Rows::Arms(arms) => out += &format!("  {} rows\n", arms.len()),
                Rows::From { source, settings } => {
                    expr(source, 2, &mut out);
                    settings.iter().for_each(|settings| block(settings, 2, &mut out));
                }
            }
        }
        Some(Declaration::Extend(extend)) => {
            out += &format!("extend codes {}\n", extend.table.text);
            for arm in &extend.arms {
                out += &format!("  {} patterns\n", arm.patterns.len());
                expr(&arm.value, 4, &mut out);
            }
        }
        Some(Declaration::Profile(profile)) => {
            out += &format!("profile {} {} lines\n", profile.name.text, profile.lines.len());
        }
        Some(Declaration::Segment(segment)) => {
            out += &format!("segment {} {} fields\n", segment.name.text, segment.fields.len());
        }
        Some(Declaration::Structure(structure)) => {
            out += &format!("structure {} {} members\n", structure.name.text, structure.members.len());
        }
        Some(Declaration::Test(test)) => out += &format!("test {:?} {} steps\n", test.name.text, test.steps.len()),
        Some(Declaration::Use(found)) => out += &format!("use {}\n", found.module.text),
        Some(Declaration::ExternFn(found)) => out += &format!("extern fn {}\n", found.name.text),
        Some(Declaration::Feed(feed)) => {
            out += &format!("feed {}\n", feed.name.text);
            match &feed.from {
                tree::Origin::Connector(endpoint) => {
                    endpoint.settings.iter().for_each(|settings| block(settings, 2, &mut out));
                }
                tree::Origin::Like(like) => expr(like, 2, &mut out),
                tree::Origin::Missing => out += "  nothing\n",
            }
        }
        Some(Declaration::Target(target)) => {
            out += &format!("target {}\n", target.name.text);
            let settings = target.to.iter().filter_map(|endpoint| endpoint.settings.as_ref());
            settings.for_each(|settings| block(settings, 2, &mut out));
        }
        Some(Declaration::Route(route)) => {
            let [from, through, to] = [&route.from, &route.through, &route.to].map(Vec::len);
            out += &format!("route {} {from} {through} {to}\n", route.name.text);
            route.settings.iter().for_each(|settings| block(settings, 2, &mut out));
        }
        Some(Declaration::Alarm(alarm)) => {
            out += &format!("alarm {}\n", alarm.name.text);
            block(&alarm.settings, 2, &mut out);
        }
        Some(Declaration::Connector(connector)) => {
            out += &format!("connector {} {} settings\n", connector.name.text, connector.settings.len());
        }
    }
    out
}

#[test]
fn broken_text() {
    insta::glob!("cases/*.emr", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        insta::assert_snapshot!(report(&text));
    });
}

/// Whether the item could be kept, and every problem lies in the text.
fn survives(text: &str) -> usize {
    let mut kept = 0;
    for at in items(text) {
        let parsed = item(&text[at.clone()]);
        kept += usize::from(parsed.item.is_some());
        assert!(parsed.item.is_some() || !parsed.problems.is_empty(), "{text}");
        for problem in &parsed.problems {
            assert!(text[at.clone()].get(problem.at.clone()).is_some(), "{problem:?} in {text}");
        }
    }
    kept
}

/// Items are read for themselves, so only the last item of a text that breaks off is read again.
#[test]
fn text_that_breaks_off_costs_only_its_last_item() {
    let mut kept = 0;
    let mut all = 0;
    for (path, text) in samples() {
        let whole = items(&text);
        // Long files have the same constructs as the short ones, which are tried at every character.
        let stride = 1 + text.len() / 40;
        for (end, _) in text.char_indices().step_by(stride) {
            let prefix = &text[..end];
            let found = items(prefix);
            let Some((last, before)) = found.split_last() else { continue };
            assert_eq!(before, &whole[..before.len()], "{} at {end}", path.display());
            // A doc comment alone, or half of the first word, declares nothing.
            let declares = items::KEYWORDS.iter().any(|word| head(&prefix[last.clone()]).starts_with(word));
            kept += survives(&prefix[last.clone()]).min(usize::from(declares));
            all += usize::from(declares);
        }
    }
    println!("{kept} of {all} items were kept");
    assert!(kept * 100 >= all * 95);
}

/// Samples, but for those that are long and show nothing that others do not.
fn short_samples() -> Vec<(PathBuf, String)> {
    let mut found = samples();
    found.retain(|(_, text)| text.len() < 3_000);
    found
}

#[test]
fn every_line_can_be_taken_away() {
    for (_, text) in short_samples() {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let stride = 1 + lines.len() / 12;
        for gone in (0..lines.len()).step_by(stride) {
            let rest: String = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect();
            survives(&rest);
            assert_eq!(cst::file(&rest).text().to_string(), rest);
        }
    }
}

/// Lines that are each wrong in a way of their own.
const WRONG: &[&str] = &[
    "a: PID-",
    "a: PID-5.",
    "a: PID-3[",
    "a: X via",
    "a:",
    "a: f(",
    "a: (b",
    "a: \"b",
    "a: \"{b",
    "a: 'b",
    "a: loinc#",
    "a: b c d",
    "a b c",
    "a: { b: ",
    "a: { b: PID-, c: 1 }",
    "a: each NK1 {",
    "let a",
    "require b",
    "ignore PID-2",
    "emit",
    "a: %",
    "match X { \"a\" 1 }",
    "a: b because",
    "a = b",
    "else: = 1",
    "a: PID-5 && PID-6",
];

#[test]
fn neighbours_that_are_broken_are_each_told() {
    for one in WRONG {
        for other in WRONG {
            let text = format!("map m(PID) -> X {{\n    b: 1\n    {one}\n    c: 2\n    {other}\n    d: 3\n}}\n");
            let line = |at: usize| text[..at].matches('\n').count() + 1;
            let parsed = item(text.trim_end());
            let lines: Vec<usize> = parsed.problems.iter().map(|problem| line(problem.at.start)).collect();
            assert!(lines.contains(&3) && lines.contains(&5), "{text}{:?}", parsed.problems);
            assert!(lines.iter().all(|line| matches!(line, 3 | 5)), "{text}{:?}", parsed.problems);
            let outline = outline(&parsed);
            for kept in ["b 1", "c 1", "d 1"] {
                assert!(outline.lines().any(|line| line.trim() == kept), "{kept} is lost in {text}{outline}");
            }
        }
    }
}

/// The tree without its places.
fn placeless(text: &str) -> String {
    let place = regex::Regex::new(r"\d+\.\.\d+").unwrap();
    let items: Vec<_> = items(text).into_iter().map(|at| item(&text[at]).item).collect();
    place.replace_all(&format!("{items:#?}"), "").into_owned()
}

#[test]
fn formatting_changes_no_tree_and_no_second_time() {
    for (path, text) in samples() {
        let once = format(&text);
        assert_eq!(once.problems, [], "{}", path.display());
        assert_eq!(format(&once.text).text, once.text, "{}", path.display());
        assert_eq!(placeless(&once.text), placeless(&text), "{}", path.display());
        let comments = |text: &str| text.matches("//").count();
        assert_eq!(comments(&once.text), comments(&text), "{}", path.display());
    }
}

#[test]
fn formatted() {
    insta::glob!("cases/format/*.emr", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let once = format(&text).text;
        assert_eq!(format(&once).text, once);
        insta::assert_snapshot!(once);
    });
}

#[test]
fn what_cannot_be_read_is_left_as_it_was() {
    let broken = "map  m( PID)->X {\n  a:PID-\n      b :  1\n}";
    let text = format!("let   a=1\n\n\n\n{broken}   // c\nlet b=2");
    let done = format(&text);
    assert_eq!(done.text, format!("let a = 1\n\n{broken}  // c\nlet b = 2\n"));
    assert_eq!(done.problems.len(), 1);
    assert_eq!(&text[done.problems[0].at.clone()], "PID-");
}

/// Its first bar divided, and the next line was what the value was divided by.
#[test]
fn a_doc_comment_behind_a_value_divides_nothing() {
    let text = "map m(PID) -> Patient {\n    birthDate: PID-7 /// a day\n    gender: PID-8\n}\n";
    let done = format(text);
    assert_eq!(done.text, text);
    let told: Vec<_> = done.problems.iter().map(|it| (it.message.as_str(), &text[it.at.start..])).collect();
    let place = text.find("///").unwrap();
    assert_eq!(told, [("expected the end of the line, found a doc comment", &text[place..])]);
    // One of its bars goes.
    let fix = done.problems[0].fix.as_ref().unwrap();
    assert_eq!((fix.at.clone(), fix.text.as_str()), (place..place + 1, ""));
    assert_eq!(format("let a = 6 / // of them\n    2\n").problems, []);
}

#[test]
fn what_a_use_brings_in_is_named() {
    let text = "use std.codes.*\nmap m(PID) -> Patient { gender: PID-8 }\n";
    let problems = format(text).problems;
    let told: Vec<_> = problems.iter().map(|it| (it.message.as_str(), &text[it.at.clone()])).collect();
    assert_eq!(told, [("there is no `*`: what is brought in is named", ".*")]);
}

#[test]
fn line_ends_stay_what_they_were() {
    assert_eq!(format("let a=1\r\nlet b=2").text, "let a = 1\r\nlet b = 2\r\n");
    assert_eq!(format("").text, "");
    assert_eq!(format(" \n\n// a").text, "// a\n");
}

#[test]
fn a_long_file_of_anything_ends() {
    let size = 3_000;
    for piece in [
        "{",
        "}",
        "(",
        "\"",
        "'",
        "{a:",
        "a: ",
        "\n",
        "x\n",
        "map ",
        "map\n",
        "// a\n",
        "/// a\n",
        "a: {b: 1}, ",
        " ) ) (\n",
        "\"{",
        "f(",
        "a.",
        "PID-",
        "1 + ",
        "each a => ",
        "\u{1}",
        "é",
    ] {
        for text in
            [piece.repeat(size / piece.len()), format!("map m(X) -> Y {{\n {}\n}}\n", piece.repeat(size / piece.len()))]
        {
            survives(&text);
            assert_eq!(cst::file(&text).text().to_string(), text);
            format(&text);
        }
    }
}

/// A file with much of the language in it, to be broken.
const WHOLE: &str = r#"/// Of the patient.
use std.codes.{Sex, Marital as M}
let lab = "http://lab.example.org"

codes Gender from v2-0001 to "http://hl7.org/fhir/administrative-gender" {
    "M", "F" => "male"    // two
    else     => keep warn
}
map patient(PID, PD1?, NK1*) -> Patient keyed by identifier: first PID-3[.5 == "MR"] {
    let dead = PID-30 == "Y" or PID-29 is present
    require PID-3 else reject "no identifier"
    identifier: PID-3, PID-18 when PID-18.4 is present
    name +:     PID-5 with { use: "old", text: "{.1} {.2 else ""}" }
    extension["http://x"].value: 'raw' because "a reason"
    contact: each NK1 where .7.1 != "PP" {
        name: first NK1-2
        code: loinc#718-7 "Hb"
    }
    match PID-8 { "M" => { a: 1 }, else => { a: -2.5 } }
    emit other(PID, x: (dead, 1d)) if new
    ignore PID-35..38 because "no animals"
}
profile P of ADT_A01 version "2.5.1" { PID-3 1..5, PID-8 1..1 in ("M", "F") }
test "a" {
    input '''
        MSH|^~\&|
        '''
    through patient
    expect Patient.name[0].family == "X" ignoring Patient.id
}
"#;

mod random {
    use super::*;
    use proptest::prelude::*;

    fn edited() -> impl Strategy<Value = String> {
        let bits = proptest::sample::select(vec![
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "\"",
            "'",
            "'''",
            ",",
            ":",
            "+:",
            "=",
            "=>",
            "->",
            "-",
            ".",
            "#",
            "\n",
            "\n    ",
            "\r\n",
            "//",
            "///",
            " ",
            "é",
            "\u{1}",
            "\u{2}",
            "via ",
            "else ",
            "each ",
            "match ",
            "map ",
            "\nlet a = 1\n",
            "1",
            "..",
            "x",
            "",
        ]);
        let edits = proptest::collection::vec((any::<prop::sample::Index>(), 0usize..12, bits), 1..6);
        edits.prop_map(|edits| {
            let mut text = WHOLE.to_owned();
            for (at, length, bit) in edits {
                let start = text.floor_char_boundary(at.index(text.len() + 1));
                let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
                text.replace_range(start..end, bit);
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn edits_lose_no_byte_and_never_panic(text in edited()) {
            survives(&text);
            prop_assert_eq!(cst::file(&text).text().to_string(), text);
        }

        #[test]
        fn formatting_edited_text_twice_is_formatting_it_once(text in edited()) {
            let once = format(&text);
            prop_assert_eq!(&format(&once.text).text, &once.text);
            if once.problems.is_empty() {
                prop_assert_eq!(placeless(&once.text), placeless(&text));
            }
        }
    }
}
