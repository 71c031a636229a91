//! What a resource is known by: a UUID made of its key, or of its message and the place in the map that wrote it.
//!
//! One resource of two systems must get one id, in any program that knows its key: that takes a hash which others have
//! too, so an id of a key is a UUID of version 5 (RFC 9562 §5.5). Without a key an id has only to be the same when the
//! same message is mapped again, and there are many of them in a message; SHA-1 over all of it would cost more than the
//! mapping. So it is a UUID of version 8 (RFC 9562 §5.8), of XXH3, which reads memory as fast as it comes. Nobody is
//! kept out by either: whoever can choose a message can choose its ids too.

use std::fmt::Display;

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// What all ids of keys are made under.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b1f_0a5e_9d0c_5c7e_8a44_65c1_0d4e_2f37);
/// Between the parts of a name.
const BETWEEN: &str = "\u{1f}";

/// The id of the resource of that type which has the key.
pub fn of_key(resource: &str, key: &str) -> Uuid {
    named(NAMESPACE, [resource.as_bytes(), BETWEEN.as_bytes(), key.as_bytes()])
}

/// A UUID of version 5 whose name is the parts, one behind the other.
pub(crate) fn named<'p>(namespace: Uuid, parts: impl IntoIterator<Item = &'p [u8]>) -> Uuid {
    let mut hash = Sha1::new_with_prefix(namespace.as_bytes());
    parts.into_iter().for_each(|part| hash.update(part));
    let [bytes @ .., _, _, _, _] = <[u8; 20]>::from(hash.finalize());
    Builder::from_sha1_bytes(bytes).into_uuid()
}

/// What is left of a message in the ids of its resources: XXH3 with 128 bits of its segments with a carriage return
/// between them. A message that came in UTF-8 with such line ends, one or none at its end, may be hashed as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    pub fn of_segments<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> Digest {
        let mut hash = Xxh3::new();
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                hash.update(b"\r");
            }
            hash.update(text);
        }
        Digest(hash.digest128())
    }

    /// The same of segments that stand so already, without a line end behind the last.
    pub fn of_joined(text: &[u8]) -> Digest {
        Digest(xxh3_128(text))
    }
}

/// Where a map writes a resource of a type, in short, so that it is looked at once for a program and not for each
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u128);

impl Origin {
    /// `place` is the function and where in it: what stays the same as long as the map does.
    pub fn new(resource: &str, place: impl Display) -> Origin {
        Origin(xxh3_128(format!("{resource}{BETWEEN}{place}").as_bytes()))
    }

    /// The id of what was written there for the message, at the turn, counted from 1.
    #[inline]
    pub fn id(self, digest: Digest, turn: u32) -> Uuid {
        let hash = hash_of_three(digest.0, self.0, turn) & !(0xf << 76 | 0b11 << 62);
        Uuid::from_u128(hash | 8 << 76 | 0b10 << 62)
    }
}

/// XXH3 with 128 bits of two hashes and a number, one behind the other: `XXH3_len_17to128_128b` of the specification for
/// the 36 bytes that these are (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), from registers. Bytes that are put
/// together in memory are slow to read as other words than they were written.
#[inline]
fn hash_of_three(message: u128, origin: u128, turn: u32) -> u128 {
    const LENGTH: u64 = 36;
    const PRIMES: [u64; 3] = [0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x85eb_ca77_c2b2_ae63];
    /// The first 64 bytes of the default secret, and which of them go with which of the bytes.
    const SECRET: [u128; 4] = [
        0x1cad_21f7_2c81_017c_be4b_a423_396c_feb8,
        0x1f67_b3b7_a4a4_4072_db97_9083_e96d_d4de,
        0x2172_ffcc_7dd0_5a82_78e5_c0cc_4ee6_79cb,
        0x4c26_3a81_e690_35e0_8e24_43f7_7446_08b8,
    ];
    let [whole, last, first, inner] = SECRET;
    let [p1, p2, p4] = PRIMES;
    let halves = |word: u128| (word as u64, (word >> 64) as u64);
    let sum = |word: u128| halves(word).0.wrapping_add(halves(word).1);
    let mixed = |word: u128, secret: u128| {
        let (low, high) = halves(word ^ secret);
        let (low, high) = halves(u128::from(low) * u128::from(high));
        low ^ high
    };
    let finished = |hash: u64| {
        let hash = (hash ^ hash >> 37).wrapping_mul(0x1656_6791_9e37_79f9);
        hash ^ hash >> 32
    };
    // The 16 bytes from the fifth on, and the last 16.
    let (begin, end) = (message >> 32 | origin << 96, origin >> 32 | u128::from(turn) << 96);
    let low = LENGTH.wrapping_mul(p1).wrapping_add(mixed(origin, first)) ^ sum(begin);
    let high = mixed(begin, inner) ^ sum(origin);
    let low = low.wrapping_add(mixed(message, whole)) ^ sum(end);
    let high = high.wrapping_add(mixed(end, last)) ^ sum(message);
    let upper = low.wrapping_mul(p1).wrapping_add(high.wrapping_mul(p4)).wrapping_add(LENGTH.wrapping_mul(p2));
    u128::from(finished(upper).wrapping_neg()) << 64 | u128::from(finished(low.wrapping_add(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_key_is_the_uuid_5_of_type_and_key() {
        assert_eq!(named(Uuid::NAMESPACE_DNS, [&b"www."[..], b"example.com"]).to_string(), EXAMPLE_OF_THE_RFC);
        insta::assert_snapshot!(of_key("Patient", "urn:oid:1|4711\u{1f}"), @"21494d59-69ca-5564-b7bb-f69dddf9ae32");
        assert_ne!(of_key("Patient", "1"), of_key("Person", "1"));
    }

    /// RFC 9562, appendix A.4.
    const EXAMPLE_OF_THE_RFC: &str = "2ed6657d-e927-568b-95e1-2665a8aea6a2";

    #[test]
    fn an_id_of_a_place_is_told_by_message_type_place_and_turn() {
        let (one, other) =
            (Digest::of_segments([b"MSH|".as_slice(), b"PID|"]), Digest::of_segments([b"MSH|".as_slice(), b"PID"]));
        let id = Origin::new("Patient", "a:1").id(one, 1);
        insta::assert_snapshot!(id, @"4cf2e9dc-1ffd-8318-89a5-985759a3f3ae");
        assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
        assert_ne!(id, Origin::new("Patient", "a:1").id(other, 1));
        assert_ne!(id, Origin::new("Person", "a:1").id(one, 1));
        assert_ne!(id, Origin::new("Patient", "a:2").id(one, 1));
        assert_ne!(id, Origin::new("Patient", "a:1").id(one, 2));
    }

    proptest::proptest! {
        #[test]
        fn an_id_of_a_place_is_made_by_xxh3(message: u128, origin: u128, turn: u32) {
            let name = [&message.to_le_bytes()[..], &origin.to_le_bytes(), &turn.to_le_bytes()].concat();
            proptest::prop_assert_eq!(hash_of_three(message, origin, turn), xxh3_128(&name));
        }
    }

    #[test]
    fn a_message_may_be_hashed_as_it_stands() {
        assert_eq!(Digest::of_segments([b"MSH|".as_slice(), b"PID|", b"PV1|"]), Digest::of_joined(b"MSH|\rPID|\rPV1|"));
        assert_eq!(Digest::of_segments([]), Digest::of_joined(b""));
        assert_ne!(Digest::of_segments([b"MSH|".as_slice(), b""]), Digest::of_segments([b"MSH|".as_slice()]));
    }
}
