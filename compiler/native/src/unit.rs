//! All functions of a plan as one blob without relocations: calls between them are resolved here, everything else goes
//! through the context.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, InstBuilder, Signature, UserExternalName, UserFuncName,
    types::I64,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use emr_compiler::plan::RuleId;
use rustc_hash::FxHashMap;
use std::mem::offset_of;

use crate::code::{Gen, Shared};
use crate::kinds::Instance;
use crate::tables::Tables;

/// Functions begin at multiples of this.
const ALIGNMENT: usize = 32;

pub struct Unit<'u> {
    isa: &'u OwnedTargetIsa,
    conv: CallConv,
    builder: FunctionBuilderContext,
    pub code: Vec<u8>,
    /// Where each function begins and which routine it is, by its number.
    pub functions: Vec<(usize, String)>,
    calls: Vec<Pending>,
    /// From where on code comes of which rule, in order.
    pub origins: Vec<(usize, Option<RuleId>)>,
    /// The text of the functions, as far as it is wanted.
    pub text: Option<(Show, String)>,
}

/// A text that code has for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Cranelift's own form.
    Clif,
    /// Instructions of the machine.
    Assembly,
}

/// A call whose target may not stand in the blob yet.
struct Pending {
    at: usize,
    kind: Reloc,
    addend: i64,
    to: usize,
}

fn words(count: usize) -> impl Iterator<Item = AbiParam> {
    (0..count).map(|_| AbiParam::new(I64))
}

impl<'u> Unit<'u> {
    pub fn new(isa: &'u OwnedTargetIsa, show: Option<Show>) -> Unit<'u> {
        Unit {
            isa,
            conv: isa.default_call_conv(),
            builder: FunctionBuilderContext::new(),
            code: Vec::new(),
            functions: Vec::new(),
            calls: Vec::new(),
            origins: Vec::new(),
            text: show.map(|show| (show, String::new())),
        }
    }

    fn signature(&self, instance: &Instance) -> Signature {
        let mut signature = Signature::new(self.conv);
        signature.params.extend(words(2 + instance.params.iter().map(|kind| kind.words()).sum::<usize>()));
        signature.returns.push(AbiParam::new(I64));
        signature
    }

    /// The function of an instance. All that it can call came before it.
    pub fn routine(&mut self, shared: &Shared, tables: &mut Tables, index: usize) {
        let Some(instance) = shared.typing.instances.get(index) else { return };
        let mut function = Function::with_name_signature(name(index), self.signature(instance));
        let mut functions = FxHashMap::default();
        for (number, called) in shared.typing.instances.iter().enumerate().take(index) {
            let signature = self.signature(called);
            functions.insert(number, import(&mut function, number, signature));
        }
        let mut context = std::mem::take(&mut self.builder);
        let builder = FunctionBuilder::new(&mut function, &mut context);
        if let Some(code) = Gen::new(shared, tables, index, builder, functions, self.conv) {
            code.routine(self.isa.frontend_config());
        }
        self.builder = context;
        let routine = shared.typing.plan.routine(instance.routine);
        self.define(function, index, routine.map_or("", |routine| routine.name.as_str()));
    }

    /// What the host enters: takes the arguments out of the context and calls the entry's instance, which is the last.
    pub fn entry(&mut self, shared: &Shared) {
        let Some((index, instance)) = shared.typing.instances.iter().enumerate().next_back() else { return };
        let mut signature = Signature::new(self.conv);
        signature.params.extend(words(2));
        signature.returns.push(AbiParam::new(I64));
        let mut function = Function::with_name_signature(name(index + 1), signature);
        let called = self.signature(instance);
        let called = import(&mut function, index, called);
        let mut context = std::mem::take(&mut self.builder);
        let mut b = FunctionBuilder::new(&mut function, &mut context);
        let start = b.create_block();
        b.append_block_params_for_function_params(start);
        b.switch_to_block(start);
        let mut given = b.block_params(start).to_vec();
        if let Some(ctx) = given.first().copied() {
            for (number, kind) in instance.params.iter().enumerate() {
                if kind.words() == 1 {
                    let offset = offset_of!(emr_abi::Context, results) + 8 * number;
                    let offset = i32::try_from(offset).unwrap_or(i32::MAX);
                    let flags = cranelift_codegen::ir::MemFlagsData::trusted();
                    given.push(b.ins().load(I64, flags, ctx, offset));
                }
            }
        }
        let call = b.ins().call(called, &given);
        let results = b.inst_results(call).to_vec();
        b.ins().return_(&results);
        b.seal_all_blocks();
        b.finalize(self.isa.frontend_config());
        self.builder = context;
        self.define(function, index + 1, "entry");
    }

    fn define(&mut self, function: Function, number: usize, name: &str) {
        if let Some((Show::Clif, text)) = &mut self.text {
            text.push_str(&format!("; {name}\n{}\n", function.display()));
        }
        let mut context = Context::for_function(function);
        context.set_disasm(matches!(self.text, Some((Show::Assembly, _))));
        // A plan that was validated always compiles: what it cannot say never reaches this.
        let compiled = context.compile(self.isa.as_ref(), &mut ControlPlane::default());
        let compiled = compiled.map_err(|error| error.inner).expect("a valid plan compiles");
        if let (Some((Show::Assembly, text)), Some(assembly)) = (&mut self.text, &compiled.vcode) {
            text.push_str(&format!("; {name}\nfunction u0:{number}:\n{assembly}\n"));
        }
        self.code.resize(self.code.len().next_multiple_of(ALIGNMENT), 0);
        let start = self.code.len();
        self.code.extend_from_slice(compiled.code_buffer());
        debug_assert_eq!(self.functions.len(), number);
        self.functions.push((start, name.to_owned()));
        self.origin(start, None);
        // What the allocator of registers put between comes of what is before it.
        for place in compiled.buffer.get_srclocs_sorted().iter().filter(|place| !place.loc.is_default()) {
            self.origin(start + place.start as usize, Some(place.loc.bits()));
        }
        let relocations: Vec<_> = compiled.buffer.relocs().to_vec();
        for relocation in relocations {
            let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = relocation.target else { continue };
            let Some(name) = context.func.params.user_named_funcs().get(name) else { continue };
            self.calls.push(Pending {
                at: start + relocation.offset as usize,
                kind: relocation.kind,
                addend: relocation.addend,
                to: name.index as usize,
            });
        }
    }

    /// Code comes of this rule from here on.
    fn origin(&mut self, at: usize, rule: Option<RuleId>) {
        // A range that nothing lies in.
        self.origins.pop_if(|(before, _)| *before == at);
        if self.origins.last().is_none_or(|(_, last)| *last != rule) {
            self.origins.push((at, rule));
        }
    }

    /// Resolves all calls.
    pub fn finish(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            let to = self.functions.get(call.to).map_or(0, |(start, _)| *start);
            let distance = i64::try_from(to).unwrap_or(0) - i64::try_from(call.at).unwrap_or(0) + call.addend;
            let Some(Ok(place)) = self.code.get_mut(call.at..call.at + 4).map(<&mut [u8; 4]>::try_from) else {
                continue;
            };
            *place = match call.kind {
                Reloc::Arm64Call => {
                    let distance = u32::try_from((distance >> 2) & 0x03ff_ffff).unwrap_or(0);
                    (u32::from_le_bytes(*place) & 0xfc00_0000 | distance).to_le_bytes()
                }
                _ => i32::try_from(distance).unwrap_or(0).to_le_bytes(),
            };
        }
    }
}

fn name(number: usize) -> UserFuncName {
    UserFuncName::user(0, u32::try_from(number).unwrap_or(u32::MAX))
}

fn import(function: &mut Function, number: usize, signature: Signature) -> FuncRef {
    let signature = function.import_signature(signature);
    let index = u32::try_from(number).unwrap_or(u32::MAX);
    let name = function.declare_imported_user_function(UserExternalName { namespace: 0, index });
    function.import_function(ExtFuncData {
        name: ExternalName::User(name),
        signature,
        colocated: true,
        patchable: false,
    })
}
