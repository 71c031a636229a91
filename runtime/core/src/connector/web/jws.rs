//! Signed statements about ourselves (RFC 7515, RFC 7523), as SMART Backend Services ask for them: ES384 and RS384.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::KeyPair;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

/// A private key, and what signs with it.
pub enum Key {
    Es384(EcdsaKeyPair),
    Rs384(KeyPair),
}

/// Whose statement it is, to whom, and how long it may be believed, in seconds since 1970.
pub struct Claim<'a> {
    pub client: &'a str,
    pub audience: &'a str,
    pub until: i64,
}

impl Key {
    /// Reads a key from PEM, PKCS#8. Nothing if it is none, or of another kind than these.
    pub fn read(pem: &[u8]) -> Option<Key> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
        let der = key.secret_pkcs8_der();
        let curve = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der, &SystemRandom::new());
        curve.map(Key::Es384).ok().or_else(|| KeyPair::from_pkcs8(der).map(Key::Rs384).ok())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Key::Es384(_) => "ES384",
            Key::Rs384(_) => "RS384",
        }
    }

    /// The statement, signed. Nothing if the system has no random numbers.
    pub fn signed(&self, claim: &Claim<'_>) -> Option<String> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).ok()?;
        let head = json!({ "alg": self.algorithm(), "typ": "JWT" });
        let body = json!({
            "iss": claim.client, "sub": claim.client, "aud": claim.audience, "exp": claim.until,
            "jti": URL_SAFE_NO_PAD.encode(id),
        });
        let encoded = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encoded(head), encoded(body));
        let signature = match self {
            Key::Es384(key) => key.sign(&random, text.as_bytes()).ok()?.as_ref().to_vec(),
            Key::Rs384(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA384, &random, text.as_bytes(), &mut signature).ok()?;
                signature
            }
        };
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P384_SHA384_FIXED, KeyPair as _, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_statement_can_be_checked_by_whoever_has_the_public_key() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let key = Key::read(pair.serialize_pem().as_bytes()).unwrap();
        let signed = key.signed(&Claim { client: "emr", audience: "https://a.example/token", until: 99 }).unwrap();
        let (text, signature) = signed.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let Key::Es384(own) = &key else { panic!() };
        let public = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, own.public_key().as_ref());
        public.verify(text.as_bytes(), &signature).unwrap();
        let body = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["iss"], &body["aud"], &body["exp"]),
            (&json!("emr"), &json!("https://a.example/token"), &json!(99))
        );
        assert!(Key::read(b"no key").is_none());
    }
}
