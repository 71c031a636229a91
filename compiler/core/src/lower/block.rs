//! Blocks: their fields, what a `with` makes of them, and how they are written.

use super::element::Source;
use super::write::{Name, To};
use super::{Env, Lower};
use crate::check::typed::{self, Expr, Kind};
use crate::plan::{Block, Code, CodePart, Constant, Need, Step, Test, Val};
use crate::standard::built;
use smol_str::SmolStr;

/// What stands over a block: the fields of each `with` around it, the innermost first.
pub(super) type Over<'a> = Vec<(&'a [typed::Field], Env<'a>)>;

/// The fields of one more `with`, nearer to the block than those before.
pub(super) fn under<'a>(fields: &'a [typed::Field], env: &Env<'a>, over: &Over<'a>) -> Over<'a> {
    std::iter::once((fields, env.clone())).chain(over.iter().cloned()).collect()
}

/// All that is written under one name, after every `with`.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub name: SmolStr,
    pub choice: bool,
    pub list: bool,
    pub required: bool,
    pub sources: Vec<Source<'a>>,
    pub extras: Option<(&'a typed::Block, Env<'a>)>,
}

impl<'a> Field<'a> {
    /// One that no rule asks for.
    pub(super) fn of(name: SmolStr, list: bool, source: Source<'a>) -> Self {
        Field { name, choice: false, list, required: false, sources: vec![source], extras: None }
    }
}

impl<'a> Lower<'a> {
    pub(super) fn fields(&mut self, block: &'a typed::Block, env: &Env<'a>, over: &Over<'a>) -> Vec<Field<'a>> {
        let fields = block.fields.iter().map(|field| own(field, env, Vec::new())).collect();
        let mut fields = overridden(fields, over);
        if built::name(&block.shape).is_some()
            && let Some(shape) = self.world.standards().shape(&block.shape)
        {
            // Segments stand in the order of the structure.
            fields.sort_by_key(|field| shape.elements.iter().position(|element| element.name == field.name));
        }
        fields
    }

    /// A coded value as the fields of a Coding or a CodeableConcept.
    pub(super) fn coded_fields(&mut self, coded: Val, expr: &Expr, over: &Over<'a>) -> Vec<Field<'a>> {
        let is_concept = matches!(&expr.ty.kind, typed::TyKind::Fhir(key) if self.base(key) == "CodeableConcept");
        if is_concept {
            return overridden(vec![Field::of("coding".into(), true, Source::Coding(coded))], over);
        }
        self.coding_fields(coded, over)
    }

    /// A coded value as the fields of a Coding.
    pub(super) fn coding_fields(&self, coded: Val, over: &Over<'a>) -> Vec<Field<'a>> {
        let parts = [("system", CodePart::System), ("code", CodePart::Code), ("display", CodePart::Display)];
        let fields = parts.map(|(name, part)| Field::of(name.into(), false, Source::Part(coded, part)));
        overridden(fields.into(), over)
    }

    pub(super) fn write_block(&mut self, block: &'a typed::Block, env: &Env<'a>, to: &To, over: &Over<'a>) {
        self.statements(&block.statements, env);
        let fields = self.fields(block, env, over);
        // An empty one stands in for an element that `with` changes and that is not there.
        let stands_in = block.fields.is_empty() && env.came;
        let live = !block.always && !stands_in && block.resource.as_deref() != Some("Bundle");
        self.write_fields(&fields, &block.shape, block.resource.as_ref(), live, env, to);
    }

    pub(super) fn write_fields(
        &mut self,
        fields: &[Field<'a>],
        shape: &SmolStr,
        resource: Option<&SmolStr>,
        live: bool,
        env: &Env<'a>,
        to: &To,
    ) {
        let whole = self.block(|lower| match &to.name {
            _ if to.patches && resource.is_some() => lower.write_changes(fields, shape, live, env),
            Name::Parameter(parameter) if parameter.has_parts() => {
                lower.write_parts(fields, shape, live, env, parameter)
            }
            _ => lower.write_object(fields, shape, resource, live, env, to),
        });
        if to.catches {
            self.left_out(env, to, &to.at, |lower| lower.extend(whole));
        } else {
            self.extend(whole);
        }
    }

    fn write_object(
        &mut self,
        fields: &[Field<'a>],
        shape: &SmolStr,
        resource: Option<&SmolStr>,
        live: bool,
        env: &Env<'a>,
        to: &To,
    ) {
        let open = to.opened(&self.base(shape));
        let mut needs = Vec::new();
        let body = self.block(|lower| {
            if let Some(resource) = resource {
                lower.trace(None, env, to);
                lower.put(&format!("\"resourceType\":{},", json(resource)));
            }
            if lower.is_message(shape) {
                let structure = built::name(shape).unwrap_or_default();
                lower.put(&format!("\"\":[{},{}],", json(&lower.structure(structure)), json(lower.version(structure))));
            }
            let is_bundle = resource.is_some_and(|resource| resource == "Bundle");
            if is_bundle && !fields.iter().any(|field| field.name == "type") {
                lower.trace(None, env, to);
                lower.put("\"type\":\"transaction\",");
            }
            for (index, field) in fields.iter().enumerate() {
                let later = fields.get(index + 1..).unwrap_or_default();
                let written =
                    lower.block(|lower| lower.ruled_by(field, |lower| lower.field(field, shape, env, &mut needs)));
                let written = lower.counting(written, later);
                lower.extend(written);
            }
            if is_bundle {
                lower.push(Step::Entries { requests: asks_a_server(fields) });
            }
        });
        self.wrap(format!("{open}{{"), body, &format!("}}{}", to.closed()), live, needs);
    }

    /// What is made for a field comes of its first rule. Where each rule is counted or told of, each of several is so by itself.
    pub(super) fn ruled_by(&mut self, field: &Field<'a>, make: impl FnOnce(&mut Self)) {
        let rules = field.sources.iter().filter_map(|source| match source {
            Source::Rule(value, env) => Some((env, &value.rule)),
            _ => None,
        });
        let mut rules = rules;
        let first = rules.next();
        let apart = self.covers || self.explain && rules.any(|(_, rule)| first.is_some_and(|(_, known)| known != rule));
        match first {
            Some((env, rule)) if !apart => self.ruled(env, rule, make),
            _ => make(self),
        }
    }

    fn field(&mut self, field: &Field<'a>, shape: &SmolStr, env: &Env<'a>, needs: &mut Vec<Need>) {
        let element = self.world.standards().shape(shape).and_then(|shape| shape.element(&field.name).cloned());
        let hint = element.and_then(|element| Some(element.types.first()?.name.clone()));
        let primitive = hint.as_ref().is_some_and(|name| self.is_primitive(name));
        let fits = self.fits(field, shape);
        let name = match (field.list || fits.is_some(), field.choice) {
            (true, _) => Name::Item,
            (false, true) => Name::Stem(field.name.clone()),
            (false, false) => Name::Field(field.name.clone()),
        };
        let skipped = (field.list && field.required).then(|| self.fresh());
        let beside = self.besides(field, shape);
        let to = To {
            name,
            primitive,
            hint,
            catches: field.list || !field.required,
            skipped,
            beside,
            ..To::new(Name::Item)
        };
        let body = self.block(|lower| {
            if field.list {
                let items = lower.block(|lower| lower.sources(&field.sources, &to));
                let items = lower.block(|lower| match &fits {
                    Some(_) => lower.wrap("[".to_owned(), items, "],", false, Vec::new()),
                    None => lower.extend(items),
                });
                let (open, close) = if fits.is_some() { ("", ",") } else { ("[", "],") };
                lower.wrap_fitted(&format!("{}:{open}", json(&field.name)), fits.as_deref(), items, close);
                lower.shadow(field, primitive, &to);
            } else if let Some(source) = field.sources.first() {
                let value = lower.block(|lower| lower.source(source, &to, &Vec::new()));
                let open = if fits.is_some() { format!("{}:", json(&field.name)) } else { String::new() };
                lower.wrap_fitted(&open, fits.as_deref(), value, ",");
            }
            lower.extras(field, primitive);
        });
        self.needed(field, body, skipped, shape, env, needs);
    }

    /// Adds what writes a field; if it has to be there, it is asked whether it is.
    pub(super) fn needed(
        &mut self,
        field: &Field<'a>,
        body: Block,
        skipped: Option<Val>,
        shape: &SmolStr,
        env: &Env<'a>,
        needs: &mut Vec<Need>,
    ) {
        if !field.required || matches!(body.as_slice(), [Step::Put(_)]) {
            return self.extend(body);
        }
        let at = self.focus();
        let skipped = skipped.filter(|&skipped| sets(&body, skipped));
        if let Some(to) = skipped {
            self.push(Step::Constant { value: Constant::Missing, to });
        }
        let wrote = self.to(|to| Step::Wrote { body, to });
        if let Some(skipped) = skipped {
            let emptied = Test::Both(Box::new(Test::True(skipped)), Box::new(Test::Not(Box::new(Test::True(wrote)))));
            self.when(emptied, vec![Step::Fail], Block::new());
        }
        let (env, rule) = match field.sources.first() {
            Some(Source::Rule(value, env)) => (env, value.rule.clone()),
            _ => (env, 0..0),
        };
        let place = built::place(shape, &field.name);
        let issue = self.said(Code::Required, &format!("`{place}` needs a value, and there is none"), env, &rule);
        needs.push(Need { wrote, issue, at });
    }

    pub(super) fn sources(&mut self, sources: &[Source<'a>], to: &To) {
        for source in sources {
            self.source(source, to, &Vec::new());
        }
    }

    /// With what overrides its elements.
    pub(super) fn source(&mut self, source: &Source<'a>, to: &To, over: &Over<'a>) {
        match source {
            Source::Rule(value, env) => {
                let to = To { at: value.rule.clone(), ..to.clone() };
                self.ruled(env, &value.rule, |lower| lower.write(&value.value, env, &to, over));
            }
            Source::Part(of, code_part) => {
                let val = self.code_part(*of, *code_part);
                self.write_text(val, to);
            }
            Source::Coding(of) => self.write_coding(*of, to, over),
            Source::Beside(..) => {}
            Source::Json { of, name, ty } => self.write_json_part(*of, name, ty, to, over),
        }
    }
}

/// Whether a step of the block, or one inside it, sets the value.
fn sets(block: &Block, val: Val) -> bool {
    block.iter().any(|step| step.sets() == Some(val) || step.blocks().into_iter().any(|inner| sets(inner, val)))
}

fn own<'a>(field: &'a typed::Field, env: &Env<'a>, before: Vec<Source<'a>>) -> Field<'a> {
    let own = field.values.iter().map(|value| Source::Rule(value, env.clone()));
    Field {
        name: field.name.clone(),
        choice: field.choice,
        list: field.list,
        required: field.required,
        sources: before.into_iter().chain(own).collect(),
        extras: field.extras.as_ref().map(|extras| (extras, env.clone())),
    }
}

/// Each `with` replaces a field, adds to it, or adds one that the block lacks.
pub(super) fn overridden<'a>(mut fields: Vec<Field<'a>>, over: &Over<'a>) -> Vec<Field<'a>> {
    for (with, env) in over {
        for field in *with {
            let at = fields.iter().position(|known| known.name == field.name);
            let known = at.and_then(|at| fields.get(at).cloned());
            let kept = known.as_ref().map(|known| known.sources.clone()).unwrap_or_default();
            let inner = env.keeping(kept.clone());
            let mut new = own(field, &inner, if field.adds { kept.clone() } else { Vec::new() });
            if let Some(known) = known {
                new.required |= known.required;
                if field.adds || field.values.is_empty() {
                    new.extras = new.extras.or(known.extras);
                }
                if field.values.is_empty() {
                    new.sources = kept;
                }
            }
            match at.and_then(|at| fields.get_mut(at)) {
                Some(place) => *place = new,
                None => fields.push(new),
            }
        }
    }
    fields
}

/// A Bundle of another type than a transaction or batch is not carried out by a server.
fn asks_a_server(fields: &[Field]) -> bool {
    let ty = fields.iter().find(|field| field.name == "type").and_then(|field| field.sources.first());
    match ty {
        Some(Source::Rule(value, _)) => match &*value.value.kind {
            Kind::Text(text) => matches!(text.as_str(), "transaction" | "batch"),
            _ => true,
        },
        _ => true,
    }
}

/// The text as a JSON string.
pub(super) fn json(text: &str) -> String {
    let mut out = Vec::new();
    emr_message::json::write_str(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}
