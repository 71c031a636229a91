//! Holds a resolved project to what the language promises, and gives it types.
//!
//! The unit is one top-level item. It sees other items through their [`Signature`]s alone, so that a change in the
//! body of one map never re-checks another.

mod alternative;
mod answered;
mod arms;
mod beside;
mod binding;
mod block;
mod bounded;
mod built;
mod builtin;
mod bundle;
mod by_type;
mod call;
mod choose;
mod chosen;
mod codes;
mod conceptmap;
mod condition;
mod constant;
mod convert;
mod csv;
mod cycle;
mod each;
mod edited;
mod expression;
mod extension;
mod fixed;
mod function;
mod kept;
mod left;
mod literal;
mod lookup;
mod lost;
mod missing;
mod mixed;
mod operator;
mod part;
mod patch;
pub(crate) mod patched;
mod path;
mod place;
mod profile;
mod promise;
mod refer;
mod required;
mod rows;
mod rule;
mod scope;
mod signature;
mod slices;
mod sourceless;
mod split;
pub mod suggest;
mod systems;
mod table;
mod terms;
mod total;
pub mod typed;
pub mod types;
pub mod wiring;
mod with;

pub use codes::{codes, extend, extension_key, no_codes, table_of};
pub use constant::{constant, too_long};
pub use cycle::{cycle, is_too_long, reached};

pub use function::function;
pub use profile::{
    Held, Narrowed, ProfileFacts, Taker, declared_elsewhere, held, left_open, profile, segment, structure,
    structure_problems,
};
pub(crate) use profile::{holder as profile_holder, own as profile_shapes};
pub use promise::{Bodies, promises};
pub use signature::{Signature, SignatureKind, SignatureParam, signature};
pub use systems::{SYSTEM_OIDS, v2_system};
pub use table::{Given, given, table};
pub(crate) use types::is_hl7_name;

use crate::diagnostic::Diagnostic;
use crate::files::Content;
use crate::resolve::{Found, Names};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::syntax::tree::{Declaration, Route};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;
use typed::{CodeTable, Expr, Function, Key, RowTable};

/// What the checker asks of everything around the item in hand.
pub trait World {
    fn standards(&self) -> &Standards;
    /// Whether the project or the call names a zone for times without an offset.
    fn has_zone(&self) -> bool;
    /// The short names of FHIR packages (`uscore`).
    fn packages(&self) -> &[SmolStr];
    fn names(&self) -> &Names;
    /// What a name means in this module.
    fn find(&self, name: &str) -> Found;
    fn signature(&self, key: &str) -> Option<&Signature>;
    fn constant(&self, key: &str) -> Option<&Expr>;
    fn codes(&self, key: &str) -> Option<&CodeTable>;
    /// The table as it is declared, without what is added to it elsewhere.
    fn own_codes(&self, key: &str) -> Option<&CodeTable>;
    fn table(&self, key: &str) -> Option<&RowTable>;
    /// What lies where a declaration of this module names a file.
    fn file(&self, name: &str) -> Content;
    fn profile(&self, key: &str) -> Option<&ProfileFacts>;
    /// What is written under a key.
    fn declaration(&self, key: &str) -> Option<&Declaration>;
    /// The same world as another module sees it.
    fn beside(&self, module: &str) -> Option<Box<dyn World + '_>>;
    fn connectors(&self) -> &wiring::Connectors;
    /// All routes of the project, each with its module.
    fn routes(&self) -> &[(SmolStr, Route)];
    fn environments(&self) -> &wiring::Environments;
}

/// An item with its types, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub function: Option<Arc<Function>>,
    pub problems: Vec<Diagnostic>,
    /// The maps, converts and code tables that it uses, for cycles and for `lower`.
    pub uses: Vec<Key>,
    /// The maps whose keys alone it needs: they may need it in turn.
    pub refers: Vec<Key>,
    /// The names of other items that it writes, for those that nobody needs.
    pub names: BTreeSet<SmolStr>,
}

/// The dictionary that maps read which name no version.
pub(crate) const ANY_VERSION: Version = Version::Union;

impl Checked {
    /// An item of which nothing remains but what is wrong with it.
    pub fn said(problems: Vec<Diagnostic>) -> Self {
        Self { problems, ..Self::default() }
    }
}
