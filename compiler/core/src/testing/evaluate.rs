//! What the expressions of a test come to over the outputs of its messages.

use super::equal::{boolean, equal, incomparable, is_there, order, text};
use super::walk::{Found, Node, of_type};
use super::{Context, Golden, Issue, Outcome, Output, SENT, compute, differ, file_name, message, spell};
use crate::check::typed::Kind;
use crate::check::v2_system;
use crate::json::{self, Json};
use crate::syntax::tree::{At, Binary, Expr, ExprKind, Is, Part, PartKind, Path, Prefix, TextPart};
use emr_message::{Message, Settings};
use regex::Regex;
use smol_str::{SmolStr, StrExt};
use std::cmp::Ordering;

/// Differences of a whole output that are told one by one; there may be hundreds.
const DIFFERENCES_MAX: usize = 5;

pub struct Evaluator<'a> {
    pub context: &'a mut dyn Context,
    pub outputs: Vec<Json>,
    messages: Vec<Message>,
    pub rejections: Vec<String>,
    pub issues: Vec<Issue>,
    /// What targets got, in order.
    sent: Vec<(SmolStr, Found)>,
    /// The last `through` named a route.
    pub routed: bool,
    /// Where the last `through` stands.
    pub run_at: Option<At>,
    /// The places of the output that the current expectation leaves out.
    pub ignoring: Vec<Path>,
    /// What the current expectation holds against a file.
    pub golden: Option<Golden>,
    lets: Vec<(SmolStr, Vec<Found>)>,
    /// The current items, the nearest last.
    items: Vec<Found>,
}

/// Whether a condition holds, and the fact that says why or why not.
pub struct Verdict {
    pub holds: bool,
    pub fact: String,
}

/// Values, or why there are none to speak of.
type Values = Result<Vec<Found>, String>;

impl<'a> Evaluator<'a> {
    pub fn new(context: &'a mut dyn Context) -> Self {
        Evaluator {
            context,
            outputs: Vec::new(),
            messages: Vec::new(),
            rejections: Vec::new(),
            issues: Vec::new(),
            sent: Vec::new(),
            routed: false,
            run_at: None,
            ignoring: Vec::new(),
            golden: None,
            lets: Vec::new(),
            items: Vec::new(),
        }
    }

    /// A `through` begins: what came of the last one is forgotten.
    pub fn ran(&mut self, at: At) {
        self.run_at = Some(at);
        self.outputs.clear();
        self.messages.clear();
        self.rejections.clear();
        self.issues.clear();
        self.sent.clear();
    }

    pub fn take(&mut self, output: Output) -> Result<(), String> {
        self.issues.extend(output.issues);
        for result in output.results {
            let found = match &result {
                Outcome::Rejected(_) => None,
                Outcome::Json(text) => json::read(text).as_ref().map(|json| Found::Node(Node::whole(json))),
                Outcome::Message(bytes) => {
                    let message = Message::read(bytes, &Settings::default()).ok();
                    message.as_ref().map(|message| message::whole(&message::text(message)))
                }
            };
            for target in &output.sent {
                self.sent.extend(found.clone().map(|found| (target.clone(), found)));
            }
            match result {
                Outcome::Rejected(why) => self.rejections.push(why),
                Outcome::Json(text) => self.outputs.push(json::read(&text).ok_or("the output is not JSON")?),
                Outcome::Message(bytes) => {
                    let read = Message::read(&bytes, &Settings::default());
                    self.messages.push(read.map_err(|why| format!("the output is no message: {why}"))?);
                }
            }
        }
        Ok(())
    }

    /// Whether no message came to an output.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.messages.is_empty()
    }

    pub fn name(&mut self, name: SmolStr, values: Vec<Found>) {
        self.lets.push((name, values));
    }

    // ---- conditions

    pub fn judge(&mut self, expr: &Expr) -> Result<Verdict, String> {
        match &*expr.kind {
            ExprKind::Binary(Binary::And, left, right) => {
                let left = self.judge(left)?;
                if !left.holds {
                    return Ok(left);
                }
                self.judge(right)
            }
            ExprKind::Binary(Binary::Or, left, right) => {
                let left = self.judge(left)?;
                if left.holds {
                    return Ok(left);
                }
                let right = self.judge(right)?;
                let fact = if right.holds { right.fact } else { format!("{}, and {}", left.fact, right.fact) };
                Ok(Verdict { holds: right.holds, fact })
            }
            ExprKind::Binary(binary, left, right) if compute::computed(expr).is_none() => {
                self.binary(*binary, left, right)
            }
            ExprKind::Prefix(Prefix::Not, value) => {
                let Verdict { holds, fact } = self.judge(value)?;
                Ok(Verdict { holds: !holds, fact })
            }
            ExprKind::Is { value, not, what } => self.is(value, *not, what),
            ExprKind::Call { name, arguments, parts } if parts.is_empty() && is_quantor(&name.text) => {
                let [argument] = arguments.as_slice() else {
                    return Err(format!("`{}` takes one condition", name.text));
                };
                self.quantor(&name.text, &argument.value)
            }
            ExprKind::List { items, parts } if parts.is_empty() && items.len() == 1 => {
                items.first().map_or_else(|| Err("there is no condition".to_owned()), |item| self.judge(item))
            }
            _ => {
                let values = self.values(expr)?;
                let value = one(&values, expr)?;
                match value.and_then(boolean) {
                    Some(holds) => Ok(Verdict { holds, fact: format!("{} is {holds}", spell::expr(expr)) }),
                    None => match value {
                        None => Ok(Verdict { holds: false, fact: format!("{} has no value", spell::expr(expr)) }),
                        Some(value) => Err(format!("{} is {}, no condition", spell::expr(expr), spell::found(value))),
                    },
                }
            }
        }
    }

    fn binary(&mut self, binary: Binary, left: &Expr, right: &Expr) -> Result<Verdict, String> {
        let values = self.values(left)?;
        let value = one(&values, left)?.cloned();
        self.compared(binary, value, left, right)
    }

    /// One value of the left side held against the right side.
    fn compared(&mut self, binary: Binary, value: Option<Found>, left: &Expr, right: &Expr) -> Result<Verdict, String> {
        let name = spell::expr(left);
        match binary {
            Binary::In | Binary::NotIn => {
                let list = self.values(right)?;
                let is_in = value.as_ref().is_some_and(|value| list.iter().any(|item| equal(value, item)));
                let fact = match (&value, is_in) {
                    (None, _) => format!("{name} has no value"),
                    (Some(value), true) => format!("{name} is {}", spell::found(value)),
                    (Some(value), false) => format!("{name} is {}, none of {}", spell::found(value), all(&list)),
                };
                Ok(Verdict { holds: is_in == (binary == Binary::In), fact })
            }
            Binary::Matches => {
                let pattern = self.values(right)?;
                let pattern = pattern.first().and_then(text).unwrap_or_default();
                // A pattern is held against the whole of a text, as in profiles.
                let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|_| "the pattern cannot be read")?;
                let holds = value.as_ref().and_then(text).is_some_and(|text| regex.is_match(&text));
                let fact = match &value {
                    None => format!("{name} has no value"),
                    Some(value) if holds => format!("{name} is {}", spell::found(value)),
                    Some(value) => format!("{name} is {}, which does not match '{pattern}'", spell::found(value)),
                };
                Ok(Verdict { holds, fact })
            }
            _ => {
                if binary == Binary::Equal
                    && let (Some(file), Some(value)) = (file_name(&right.kind), &value)
                {
                    self.golden = self.held_against(file, value);
                }
                let others = self.values(right)?;
                let other = one(&others, right)?;
                self.ordered(binary, value.as_ref(), other, &name, right)
            }
        }
    }

    fn ordered(
        &self,
        binary: Binary,
        value: Option<&Found>,
        other: Option<&Found>,
        name: &str,
        right: &Expr,
    ) -> Result<Verdict, String> {
        let (Some(value), Some(other)) = (value, other) else {
            // With a missing value `!=` holds and everything else does not.
            let fact = match (value, other) {
                (None, Some(other)) => format!("{name} has no value, where {} was expected", spell::found(other)),
                (None, None) => format!("{name} has no value, nor has {}", spell::expr(right)),
                _ => format!("{} has no value", spell::expr(right)),
            };
            return Ok(Verdict { holds: binary == Binary::NotEqual, fact });
        };
        if matches!(binary, Binary::Equal | Binary::NotEqual) {
            return self.equality(binary, value, other, name);
        }
        let order = order(value, other);
        let (holds, word) = match binary {
            Binary::Less => (order == Some(Ordering::Less), "less than"),
            Binary::LessOrEqual => (order.is_some_and(Ordering::is_le), "at most"),
            Binary::Greater => (order == Some(Ordering::Greater), "greater than"),
            Binary::GreaterOrEqual => (order.is_some_and(Ordering::is_ge), "at least"),
            _ => return Err("a test compares values and does not compute with them".to_owned()),
        };
        let fact = match holds {
            true => format!("{name} is {}", spell::found(value)),
            false => format!("{name} is {}, not {word} {}", spell::found(value), spell::found(other)),
        };
        Ok(Verdict { holds, fact })
    }

    fn equality(&self, binary: Binary, value: &Found, other: &Found, name: &str) -> Result<Verdict, String> {
        if let (Found::Node(left), Found::Node(right)) = (value, other)
            && [left, right].iter().any(|node| matches!(node.value, Json::Object(_) | Json::List(_)))
        {
            let different = differ::differences(&left.value, &right.value, &self.ignoring);
            let holds = different.is_empty() == (binary == Binary::Equal);
            let fact = if different.is_empty() { format!("{name} is the same") } else { told(&different) };
            return Ok(Verdict { holds, fact });
        }
        if let Some(why) = incomparable(value, other) {
            return Err(format!("{name} is {}, {why}", spell::found(value)));
        }
        let is_equal = equal(value, other);
        let fact = match is_equal {
            true => format!("{name} is {}", spell::found(value)),
            false => format!("{name} is {}, not {}", spell::found(value), spell::found(other)),
        };
        Ok(Verdict { holds: is_equal == (binary == Binary::Equal), fact })
    }

    fn is(&mut self, value: &Expr, not: bool, what: &Is) -> Result<Verdict, String> {
        let values = self.values(value)?;
        let name = spell::expr(value);
        let there = values.iter().any(is_there);
        let holds = match what {
            Is::Present => there,
            Is::Absent | Is::Null => !there,
            Is::Type(ty) => match one(&values, value)? {
                Some(Found::Node(node)) => node.ty.as_deref() == Some(ty.text.as_str()),
                _ => false,
            },
        };
        let fact = match (what, values.first()) {
            (Is::Type(_), Some(Found::Node(Node { ty: Some(ty), .. }))) => format!("{name} is {ty}"),
            _ if !there => format!("{name} is absent"),
            _ => format!("{name} is {}", all(&values)),
        };
        Ok(Verdict { holds: holds != not, fact })
    }

    /// `any(X == "a")`: the comparison for each item of its left side; `any(X)`: whether there is an item.
    fn quantor(&mut self, name: &str, condition: &Expr) -> Result<Verdict, String> {
        let ExprKind::Binary(binary, left, right) = &*condition.kind else {
            let values = self.values(condition)?;
            let holds =
                if name == "any" { !values.is_empty() } else { values.iter().all(|it| boolean(it) == Some(true)) };
            let count = values.len();
            return Ok(Verdict { holds, fact: format!("{} has {count} values", spell::expr(condition)) });
        };
        let values = self.values(left)?;
        let mut holds = Vec::new();
        for value in &values {
            holds.push(self.compared(*binary, Some(value.clone()), left, right)?.holds);
        }
        let holds = if name == "any" { holds.contains(&true) } else { !holds.contains(&false) };
        let fact = match values.is_empty() {
            true => format!("{} has no value", spell::expr(left)),
            false => format!("{} is {}", spell::expr(left), all(&values)),
        };
        Ok(Verdict { holds, fact })
    }

    // ---- values

    pub fn values(&mut self, expr: &Expr) -> Values {
        if let Some(gives) = compute::computed(expr) {
            return compute::values(expr, gives, self);
        }
        match &*expr.kind {
            ExprKind::Text(parts) => self.text(parts),
            ExprKind::Raw(text) => Ok(vec![Found::Text(text.clone())]),
            ExprKind::Number(digits) => Ok(vec![Found::Number(digits.clone())]),
            ExprKind::Boolean(it) => Ok(vec![Found::Boolean(*it)]),
            ExprKind::Code { system, code, .. } => {
                let system = self.system(&system.text)?;
                Ok(vec![Found::Code { system, code: code.text.clone() }])
            }
            ExprKind::Path(path) => self.path(path),
            ExprKind::Call { name, arguments, parts } => {
                let found = match file_name(&expr.kind) {
                    Some(file) => vec![self.file(&file)?],
                    None if compute::function(&name.text).is_some() => {
                        let (name, arguments) = (name.clone(), arguments.clone());
                        let kind = Box::new(ExprKind::Call { name, arguments, parts: Vec::new() });
                        self.values(&Expr { kind, at: expr.at.clone() })?
                    }
                    None => {
                        let arguments: Vec<_> = arguments.iter().map(|argument| &argument.value).collect();
                        self.call(&name.text, &arguments)?
                    }
                };
                self.parts(found, parts)
            }
            ExprKind::List { items, parts } => {
                let mut found = Vec::new();
                for item in items {
                    found.extend(self.values(item)?);
                }
                self.parts(found, parts)
            }
            ExprKind::Prefix(prefix @ (Prefix::First | Prefix::Last | Prefix::Only), value) => {
                let values = self.values(value)?;
                match prefix {
                    Prefix::First => Ok(values.into_iter().take(1).collect()),
                    Prefix::Last => Ok(values.into_iter().last().into_iter().collect()),
                    _ => Ok(one(&values, value)?.cloned().into_iter().collect()),
                }
            }
            ExprKind::Binary(..) | ExprKind::Is { .. } | ExprKind::Prefix(Prefix::Not, _) => {
                Ok(vec![Found::Boolean(self.judge(expr)?.holds)])
            }
            ExprKind::Missing => Err("it could not be read".to_owned()),
            _ => Err("a test compares values and does not compute with them".to_owned()),
        }
    }

    /// A text with a hole that has no value is missing.
    fn text(&mut self, parts: &[TextPart]) -> Values {
        let mut whole = String::new();
        for part in parts {
            match part {
                TextPart::Plain(plain) => whole.push_str(plain),
                TextPart::Hole(hole) => {
                    let values = self.values(hole)?;
                    match one(&values, hole)?.and_then(text) {
                        Some(text) => whole.push_str(&text),
                        None => return Ok(Vec::new()),
                    }
                }
            }
        }
        Ok(vec![Found::Text(whole.into())])
    }

    fn file(&mut self, name: &str) -> Result<Found, String> {
        let bytes = self.context.file(name).map_err(|why| format!("the file \"{name}\" cannot be read: {why}"))?;
        if let Ok(known) = Message::read(&bytes, &Settings::default()) {
            return Ok(message::whole(&message::text(&known)));
        }
        let text = String::from_utf8(bytes).ok();
        let json = text.as_deref().and_then(json::read).ok_or_else(|| format!("the file \"{name}\" is not JSON"))?;
        Ok(Found::Node(Node::whole(&json)))
    }

    /// A whole output and the file that it is held against.
    fn held_against(&mut self, name: SmolStr, value: &Found) -> Option<Golden> {
        let output = match value {
            Found::Node(node) => node.value.to_string(),
            Found::Text(text) => text.to_string(),
            _ => return None,
        };
        let file = self.context.file(&name).ok();
        let file = file.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\r', "\n"));
        Some(Golden { name, file, output })
    }

    fn system(&self, name: &str) -> Result<String, String> {
        if let Some(value) = self.constant(name)? {
            return text(&value).ok_or_else(|| format!("`{name}` is no code system"));
        }
        let system = v2_system(name).map(String::from);
        system.ok_or_else(|| format!("`{name}` is no code system that is known here"))
    }

    fn constant(&self, name: &str) -> Result<Option<Found>, String> {
        let Some(value) = self.context.constant(name) else { return Ok(None) };
        match *value.kind {
            Kind::Text(text) => Ok(Some(Found::Text(text))),
            Kind::Number(digits) => Ok(Some(Found::Number(digits))),
            Kind::Boolean(it) => Ok(Some(Found::Boolean(it))),
            Kind::Code { system, code, .. } => Ok(Some(Found::Code { system: system.into(), code })),
            _ => Err(format!("the constant `{name}` is no text, number or code that could be compared")),
        }
    }

    fn call(&mut self, name: &str, arguments: &[&Expr]) -> Values {
        let [argument] = arguments else { return Err(format!("`{name}` takes one value in a test")) };
        if is_quantor(name) {
            return Ok(vec![Found::Boolean(self.quantor(name, argument)?.holds)]);
        }
        let values = self.values(argument)?;
        match name {
            "count" => Ok(vec![Found::Number(values.len().to_string().into())]),
            "resolve" => values.iter().map(|value| self.resolve(value, argument)).collect(),
            "distinct" => {
                let mut kept: Vec<Found> = Vec::new();
                for value in values {
                    if !kept.iter().any(|other| equal(&value, other)) {
                        kept.push(value);
                    }
                }
                Ok(kept)
            }
            "length" | "upper" | "lower" | "trim" => {
                let text = one(&values, argument)?.and_then(text);
                let change = |text: String| match name {
                    "length" => Found::Number(text.chars().count().to_string().into()),
                    "upper" => Found::Text(text.to_uppercase_smolstr()),
                    "lower" => Found::Text(text.to_lowercase_smolstr()),
                    _ => Found::Text(text.trim().into()),
                };
                Ok(text.map(change).into_iter().collect())
            }
            _ => Err(format!("`{name}` is no function of tests")),
        }
    }

    fn resolve(&self, value: &Found, argument: &Expr) -> Result<Found, String> {
        let name = spell::expr(argument);
        let Found::Node(node) = value else { return Err(format!("{name} is no reference")) };
        let reference = node.reference().ok_or_else(|| format!("{name} is {}, no reference", spell::found(value)))?;
        let found = node.resolve(reference, &self.outputs);
        found.map(Found::Node).ok_or_else(|| format!("{name} refers to {reference:?}, which the output does not hold"))
    }

    fn path(&mut self, path: &Path) -> Values {
        let Some(root) = &path.root else {
            let item = self.items.last().cloned().ok_or("a path that begins with a dot needs brackets around it")?;
            return self.parts(vec![item], &path.parts);
        };
        let name = root.text.as_str();
        let named = self.lets.iter().rev().find(|(its, _)| its == name).map(|(_, values)| values.clone());
        let found = match named {
            Some(values) => values,
            None if name == "output" => {
                let messages = self.messages.iter().map(|it| message::whole(&message::text(it)));
                self.outputs.iter().map(|it| Found::Node(Node::whole(it))).chain(messages).collect()
            }
            None if name == SENT => {
                let Some((Part { kind: PartKind::Child(target), .. }, rest)) = path.parts.split_first() else {
                    return Err("`sent` is followed by the name of a target".to_owned());
                };
                let got = self.sent.iter().filter(|(to, _)| to == target).map(|(_, found)| found.clone());
                let got = got.collect();
                return self.parts(got, rest);
            }
            None if !self.messages.is_empty() && message::is_segment(name) => {
                let mut found = Vec::new();
                for it in &self.messages {
                    found.extend(message::values(it, name, &path.parts)?);
                }
                return Ok(found);
            }
            None => match self.constant(name)? {
                Some(value) => vec![value],
                None => of_type(name, &self.outputs).into_iter().map(Found::Node).collect(),
            },
        };
        self.parts(found, &path.parts)
    }

    /// An index counts the items of one element of one parent, so that nothing of a second parent is passed over.
    fn parts(&mut self, found: Vec<Found>, parts: &[Part]) -> Values {
        let mut groups = vec![found];
        for part in parts {
            match &part.kind {
                PartKind::Child(name) => {
                    let child = |found: Found| match found {
                        Found::Node(node) => node.child(name).into_iter().map(Found::Node).collect(),
                        _ => Vec::new(),
                    };
                    groups = groups.into_iter().flatten().map(child).collect();
                }
                PartKind::Index(index) => {
                    let index = usize::try_from(*index).unwrap_or(usize::MAX);
                    for group in &mut groups {
                        *group = group.drain(..).skip(index).take(1).collect();
                    }
                }
                PartKind::Range(from, to) => {
                    let [from, to] = [Some(*from), *to].map(|it| it.map_or(usize::MAX, |it| it as usize));
                    for group in &mut groups {
                        *group = group.drain(..).take(to.saturating_add(1)).skip(from).collect();
                    }
                }
                PartKind::Url(url) => retain(&mut groups, |node| node.has_url(url)),
                PartKind::Slice(name) => retain(&mut groups, |node| node.is_slice(name)),
                PartKind::Filter(condition) => {
                    for group in &mut groups {
                        let mut kept = Vec::new();
                        for item in std::mem::take(group) {
                            self.items.push(item.clone());
                            let verdict = self.judge(condition);
                            self.items.pop();
                            if verdict?.holds {
                                kept.push(item);
                            }
                        }
                        *group = kept;
                    }
                }
                _ => return Err("a test names FHIR elements of the output".to_owned()),
            }
        }
        Ok(groups.into_iter().flatten().collect())
    }
}

fn retain(groups: &mut [Vec<Found>], keep: impl Fn(&Node) -> bool) {
    for group in groups {
        group.retain(|found| matches!(found, Found::Node(node) if keep(node)));
    }
}

fn is_quantor(name: &str) -> bool {
    matches!(name, "any" | "all")
}

/// The only value, if there is one. Of several an analyst has to choose.
fn one<'f>(values: &'f [Found], expr: &Expr) -> Result<Option<&'f Found>, String> {
    match values {
        [] => Ok(None),
        [value] => Ok(is_there(value).then_some(value)),
        several => {
            let name = spell::expr(expr);
            let count = several.len();
            Err(format!("{name} has {count} values ({}): choose one by its number or by a condition", all(several)))
        }
    }
}

/// The text of a literal without holes.
pub fn plain(parts: &[TextPart]) -> Option<SmolStr> {
    let part = |part: &TextPart| match part {
        TextPart::Plain(text) => Some(text.as_str().to_owned()),
        TextPart::Hole(_) => None,
    };
    Some(parts.iter().map(part).collect::<Option<String>>()?.into())
}

fn all(values: &[Found]) -> String {
    values.iter().map(spell::found).collect::<Vec<_>>().join(", ")
}

fn told(differences: &[String]) -> String {
    let mut text = differences.iter().take(DIFFERENCES_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    if let Some(more) = differences.len().checked_sub(DIFFERENCES_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more differences"));
    }
    text
}
