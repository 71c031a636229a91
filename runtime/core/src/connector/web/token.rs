//! Tokens that callers bear: statements that an issuer signed (RFC 7515, RFC 7519, RFC 9068).
//!
//! Four algorithms are believed. `none`, and those whose key the caller could know, are not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    RS256,
    RS384,
    ES256,
    ES384,
}

/// A token whose signature is not yet known to be good. `Debug` is not given: whoever sees it can bear it.
pub struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    head: Head,
    claims: Claims,
}

#[derive(Deserialize)]
struct Head {
    alg: Algorithm,
    kid: Option<String>,
    /// What must be understood, and is not (RFC 7515 §4.1.11).
    crit: Option<IgnoredAny>,
}

/// What an issuer says of the bearer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claims {
    iss: String,
    #[serde(default)]
    aud: Several,
    /// In seconds since 1970, as the next.
    exp: f64,
    nbf: Option<f64>,
    /// Words between blanks (RFC 8693 §4.2); some issuers say `scp`.
    #[serde(default)]
    scope: Several,
    #[serde(default)]
    scp: Several,
    sub: Option<String>,
    client_id: Option<String>,
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    All(Vec<String>),
}

/// What a token must say.
pub struct Wanted<'w> {
    pub issuer: &'w str,
    pub audience: Option<&'w str>,
    /// In seconds since 1970.
    pub now: i64,
}

/// How far the clocks of an issuer and of this machine may be apart, in seconds.
const LEEWAY: f64 = 60.0;

impl<'t> Token<'t> {
    /// Nothing for what is no token, or one that is signed in a way that is not believed.
    pub fn read(text: &'t str) -> Option<Token<'t>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head: Head = serde_json::from_slice(&bytes(head)?).ok()?;
        let claims = serde_json::from_slice(&bytes(claims)?).ok()?;
        let signature = bytes(signature)?;
        head.crit.is_none().then_some(Token { signed, signature, head, claims })
    }

    /// The name of the key that it is signed with, where it says one.
    pub fn key(&self) -> Option<&str> {
        self.head.kid.as_deref()
    }

    /// What it says, if one of these keys signed it.
    pub fn signed_by(self, keys: &[Key]) -> Option<Claims> {
        let named = keys.iter().filter(|key| self.key().is_none_or(|name| key.name() == Some(name)));
        let mut fitting = named.filter(|key| key.signs(self.head.alg));
        fitting.any(|key| key.signed(self.head.alg, self.signed.as_bytes(), &self.signature)).then_some(self.claims)
    }
}

impl Claims {
    /// Whether it is of that issuer, for us, and good now.
    pub fn fit(&self, wanted: &Wanted<'_>) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "the seconds of some million years are exact")]
        let now = wanted.now as f64;
        let begun = self.nbf.is_none_or(|begin| begin <= now + LEEWAY);
        let for_us = wanted.audience.is_none_or(|us| self.aud.texts().iter().any(|it| it == us));
        self.iss == wanted.issuer && self.exp > now - LEEWAY && begun && for_us
    }

    /// What its bearer may do.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let texts = self.scope.texts().iter().chain(self.scp.texts());
        texts.flat_map(|text| text.split(' ')).filter(|scope| !scope.is_empty())
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|it| it == scope)
    }

    /// Who bears it: the client, or whom it acts for where that is all that is said.
    pub fn bearer(&self) -> &str {
        self.client_id.as_deref().or(self.sub.as_deref()).unwrap_or_default()
    }
}

impl Several {
    fn texts(&self) -> &[String] {
        match self {
            Several::One(text) => std::slice::from_ref(text),
            Several::All(texts) => texts,
        }
    }
}

impl Default for Several {
    fn default() -> Self {
        Several::All(Vec::new())
    }
}

/// A public key of an issuer.
#[derive(Clone, Debug)]
pub struct Key {
    name: Option<String>,
    /// The only algorithm that it is for, where its issuer says one.
    algorithm: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point of a curve, as SEC 1 §2.3.3 writes it.
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// RFC 7517 §4, RFC 7518 §6.
#[derive(Deserialize)]
struct Written {
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    #[serde(flatten)]
    parts: Parts,
}

#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Parts {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
}

impl Key {
    /// The keys of a set (RFC 7517 §5) that sign and that are understood. Nothing if it is none.
    pub fn set(json: &[u8]) -> Option<Vec<Key>> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).ok()?;
        Some(set.keys.into_iter().filter_map(Key::read).collect())
    }

    fn read(key: serde_json::Value) -> Option<Key> {
        let written: Written = serde_json::from_value(key).ok()?;
        if written.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        // ring takes numbers without the zeros before them.
        let number = |text: &str| Some(bytes(text)?.into_iter().skip_while(|byte| *byte == 0).collect());
        let public = match written.parts {
            Parts::Rsa { n, e } => Public::Rsa { modulus: number(&n)?, exponent: number(&e)? },
            Parts::Ec { crv, x, y } => {
                let point = [vec![4], bytes(&x)?, bytes(&y)?].concat();
                match (crv.as_str(), point.len()) {
                    ("P-256", 65) => Public::P256(point),
                    ("P-384", 97) => Public::P384(point),
                    _ => return None,
                }
            }
        };
        Some(Key { name: written.kid, algorithm: written.alg, public })
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it is a key for that algorithm.
    fn signs(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match algorithm {
            Algorithm::RS256 | Algorithm::RS384 => matches!(self.public, Public::Rsa { .. }),
            Algorithm::ES256 => matches!(self.public, Public::P256(_)),
            Algorithm::ES384 => matches!(self.public, Public::P384(_)),
        };
        is_of_kind && self.algorithm.as_ref().is_none_or(|only| *only == format!("{algorithm:?}"))
    }

    fn signed(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        let of_point = |how: &'static dyn VerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(how, point).verify(text, signature).is_ok()
        };
        match &self.public {
            Public::Rsa { modulus, exponent } => {
                let how = match algorithm {
                    Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA384,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(how, text, signature).is_ok()
            }
            Public::P256(point) => of_point(&ECDSA_P256_SHA256_FIXED, point),
            Public::P384(point) => of_point(&ECDSA_P384_SHA384_FIXED, point),
        }
    }
}
