//! What is said where a call is not answered: a problem (RFC 9457), with a code that stays the same.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::json;

use crate::connector::web::outcome::{Reply, reply};

/// Writes the list once: the codes with their statuses and titles, and all of them.
macro_rules! codes {
    ($($(#[doc = $title:literal])+ $name:ident = $status:ident $code:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $title])+ $name,)*
        }

        impl Code {
            #[cfg(test)]
            pub const ALL: &[Code] = &[$(Code::$name),*];

            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)* }
            }

            fn title(self) -> &'static str {
                match self { $(Code::$name => concat!($($title),+).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// nothing says who calls, or what says so is not believed
    Unknown = UNAUTHORIZED "unknown-caller";
    /// the caller may not do that
    Forbidden = FORBIDDEN "forbidden";
    /// there is nothing at this place
    NoPlace = NOT_FOUND "no-such-place";
    /// this place is called by another method
    Method = METHOD_NOT_ALLOWED "method-not-allowed";
    /// what is posted here is JSON
    Media = UNSUPPORTED_MEDIA_TYPE "media-type";
    /// the body is not what is asked for here
    Body = BAD_REQUEST "wrong-body";
    /// a parameter of the address is not what is asked for here
    Parameter = BAD_REQUEST "wrong-parameter";
    /// the body did not come to its end
    Cut = BAD_REQUEST "cut-off";
    /// the body did not come to its end in time
    Late = REQUEST_TIMEOUT "too-late";
    /// the body is longer than is taken
    TooLong = PAYLOAD_TOO_LARGE "too-long";
    /// there is no such feed
    NoFeed = NOT_FOUND "no-such-feed";
    /// there is no such route
    NoRoute = NOT_FOUND "no-such-route";
    /// there is no such message, or not any more
    NoMessage = NOT_FOUND "no-such-message";
    /// nothing was done
    Refused = UNPROCESSABLE_ENTITY "refused";
    /// a journal cannot be read
    Journal = INTERNAL_SERVER_ERROR "journal-unreadable";
    /// the audit cannot say who calls, and nothing is told that it does not say
    Unaudited = SERVICE_UNAVAILABLE "not-audited";
    /// it cannot be answered now
    Later = SERVICE_UNAVAILABLE "later";
}

/// What is wrong with a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// In this case. It holds no value of a message and nothing that the caller sent, but for names of the project.
    pub detail: String,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into() }
    }

    pub fn reply(&self) -> Reply {
        const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
        let Problem { code, detail } = self;
        let problem = json!({
            "type": format!("urn:emr:problem:{}", code.text()), "title": code.title(),
            "status": code.status().as_u16(), "code": code.text(), "detail": detail,
        });
        reply(code.status(), PROBLEM_JSON, problem.to_string())
    }
}

/// What the server itself says of a call, by its status.
pub fn of_status(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unknown,
        StatusCode::FORBIDDEN => Code::Forbidden,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLong,
        StatusCode::REQUEST_TIMEOUT => Code::Late,
        StatusCode::BAD_REQUEST => Code::Cut,
        _ => Code::Later,
    }
}
