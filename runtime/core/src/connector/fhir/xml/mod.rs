//! Resources of FHIR in XML (FHIR R4 §2.1.6, xml.html), made of JSON and turned back into it. What an element is, and where it
//! stands, is known of the definitions that the program brings.

mod events;
mod outline;
mod read;
mod text;
mod write;
mod xhtml;

pub use read::read;
pub use write::write;

/// The namespace of resources, and that of their narratives.
const FHIR: &str = "http://hl7.org/fhir";
const XHTML: &str = "http://www.w3.org/1999/xhtml";

#[cfg(test)]
mod tests;
