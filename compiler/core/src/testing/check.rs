//! Holds what a test names to what there is: maps, resources, elements, code systems.

use super::compute::{self, Computed};
use super::{SENT, file_name, message};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::fhir::Fhir;
use crate::standard::shape::{Element, Kind, Type};
use crate::syntax::tree::{
    Arm, At, Binary, Expected, Expr, ExprKind, Is, Part, PartKind, Path, Prefix, Step, Test, TextPart, Word,
};
use emr_abi::Builtin;
use smol_str::SmolStr;

/// What can be named from where the test stands.
pub trait Scope {
    /// The maps that a test can run, for `through` and for what was meant instead.
    fn maps(&self) -> Vec<SmolStr>;

    /// The routes that it can send messages into, and the targets that get what comes of them.
    fn routes(&self) -> Vec<SmolStr>;
    fn targets(&self) -> Vec<SmolStr>;

    fn is_constant(&self, name: &str) -> bool;

    /// The least and the most values that a function of the language takes.
    fn arity(&self, function: Builtin) -> Option<(usize, usize)>;

    /// What is wrong with the rows that a table is given.
    fn given(&self, table: &Word, rows: &[Arm]) -> Vec<Diagnostic>;

    /// What is wrong with sending what one map makes through another.
    fn not_joined(&self, first: &Word, then: &Word) -> Option<Diagnostic>;

    /// Whether the library or the project has a code system of that name.
    fn is_system(&self, name: &str) -> bool;
}

/// What is wrong with a test, with ranges counted from the first byte of its item. A file that it names is not
/// looked for: that it is missing is found when the test runs.
pub fn check(test: &Test, fhir: &Fhir, scope: &dyn Scope) -> Vec<Diagnostic> {
    let mut checker = Checker { fhir, scope, lets: Vec::new(), routed: false, items: Vec::new(), found: Vec::new() };
    for step in &test.steps {
        checker.step(step);
    }
    checker.found
}

struct Checker<'a> {
    fhir: &'a Fhir,
    scope: &'a dyn Scope,
    lets: Vec<(SmolStr, Ty)>,
    /// The last `through` named a route.
    routed: bool,
    /// The types of the current items, the nearest last.
    items: Vec<Ty>,
    found: Vec<Diagnostic>,
}

/// What an expression may give.
#[derive(Clone, Debug, PartialEq)]
enum Ty {
    /// Any resource or element: nothing can be said of it.
    Unknown,
    /// One of these FHIR types.
    Fhir(Vec<Type>),
    Text,
    Number,
    Boolean,
    Code,
    Duration,
}

/// The types of FHIR that are dates or times.
const MOMENTS: [&str; 4] = ["date", "dateTime", "instant", "time"];

/// The functions of tests, each of one value.
const FUNCTIONS: [&str; 9] = ["count", "any", "all", "resolve", "distinct", "length", "upper", "lower", "trim"];

impl Checker<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::InputText(_) | Step::InputFile(_) => {}
            Step::Given { table, rows } => self.found.extend(self.scope.given(table, rows)),
            Step::Through(maps) => self.through(maps),
            Step::Let(it) => {
                let ty = self.expr(&it.value);
                self.lets.push((it.name.text.clone(), ty));
            }
            Step::Expect(expect) => {
                if let Expected::That { condition, ignoring } = &expect.what {
                    self.expr(condition);
                    for path in ignoring {
                        self.path(path);
                        self.plain(path);
                    }
                }
            }
        }
    }

    fn through(&mut self, maps: &[Word]) {
        let (known, routes) = (self.scope.maps(), self.scope.routes());
        self.routed = maps.iter().any(|map| routes.contains(&map.text));
        if self.routed {
            if maps.len() > 1
                && let Some(route) = maps.iter().find(|map| routes.contains(&map.text))
            {
                let message = format!("`{}` is a route, and goes alone: its maps follow one another in it", route.text);
                self.found.push(Diagnostic::new(Code::WrongKind, route.at.clone(), message));
            }
            return;
        }
        for map in maps.iter().filter(|map| !known.contains(&map.text)) {
            let message = format!("there is no map or route `{}`", map.text);
            let found = Diagnostic::new(Code::UnknownName, map.at.clone(), message);
            let all = known.iter().chain(&routes).map(SmolStr::as_str);
            self.found.push(suggested(found, &map.text, all, &map.at));
        }
        for pair in maps.windows(2) {
            let [first, then] = pair else { continue };
            self.found.extend(self.scope.not_joined(first, then));
        }
    }

    fn expr(&mut self, expr: &Expr) -> Ty {
        match &*expr.kind {
            ExprKind::Missing => Ty::Unknown,
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Hole(hole) = part {
                        self.expr(hole);
                    }
                }
                Ty::Text
            }
            ExprKind::Raw(_) => Ty::Text,
            ExprKind::Number(_) => Ty::Number,
            ExprKind::Boolean(_) => Ty::Boolean,
            ExprKind::Code { system, .. } => {
                self.system(system);
                Ty::Code
            }
            ExprKind::Path(path) => self.path(path),
            ExprKind::Call { name, arguments, parts } => {
                let ty = if file_name(&expr.kind).is_some() {
                    Ty::Unknown
                } else {
                    let arguments: Vec<_> = arguments.iter().map(|argument| &argument.value).collect();
                    self.call(name, &arguments, &expr.at)
                };
                self.parts(ty, parts)
            }
            ExprKind::List { items, parts } => {
                let types: Vec<_> = items.iter().map(|item| self.expr(item)).collect();
                let first = types.first().cloned().unwrap_or(Ty::Unknown);
                let ty = if types.iter().all(|ty| *ty == first) { first } else { Ty::Unknown };
                self.parts(ty, parts)
            }
            ExprKind::Prefix(Prefix::First | Prefix::Last | Prefix::Only, value) => self.expr(value),
            ExprKind::Prefix(Prefix::Not, value) => {
                self.expr(value);
                Ty::Boolean
            }
            ExprKind::Binary(binary, left, right) => self.binary(*binary, left, right, &expr.at),
            ExprKind::Is { value, what, .. } => {
                self.expr(value);
                if let Is::Type(ty) = what {
                    self.type_name(ty);
                }
                Ty::Boolean
            }
            ExprKind::Duration(_) => Ty::Duration,
            _ => self.unsupported(&expr.at),
        }
    }

    fn binary(&mut self, binary: Binary, left: &Expr, right: &Expr, at: &At) -> Ty {
        let (left_ty, right_ty) = (self.expr(left), self.expr(right));
        match binary {
            Binary::And | Binary::Or => return Ty::Boolean,
            Binary::Plus | Binary::Minus | Binary::Times | Binary::Over => {
                return self.calculated(binary, &left_ty, &right_ty, at);
            }
            _ => {}
        }
        if [left, right].iter().any(|side| matches!(&*side.kind, ExprKind::Binary(inner, ..) if compares(*inner))) {
            let message = "comparisons cannot be chained";
            let found = Diagnostic::new(Code::ChainedComparison, at.clone(), message);
            self.found.push(found.help("say `A == B and B == C`"));
        } else if binary != Binary::Matches && !self.comparable(&left_ty, &right_ty) {
            let [left_words, right_words] = [&left_ty, &right_ty].map(worded);
            let message = format!("{left_words} is never equal to {right_words}");
            let found = Diagnostic::new(Code::WrongType, at.clone(), message);
            if [&left_ty, &right_ty].contains(&&Ty::Duration) {
                let found = Diagnostic::new(Code::WrongType, at.clone(), "a test compares no durations");
                self.found.push(found.help("compare their minutes: `in_minutes(…)`"));
                return Ty::Boolean;
            }
            self.found.push(match self.one_value(&left_ty, &right_ty) {
                Some(help) => found.help(help),
                None => found,
            });
        }
        Ty::Boolean
    }

    /// Numbers are calculated, moments are moved, durations are added and scaled.
    fn calculated(&mut self, binary: Binary, left: &Ty, right: &Ty, at: &At) -> Ty {
        let is_sum = matches!(binary, Binary::Plus | Binary::Minus);
        let is_number = |ty: &Ty| *ty == Ty::Unknown || *ty == Ty::Number || self.comparable(ty, &Ty::Number);
        let is_moment = |ty: &Ty| match ty {
            Ty::Unknown | Ty::Text => true,
            Ty::Fhir(types) => types.iter().any(|ty| MOMENTS.contains(&ty.shape.as_str())),
            _ => false,
        };
        match (left, right) {
            (Ty::Duration, Ty::Duration) if is_sum => Ty::Duration,
            (moment, Ty::Duration) if is_sum && is_moment(moment) => Ty::Text,
            (Ty::Duration, by) if !is_sum && is_number(by) => Ty::Duration,
            (left, right) if is_number(left) && is_number(right) => Ty::Number,
            (left, right) => {
                let message = format!("{} and {} cannot be calculated with", worded(left), worded(right));
                self.found.push(Diagnostic::new(Code::WrongType, at.clone(), message));
                Ty::Unknown
            }
        }
    }

    /// Whether two values can be equal at all, as far as the types say.
    fn comparable(&self, left: &Ty, right: &Ty) -> bool {
        match (left, right) {
            (Ty::Unknown, _) | (_, Ty::Unknown) | (Ty::Fhir(_), Ty::Fhir(_)) => true,
            // Its minutes are compared.
            (Ty::Duration, _) | (_, Ty::Duration) => false,
            (Ty::Fhir(types), own) | (own, Ty::Fhir(types)) => types.iter().any(|ty| self.holds(&ty.shape, own)),
            // A code is a text where it has no system.
            (left, right) => left == right || matches!((left, right), (Ty::Code, Ty::Text) | (Ty::Text, Ty::Code)),
        }
    }

    /// What to say instead, where the elements of a type are meant or a literal is written as another.
    fn one_value(&self, left: &Ty, right: &Ty) -> Option<String> {
        let ((Ty::Fhir(types), own) | (own, Ty::Fhir(types))) = (left, right) else { return None };
        let [ty] = types.as_slice() else { return None };
        let shape = self.fhir.shape(&ty.shape)?;
        if shape.kind == Kind::FhirPrimitive {
            let is_quoted = *own == Ty::Text && matches!(&*ty.shape, "boolean" | "decimal" | "integer" | "positiveInt");
            return is_quoted.then(|| "write it without the quotation marks".to_owned());
        }
        let of_its_own =
            |element: &&Element| !matches!(element.name.as_str(), "id" | "extension" | "modifierExtension");
        let names: Vec<_> = shape.elements.iter().filter(of_its_own).map(|it| format!("`.{}`", it.name)).collect();
        Some(format!("name one of its elements: {}", names.join(", ")))
    }

    /// Whether a FHIR type can be equal to a literal of that kind.
    fn holds(&self, shape: &str, own: &Ty) -> bool {
        let is_primitive = self.fhir.shape(shape).is_none_or(|shape| shape.kind == Kind::FhirPrimitive);
        let json = match shape {
            "decimal" | "integer" | "positiveInt" | "unsignedInt" => Ty::Number,
            "boolean" => Ty::Boolean,
            _ => Ty::Text,
        };
        match own {
            Ty::Code => matches!(shape, "CodeableConcept" | "Coding" | "Quantity" | "code" | "string" | "uri"),
            own => is_primitive && *own == json,
        }
    }

    fn call(&mut self, name: &Word, arguments: &[&Expr], at: &At) -> Ty {
        let types: Vec<_> = arguments.iter().map(|argument| self.expr(argument)).collect();
        if let Some((function, gives)) = compute::function(&name.text) {
            return self.computed(function, gives, &types, at);
        }
        if !FUNCTIONS.contains(&name.text.as_str()) {
            let message = format!("`{}` is no function of tests", name.text);
            let found = Diagnostic::new(Code::UnknownName, name.at.clone(), message);
            let computing = Builtin::ALL.iter().map(|it| it.name()).filter(|name| compute::function(name).is_some());
            self.found.push(suggested(found, &name.text, FUNCTIONS.into_iter().chain(computing), &name.at));
            return Ty::Unknown;
        }
        let [ty] = types.as_slice() else {
            let message = format!("`{}` takes one value, not {}", name.text, types.len());
            self.found.push(Diagnostic::new(Code::WrongCall, at.clone(), message));
            return Ty::Unknown;
        };
        match name.text.as_str() {
            "count" | "length" => Ty::Number,
            "any" | "all" => Ty::Boolean,
            "resolve" => self.resolved(ty, at),
            "distinct" => ty.clone(),
            _ => Ty::Text,
        }
    }

    /// A function of the language, as maps call it.
    fn computed(&mut self, function: Builtin, gives: Computed, types: &[Ty], at: &At) -> Ty {
        let (least, most) = self.scope.arity(function).unwrap_or((0, usize::MAX));
        if types.len() < least || types.len() > most {
            let takes = match (least == most, most) {
                (true, _) => least.to_string(),
                (_, usize::MAX) => format!("{least} or more"),
                _ => format!("{least} to {most}"),
            };
            let message = format!("`{}` takes {takes} values, not {}", function.name(), types.len());
            self.found.push(Diagnostic::new(Code::WrongCall, at.clone(), message));
        }
        let takes_span = function == Builtin::in_minutes;
        if takes_span != types.contains(&Ty::Duration) {
            let message = match takes_span {
                true => format!("`{}` takes a duration", function.name()),
                false => format!("`{}` does not take a duration", function.name()),
            };
            self.found.push(Diagnostic::new(Code::WrongType, at.clone(), message));
        }
        match gives {
            Computed::Text => Ty::Text,
            Computed::Number => Ty::Number,
            Computed::Boolean => Ty::Boolean,
            Computed::Duration => Ty::Duration,
            Computed::Same => Ty::Unknown,
        }
    }

    /// The resources that a reference may lead to.
    fn resolved(&mut self, ty: &Ty, at: &At) -> Ty {
        let Ty::Fhir(types) = ty else { return Ty::Unknown };
        let references: Vec<_> = types.iter().filter(|ty| ty.name == "Reference").collect();
        if references.is_empty() {
            let texts = types.iter().any(|ty| matches!(ty.name.as_str(), "uri" | "string" | "canonical" | "url"));
            if !texts {
                let message = format!("{} is no reference that could be resolved", worded(ty));
                self.found.push(Diagnostic::new(Code::WrongType, at.clone(), message));
            }
            return Ty::Unknown;
        }
        let targets = references.iter().flat_map(|ty| &ty.targets);
        let targets: Vec<_> = targets.map(|name| resource(name)).collect();
        let anything = references.iter().any(|ty| ty.targets.is_empty());
        if anything || targets.iter().any(|ty| ty.name == "Resource") { Ty::Unknown } else { Ty::Fhir(targets) }
    }

    fn path(&mut self, path: &Path) -> Ty {
        let ty = match &path.root {
            None => match self.items.last() {
                Some(ty) => ty.clone(),
                None => {
                    let message = "a path that begins with a dot needs brackets or a call around it";
                    self.found.push(Diagnostic::new(Code::UnknownName, path.at.clone(), message));
                    return Ty::Unknown;
                }
            },
            Some(root) if message::is_segment(&root.text) => return self.place(&path.parts),
            Some(root) if root.text == SENT && !self.lets.iter().any(|(name, _)| name == SENT) => {
                let rest = self.sent(root, &path.parts);
                return self.parts(Ty::Unknown, rest);
            }
            Some(root) => match self.root(root) {
                Some(ty) => ty,
                None => return Ty::Unknown,
            },
        };
        self.parts(ty, &path.parts)
    }

    /// A place of a message that a map made.
    fn place(&mut self, parts: &[Part]) -> Ty {
        for part in parts {
            if !matches!(part.kind, PartKind::Field(_) | PartKind::Component(_) | PartKind::Index(_)) {
                let message = "a place of a message is named by numbers, as in `PID-3[2].4`";
                self.found.push(Diagnostic::new(Code::UnknownElement, part.at.clone(), message));
                return Ty::Unknown;
            }
        }
        Ty::Text
    }

    /// Nothing where nothing has that name.
    fn root(&mut self, root: &Word) -> Option<Ty> {
        let name = root.text.as_str();
        if let Some((_, ty)) = self.lets.iter().rev().find(|(its, _)| its == name) {
            return Some(ty.clone());
        }
        let resources = self.fhir.resources();
        if resources.contains(&name) {
            return Some(Ty::Fhir(vec![resource(name)]));
        }
        if name == "output" || self.scope.is_constant(name) {
            return Some(Ty::Unknown);
        }
        let found = Diagnostic::new(Code::UnknownName, root.at.clone(), format!("there is nothing named `{name}`"));
        let lets = self.lets.iter().map(|(name, _)| name.as_str());
        let found = suggested(found, name, resources.iter().copied().chain(lets), &root.at);
        let help = "a test names resources of the output, such as `Patient`, and its own `let`s";
        self.found.push(if found.help.is_some() { found } else { found.help(help) });
        None
    }

    /// `sent.ehr`; gives what stands behind it.
    fn sent<'p>(&mut self, root: &Word, parts: &'p [Part]) -> &'p [Part] {
        let Some((Part { kind: PartKind::Child(name), at }, rest)) = parts.split_first() else {
            let found = Diagnostic::new(Code::UnknownName, root.at.clone(), "`sent` is what one target got");
            self.found.push(found.help("name the target behind it: `sent.ehr`"));
            return &[];
        };
        let targets = self.scope.targets();
        // Without the dot before it.
        let at = at.end.saturating_sub(name.len())..at.end;
        if !targets.contains(name) {
            let found = Diagnostic::new(Code::UnknownName, at.clone(), format!("there is no target `{name}`"));
            self.found.push(suggested(found, name, targets.iter().map(SmolStr::as_str), &at));
        } else if !self.routed {
            let message = "nothing was sent: what went before went through maps, and only routes have targets";
            let found = Diagnostic::new(Code::NothingSent, root.at.clone(), message);
            self.found.push(found.help("send the message through a route: `through results`"));
        }
        rest
    }

    fn parts(&mut self, mut ty: Ty, parts: &[Part]) -> Ty {
        for part in parts {
            match &part.kind {
                PartKind::Child(name) => ty = self.child(&ty, name, part),
                PartKind::Index(_) | PartKind::Range(..) | PartKind::Url(_) | PartKind::Slice(_) => {}
                PartKind::Filter(condition) => {
                    self.items.push(ty.clone());
                    self.expr(condition);
                    self.items.pop();
                }
                PartKind::Unfinished => return Ty::Unknown,
                PartKind::Field(_) | PartKind::Component(_) | PartKind::Place(_) | PartKind::After(_) => {
                    let message = "a test names elements of the output, and this is a place in a message";
                    self.found.push(Diagnostic::new(Code::UnknownElement, part.at.clone(), message));
                    return Ty::Unknown;
                }
            }
        }
        ty
    }

    fn child(&mut self, ty: &Ty, name: &SmolStr, part: &Part) -> Ty {
        let types = match ty {
            Ty::Unknown => return Ty::Unknown,
            Ty::Fhir(types) => types,
            other => {
                let message = format!("{} has no elements", worded(other));
                self.found.push(Diagnostic::new(Code::UnknownElement, part.at.clone(), message));
                return Ty::Unknown;
            }
        };
        let mut shapes = Vec::new();
        for ty in types {
            match self.fhir.shape(&ty.shape) {
                // `Resource` stands for any of them.
                Some(shape) if shape.key != "Resource" && shape.key != "DomainResource" => shapes.push(shape),
                _ => return Ty::Unknown,
            }
        }
        let elements: Vec<_> = shapes.iter().filter_map(|shape| shape.element(name)).collect();
        if elements.is_empty() {
            let all = shapes.iter().flat_map(|shape| &shape.elements);
            self.unknown_element(ty, name, part, all.collect());
            return Ty::Unknown;
        }
        let mut types: Vec<Type> = elements.iter().flat_map(|element| &element.types).cloned().collect();
        types.dedup();
        if types.is_empty() { Ty::Unknown } else { Ty::Fhir(types) }
    }

    fn unknown_element(&mut self, ty: &Ty, name: &str, part: &Part, elements: Vec<&Element>) {
        // Without the dot before it.
        let at = part.at.end.saturating_sub(name.len())..part.at.end;
        let found = Diagnostic::new(Code::UnknownElement, at.clone(), format!("{} has no `{name}`", worded(ty)));
        let stem = elements.iter().find(|element| {
            let ending = element.choice.then(|| name.strip_prefix(element.name.as_str())).flatten();
            ending.is_some_and(|ending| ending.starts_with(|letter: char| letter.is_ascii_uppercase()))
        });
        self.found.push(match stem {
            Some(Element { name, .. }) => {
                let help = format!("say `{name}`: an element with a choice of types is named without the type");
                found.help(help).fix(at, name.as_str())
            }
            None => suggested(found, name, elements.iter().map(|element| element.name.as_str()), &at),
        });
    }

    fn type_name(&mut self, ty: &Word) {
        let names = [self.fhir.datatypes(), self.fhir.primitives(), self.fhir.resources()].concat();
        if !names.contains(&ty.text.as_str()) {
            let message = format!("there is no type `{}`", ty.text);
            let found = Diagnostic::new(Code::UnknownType, ty.at.clone(), message);
            self.found.push(suggested(found, &ty.text, names.into_iter(), &ty.at));
        }
    }

    fn system(&mut self, system: &Word) {
        if !self.scope.is_constant(&system.text) && !self.scope.is_system(&system.text) {
            let message = format!("there is no code system `{}`", system.text);
            let found = Diagnostic::new(Code::UnknownSystem, system.at.clone(), message);
            self.found.push(found.help("name its URI with a constant: let lab = \"http://lab.example.org\""));
        }
    }

    /// What `ignoring` names is a place, not a choice among items.
    fn plain(&mut self, path: &Path) {
        let chooses = |part: &&Part| !matches!(part.kind, PartKind::Child(_) | PartKind::Index(_));
        if let Some(part) = path.parts.iter().find(chooses) {
            let message = "`ignoring` names elements and numbers of items, nothing else";
            self.found.push(Diagnostic::new(Code::WrongType, part.at.clone(), message));
        }
    }

    fn unsupported(&mut self, at: &At) -> Ty {
        let message = "a test compares values of the output, and this would compute one";
        self.found.push(Diagnostic::new(Code::WrongType, at.clone(), message));
        Ty::Unknown
    }
}

fn compares(binary: Binary) -> bool {
    !matches!(binary, Binary::And | Binary::Or | Binary::Plus | Binary::Minus | Binary::Times | Binary::Over)
}

fn resource(name: &str) -> Type {
    Type { name: name.into(), shape: name.into(), targets: Vec::new() }
}

/// Up to three types by name.
fn worded(ty: &Ty) -> String {
    match ty {
        Ty::Unknown => "this".to_owned(),
        Ty::Fhir(types) => match types.as_slice() {
            [] => "this".to_owned(),
            [one] => format!("`{}`", one.shape),
            [first, second] => format!("`{}` or `{}`", first.shape, second.shape),
            [first, second, third] => format!("`{}`, `{}` or `{}`", first.shape, second.shape, third.shape),
            _ => "none of the types that this element can have".to_owned(),
        },
        Ty::Text => "a text".to_owned(),
        Ty::Number => "a number".to_owned(),
        Ty::Boolean => "true or false".to_owned(),
        Ty::Code => "a code".to_owned(),
        Ty::Duration => "a duration".to_owned(),
    }
}

/// With what was probably meant, if anything is close, and the edit that writes it.
fn suggested<'a>(found: Diagnostic, name: &str, all: impl Iterator<Item = &'a str>, at: &At) -> Diagnostic {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    // A third of the letters may be wrong: beyond that a suggestion is noise.
    let near = all.map(|other| (distance(other), other)).filter(|(far, _)| *far <= name.len().div_ceil(3));
    match near.min_by_key(|(far, _)| *far) {
        None => found,
        Some((_, other)) => found.help(format!("did you mean `{other}`?")).fix(at.clone(), other),
    }
}
