//! The parts of ISO 8859: names, and the three that encoding_rs reads otherwise.

use encoding_rs::Encoding;

/// By part, as HL7 table 0211 names them.
pub const NAMES: [&str; 17] = [
    "", "8859/1", "8859/2", "8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9", "8859/10", "8859/11",
    "", "8859/13", "8859/14", "8859/15", "8859/16",
];

pub fn encoding(part: u8) -> &'static Encoding {
    match part {
        2 => encoding_rs::ISO_8859_2,
        3 => encoding_rs::ISO_8859_3,
        4 => encoding_rs::ISO_8859_4,
        5 => encoding_rs::ISO_8859_5,
        6 => encoding_rs::ISO_8859_6,
        7 => encoding_rs::ISO_8859_7,
        8 => encoding_rs::ISO_8859_8,
        10 => encoding_rs::ISO_8859_10,
        13 => encoding_rs::ISO_8859_13,
        14 => encoding_rs::ISO_8859_14,
        15 => encoding_rs::ISO_8859_15,
        _ => encoding_rs::ISO_8859_16,
    }
}

/// Latin 1: a byte is its code point.
pub fn part_1(byte: u8) -> Option<char> {
    Some(char::from(byte))
}

/// Turkish: Latin 1 but for six letters.
pub fn part_9(byte: u8) -> Option<char> {
    Some(match byte {
        0xd0 => '\u{11e}',
        0xdd => '\u{130}',
        0xde => '\u{15e}',
        0xf0 => '\u{11f}',
        0xfd => '\u{131}',
        0xfe => '\u{15f}',
        _ => char::from(byte),
    })
}

/// Thai: a run of letters of which eight places are empty.
pub fn part_11(byte: u8) -> Option<char> {
    match byte {
        0x00..=0xa0 => Some(char::from(byte)),
        0xa1..=0xda | 0xdf..=0xfb => char::from_u32(0xe01 + u32::from(byte - 0xa1)),
        _ => None,
    }
}
