//! A plan as text: what golden tests compare and `emr build --emit plan` shows.

use super::{Block, Constant, Part, Plan, Routine, Step, Test};
use crate::check::typed::{CodeKey, CodeTo};
use std::fmt::{self, Display, Formatter};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {}", self.name)?;
        if !self.structure.is_empty() {
            writeln!(f, "takes {} ({} places)", self.structure, self.grammar.nodes.len())?;
        }
        for (segment, reads) in &self.reads {
            writeln!(f, "reads {segment} {reads}")?;
        }
        for (number, table) in self.tables.iter().enumerate() {
            writeln!(f, "table {number} {}", table.name)?;
            for (keys, arm) in &table.arms {
                let keys: Vec<_> = keys.iter().map(show_key).collect();
                writeln!(f, "  {} => {}", keys.join(" "), show_code(&arm.to))?;
            }
            if let Some(otherwise) = &table.otherwise {
                writeln!(f, "  else => {}", show_code(&otherwise.to))?;
            }
        }
        for (number, routine) in self.routines.iter().enumerate() {
            print_routine(number, routine, f)?;
        }
        writeln!(f, "entry {}", self.entry)
    }
}

fn print_routine(number: usize, routine: &Routine, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "routine {number} {} ({} of {} values are given)", routine.name, routine.params, routine.vals)?;
    match routine.result {
        Some(result) => writeln!(f, " gives %{result}")?,
        None => writeln!(f)?,
    }
    print(&routine.body, 1, f)
}

fn show_key(key: &CodeKey) -> String {
    match key {
        CodeKey::Code(code) => format!("`{code}`"),
        CodeKey::Range(from, Some(to)) => format!("{from}..{to}"),
        CodeKey::Range(from, None) => format!("{from}..*"),
    }
}

fn show_code(to: &CodeTo) -> String {
    match to {
        CodeTo::Code { system: Some(system), code, .. } => format!("{system}#{code}"),
        CodeTo::Code { system: None, code, .. } => format!("`{code}`"),
        CodeTo::Keep => "keep".to_owned(),
        CodeTo::Reject(_) => "reject".to_owned(),
        CodeTo::Absent(Some(reason)) => format!("absent `{reason}`"),
        CodeTo::Absent(None) => "absent".to_owned(),
        CodeTo::Skip => "skip".to_owned(),
    }
}

fn list(vals: &[u32]) -> String {
    let shown: Vec<_> = vals.iter().map(|val| format!("%{val}")).collect();
    shown.join(" ")
}

fn print(block: &Block, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    block.iter().try_for_each(|step| print_step(step, depth, f))
}

fn print_step(step: &Step, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{:1$}", "", depth * 2)?;
    match step {
        Step::Put(text) => writeln!(f, "put {text}"),
        Step::Write { of, form, .. } => writeln!(f, "write %{of} as {form:?}"),
        Step::Wrap { open, body, close, live } => {
            writeln!(f, "wrap {open} … {close}{}", if *live { " if live" } else { "" })?;
            print(body, depth + 1, f)
        }
        Step::Or { first, then } => two(f, depth, "or", first, "then", then),
        Step::IfWrote { body, then } => two(f, depth, "if wrote", body, "then", then),
        Step::Attempt(body) => {
            writeln!(f, "attempt")?;
            print(body, depth + 1, f)
        }
        Step::Fail => writeln!(f, "fail"),
        Step::Needs { body, .. } => {
            writeln!(f, "needs")?;
            print(body, depth + 1, f)
        }
        Step::Count => writeln!(f, "count"),
        Step::Entries { requests } => writeln!(f, "entries{}", if *requests { " with requests" } else { "" }),
        Step::If { test, yes, no } if no.is_empty() => {
            writeln!(f, "if {test}")?;
            print(yes, depth + 1, f)
        }
        Step::If { test, yes, no } => two(f, depth, &format!("if {test}"), yes, "else", no),
        Step::Each { of, item, body, once } => {
            writeln!(f, "each %{item} of %{of}{}", if *once { " until one wrote" } else { "" })?;
            print(body, depth + 1, f)
        }
        Step::EachBy { of, item, key, by, items, body } => {
            two(f, depth, &format!("each %{items} of %{of} by %{by} of %{item}"), key, "do", body)
        }
        Step::Call { routine, arguments, to } => match to {
            Some(to) => writeln!(f, "%{to} = call {routine} {}", list(arguments)),
            None => writeln!(f, "call {routine} {}", list(arguments)),
        },
        Step::Take { of, part, to } => writeln!(f, "%{to} = %{of} {part}"),
        Step::Filter { of, item, body, test, to } => {
            writeln!(f, "%{to} = those %{item} of %{of} for which {test}")?;
            print(body, depth + 1, f)
        }
        Step::Set { from, to } => writeln!(f, "%{to} = %{from}"),
        Step::Constant { value, to } => writeln!(f, "%{to} = {value}"),
        Step::Convert { of, into, to, .. } => writeln!(f, "%{to} = %{of} as {into:?}"),
        Step::Builtin { function, arguments, to } => writeln!(f, "%{to} = {} {}", function.name(), list(arguments)),
        Step::Join { parts, to } => writeln!(f, "%{to} = join {}", list(parts)),
        Step::Gather { parts, to } => writeln!(f, "%{to} = list {}", list(parts)),
        Step::Push { of, to } => writeln!(f, "push %{of} to %{to}"),
        Step::Pick { which, of, to, .. } => writeln!(f, "%{to} = {which:?} of %{of}"),
        Step::Translate { of, table, to, .. } => writeln!(f, "%{to} = %{of} through table {table}"),
        Step::Calculate { op, left, right, to, .. } => writeln!(f, "%{to} = %{left} {op:?} %{right}"),
        Step::Decide { test, to } => writeln!(f, "%{to} = {test}"),
        Step::Emit { resource, if_new, key, body, to, .. } => {
            writeln!(f, "%{to} = emit {resource}{}", if *if_new { " if new" } else { "" })?;
            for part in key {
                writeln!(f, "{:1$}key {2}", "", depth * 2 + 2, part.parameter.as_deref().unwrap_or("-"))?;
                print(&part.body, depth + 2, f)?;
            }
            print(body, depth + 1, f)
        }
        Step::Issue { text, .. } => writeln!(f, "issue `{text}`"),
        Step::Reject { text, .. } => writeln!(f, "reject `{text}`"),
    }
}

fn two(f: &mut Formatter<'_>, depth: usize, head: &str, first: &Block, word: &str, second: &Block) -> fmt::Result {
    writeln!(f, "{head}")?;
    print(first, depth + 1, f)?;
    writeln!(f, "{:1$}{word}", "", depth * 2)?;
    print(second, depth + 1, f)
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Part::Outer(levels) => write!(f, "outer {levels}"),
            Part::Member(member) => write!(f, "member {member}"),
            Part::Field { number, repeats } => write!(f, "field {number}{}", if *repeats { "*" } else { "" }),
            Part::Component(number) => write!(f, "component {number}"),
            Part::Index(number) => write!(f, "[{number}]"),
            Part::Range(from, Some(to)) => write!(f, "[{from}..{to}]"),
            Part::Range(from, None) => write!(f, "[{from}..*]"),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Missing => write!(f, "missing"),
            Constant::Text(text) => write!(f, "`{text}`"),
            Constant::Bare(text) => write!(f, "{text}"),
            Constant::Duration(milliseconds) => write!(f, "{milliseconds} ms"),
            Constant::Coded { system, code, .. } => write!(f, "{system}#{code}"),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Test::Always(value) => write!(f, "{value}"),
            Test::Present(val) => write!(f, "%{val} is present"),
            Test::Null(val) => write!(f, "%{val} is null"),
            Test::Absent(val) => write!(f, "%{val} is absent"),
            Test::True(val) => write!(f, "%{val}"),
            Test::Compare { op, left, right, how } => write!(f, "%{left} {op:?} %{right} by {how:?}"),
            Test::In { of, list: vals, .. } => write!(f, "%{of} in ({})", list(vals)),
            Test::Matches { of, pattern } => write!(f, "%{of} matches '{pattern}'"),
            Test::Not(test) => write!(f, "not ({test})"),
            Test::Both(left, right) => write!(f, "({left}) and ({right})"),
            Test::Either(left, right) => write!(f, "({left}) or ({right})"),
        }
    }
}
