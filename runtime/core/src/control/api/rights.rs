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

impl Rights {
    /// # Errors
    /// What the caller lacks.
    pub fn may(&self, who: &Who, right: Right) -> Result<(), Denied> {
        match (who, right) {
            (Who::Anyone, _) | (Who::Certified(_), Right::Read) => Ok(()),
            (Who::Certified(certificate), Right::Act) => {
                self.acting.contains(&certificate.name).then_some(()).ok_or(Denied::Name)
            }
            (Who::Bearer(claims), right) => {
                let needed = if right == Right::Read { &self.read } else { &self.act };
                claims.has_scope(needed).then_some(()).ok_or_else(|| Denied::Scope(needed.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::web::certificate::Certificate;

    #[test]
    fn who_may_read_may_not_act_for_that() {
        let rights = Rights { acting: vec!["desk".into()], read: "look".into(), act: "do".into() };
        let may = |who: &Who| [Right::Read, Right::Act].map(|right| rights.may(who, right).is_ok());
        let certified = |name: &str| Who::Certified(Certificate { fingerprint: "00".into(), name: name.into() }.into());
        let bearer = |scope: &str| {
            let claims = json!({ "iss": "issuer", "exp": 0, "client_id": "desk", "scope": scope });
            Who::Bearer(serde_json::from_value(claims).unwrap())
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
