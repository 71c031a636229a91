//! What the validator has to say: a code, a place, and a sentence that never holds a value.

use std::fmt;

use crate::codes::codes;

/// Something in a resource that is against the standard or a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    pub code: Code,
    /// Where it is: `Bundle.entry[2].resource.name[0].family`, counted from 0. A choice element has its name in JSON
    /// (`Observation.valueQuantity`).
    pub path: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.path, self.message)
    }
}

codes! {
    /// The rule that is broken. Its number is none of a compile-time code.
    Code {
        /// the text is not JSON
        Unreadable = "R0451";
        /// it is no resource, or one of a type that nobody knows
        NoResource = "R0452";
        /// the type has no such element
        UnknownElement = "R0453";
        /// a key stands twice in an object
        Repeated = "R0454";
        /// an element that must be there is not
        Missing = "R0455";
        /// there are more of an element than may be
        TooMany = "R0456";
        /// it is another kind of JSON than the element's type has
        WrongJson = "R0457";
        /// a value does not look as its primitive type says
        BadValue = "R0458";
        /// an empty text, list or object, or a null that stands for nothing
        Empty = "R0459";
        /// the two lists of a repeating primitive, its values and what else they have, do not fit together
        Misaligned = "R0460";
        /// a code is not in the value set of a required binding
        UnknownCode = "R0461";
        /// a reference points to a type that may not stand there
        WrongTarget = "R0462";
        /// a reference points to nothing: an entry of the Bundle or a contained resource that is not there
        Dangling = "R0463";
        /// a choice element has values of two types
        TwoChoices = "R0464";
        /// a type that the element or the profile does not allow
        WrongType = "R0465";
        /// a value is not the one that the profile fixes
        NotFixed = "R0466";
        /// a value lacks what the profile's pattern demands
        NotPattern = "R0467";
        /// a slice has fewer or more items than the profile says
        SliceCount = "R0468";
        /// an extension has both a value and other extensions, or neither
        BadExtension = "R0469";
        /// a contained resource holds others, or has no id
        BadContained = "R0470";
        /// a profile that was asked for is not known, or is none of this resource
        NoProfile = "R0471";
        /// an extension stands where its definition does not allow it
        Misplaced = "R0472";
        /// elements of an object do not stand together as the standard says
        Together = "R0473";
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The way to an element, printed only if something is wrong there.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    Root(&'a str),
    Name(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root(name) => f.write_str(name),
            Path::Name(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
