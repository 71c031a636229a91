//! Breaks messages as the world does, and worse.

use crate::random::Random;

/// What stands in messages and means something there.
const PIECES: &[&[u8]] = &[
    b"|",
    b"^",
    b"~",
    b"&",
    b"\\",
    b"\r",
    b"\n",
    b"\r\n",
    b"\"\"",
    b"|\"\"|",
    b"\0",
    b"\x1b",
    b"\xff",
    b"\xc3",
    b"\"",
    b"\\F\\",
    b"\\X41\\",
    b"\\XZZ\\",
    b"\\.br\\",
    b"\\E",
    b"||||||||",
    b"^^^^^",
    b"~~~~",
    b"&&&",
    b"MSH|^~\\&|",
    b"PID|",
    b"\rOBX|1|NM|",
    b"\rOBR|",
    b"\rZZZ|1",
    b"\rPV1|1|I",
    b"\xef\xbb\xbf",
    b"20240231",
    b"99999999999999999999",
    b"-1",
    b"1e400",
    b"0.0000000001",
    b"\xe2\x80\xa8",
    b"\x0b",
    b"\x1c",
    b"Y",
    b"N",
    b"<",
    b">=1",
    b"1-2",
    b"1:100",
];

/// The most mutations of one message.
const MOST: usize = 4;

/// The message with one to [`MOST`] changes.
pub fn mutate(message: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..=random.below(MOST) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(20) {
        0..3 => {
            if let Some(byte) = bytes.get_mut(at) {
                // Mostly of a charset that can be read, or no mutation would come beyond that.
                *byte = random.draw().to_le_bytes()[0] & 0x7f;
            }
        }
        3..5 => drop(bytes.drain(at..end)),
        5..7 => {
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        7 => bytes.truncate(at),
        8 => lines(bytes, random, |lines, from, _| {
            lines.remove(from);
        }),
        9 => lines(bytes, random, |lines, from, to| lines.swap(from, to)),
        10 => lines(bytes, random, |lines, from, to| {
            let line = lines[from].clone();
            let times = 1 + to % 5;
            lines.splice(to..to, std::iter::repeat_n(line, times));
        }),
        _ => {
            let piece = *random.of(PIECES);
            // Now and then very many of them.
            let times = if random.below(50) == 0 { 1 + random.below(2_000) } else { 1 };
            bytes.splice(at..at, piece.repeat(times));
        }
    }
}

fn lines(bytes: &mut Vec<u8>, random: &mut Random, change: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize)) {
    let mut lines: Vec<_> = bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')).map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        let (from, to) = (random.below(lines.len()), random.below(lines.len()));
        change(&mut lines, from, to);
        *bytes = lines.concat();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_mutation() {
        let broken = |seed| mutate(&b"MSH|^~\\&|A|B\rPID|1||1^^^A^MR\r".repeat(9), &mut Random::seeded(seed));
        assert_eq!(broken(7), broken(7));
        let all: std::collections::BTreeSet<_> = (0..100).map(broken).collect();
        assert!(all.len() > 90, "{} of 100 differ", all.len());
    }
}
