//! A look over the bytes of a message that spares reading it, held against reading it.

use emr_message::{Message, Odd, Settings, notes};

use crate::corpus;
use crate::mutate::mutate;
use crate::random::Random;

const MUTATIONS: u64 = 150;
/// What is odd about a long one is no other than about a short one, and takes longer to find.
const LENGTH_MAX: usize = 16 << 10;

#[test]
fn a_message_that_looks_plain_has_nothing_to_tell() {
    let settings = Settings::default();
    let (mut plain, mut odd) = (0, 0);
    for (name, message) in corpus::own().into_iter().filter(|(_, message)| message.len() < LENGTH_MAX) {
        for seed in 0..MUTATIONS {
            let bytes = if seed == 0 { message.clone() } else { mutate(&message, &mut Random::seeded(seed)) };
            let Ok(read) = Message::read(&bytes, &settings) else { continue };
            let told = read.notes().map(|note| note.odd);
            let told: Vec<_> =
                told.filter(|odd| !matches!(odd, Odd::Mark | Odd::LineEnd | Odd::TrailingBlanks)).collect();
            if notes::is_plain(&bytes, &settings) {
                plain += 1;
                assert_eq!(told, [], "{name}, seed {seed}");
            }
            odd += usize::from(!told.is_empty());
        }
    }
    println!("{plain} look plain, {odd} have something to tell");
    assert!(plain > 500 && odd > 500);
}
