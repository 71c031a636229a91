//! In what resources are sent and answers come: JSON or XML.

use bytes::Bytes;
use emr_abi::fhir::Definitions;
use serde::Deserialize;

use super::super::super::Why;
use super::super::xml;
use crate::flow::retry::Failure;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Json,
    Xml,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

impl Format {
    /// FHIR R4 §2.1.0.6 (http.html, content types).
    pub fn media(self) -> &'static str {
        match self {
            Format::Json => "application/fhir+json",
            Format::Xml => "application/fhir+xml",
        }
    }

    /// What is sent of a resource in JSON.
    ///
    /// # Errors
    /// It cannot be said in XML.
    pub fn write(self, json: &Bytes, types: &Definitions) -> Result<Bytes, Failure> {
        match self {
            Format::Json => Ok(json.clone()),
            Format::Xml => match xml::write(json, types) {
                Ok(xml) => Ok(xml.into()),
                Err(why) => Err(Failure::Final(format!("it cannot be written in XML: {why}"))),
            },
        }
    }

    /// An answer, as JSON; nothing where it is no resource. A server may answer in either form whatever it is asked for.
    ///
    /// # Errors
    /// XML was asked for, and it is in XML that cannot be read. Of another answer in XML no more can be said: it may be the page
    /// of a proxy.
    pub fn read(self, body: Vec<u8>, types: &Definitions) -> Result<Option<Bytes>, Why> {
        let body = Bytes::from(body);
        let body = if body.starts_with(BOM) { body.slice(BOM.len()..) } else { body };
        match body.trim_ascii_start().first() {
            Some(b'{') => Ok(Some(body)),
            Some(b'<') => match (self, xml::read(&body, types)) {
                (_, Ok(json)) => Ok(Some(json.into())),
                (Format::Json, Err(_)) => Ok(None),
                (Format::Xml, Err(why)) => Err(why),
            },
            _ => Ok(None),
        }
    }
}
