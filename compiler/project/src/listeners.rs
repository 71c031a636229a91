//! `[operations]` and `[admin]` of `emr.toml`: what goes together in them. Where something listens, it is said who can read
//! along and who may call, as feeds say it.

use std::collections::BTreeMap;

use emr_compiler::diagnostic::{Code, Diagnostic};

use crate::manifest::Setting;

const LISTEN: &str = "listen";
const CERTIFICATE: &str = "tls_certificate";
const KEY: &str = "tls_key";
const NO_TLS: &str = "tls_none_because";
const AUTHORITIES: &str = "clients_ca";
const ACTING: &str = "clients_acting";
const ISSUER: &str = "clients_issuer";
const AUDIENCE: &str = "clients_audience";
const OF_READING: &str = "scope_read";
const OF_ACTING: &str = "scope_act";
const NO_CLIENTS: &str = "clients_none_because";

/// The scope of tokens whose bearers may look, unless `scope_read` says another.
pub const SCOPE_READ: &str = "emr.read";

/// The scope of those whose bearers may do something, unless `scope_act` says another.
pub const SCOPE_ACT: &str = "emr.act";

/// Settings by their names, those that are read.
type Settings = BTreeMap<String, Setting>;

/// A section that says where something listens.
pub struct Section {
    pub name: &'static str,
    /// All that it may say.
    pub keys: &'static [&'static str],
    /// What it says of a listener.
    listener: &'static [&'static str],
    /// The address that it has in examples.
    example: &'static str,
    /// What it says of who may call: exactly one of these.
    clients: &'static [&'static str],
}

/// Where mail is handed over, and where metrics and health are read.
pub const OPERATIONS: Section = Section {
    name: "operations",
    keys: &[
        "smtp",
        "mail_from",
        "mail_user",
        "mail_password",
        LISTEN,
        CERTIFICATE,
        KEY,
        NO_TLS,
        AUTHORITIES,
        NO_CLIENTS,
    ],
    listener: &[CERTIFICATE, KEY, NO_TLS, AUTHORITIES, NO_CLIENTS],
    example: "127.0.0.1:9464",
    clients: &[AUTHORITIES, NO_CLIENTS],
};

/// Where whoever may looks after the messages.
pub const ADMIN: Section = Section {
    name: "admin",
    keys: &[LISTEN, CERTIFICATE, KEY, NO_TLS, AUTHORITIES, ACTING, ISSUER, AUDIENCE, OF_READING, OF_ACTING, NO_CLIENTS],
    listener: &[CERTIFICATE, KEY, NO_TLS, AUTHORITIES, ACTING, ISSUER, AUDIENCE, OF_READING, OF_ACTING, NO_CLIENTS],
    example: "127.0.0.1:9465",
    clients: &[AUTHORITIES, ISSUER, NO_CLIENTS],
};

impl Section {
    /// What does not go together, each at the setting that it is about.
    pub fn problems(&self, settings: &Settings) -> Vec<Diagnostic> {
        if settings.contains_key(LISTEN) { self.listener(settings) } else { self.nowhere(settings).collect() }
    }

    /// What is said of a listener that there is none of.
    fn nowhere(&self, settings: &Settings) -> impl Iterator<Item = Diagnostic> {
        let told = self.listener.iter();
        told.filter_map(|name| wrong(settings, name, &format!("`{name}` says nothing without `listen`")))
    }

    fn listener(&self, settings: &Settings) -> Vec<Diagnostic> {
        let text = |name: &str| settings.get(name).map(|setting| setting.value.as_str());
        let address = text(LISTEN).filter(|address| !is_address(address)).and_then(|_| {
            let problem = wrong(settings, LISTEN, "`listen` is an address with a port")?;
            Some(problem.help(format!("this machine alone comes to `{}`", self.example)))
        });
        let is_empty = |name: &&&str| text(name).is_some_and(|it| it.trim().is_empty());
        let reasons = [NO_TLS, NO_CLIENTS].iter().filter(is_empty);
        let reasons = reasons.filter_map(|name| wrong(settings, name, "there is no reason in it"));
        let rest = self.listener.iter().filter(|name| !matches!(**name, NO_TLS | NO_CLIENTS)).filter(is_empty);
        let rest = rest.filter_map(|name| wrong(settings, name, &format!("`{name}` is empty")));
        let found = address.into_iter().chain(tls(settings)).chain(self.clients(settings)).chain(told(settings));
        found.chain(reasons).chain(rest).collect()
    }

    /// Who may call is said in one way.
    fn clients(&self, settings: &Settings) -> Option<Diagnostic> {
        let said: Vec<_> = self.clients.iter().filter(|name| settings.contains_key(**name)).collect();
        match said.as_slice() {
            [] => {
                let ways = self.clients.iter().map(|name| match *name {
                    AUTHORITIES => "`clients_ca`, the file of those whose certificates callers show",
                    ISSUER => "`clients_issuer`, whose tokens they bear",
                    _ => "`clients_none_because = \"…\"`",
                });
                let mut ways: Vec<_> = ways.collect();
                let last = ways.pop().unwrap_or_default();
                let problem = wrong(settings, LISTEN, "anybody may call who comes to `listen`, and nothing says why")?;
                Some(problem.help(format!("set {}, or {last}", ways.join(", "))))
            }
            [_] => None,
            [first, .., last] if **last == NO_CLIENTS && **first == AUTHORITIES => {
                wrong(settings, NO_CLIENTS, "callers show a certificate: `clients_ca` is set")
            }
            [first, .., last] => wrong(settings, last, &format!("who may call is said by `{first}` already")),
        }
    }
}

fn tls(settings: &Settings) -> Option<Diagnostic> {
    let has = |name| settings.contains_key(name);
    match (has(CERTIFICATE), has(KEY), has(NO_TLS)) {
        (true, true, false) | (false, false, true) => None,
        (false, false, false) => Some(
            wrong(settings, LISTEN, "`listen` has no TLS, and nothing says why")?
                .help("set `tls_certificate` and `tls_key`, or `tls_none_because = \"…\"`"),
        ),
        (_, _, true) => wrong(settings, NO_TLS, "there is TLS: it has a certificate or a key"),
        (true, false, _) => {
            wrong(settings, CERTIFICATE, "a certificate needs `tls_key`, the name of the secret with its key")
        }
        (false, true, _) => wrong(settings, KEY, "a key needs `tls_certificate`, the file with its certificate"),
    }
}

/// What is said of callers by what is not asked of them, or lacks what it needs.
fn told(settings: &Settings) -> Vec<Diagnostic> {
    let has = |name: &str| settings.contains_key(name);
    let shown = (has(AUTHORITIES) && has(NO_TLS))
        .then(|| wrong(settings, AUTHORITIES, "certificates are shown over TLS, and there is none"));
    let lacks = |name: &str, needed: &str| {
        wrong(settings, name, &format!("`{name}` says nothing without `{needed}`")).filter(|_| !has(needed))
    };
    let of_token = [AUDIENCE, OF_READING, OF_ACTING].map(|name| lacks(name, ISSUER));
    let audience = (has(ISSUER) && !has(AUDIENCE)).then(|| {
        let problem = wrong(settings, ISSUER, "each token of the issuer would be good, also one that is for others")?;
        Some(problem.help("set `clients_audience`, by which its tokens name this engine"))
    });
    let scope = |name: &str, unless_said| settings.get(name).map_or(unless_said, |scope| scope.value.as_str());
    let is_same = scope(OF_READING, SCOPE_READ) == scope(OF_ACTING, SCOPE_ACT);
    let said = if has(OF_ACTING) { OF_ACTING } else { OF_READING };
    let same = is_same.then(|| wrong(settings, said, "to act needs another scope than to read")).flatten();
    let all = [shown.flatten(), lacks(ACTING, AUTHORITIES), audience.flatten(), same];
    all.into_iter().chain(of_token).flatten().collect()
}

/// Nothing where there is no such setting.
fn wrong(settings: &Settings, name: &str, message: &str) -> Option<Diagnostic> {
    let at = settings.get(name)?.at.clone();
    Some(Diagnostic::new(Code::WrongSetting, at, message))
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
