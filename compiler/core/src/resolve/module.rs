//! What a module declares: the names that others can use.

use crate::syntax::tree::{At, Declaration, Item, MapKind};
use smol_str::{SmolStr, format_smolstr};

/// One declaration that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub name: SmolStr,
    pub kind: DeclaredKind,
    pub private: bool,
    /// Where the name stands, from the first byte of its item.
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeclaredKind {
    Constant,
    Map,
    Convert,
    Function,
    Codes,
    Table,
    Profile,
    Segment,
    Structure,
    Feed,
    Target,
    Route,
    Alarm,
    Connector,
}

impl DeclaredKind {
    /// Whether its name is brought into a module by `use`: segments and structures are known in the whole project, a
    /// convert and a connector are found by what they are of.
    pub fn is_brought(self) -> bool {
        use DeclaredKind::{Connector, Convert, Segment, Structure};
        !matches!(self, Segment | Structure | Convert | Connector)
    }

    pub fn noun(self) -> &'static str {
        match self {
            DeclaredKind::Constant => "constant",
            DeclaredKind::Map => "map",
            DeclaredKind::Convert => "convert",
            DeclaredKind::Function => "function",
            DeclaredKind::Codes => "code table",
            DeclaredKind::Table => "table",
            DeclaredKind::Profile => "profile",
            DeclaredKind::Segment => "segment",
            DeclaredKind::Structure => "structure",
            DeclaredKind::Feed => "feed",
            DeclaredKind::Target => "target",
            DeclaredKind::Route => "route",
            DeclaredKind::Alarm => "alarm",
            DeclaredKind::Connector => "connector",
        }
    }
}

/// By what the whole project knows what a module declares under a name: `module.name`.
pub fn key(module: &str, name: &str) -> SmolStr {
    format_smolstr!("{module}.{name}")
}

/// A declaration as another module sees it, by its [`key`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    pub key: SmolStr,
    pub kind: DeclaredKind,
}

/// The name that an item declares, if it does.
pub fn exports(item: &Item) -> Option<Declared> {
    let (name, kind) = match &item.declaration {
        Declaration::Constant(it) => (&it.name, DeclaredKind::Constant),
        Declaration::Map(it) if it.kind == MapKind::Convert => (&it.name, DeclaredKind::Convert),
        Declaration::Map(it) => (&it.name, DeclaredKind::Map),
        Declaration::Codes(it) => (&it.name, DeclaredKind::Codes),
        Declaration::Table(it) => (&it.name, DeclaredKind::Table),
        Declaration::Profile(it) => (&it.name, DeclaredKind::Profile),
        Declaration::Segment(it) => (&it.name, DeclaredKind::Segment),
        Declaration::Structure(it) => (&it.name, DeclaredKind::Structure),
        Declaration::ExternFn(it) => (&it.name, DeclaredKind::Function),
        Declaration::Feed(it) => (&it.name, DeclaredKind::Feed),
        Declaration::Target(it) => (&it.name, DeclaredKind::Target),
        Declaration::Route(it) => (&it.name, DeclaredKind::Route),
        Declaration::Alarm(it) => (&it.name, DeclaredKind::Alarm),
        Declaration::Connector(it) => (&it.name, DeclaredKind::Connector),
        Declaration::Use(_) | Declaration::Test(_) | Declaration::Extend(_) => return None,
    };
    Some(Declared { name: name.text.clone(), kind, private: item.private, at: name.at.clone() })
}
