//! Who may look, and who may do something.

use crate::connector::web::clients::{Denied, Who};

/// What a call needs its caller to be let do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Act,
}

/// By what callers may do what. Where anybody may call, anybody may do all.
#[derive(Clone, Debug)]
pub struct Rights {
    /// The names of the certificates whose owners may act; all others may read.
    pub acting: Vec<String>,
    /// The scope of tokens whose bearers may read.
    pub read: String,
    /// The scope of those whose bearers may act.
    pub act: String,
}

/// What the caller lacks.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacks {
    Scope(String),
    /// Its certificate is not among those of whoever may act.
    Name,
}

impl Rights {
    /// # Errors
    /// What the caller lacks.
    pub fn may(&self, who: &Who, right: Right) -> Result<(), Lacks> {
        match (who, right) {
            (Who::Anyone, _) | (Who::Certified(_), Right::Read) => Ok(()),
            (Who::Certified(certificate), Right::Act) => {
                self.acting.contains(&certificate.name).then_some(()).ok_or(Lacks::Name)
            }
            (Who::Bearer { scopes, .. }, right) => {
                let needed = if right == Right::Read { &self.read } else { &self.act };
                scopes.contains(needed).then_some(()).ok_or_else(|| Lacks::Scope(needed.clone()))
            }
        }
    }
}

impl From<Lacks> for Denied {
    fn from(lacks: Lacks) -> Denied {
        match lacks {
            Lacks::Scope(scope) => Denied::Scope(scope),
            Lacks::Name => Denied::Name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::web::certificate::Certificate;

    #[test]
    fn who_may_read_may_not_act_for_that() {
        let rights = Rights { acting: vec!["desk".into()], read: "look".into(), act: "do".into() };
        let may = |who: &Who| [Right::Read, Right::Act].map(|right| rights.may(who, right).is_ok());
        let certified = |name: &str| Who::Certified(Certificate { fingerprint: "00".into(), name: name.into() });
        let bearer = |scope: &str| Who::Bearer {
            name: "desk".into(),
            scopes: scope.split(' ').map(ToOwned::to_owned).collect(),
        };
        assert_eq!(may(&Who::Anyone), [true, true]);
        assert_eq!(may(&certified("desk")), [true, true]);
        assert_eq!(may(&certified("Desk")), [true, false]);
        assert_eq!(may(&bearer("look")), [true, false]);
        assert_eq!(may(&bearer("do")), [false, true]);
        assert_eq!(may(&bearer("look do")), [true, true]);
        assert_eq!(may(&bearer("looking dont")), [false, false]);
    }
}
