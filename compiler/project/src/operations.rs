//! `[operations]` of `emr.toml`: what goes together in it. Where something listens, it is said who can read along and who may
//! call, as feeds say it.

use std::collections::BTreeMap;

use emr_compiler::diagnostic::{Code, Diagnostic};

use crate::manifest::Setting;

pub const KEYS: &[&str] =
    &["smtp", "mail_from", "mail_user", "mail_password", LISTEN, CERTIFICATE, KEY, NO_TLS, AUTHORITIES, NO_CLIENTS];

const LISTEN: &str = "listen";
const CERTIFICATE: &str = "tls_certificate";
const KEY: &str = "tls_key";
const NO_TLS: &str = "tls_none_because";
const AUTHORITIES: &str = "clients_ca";
const NO_CLIENTS: &str = "clients_none_because";

/// Settings by their names, those that are read.
type Settings = BTreeMap<String, Setting>;

/// What does not go together, each at the setting that it is about.
pub fn problems(settings: &Settings) -> Vec<Diagnostic> {
    if settings.contains_key(LISTEN) { listener(settings).collect() } else { nowhere(settings).collect() }
}

/// What is said of a listener that there is none of.
fn nowhere(settings: &Settings) -> impl Iterator<Item = Diagnostic> {
    let told = [CERTIFICATE, KEY, NO_TLS, AUTHORITIES, NO_CLIENTS].into_iter();
    told.filter_map(|name| wrong(settings, name, &format!("`{name}` says nothing without `listen`")))
}

fn listener(settings: &Settings) -> impl Iterator<Item = Diagnostic> {
    let text = |name: &str| settings.get(name).map(|setting| setting.value.as_str());
    let address = text(LISTEN).filter(|address| !is_address(address)).and_then(|_| {
        let problem = wrong(settings, LISTEN, "`listen` is an address with a port")?;
        Some(problem.help("this machine alone comes to `127.0.0.1:9464`"))
    });
    let empty = [NO_TLS, NO_CLIENTS].into_iter().filter(move |name| text(name).is_some_and(|it| it.trim().is_empty()));
    let empty = empty.filter_map(|name| wrong(settings, name, "there is no reason in it"));
    address.into_iter().chain(tls(settings)).chain(clients(settings)).chain(empty)
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

fn clients(settings: &Settings) -> Option<Diagnostic> {
    let has = |name| settings.contains_key(name);
    match (has(AUTHORITIES), has(NO_CLIENTS)) {
        (true, true) => wrong(settings, NO_CLIENTS, "callers show a certificate: `clients_ca` is set"),
        (true, false) if has(NO_TLS) => wrong(settings, AUTHORITIES, "certificates are shown over TLS, and there is none"),
        (true, false) | (false, true) => None,
        (false, false) => Some(
            wrong(settings, LISTEN, "anybody may call who comes to `listen`, and nothing says why")?
                .help("set `clients_ca`, the file of those whose certificates callers show, or `clients_none_because = \"…\"`"),
        ),
    }
}

/// Nothing where there is no such setting.
fn wrong(settings: &Settings, name: &str, message: &str) -> Option<Diagnostic> {
    let at = settings.get(name)?.at.clone();
    Some(Diagnostic::new(Code::WrongSetting, at, message))
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
