//! Every code that a person can be shown, each with its page: those of diagnostics, of the run time and of the
//! validator. The lists stand where the codes are raised; a code is never used again.

use crate::{diagnostic, plan, validate};

/// A list of codes: the enum with what it is about, the text of each, its summary and its page. A code without a page
/// does not compile.
macro_rules! codes {
    ($(#[doc = $about:literal])* $list:ident { $(#[doc = $summary:literal] $name:ident = $text:literal;)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $list { $(#[doc = $summary] $name),* }

        impl $list {
            pub const ALL: &[$list] = &[$($list::$name),*];

            /// `E0101`.
            pub const fn text(self) -> &'static str {
                match self { $($list::$name => $text),* }
            }

            /// What it is about, in a few words.
            pub fn summary(self) -> &'static str {
                match self { $($list::$name => $summary.trim_ascii()),* }
            }

            /// Its page: what it means, with an example and the cure.
            pub fn page(self) -> &'static str {
                match self { $($list::$name => include_str!(concat!("../../../codes/", $text, ".md"))),* }
            }
        }
    };
}
pub(crate) use codes;

/// What there is to read of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub code: &'static str,
    pub summary: &'static str,
    pub text: &'static str,
}

macro_rules! pages {
    ($list:path) => {
        <$list>::ALL.iter().map(|it| Page { code: it.text(), summary: it.summary(), text: it.page() })
    };
}

/// The pages of all codes: of compiling first, then of running, then of validating.
pub fn pages() -> impl Iterator<Item = Page> {
    pages!(diagnostic::Code).chain(pages!(plan::Code)).chain(pages!(validate::Code))
}

/// The page of the code that is written so, in capitals or not.
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_opens_with_its_code_and_summary() {
        for Page { code, summary, text } in pages() {
            let heading = format!("# {code}: {summary}\n");
            assert!(text.starts_with(&heading), "{code}.md does not open with {heading}");
        }
    }

    #[test]
    fn no_code_is_used_twice() {
        let codes: BTreeSet<_> = pages().map(|page| page.code).collect();
        assert_eq!(codes.len(), pages().count());
    }

    #[test]
    fn a_page_is_found_in_any_case() {
        assert_eq!(page("e0502").map(|it| it.code), Some("E0502"));
        assert_eq!(page("r0451").map(|it| it.code), Some("R0451"));
        assert_eq!(page("E9999"), None);
    }
}
