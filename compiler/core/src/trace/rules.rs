//! The text that rules have, and where it stands.

use crate::db::{self, Project};
use crate::plan::{self, Plan, RuleId};
use crate::syntax;
use serde::Serialize;

/// A rule as a person wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `hospital/adt.emr`, or the module for what the library has.
    pub file: String,
    pub line: usize,
    /// The map, convert or table that it belongs to, by its key.
    pub map: String,
    /// With the white space of one line.
    pub text: String,
    /// Whether it is the library's.
    pub library: bool,
}

impl Rule {
    /// `patient.emr:12`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

pub(super) struct Rules<'a> {
    db: &'a db::Database,
    project: Project,
    plan: &'a Plan,
}

impl<'a> Rules<'a> {
    pub fn new(db: &'a db::Database, project: Project, plan: &'a Plan) -> Self {
        Self { db, project, plan }
    }

    pub fn rule(&self, rule: RuleId) -> Option<Rule> {
        read(self.db, self.project, self.plan.rules.get(rule as usize)?)
    }

    /// The rules on the way to a value. That a map was gone into is said only where no rule of it follows.
    pub fn chain(&self, rules: &[RuleId]) -> Vec<Rule> {
        let mut chain: Vec<Rule> = Vec::new();
        let known = |index: usize| rules.get(index).and_then(|rule| self.plan.rules.get(*rule as usize));
        for (index, rule) in rules.iter().enumerate() {
            let Some(own) = known(index) else { continue };
            let is_head = db::function(self.db, self.project, &own.function).is_some_and(|it| it.at == own.at);
            let goes_on = known(index + 1).is_some_and(|next| next.function == own.function);
            if is_head && goes_on {
                continue;
            }
            if let Some(rule) = self.rule(*rule).filter(|rule| chain.last() != Some(rule)) {
                chain.push(rule);
            }
        }
        chain
    }
}

/// The text of a rule; nothing if its item is no more.
pub fn read(db: &db::Database, project: Project, rule: &plan::Rule) -> Option<Rule> {
    let (file, start) = db::place(db, project, &rule.function)?;
    let text = file.text(db);
    let (from, to) = (start + rule.at.start, start + rule.at.end);
    let before = text.get(..from)?;
    let line = syntax::line(text, from);
    let own = text.get(from..to).unwrap_or_default();
    // A `let` is named by what stands before its value, a map by its whole first line.
    let head = before.rsplit('\n').next().unwrap_or_default().trim_start();
    let is_head = db::function(db, project, &rule.function).is_some_and(|it| it.at == rule.at);
    let rest = text.get(to..).and_then(|rest| rest.lines().next()).filter(|_| is_head).unwrap_or_default();
    let head = if is_head || head.starts_with("let ") { head } else { "" };
    let written = format!("{head}{own}{}", rest.trim_end().trim_end_matches('{'));
    let text = one_line(&written);
    let library = file.module(db).starts_with("std.");
    Some(Rule { file: file.path(db).to_owned(), line, map: rule.function.to_string(), text, library })
}

/// A text without its comments, with the white space of one line.
pub fn one_line(text: &str) -> String {
    text.lines().map(without_comment).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// A line up to the `//` that stands in no text.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) => {
                quote = Some(open).filter(|_| c != open || escaped);
                escaped = c == '\\' && !escaped && open == '"';
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if line.get(at..).is_some_and(|rest| rest.starts_with("//")) => return line.get(..at).unwrap_or(line),
            None => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::without_comment;

    #[test]
    fn a_comment_does_not_begin_in_a_text() {
        assert_eq!(without_comment("a: \"http://x\" // why"), "a: \"http://x\" ");
        assert_eq!(without_comment(r#"a: "\"//" + '//' // "b""#), r#"a: "\"//" + '//' "#);
        assert_eq!(without_comment("a: b"), "a: b");
    }
}
