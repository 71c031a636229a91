//! What there is to be called: the list, and what a call means by it.

use hyper::Method;

use super::rights::Right;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Document,
    Status,
    Search,
    Show,
    Replay,
    Parked,
    Release,
    Drop,
    Verify,
    Reload,
    Start,
}

/// A place, and what is called there.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// `{…}` stands for one part of the path.
    pub path: &'static str,
    pub needs: Right,
    pub wish: Wish,
}

const fn get(path: &'static str, wish: Wish) -> Route {
    Route { method: Method::GET, path, needs: Right::Read, wish }
}

const fn act(path: &'static str, wish: Wish) -> Route {
    Route { method: Method::POST, path, needs: Right::Act, wish }
}

pub const ROUTES: &[Route] = &[
    get("/v1/openapi.json", Wish::Document),
    get("/v1/status", Wish::Status),
    // What messages are looked for by may be a patient's: a body is not written into logs of others, as an address is.
    Route { method: Method::POST, path: "/v1/messages/search", needs: Right::Read, wish: Wish::Search },
    get("/v1/messages/{id}", Wish::Show),
    act("/v1/replay", Wish::Replay),
    get("/v1/parked", Wish::Parked),
    act("/v1/parked/release", Wish::Release),
    act("/v1/parked/drop", Wish::Drop),
    get("/v1/journals/verify", Wish::Verify),
    act("/v1/reload", Wish::Reload),
    act("/v1/routes/{route}/start", Wish::Start),
];

/// Why nothing is called.
#[derive(Debug, PartialEq, Eq)]
pub enum Missed {
    NoPlace,
    /// There is something at that place, called by this method.
    Method(&'static Method),
}

impl Route {
    /// As people say it: `GET /v1/status`.
    pub fn text(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The part of a path that stands for `{…}`, empty where there is none; nothing for another path.
    fn part<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, behind)) = self.path.split_once('{') else { return (path == self.path).then_some("") };
        let behind = behind.split_once('}')?.1;
        let part = path.strip_prefix(before)?.strip_suffix(behind)?;
        (!part.is_empty() && !part.contains('/')).then_some(part)
    }
}

/// What is called, and the part of the path that says which.
///
/// # Errors
/// Nothing is.
pub fn called<'p>(method: &Method, path: &'p str) -> Result<(&'static Route, &'p str), Missed> {
    // A place with a name of its own goes before one that takes any.
    let mut there: Vec<_> = ROUTES.iter().filter_map(|route| Some((route, route.part(path)?))).collect();
    if there.iter().any(|(_, part)| part.is_empty()) {
        there.retain(|(_, part)| part.is_empty());
    }
    let first = there.first().ok_or(Missed::NoPlace)?.0;
    there.into_iter().find(|(route, _)| route.method == *method).ok_or(Missed::Method(&first.method))
}
