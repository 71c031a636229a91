//! What `emr.toml` says of the engine as a whole: it is read when the engine starts, and a change of it counts from the next
//! start on.

use std::collections::BTreeMap;

use emr_project::{Journal, Manifest, SCOPE_ACT, SCOPE_READ, Setting};
use emr_runtime::connector::{At, Callers};
use emr_runtime::control::api::rights::Rights;
use emr_runtime::journal::space::Reserve;

/// A section, by the names of its settings.
type Section = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    operations: Section,
    admin: Section,
    journal: Journal,
}

impl Standing {
    pub fn of(manifest: &Manifest) -> Standing {
        let texts = |section: &BTreeMap<String, Setting>| {
            section.iter().map(|(name, setting)| (name.clone(), setting.value.clone())).collect()
        };
        let (operations, admin) = (texts(&manifest.operations), texts(&manifest.admin));
        Standing { operations, admin, journal: manifest.journal }
    }

    /// The sections that another says otherwise.
    pub fn changed(&self, next: &Standing) -> Vec<String> {
        let all = [
            ("admin", self.admin == next.admin),
            ("journal", self.journal == next.journal),
            ("operations", self.operations == next.operations),
        ];
        all.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name.to_owned()).collect()
    }

    /// A setting of `[operations]`.
    pub fn operations(&self, name: &str) -> Option<String> {
        self.operations.get(name).cloned()
    }

    /// Where metrics and health are read: what goes together was looked at when it was read.
    pub fn metrics(&self) -> Option<At> {
        at(&self.operations)
    }

    /// Where the admin API listens, and who may do what there.
    pub fn admin(&self) -> Option<(At, Rights)> {
        let text = |name: &str| self.admin.get(name).map(String::as_str);
        let acting = text("clients_acting").into_iter().flat_map(|names| names.split(','));
        let acting = acting.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let (read, act) = (text("scope_read").unwrap_or(SCOPE_READ), text("scope_act").unwrap_or(SCOPE_ACT));
        Some((at(&self.admin)?, Rights { acting: acting.collect(), read: read.to_owned(), act: act.to_owned() }))
    }

    /// What is kept free on the disk of the journals.
    pub fn reserve(&self) -> Reserve {
        let Reserve { percent, bytes } = Reserve::default();
        Reserve {
            percent: self.journal.free_percent.unwrap_or(percent),
            bytes: self.journal.free_bytes.unwrap_or(bytes),
        }
    }
}

fn at(section: &Section) -> Option<At> {
    let text = |name: &str| section.get(name).cloned();
    let tls = text("tls_certificate").zip(text("tls_key"));
    let clients = match (text("clients_ca"), text("clients_issuer").zip(text("clients_audience"))) {
        (Some(ca), _) => Callers::MutualTls { ca: ca.into() },
        (None, Some((issuer, audience))) => Callers::Oauth { issuer, audience: Some(audience), scopes: Vec::new() },
        (None, None) => Callers::None,
    };
    Some(At { listen: text("listen")?, tls: tls.map(|(certificate, key)| (certificate.into(), key)), clients })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(admin: &[(&str, &str)]) -> Standing {
        let admin = admin.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Standing { admin, ..Standing::default() }
    }

    #[test]
    fn who_may_act_is_read_by_names_and_by_scopes() {
        assert!(standing(&[]).admin().is_none());
        let of = |name, value| standing(&[("listen", "127.0.0.1:1"), (name, value)]).admin().unwrap();
        let (at, rights) = of("clients_acting", "night desk, alice,");
        assert_eq!((at.listen.as_str(), at.clients), ("127.0.0.1:1", Callers::None));
        assert_eq!(rights.acting, ["night desk", "alice"]);
        assert_eq!((rights.read.as_str(), rights.act.as_str()), ("emr.read", "emr.act"));
        assert_eq!(of("scope_act", "do").1.act, "do");
        assert_eq!(of("clients_ca", "a.pem").0.clients, Callers::MutualTls { ca: "a.pem".into() });
    }

    #[test]
    fn a_section_that_is_another_is_named() {
        let one = standing(&[("listen", "127.0.0.1:1")]);
        assert_eq!(one.changed(&one), Vec::<String>::new());
        assert_eq!(one.changed(&standing(&[("listen", "127.0.0.1:2")])), ["admin"]);
    }
}
