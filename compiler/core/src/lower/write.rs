//! Expressions as what writes them: JSON under a name or in a list.

use super::with::{Merged, Over, merged};
use super::{Frame, Lower, primitive};
use crate::check::typed::{self, Expr, Kind, TyKind};
use crate::plan::{Block, Form, Step, Test, Val};
use smol_str::{SmolStr, format_smolstr};

/// Where a value is written.
#[derive(Clone)]
pub(super) struct Place {
    /// Nothing in a list.
    name: Option<SmolStr>,
    /// The name takes the type behind it: `valueQuantity`.
    choice: bool,
    /// What a `skip` inside drops: the value itself, where the element need not be there.
    optional: bool,
}

impl Place {
    /// An item of a list, or a whole resource.
    pub fn item() -> Self {
        Self { name: None, choice: false, optional: true }
    }

    pub fn choice(stem: &str) -> Self {
        Self { name: Some(stem.into()), choice: true, optional: true }
    }

    /// `"valueQuantity":` before a value of that type; nothing in a list.
    fn prefix(&self, ty: &str) -> SmolStr {
        match &self.name {
            None => SmolStr::default(),
            Some(name) if self.choice => format_smolstr!("\"{name}{}\":", capital(ty)),
            Some(name) => format_smolstr!("\"{name}\":"),
        }
    }
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

impl Lower<'_> {
    pub(super) fn write(&mut self, expr: &Expr, place: &Place, frame: &mut Frame, out: &mut Block) {
        self.open(expr, &[], frame, out, &mut |lower, expr, overs, frame, out| {
            lower.leaf(expr, overs, place, frame, out);
        });
    }

    /// A value that no decision stands around any more.
    fn leaf(&mut self, expr: &Expr, overs: &[Over], place: &Place, frame: &mut Frame, out: &mut Block) {
        let at = &expr.at;
        let ty = type_name(expr);
        match &*expr.kind {
            Kind::Block(block) => {
                let mut body = Block::new();
                self.block(block, overs, frame, &mut body);
                let open = format_smolstr!("{}{{", place.prefix(&self.base(&ty)));
                let wrap = Step::Wrap { open, body, close: "},".into(), live: !block.always };
                attempt(wrap, place, out);
            }
            Kind::Call { function, arguments } if !super::is_value(&expr.ty) => {
                let arguments: Vec<Val> = arguments.iter().map(|argument| self.value(argument, frame, out)).collect();
                let stem = if place.choice { place.name.clone().unwrap_or_default() } else { SmolStr::default() };
                let Some((routine, callee)) = self.routine(function, &stem) else { return };
                let call = Step::Call { routine, arguments, to: None };
                // What gives a choice writes its own name.
                let named = matches!(callee.result.kind, TyKind::Choice(_));
                let open = if named { SmolStr::default() } else { place.prefix(&self.base(&ty)) };
                attempt(Step::Wrap { open, body: vec![call], close: SmolStr::default(), live: false }, place, out);
            }
            Kind::Absent => {}
            Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => {
                self.value(expr, frame, out);
            }
            Kind::DataAbsent(reason) => out.push(Step::Put(data_absent(reason, place))),
            Kind::Json(json) => out.push(Step::Put(format_smolstr!("{}{json},", place.prefix(&ty)))),
            Kind::Text(text) => {
                let quoted = emr_message::json::quoted(text);
                out.push(Step::Put(format_smolstr!("{}{quoted},", place.prefix(&ty))));
            }
            Kind::Number(text) => {
                let number =
                    emr_message::number::decimal(text).map_or_else(|_| text.to_string(), |number| number.into_owned());
                out.push(Step::Put(format_smolstr!("{}{number},", place.prefix(&ty))));
            }
            Kind::Boolean(value) => out.push(Step::Put(format_smolstr!("{}{value},", place.prefix(&ty)))),
            Kind::Code { system, code, display } => {
                let json = coded(system, code, display.as_deref(), &ty);
                out.push(Step::Put(format_smolstr!("{}{json},", place.prefix(&ty))));
            }
            _ => {
                let of = self.value(expr, frame, out);
                let rule = self.rule(frame, at);
                if !expr.ty.is_list() {
                    return self.scalar(expr, of, &ty, rule, place, out);
                }
                let item = frame.fresh();
                let mut body = Block::new();
                self.scalar(expr, item, &ty, rule, place, &mut body);
                out.push(Step::Each { of, item, body, once: false });
            }
        }
    }

    /// A value that a slot holds: a text, a number, a code, a reference.
    fn scalar(&mut self, expr: &Expr, of: Val, ty: &str, rule: u32, place: &Place, out: &mut Block) {
        let prefix = place.prefix(&self.base(ty));
        let mut yes = Block::new();
        let mut put = |open: &str, form, close: &str| {
            let open = format_smolstr!("{prefix}{open}");
            if !open.is_empty() {
                yes.push(Step::Put(open));
            }
            yes.push(Step::Write { of, form, rule });
            yes.push(Step::Put(close.into()));
        };
        match (&expr.ty.kind, ty) {
            (TyKind::Reference(_), _) => put("{\"reference\":\"", Form::Text, "\"},"),
            (_, "CodeableConcept") => put("", Form::Concept, ","),
            (_, "Coding") => put("", Form::Coding, ","),
            _ if matches!(&*expr.kind, Kind::Coded(_)) => put("\"", Form::Code, "\","),
            (_, "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt") => put("", Form::Bare, ","),
            _ => put("\"", Form::Text, "\","),
        }
        out.push(Step::If { test: Test::Present(of), yes, no: Block::new() });
    }

    /// The type that stands behind the name of a choice: `Quantity` also where a profile narrows it.
    fn base(&self, ty: &str) -> SmolStr {
        match self.world.standards().fhir.shape(ty) {
            Some(shape) if !shape.base.is_empty() => shape.base.clone(),
            _ => ty.into(),
        }
    }

    /// The statements and fields of a block, under what is laid over it.
    fn block(&mut self, block: &typed::Block, overs: &[Over], frame: &mut Frame, out: &mut Block) {
        if let Some(resource) = &block.resource {
            out.push(Step::Put(format_smolstr!("\"resourceType\":\"{resource}\",")));
        }
        for statement in &block.statements {
            self.statement(statement, frame, out);
        }
        for field in merged(&block.fields, &frame.env, overs) {
            self.field(&field, frame, out);
        }
    }

    /// All that is written under one name, each value in the text where it stands.
    pub(super) fn field(&mut self, field: &Merged, frame: &mut Frame, out: &mut Block) {
        let mut body = Block::new();
        if field.list {
            let mut items = Block::new();
            for value in &field.values {
                self.placed(value, &Place::item(), frame, &mut items);
            }
            let open = format_smolstr!("\"{}\":[", field.name);
            if !items.is_empty() {
                body.push(Step::Wrap { open, body: items, close: "],".into(), live: false });
            }
        } else {
            let place = Place { name: Some(field.name.clone()), choice: field.choice, optional: !field.required };
            for value in &field.values {
                self.placed(value, &place, frame, &mut body);
            }
        }
        if let Some((block, env)) = &field.extras {
            let outer = std::mem::replace(&mut frame.env, env.clone());
            let mut inner = Block::new();
            self.block(block, &[], frame, &mut inner);
            frame.env = outer;
            let open = format_smolstr!("\"_{}\":{{", field.name);
            body.push(Step::Wrap { open, body: inner, close: "},".into(), live: false });
        }
        if field.required {
            let rule = self.rule(frame, &field.at);
            let text = format_smolstr!("`{}` needs a value, and the message has none that is valid", field.name);
            out.push(Step::Needs { body, rule, text });
        } else {
            out.extend(body);
        }
    }

    fn placed(&mut self, placed: &super::Placed, place: &Place, frame: &mut Frame, out: &mut Block) {
        let outer = std::mem::replace(&mut frame.env, placed.env.clone());
        self.write(&placed.value.value, place, frame, out);
        frame.env = outer;
    }
}

/// A block, which a `skip` inside drops where it need not be there.
fn attempt(step: Step, place: &Place, out: &mut Block) {
    out.push(if place.optional { Step::Attempt(vec![step]) } else { step });
}

/// The FHIR type of what an expression writes.
fn type_name(expr: &Expr) -> SmolStr {
    match &expr.ty.kind {
        TyKind::Fhir(key) => key.clone(),
        TyKind::Reference(_) => "Reference".into(),
        TyKind::Coded => "Coding".into(),
        _ => "string".into(),
    }
}

/// A code that stands in the mapping.
fn coded(system: &str, code: &str, display: Option<&str>, ty: &str) -> String {
    let quoted = emr_message::json::quoted;
    if primitive(ty) {
        return quoted(code);
    }
    let display = display.map(|display| format!(",\"display\":{}", quoted(display))).unwrap_or_default();
    let coding = format!("{{\"system\":{},\"code\":{}{display}}}", quoted(system), quoted(code));
    if ty == "CodeableConcept" { format!("{{\"coding\":[{coding}]}}") } else { coding }
}

/// A reason in place of the value (FHIR R4 data-absent-reason).
fn data_absent(reason: &str, place: &Place) -> SmolStr {
    let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    let extension = format!("{{\"extension\":[{{\"url\":\"{url}\",\"valueCode\":\"{reason}\"}}]}},");
    match &place.name {
        Some(name) => format_smolstr!("\"{name}\":{extension}"),
        None => extension.into(),
    }
}
