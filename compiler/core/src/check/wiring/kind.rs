//! The kinds of value that a setting may have, and how each is written.

use super::super::World;
use super::super::suggest::nearest;
use super::super::typed::{self, Ty};
use super::Environments;
use crate::diagnostic::{Code, Diagnostic};
use crate::settings::{self, milliseconds};
use crate::syntax::tree::{Argument, At, Expr, ExprKind, Let, TextPart};
use smol_str::SmolStr;

macro_rules! kinds {
    ($($kind:ident $name:literal $noun:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $($kind),* }

        impl Kind {
            const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// As connectors write it.
            pub fn text(self) -> &'static str {
                match self { $(Kind::$kind => $name),* }
            }

            /// As a person is told of it.
            pub fn noun(self) -> &'static str {
                match self { $(Kind::$kind => $noun),* }
            }
        }
    };
}

kinds! {
    String "string" "a text"
    Integer "integer" "a whole number"
    Boolean "boolean" "`true` or `false`"
    Duration "duration" "a duration such as `30s`"
    Size "size" "a size such as `\"16 MiB\"`"
    Address "address" "a host and a port such as `\"0.0.0.0:2575\"`"
    Url "url" "a URL such as `\"https://fhir.example.org/r4\"`"
    File "file" "a file, `file(\"…\")`"
    Secret "secret" "a secret by its name, `secret(\"…\")`"
    Path "path" "a path such as `\"spool/lab\"`"
    Glob "glob" "a pattern of names such as `'*.hl7'`"
    Timezone "timezone" "a timezone such as `\"Europe/Zurich\"`"
    Charset "charset" "a charset such as `\"ISO-8859-1\"`"
    Clock "clock" "a time of day such as `\"07:30\"`"
    Moment "moment" "a time such as `\"2026-03-01T00:00:00Z\"`"
    Map "map" "a map by its name"
    Feed "feed" "a feed by its name"
    Condition "condition" "a condition on what is measured"
    Value "value" "a value of the message"
}

impl Kind {
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.text() == name)
    }

    /// Why a text is none of that kind.
    pub fn refuses(self, text: &str) -> Option<String> {
        let wrong = |fine: bool| (!fine).then(|| format!("{} is needed", self.noun()));
        match self {
            Kind::Size => wrong(settings::bytes(text).is_some()),
            Kind::Address => wrong(is_address(text)),
            Kind::Url => wrong(is_url(text)),
            Kind::Path => wrong(!text.is_empty() && !text.contains('\0')),
            Kind::Glob | Kind::String => None,
            Kind::Timezone => (!settings::is_zone(text)).then(|| {
                let zones = settings::zones();
                match nearest(text, zones.iter().map(String::as_str)) {
                    Some(near) => format!("this is no timezone; did you mean `{near}`?"),
                    None => "this is no timezone: zones are named by area and city, such as `Europe/Zurich`".to_owned(),
                }
            }),
            Kind::Charset => wrong(settings::is_charset(text)),
            Kind::Clock => wrong(is_clock(text)),
            Kind::Moment => wrong(is_moment(text)),
            Kind::Integer => wrong(text.parse::<u64>().is_ok()),
            Kind::Boolean => wrong(matches!(text, "true" | "false")),
            Kind::Duration => wrong(milliseconds(text).is_some()),
            Kind::Secret | Kind::File | Kind::Map | Kind::Feed | Kind::Condition | Kind::Value => wrong(false),
        }
    }
}

/// `host:port`, `[::1]:2575`
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bare {
        Some(address) => {
            address.contains(':') && address.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'))
        }
        None => is_host(host),
    };
    host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() < 64 && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() < 254 && text.split('.').all(label)
}

/// A URL of HTTP, without a user and a password in it: these would be secrets in the text.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.contains(char::is_whitespace)) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_address(authority) || is_host(authority)
}

fn is_clock(text: &str) -> bool {
    let number = |text: &str, max: u8| {
        text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse().is_ok_and(|it: u8| it <= max)
    };
    text.split_once(':').is_some_and(|(hour, minute)| number(hour, 23) && number(minute, 59))
}

/// With its offset, as FHIR writes an instant.
fn is_moment(text: &str) -> bool {
    emr_message::time::DateTime::read_fhir(text).is_ok_and(|it| it.has_time() && it.offset().is_some())
}

/// What a value is without any message, if it is the same for every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    /// With what environments put into it, each of which may give another text.
    Texts(Vec<SmolStr>),
    Number(SmolStr),
    Milliseconds(i64),
    Boolean(bool),
}

/// The fixed value of an expression: a literal, a constant, a text with such in its holes.
pub(super) fn fixed(expr: &Expr, world: &dyn World) -> Option<Fixed> {
    match &*expr.kind {
        ExprKind::Text(parts) => texts(parts, world).map(Fixed::Texts),
        ExprKind::Raw(text) => Some(Fixed::Texts(vec![text.clone()])),
        ExprKind::Number(digits) => Some(Fixed::Number(digits.clone())),
        ExprKind::Duration(text) => milliseconds(text).map(Fixed::Milliseconds),
        ExprKind::Boolean(value) => Some(Fixed::Boolean(*value)),
        ExprKind::Call { name, arguments, parts } if name.text == "env" && parts.is_empty() => {
            Some(Fixed::Texts(given_by(text_argument(arguments)?.0.as_str(), world.environments())))
        }
        ExprKind::Path(_) => {
            let name = super::name_of(expr)?;
            let crate::resolve::Found::One(export) = world.find(&name.text) else { return None };
            match &*world.constant(&export.key)?.kind {
                typed::Kind::Text(text) => Some(Fixed::Texts(vec![text.clone()])),
                typed::Kind::Environment(name) => Some(Fixed::Texts(given_by(name, world.environments()))),
                typed::Kind::Number(digits) => Some(Fixed::Number(digits.clone())),
                typed::Kind::Duration(milliseconds) => Some(Fixed::Milliseconds(*milliseconds)),
                typed::Kind::Boolean(value) => Some(Fixed::Boolean(*value)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Each text that the parts may come to.
fn texts(parts: &[TextPart], world: &dyn World) -> Option<Vec<SmolStr>> {
    /// More would be a product of environments that nobody has.
    const TEXTS_MAX: usize = 64;
    let mut found = vec![String::new()];
    for part in parts {
        let more = match part {
            TextPart::Plain(text) => vec![text.clone()],
            TextPart::Hole(hole) => match fixed(hole, world)? {
                Fixed::Texts(texts) => texts,
                Fixed::Number(digits) => vec![digits],
                _ => return None,
            },
        };
        let joined = found.iter().flat_map(|start| more.iter().map(move |end| format!("{start}{end}")));
        found = joined.take(TEXTS_MAX).collect();
    }
    Some(found.into_iter().map(SmolStr::from).collect())
}

fn given_by(name: &str, environments: &Environments) -> Vec<SmolStr> {
    environments.values().filter_map(|values| values.get(name)).cloned().collect()
}

/// The one argument of `secret("…")`, `env("…")` and `file("…")`, and where it stands.
pub(in super::super) fn text_argument(arguments: &[Argument]) -> Option<(SmolStr, At)> {
    let [Argument { name: None, value }] = arguments else { return None };
    match &*value.kind {
        ExprKind::Text(parts) => match parts.as_slice() {
            [TextPart::Plain(text)] => Some((text.clone(), value.at.clone())),
            _ => None,
        },
        ExprKind::Raw(text) if !text.is_empty() => Some((text.clone(), value.at.clone())),
        _ => None,
    }
}

/// A constant that each environment gives, if it is one: `let ehr_url: url = env("EHR_URL")`.
pub fn environment(constant: &Let, world: &dyn World) -> Option<(typed::Expr, Vec<Diagnostic>)> {
    let ExprKind::Call { name, arguments, .. } = &*constant.value.kind else { return None };
    if name.text != "env" {
        return None;
    }
    let at = &constant.value.at;
    let mut problems = Vec::new();
    let kind = constant.ty.as_ref().map(|ty| (ty, Kind::named(&ty.name.text)));
    if let Some((ty, None)) = kind {
        let message = format!("there is no type `{}` of what an environment gives", ty.name.text);
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.text()).collect();
        let diagnostic = Diagnostic::new(Code::UnknownType, ty.at.clone(), message);
        problems.push(match nearest(&ty.name.text, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic
                .help("it may be `string`, `url`, `address`, `path`, `duration`, `size`, `integer`, `timezone`"),
        });
    }
    let kind = kind.and_then(|(_, kind)| kind).unwrap_or(Kind::String);
    let Some((name, place)) = text_argument(arguments) else {
        let diagnostic = Diagnostic::new(Code::WrongEnvironment, at.clone(), "`env` takes the name of a value as text");
        problems.push(diagnostic.help("as in `env(\"EHR_URL\")`"));
        return Some((typed::Expr::error(at), problems));
    };
    problems.extend(held(&name, &place, kind, world.environments()));
    let ty = match kind {
        Kind::Integer => Ty::fhir("integer"),
        Kind::Boolean => Ty::fhir("boolean"),
        Kind::Duration => Ty::one(typed::TyKind::Duration),
        Kind::Url => Ty::fhir("url"),
        _ => Ty::fhir("string"),
    };
    Some((typed::Expr::new(typed::Kind::Environment(name), ty, at), problems))
}

/// What is wrong with a name that environments should give.
pub(super) fn held(name: &str, at: &At, kind: Kind, environments: &Environments) -> Option<Diagnostic> {
    let (with, without): (Vec<_>, Vec<_>) = environments.iter().partition(|(_, values)| values.contains_key(name));
    if with.is_empty() {
        let diagnostic =
            Diagnostic::new(Code::WrongEnvironment, at.clone(), format!("no environment of `emr.toml` has `{name}`"));
        let known = environments.values().flat_map(|values| values.keys()).map(SmolStr::as_str);
        return Some(match nearest(name, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(at.clone(), format!("\"{near}\"")),
            None => diagnostic.help(format!("write it there: `[env.production]`, and below it `{name} = \"…\"`")),
        });
    }
    for (environment, values) in with {
        if let Some(why) = values.get(name).and_then(|value| kind.refuses(value)) {
            let message = format!("`{name}` of `[env.{environment}]` does not fit: {why}");
            return Some(Diagnostic::new(Code::WrongEnvironment, at.clone(), message).help("change it in `emr.toml`"));
        }
    }
    let missing: Vec<_> = without.iter().map(|(name, _)| format!("env.{name}")).collect();
    (!missing.is_empty()).then(|| {
        let message = format!("{} has no `{name}`", super::listed(missing.iter().map(String::as_str)));
        Diagnostic::new(Code::NotInEachEnvironment, at.clone(), message)
            .help("nothing that needs it can start there: write it into `emr.toml`")
    })
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn each_kind_knows_its_texts() {
        let fits = |kind: Kind, text: &str| kind.refuses(text).is_none();
        for text in ["0.0.0.0:2575", "[::]:2575", "mllp.example.org:1", "kafka:9092"] {
            assert!(fits(Kind::Address, text), "{text}");
        }
        for text in ["2575", ":2575", "host", "host:0", "host:70000", "a b:1", "::1:80"] {
            assert!(!fits(Kind::Address, text), "{text}");
        }
        for text in ["https://fhir.example.org/r4", "http://localhost:8080", "https://[::1]:80/x?y#z"] {
            assert!(fits(Kind::Url, text), "{text}");
        }
        for text in ["fhir.example.org", "ftp://x", "https://", "https://user:pw@x/", "https://a b"] {
            assert!(!fits(Kind::Url, text), "{text}");
        }
        assert_eq!(
            [fits(Kind::Clock, "07:30"), fits(Kind::Clock, "7:30"), fits(Kind::Clock, "24:00")],
            [true, false, false]
        );
        assert!(fits(Kind::Moment, "2026-03-01T00:00:00Z") && !fits(Kind::Moment, "2026-03-01"));
        assert!(fits(Kind::Timezone, "Europe/Zurich") && !fits(Kind::Timezone, "Europe/Zurick"));
        assert!(fits(Kind::Charset, "UTF-8") && !fits(Kind::Charset, "EBCDIC"));
    }
}
