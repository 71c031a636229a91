//! What is known of a caller by the certificate that it showed in the handshake, which has looked whose it is.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its SHA-256 in hexadecimal digits, which tells it from all others.
    pub fingerprint: String,
    /// What people call its owner: its common name, or else the first of its other names; the fingerprint if it has none.
    pub name: String,
}

impl Certificate {
    /// As it is sent (RFC 5280, in DER).
    pub fn read(bytes: &[u8]) -> Certificate {
        let fingerprint = HEXLOWER.encode(&Sha256::digest(bytes));
        let name = named(bytes).unwrap_or_else(|| fingerprint.clone());
        Certificate { fingerprint, name }
    }
}

fn named(bytes: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(bytes).ok()?;
    let common = certificate.subject().iter_common_name().find_map(|name| plain(name.as_str().ok()?));
    common.or_else(|| {
        let others = certificate.subject_alternative_name().ok()??;
        others.value.general_names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => plain(name),
            _ => None,
        })
    })
}

/// A name that a line can hold. One that would end it is none.
fn plain(name: &str) -> Option<String> {
    (!name.trim().is_empty() && !name.chars().any(char::is_control)).then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn of(common: &str, others: &[&str]) -> Certificate {
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(others).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        if !common.is_empty() {
            parameters.distinguished_name.push(DnType::CommonName, common);
        }
        Certificate::read(parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn a_certificate_is_called_as_its_owner_is() {
        assert_eq!(of("night desk", &["desk.example.org"]).name, "night desk");
        assert_eq!(of("", &["192.0.2.7", "desk.example.org"]).name, "desk.example.org");
        // Nobody writes a line of the log or of the audit through it.
        assert_eq!(of("desk\nadmin", &["desk.example.org"]).name, "desk.example.org");
        let nameless = of("", &[]);
        assert_eq!((nameless.name.len(), &nameless.name), (64, &nameless.fingerprint));
        assert_eq!(Certificate::read(b"none").name.len(), 64);
    }
}
