//! A plan as text: what golden tests compare and `emr build --emit plan` shows.

use super::{
    Asked, Block, Cell, Constant, KeyPart, KeyValue, Part, Plan, Reads, Routine, Sent, Spot, Step, Take, Test, Until,
};
use crate::check::typed::CodeKey;
use std::fmt::{self, Display, Formatter};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {} gives {:?}", self.name, self.gives)?;
        for take in &self.takes {
            match take {
                Take::Message => {
                    let name = self.grammar.nodes.first().map_or("", |node| &node.name);
                    writeln!(f, "takes {name} ({} places)", self.grammar.nodes.len())?;
                }
                Take::Segments { name, list, .. } => writeln!(f, "takes {name}{}", if *list { "*" } else { "" })?,
                Take::Resource(name) => writeln!(f, "takes {name} as JSON")?,
                Take::Nothing => writeln!(f, "takes nothing")?,
            }
        }
        for (segment, reads) in &self.reads {
            writeln!(f, "reads {segment}{reads}")?;
        }
        for (number, said) in self.issues.iter().enumerate() {
            let rule = self.rules.get(said.rule as usize);
            let at = rule.map(|rule| format!("{} {:?}", rule.function, rule.at)).unwrap_or_default();
            writeln!(f, "issue {number} {} `{}` at {at}", said.code, said.text)?;
        }
        for (number, table) in (0..).zip(&self.tables) {
            let (keys, cells) = (table.keys(), table.cells());
            match self.asked(number) {
                Some(Asked { name, issue, .. }) => {
                    writeln!(
                        f,
                        "table {number} is `{name}` and asked, {keys} keys of {cells} cells, else issue {issue}"
                    )?;
                }
                None => writeln!(f, "table {number} of {} rows, {keys} keys of {cells} cells", table.rows())?,
            }
        }
        for (number, routine) in self.routines.iter().enumerate() {
            print_routine(number, routine, f)?;
        }
        writeln!(f, "entry {}", self.entry)
    }
}

impl Display for Reads {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.fields.iter().try_for_each(|field| write!(f, " {field}"))?;
        for (used, mark) in [(self.repetitions, "~"), (self.components, "^"), (self.subcomponents, "&")] {
            if used {
                write!(f, " {mark}")?;
            }
        }
        Ok(())
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

fn list(vals: &[u32]) -> String {
    let shown: Vec<_> = vals.iter().map(|val| format!("%{val}")).collect();
    shown.join(" ")
}

fn at(val: &Option<u32>) -> String {
    val.map(|val| format!(" at %{val}")).unwrap_or_default()
}

fn print(block: &Block, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    block.iter().try_for_each(|step| print_step(step, depth, f))
}

fn print_step(step: &Step, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{:1$}", "", depth * 2)?;
    match step {
        Step::Put(text) => writeln!(f, "put {text}"),
        Step::Write { of, form } => writeln!(f, "write %{of} as {form:?}"),
        Step::Wrap { open, body, close, live, needs } => {
            write!(f, "wrap {open} … {close}{}", if *live { " if live" } else { "" })?;
            for need in needs {
                write!(f, ", needs %{} else {}", need.wrote, need.issue)?;
            }
            writeln!(f)?;
            print(body, depth + 1, f)
        }
        Step::Or { first, then } => two(f, depth, "either", first, "or", then),
        Step::Wrote { body, to } => one(f, depth, &format!("%{to} = wrote"), body),
        Step::Probe { body, to } => one(f, depth, &format!("%{to} = would write"), body),
        Step::Distinct { body } => one(f, depth, "distinct", body),
        Step::Unlike { body, to } => one(f, depth, &format!("%{to} = would write another"), body),
        Step::Attempt { body, issue } => one(f, depth, &format!("attempt, else {issue}"), body),
        Step::Fail => writeln!(f, "fail"),
        Step::Count => writeln!(f, "count"),
        Step::Entries { requests } => writeln!(f, "entries{}", if *requests { " with requests" } else { "" }),
        Step::Edit { segment, at, body } => one(f, depth, &format!("edit %{segment} at {at}"), body),
        Step::Drop { segment } => writeln!(f, "drop %{segment}"),
        Step::Trace { rule, of } => writeln!(f, "trace rule {rule}{}", at(of)),
        Step::Under { rule, body } => one(f, depth, &format!("under rule {rule}"), body),
        Step::If { test, yes, no } if no.is_empty() => one(f, depth, &format!("if {test}"), yes),
        Step::If { test, yes, no } => two(f, depth, &format!("if {test}"), yes, "else", no),
        Step::Choose { of, arms, other } => {
            writeln!(f, "choose by %{of}")?;
            for (keys, body) in arms {
                let keys: Vec<_> = keys.iter().map(show_key).collect();
                writeln!(f, "{:1$}{2} =>", "", depth * 2 + 2, keys.join(" "))?;
                print(body, depth + 2, f)?;
            }
            writeln!(f, "{:1$}else =>", "", depth * 2 + 2)?;
            print(other, depth + 2, f)
        }
        Step::Each { of, item, body, until } => {
            let until = match until {
                Until::All => "",
                Until::First => " until one wrote",
                Until::Last => ", the last that wrote",
                Until::Only(_) => ", only one",
            };
            one(f, depth, &format!("each %{item} of %{of}{until}"), body)
        }
        Step::EachBy { of, item, key, by, items, body } => {
            two(f, depth, &format!("each group %{items} of %{of} by %{by} of %{item}"), key, "do", body)
        }
        Step::Call { routine, arguments, to } => match to {
            Some(to) => writeln!(f, "%{to} = call {routine} {}", list(arguments)),
            None => writeln!(f, "call {routine} {}", list(arguments)),
        },
        Step::Take { of, part, to } => writeln!(f, "%{to} = %{of} {part}"),
        Step::Set { from, to } => writeln!(f, "%{to} = %{from}"),
        Step::Constant { value, to } => writeln!(f, "%{to} = {value}"),
        Step::Receipt { part, to } => writeln!(f, "%{to} = receipt {}", part.name()),
        Step::Convert { of, into, to, issue } => {
            write!(f, "%{to} = %{of} as {into:?}")?;
            issue.map_or(Ok(()), |issue| write!(f, ", else {issue}"))?;
            writeln!(f)
        }
        Step::Builtin { function, arguments, to, .. } => writeln!(f, "%{to} = {} {}", function.name(), list(arguments)),
        Step::Join { parts, to } => writeln!(f, "%{to} = text of {}", list(parts)),
        Step::Append { of, between, to } => writeln!(f, "append %{of} to %{to} after %{between}"),
        Step::Gather { parts, to } => writeln!(f, "%{to} = list of {}", list(parts)),
        Step::Push { of, to } => writeln!(f, "push %{of} to %{to}"),
        Step::Pick { which, of, to, .. } => writeln!(f, "%{to} = {which:?} of %{of}"),
        Step::Coded { system, code, display, to } => {
            writeln!(f, "%{to} = code %{code} of %{system}, shown as %{display}")
        }
        Step::CodePart { of, part, to } => writeln!(f, "%{to} = {part:?} of %{of}"),
        Step::Lookup { table, keys, cell, to } => {
            let cell = match cell {
                Cell::Text(cell) => format!("cell {cell}"),
                Cell::Code(cell) => format!("code of cell {cell}"),
            };
            writeln!(f, "%{to} = {cell} of table {table} at {}", list(keys))
        }
        Step::Calculate { op, left, right, to, .. } => writeln!(f, "%{to} = %{left} {op:?} %{right}"),
        Step::Decide { test, to } => writeln!(f, "%{to} = {test}"),
        Step::Emit { resource, sent, key, body, to, rule, .. } => {
            let (word, new) = match sent {
                Sent::Whole => ("emit", ""),
                Sent::IfNew => ("emit", " if new"),
                Sent::Patch(_) => ("patch", ""),
            };
            writeln!(f, "%{to} = {word} {resource}{new} for rule {rule}")?;
            for part in key {
                writeln!(f, "{:1$}key {part}", "", depth * 2 + 2)?;
            }
            print(body, depth + 1, f)
        }
        Step::Refer { resource, key, to, .. } => {
            writeln!(f, "%{to} = refer to {resource}")?;
            key.iter().try_for_each(|part| writeln!(f, "{:1$}key {part}", "", depth * 2 + 2))
        }
        Step::Copied { of, made } => writeln!(f, "%{made} copies %{of}"),
        Step::Contain { body, to } => one(f, depth, &format!("%{to} = contain"), body),
        Step::Issue { issue, at: of } => writeln!(f, "issue {issue}{}", at(of)),
        Step::Reject { issue, at: of } => writeln!(f, "reject {issue}{}", at(of)),
    }
}

fn one(f: &mut Formatter<'_>, depth: usize, head: &str, body: &Block) -> fmt::Result {
    writeln!(f, "{head}")?;
    print(body, depth + 1, f)
}

fn two(f: &mut Formatter<'_>, depth: usize, head: &str, first: &Block, word: &str, second: &Block) -> fmt::Result {
    one(f, depth, head, first)?;
    writeln!(f, "{:1$}{word}", "", depth * 2)?;
    print(second, depth + 1, f)
}

impl Display for KeyPart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", self.parameter.as_deref().unwrap_or("-"))?;
        match &self.value {
            KeyValue::Text(of) => write!(f, "%{of}"),
            KeyValue::Token { system, code } => write!(f, "%{system}|%{code}"),
            KeyValue::Reference(of) => write!(f, "key of %{of}"),
        }
    }
}

impl Display for Spot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", self.field)?;
        match self.repetition {
            0 => {}
            -1 => write!(f, "[*]")?,
            number => write!(f, "[{number}]")?,
        }
        [self.component, self.subcomponent].iter().filter(|part| **part > 0).try_for_each(|part| write!(f, ".{part}"))
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let star = |repeats: &bool| if *repeats { "*" } else { "" };
        match self {
            Part::Outer(levels) => write!(f, "outer {levels}"),
            Part::Member { name, nth: 0, repeats } => write!(f, "{name}{}", star(repeats)),
            Part::Member { name, nth, repeats } => write!(f, "{name}[place {}]{}", nth + 1, star(repeats)),
            Part::Field { number, repeats } => write!(f, "-{number}{}", star(repeats)),
            Part::Component(number) => write!(f, ".{number}"),
            Part::Index(number) => write!(f, "[{number}]"),
            Part::Range(from, Some(to)) => write!(f, "[{from}..{to}]"),
            Part::Range(from, None) => write!(f, "[{from}..*]"),
            Part::Element(names) => write!(f, ".{}", names.join("|")),
            Part::Resource(name) => write!(f, "as {name}"),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Missing => write!(f, "missing"),
            Constant::List => write!(f, "empty list"),
            Constant::Text(text) => write!(f, "`{text}`"),
            Constant::Duration(milliseconds) => write!(f, "{milliseconds} ms"),
            Constant::Coded { system: Some(system), code, .. } => write!(f, "`{system}|{code}`"),
            Constant::Coded { system: None, code, .. } => write!(f, "code `{code}`"),
            Constant::Reason(reason) => write!(f, "absent `{reason}`"),
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
            Test::Reason(val, reason) => write!(f, "%{val} is absent for `{reason}`"),
            Test::Compare { op, left, right, how } => write!(f, "%{left} {op:?} %{right} by {how:?}"),
            Test::In { of, list: vals, .. } => write!(f, "%{of} in ({})", list(vals)),
            Test::Matches { of, pattern } => write!(f, "%{of} matches '{pattern}'"),
            Test::Not(test) => write!(f, "not ({test})"),
            Test::Both(left, right) => write!(f, "({left}) and ({right})"),
            Test::Either(left, right) => write!(f, "({left}) or ({right})"),
        }
    }
}
