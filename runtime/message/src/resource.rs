//! What a resource is of that is written, where the map leaves that open.

use crate::json;

/// Whether a type of the mapping is none that a resource can be of (FHIR R4, `resource.html`, `domainresource.html`).
pub fn is_open(of: &str) -> bool {
    matches!(of, "Resource" | "DomainResource")
}

/// The type that a resource says it is of, in JSON without blanks.
pub fn type_of(resource: &[u8]) -> Option<&str> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = resource.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let name = json::inside(resource.get(at + 1..)?);
                at += 1 + name.len();
                if depth == 1 && name == b"resourceType" {
                    let value = resource.get(at..)?.strip_prefix(b"\":\"")?;
                    return std::str::from_utf8(json::inside(value)).ok();
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::type_of;

    #[test]
    fn the_type_is_that_of_the_resource_itself() {
        let resource =
            br#"{"contained":[{"resourceType":"Patient"}],"note":"\"resourceType\":\"A\"","resourceType":"Basic"}"#;
        assert_eq!(type_of(resource), Some("Basic"));
        assert_eq!(type_of(br#"{"contained":[{"resourceType":"Patient"}]}"#), None);
    }
}
