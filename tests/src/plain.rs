//! A look over the bytes of a message that spares reading it, held against reading it.

use emr_message::{Message, Odd, Settings};

use crate::corpus;
use crate::mutate::mutate;
use crate::oracle::Both;
use crate::pipeline;
use crate::random::Random;

const MUTATIONS: u64 = 150;
/// What is odd about a long one is no other than about a short one, and takes longer to find.
const LENGTH_MAX: usize = 16 << 10;

/// Of messages much is read by the first, of which all bars are noted, and little by the second.
#[test]
fn a_message_that_looks_ordinary_has_nothing_to_tell() {
    let all = pipeline::project("examples/admission").map("admission.admission");
    let one = pipeline::module("map one(old: ADT_A01) -> ADT_A01 = old with { PID-8: \"U\" }").map("main.one");
    for map in [all, one] {
        looks_ordinary(&mut Both::new(map));
    }
}

fn looks_ordinary(both: &mut Both) {
    let settings = Settings::default();
    let (mut ordinary, mut odd) = (0, 0);
    for (name, message) in corpus::own().into_iter().filter(|(_, message)| message.len() < LENGTH_MAX) {
        for seed in 0..MUTATIONS {
            let around: &[u8] = match seed % 16 {
                1 => b"\x0b",
                2 => b"\r\n",
                3 => b"\xef\xbb\xbf",
                4 => b"\x1c\r",
                _ => b"",
            };
            let bytes = if seed < 16 { message.clone() } else { mutate(&message, &mut Random::seeded(seed)) };
            let bytes = [around, &bytes, around].concat();
            let Ok(read) = Message::read(&bytes, &settings) else { continue };
            let told = read.notes().map(|note| note.odd);
            let told: Vec<_> =
                told.filter(|odd| !matches!(odd, Odd::Mark | Odd::LineEnd | Odd::TrailingBlanks)).collect();
            if both.takes_ordinary(&bytes) {
                ordinary += 1;
                assert_eq!(told, [], "{name}, seed {seed}");
            }
            odd += usize::from(!told.is_empty());
        }
    }
    println!("{ordinary} look ordinary, {odd} have something to tell");
    assert!(ordinary > 500 && odd > 500);
}
