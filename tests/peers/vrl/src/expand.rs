//! VRL has no functions of one's own: `def name(a, b) { … }` is put in wherever `@name(x, y)` stands, as a block whose
//! variables meet no others.

use std::collections::HashMap;

struct Definition {
    parameters: Vec<String>,
    body: String,
}

/// The program, which is what stands between definitions, without calls of them.
pub fn expand(sources: &[&str]) -> String {
    let mut definitions = HashMap::new();
    let mut program = String::new();
    for source in sources {
        let mut rest = *source;
        while let Some(at) = rest.find("\ndef ") {
            program.push_str(&rest[..=at]);
            let (name, after) = rest[at + 5..].split_once('(').expect("a name");
            let (parameters, after) = inside(after, ')');
            let (_, after) = after.split_once('{').expect("a body");
            let (body, after) = inside(after, '}');
            let parameters = parameters.split(',').map(|it| it.trim().to_owned()).collect();
            definitions.insert(name.to_owned(), Definition { parameters, body: body.to_owned() });
            rest = after;
        }
        program.push_str(rest);
    }
    calls(&program, &definitions, &mut 0)
}

fn calls(text: &str, definitions: &HashMap<String, Definition>, count: &mut usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, call)) = rest.split_once('@') {
        out.push_str(before);
        let (name, after) = call.split_once('(').expect("arguments");
        let (arguments, after) = inside(after, ')');
        let arguments: Vec<String> =
            split(arguments).into_iter().map(|it| calls(it.trim(), definitions, count)).collect();
        let definition = definitions.get(name).unwrap_or_else(|| panic!("there is no `{name}`"));
        assert_eq!(definition.parameters.len(), arguments.len(), "arguments of `{name}`");
        *count += 1;
        let body = definition.with(&arguments, *count);
        out.push_str(&format!("{{{}}}", calls(&body, definitions, count)));
        rest = after;
    }
    out + rest
}

impl Definition {
    /// The body with arguments for parameters and its own names for variables.
    fn with(&self, arguments: &[String], count: usize) -> String {
        let names = names(&self.body);
        let is_local = |at: usize, name: &str| {
            let (before, after) = (&self.body[..at], &self.body[at + name.len()..]);
            let is_assigned = after.strip_prefix(" = ").is_some();
            let is_of_closure = before.ends_with("-> |") || before.ends_with("|_index, ");
            is_assigned || is_of_closure
        };
        let locals: Vec<&str> = names.iter().filter(|(at, name)| is_local(*at, name)).map(|(_, name)| *name).collect();
        let (mut out, mut done) = (String::new(), 0);
        for (at, name) in names {
            out.push_str(&self.body[done..at]);
            match self.parameters.iter().position(|it| it == name) {
                Some(number) => out.push_str(&arguments[number]),
                None if locals.contains(&name) => out.push_str(&format!("{name}_{count}")),
                None => out.push_str(name),
            }
            done = at + name.len();
        }
        out + &self.body[done..]
    }
}

/// Where names of variables stand: not in texts, and not behind a point or an at.
fn names(text: &str) -> Vec<(usize, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if let Some(end) = quoted(&text[at..]) {
            at += end;
        } else if is_name(c) {
            let end = text[at..].find(|c| !is_name(c)).map_or(text.len(), |end| at + end);
            let is_free = !text[..at].ends_with(['.', '@']) && !text[end..].starts_with(['(', ':', '!']);
            if is_free && !c.is_ascii_digit() {
                all.push((at, &text[at..end]));
            }
            at = end;
        } else {
            at += c.len_utf8();
        }
    }
    all
}

/// How long the text or pattern is that begins here, if one does.
fn quoted(text: &str) -> Option<usize> {
    let (start, mark) = if text.starts_with('"') {
        (1, '"')
    } else if text.starts_with("r'") {
        (2, '\'')
    } else {
        return None;
    };
    let mut is_escaped = false;
    let end = text[start..].find(|c| {
        let is_end = c == mark && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    Some(start + end.expect("its end") + 1)
}

/// What stands before the closing mark, and what behind it.
fn inside(text: &str, close: char) -> (&str, &str) {
    let mut depth = 0;
    let mut at = 0;
    loop {
        if let Some(end) = quoted(&text[at..]) {
            at += end;
            continue;
        }
        let c = text[at..].chars().next().expect("a closing mark");
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            _ if c == close && depth == 0 => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
        at += c.len_utf8();
    }
}

fn split(arguments: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = arguments;
    while !rest.is_empty() {
        let whole = format!("{rest},");
        let end = inside(&whole, ',').0.len();
        all.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    all
}
