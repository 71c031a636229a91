//! What a body is, as its sender says it (RFC 9110 §8.3).

use hyper::header::{ACCEPT, AsHeaderName, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

/// `application/fhir+json; charset=utf-8`, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub name: String,
    parameters: Vec<(String, String)>,
}

impl Media {
    /// That of a body; nothing if its sender does not say it, or packed it.
    pub fn of_body(headers: &HeaderMap) -> Option<Media> {
        let is_plain = headers.get(CONTENT_ENCODING).is_none_or(|packed| packed == "identity");
        text(headers, CONTENT_TYPE).filter(|_| is_plain).map(Media::read)
    }

    /// What its sender wants to read, in the order in which it says it.
    pub fn accepted(headers: &HeaderMap) -> Vec<Media> {
        text(headers, ACCEPT).into_iter().flat_map(|text| text.split(',')).map(Media::read).collect()
    }

    fn read(text: &str) -> Media {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let parameter = |part: String| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        };
        Media { name, parameters: parts.filter_map(parameter).collect() }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is FHIR R4 as JSON, in the one charset that JSON has (RFC 8259 §8.1).
    pub fn is_fhir_json(&self) -> bool {
        let is_json = matches!(self.name.as_str(), "application/fhir+json" | "application/json");
        let is_r4 = self.parameter("fhirversion").is_none_or(|version| version == "4.0");
        is_json && is_r4 && self.parameter("charset").is_none_or(|charset| matches!(charset, "utf-8" | "utf8"))
    }

    pub fn is_json(&self) -> bool {
        self.name.ends_with("/json") || self.name.ends_with("+json")
    }
}

/// The one value of a header that may be given once.
pub fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_they_may_be_written() {
        let media = Media::read("Application/HL7-v2 ; Charset=\"ISO-8859-1\";x");
        assert_eq!((media.name.as_str(), media.parameter("charset")), ("application/hl7-v2", Some("iso-8859-1")));
        for (text, is) in [
            ("application/fhir+json", true),
            ("application/fhir+json;fhirVersion=4.0; charset=UTF-8", true),
            ("application/json", true),
            ("application/fhir+json; fhirVersion=5.0", false),
            ("application/fhir+json; charset=latin1", false),
            ("application/fhir+xml", false),
        ] {
            assert_eq!(Media::read(text).is_fhir_json(), is, "{text}");
        }
    }
}
