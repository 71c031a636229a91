//! The contract between compiled code and its host: the list of built-in functions, the list of helpers,
//! and what the two sides see of each other.
//!
//! [`helpers!`] hands the list to any macro: it becomes the enum here, the dispatch of the interpreter, and later the
//! table of addresses that compiled code calls through. A function that is listed and has no body does not compile.

pub mod artifact;
mod calls;
mod context;
pub mod fhir;
mod layout;
mod program;
pub mod wiring;

pub use calls::{Call, Helpers, VERSION, hash};
pub use context::{
    Bar, Context, DIFFERS, Group, List, Member, PARTS_MAX, REFERENCE, RESULTS_MAX, SLACK, Segment, Stop, Told,
    UNSEARCHED, flags,
};
pub use layout::{BAR_MAX, Kind, Layout};
pub use program::{Emit, Gives, KeyPart, KeyValue, Node, NodeKind, Program, Said, Sent, Slots, Stated, Take};

/// Calls the macro `$with` with the names of all built-in functions, as `extern fn` declares them in the library's
/// prelude.
#[macro_export]
macro_rules! helpers {
    ($with:ident) => {
        $with! {
            // text
            length, upper, lower, trim, digits, left, right, substring, replace, extract, pieces, join, pad, er7,
            search_value,
            // numbers
            number, round, min, max, sum,
            // lists
            count, any, all, distinct, position,
            // codes
            system_of, display, convert_units,
            // time
            has_time, year, truncate, parse, format, in_zone, minutes, hours, days, duration, in_minutes, age,
            // bytes and identity
            base64, unhex, text_of, raw, size, sha1, uuid, pseudonym, resolve,
        }
    };
}

macro_rules! builtins {
    ($($name:ident),* $(,)?) => {
        /// A built-in function, spelled as the language spells it.
        #[allow(non_camel_case_types, reason = "the names are those of the language")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum Builtin {
            $($name),*
        }

        impl Builtin {
            pub const ALL: &[Builtin] = &[$(Builtin::$name),*];

            /// The list as text: what numbers of functions were stored against, in short.
            pub const LIST: &str = concat!($(stringify!($name), " "),*);

            pub fn name(self) -> &'static str {
                match self {
                    $(Builtin::$name => stringify!($name)),*
                }
            }

            pub fn from_name(name: &str) -> Option<Builtin> {
                match name {
                    $(stringify!($name) => Some(Builtin::$name),)*
                    _ => None,
                }
            }
        }
    };
}

helpers!(builtins);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_finds_its_function() {
        for &builtin in Builtin::ALL {
            assert_eq!(Builtin::from_name(builtin.name()), Some(builtin));
        }
        assert_eq!(Builtin::from_name("luhn"), None);
    }
}
