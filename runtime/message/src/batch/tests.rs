use proptest::prelude::*;

use super::*;
use crate::Message;

/// Gives the bytes in pieces of these lengths, over and over, with an interruption now and then.
struct Slowly<'b> {
    bytes: &'b [u8],
    lengths: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Slowly<'_> {
    fn new(bytes: &[u8], lengths: Vec<usize>) -> Slowly<'_> {
        Slowly { bytes, lengths: lengths.into_iter().cycle() }
    }
}

impl Read for Slowly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.lengths.next() {
            Some(0) => Err(ErrorKind::Interrupted.into()),
            length => self.bytes.read(&mut into[..length.unwrap_or(1)]),
        }
    }
}

fn parts(input: impl Read) -> (Vec<(Kind, Vec<u8>)>, usize) {
    let mut splitter = Splitter::new(input);
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    while let Some(kind) = splitter.next(&mut part).unwrap() {
        parts.push((kind, part.clone()));
    }
    (parts, splitter.miscounted())
}

fn shown(text: &str) -> String {
    let (parts, miscounted) = parts(text.as_bytes());
    let show = |wanted: Kind| {
        let texts = parts.iter().filter(|(kind, _)| *kind == wanted).map(|(_, it)| String::from_utf8(it.clone()));
        texts.map(|text| text.unwrap().replace(['\r', '\n'], "/")).collect::<Vec<_>>().join(" ")
    };
    let (messages, envelope, stray) = (show(Kind::Message), show(Kind::Envelope), show(Kind::Stray));
    format!("{messages} ({envelope}) [{stray}] {miscounted}")
}

#[test]
fn messages_one_after_another() {
    assert_eq!(shown("MSH|1\rPID|a\rMSH|2\rPID|b\r"), "MSH|1/PID|a MSH|2/PID|b () [] 0");
    assert_eq!(shown("MSH|1\nPID|a\n\nMSH|2\r\n"), "MSH|1/PID|a MSH|2 () [] 0");
    assert_eq!(shown("\u{b}MSH|1\rPID|a\r\u{1c}\r\u{b}MSH|2\r\u{1c}\r"), "MSH|1/PID|a MSH|2 () [] 0");
}

#[test]
fn batches_have_headers_and_trailers() {
    let text = "FHS|^~\\&\rBHS|^~\\&\rMSH|1\rMSH|2\rBTS|2\rFTS|1\r";
    assert_eq!(shown(text), "MSH|1 MSH|2 (FHS|^~\\& BHS|^~\\& BTS|2 FTS|1) [] 0");
    assert_eq!(shown("BHS|\rMSH|1\rBTS|7\r"), "MSH|1 (BHS| BTS|7) [] 1");
}

#[test]
fn what_is_no_message_is_told() {
    assert_eq!(shown("FHS|^~\\&\rBTS|1\r"), " (FHS|^~\\& BTS|1) [] 1");
    assert_eq!(shown("junk\rMSH|1\rjunk\r"), "MSH|1/junk () [junk] 0");
    assert_eq!(shown("\u{feff}MSH|1"), "\u{feff}MSH|1 () [] 0");
    assert_eq!(shown("MSHORT\rMSH"), " () [MSHORT MSH] 0");
    assert_eq!(shown(""), " () [] 0");
}

#[test]
fn messages_in_utf16_are_taken_apart_too() {
    let text = "BHS|^~\\&\rMSH|^~\\&|1\r\nPID|1||\u{d0d}\u{a0a}\rMSH|^~\\&|2\rBTS|3\r";
    for (mark, bytes) in [
        (&b"\xff\xfe"[..], text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        (&b"\xfe\xff"[..], text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
    ] {
        for bytes in [bytes.clone(), [mark, &bytes].concat()] {
            let (whole, miscounted) = parts(bytes.as_slice());
            assert_eq!(miscounted, 1);
            assert_eq!(parts(Slowly::new(&bytes, vec![3])).0, whole);
            let messages: Vec<_> =
                messages(&bytes).map(|it| Message::read(&it, &Default::default()).unwrap()).collect();
            let texts: Vec<_> = messages.iter().map(|it| (it.segments().len(), it.text_of(0).to_owned())).collect();
            assert_eq!(texts, [(2, "MSH|^~\\&|1".to_owned()), (1, "MSH|^~\\&|2".to_owned())]);
            assert_eq!(messages[0].text_of(1), "PID|1||\u{d0d}\u{a0a}");
        }
    }
}

#[test]
fn later_bytes_of_a_character_begin_no_message() {
    // In GB18030 the last character's second byte is `M`.
    let bytes = b"MSH|^~\\&|1\rPID|\x81M\x81S\x81H\rMSH|^~\\&|2";
    assert_eq!(messages(bytes).count(), 2);
}

#[test]
fn a_line_outside_of_messages_takes_a_bounded_place() {
    let (found, _) = parts(io::repeat(b'x').take(LINE_MAX as u64 * 5).chain(&b"\rMSH|1\r"[..]));
    assert_eq!(found, [(Kind::Stray, vec![b'x'; LINE_MAX]), (Kind::Message, b"MSH|1".to_vec())]);
}

#[test]
fn a_message_may_be_longer_than_what_is_read_at_once() {
    let long = [&b"MSH|1\rOBX|"[..], &vec![b'x'; CHUNK * 3], b"\rNTE"].concat();
    let found: Vec<_> = messages(&[&long[..], b"\r\rMSH|2\r"].concat()).collect();
    assert_eq!(found, [long, b"MSH|2".to_vec()]);
    let header = [&b"MSH|"[..], &vec![b'x'; CHUNK * 3]].concat();
    assert_eq!(parts(Slowly::new(&header, vec![3, CHUNK])).0, [(Kind::Message, header.clone())]);
}

#[test]
fn a_fault_of_the_input_comes_after_what_stood_before_it() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut splitter = Splitter::new(b"MSH|1\rMSH|2\rPID".chain(Broken));
    let mut part = Vec::new();
    assert_eq!(splitter.next(&mut part).unwrap(), Some(Kind::Message));
    assert_eq!(part, b"MSH|1");
    assert_eq!(splitter.next(&mut part).unwrap_err().to_string(), "broken");
}

#[test]
fn the_beginning_is_kept_until_there_is_a_message() {
    let mut splitter = Splitter::new(&b"\r\n  PID|1\rPV1|1\r"[..]);
    let mut part = Vec::new();
    while splitter.next(&mut part).unwrap().is_some() {}
    assert_eq!(splitter.beginning(), b"PID|1\rPV1|1\r");
}

/// What the pieces are, found with the whole file in memory.
fn whole(bytes: &[u8]) -> Vec<(Kind, Vec<u8>)> {
    let mut found: Vec<(Kind, std::ops::Range<usize>)> = Vec::new();
    let mut start = 0;
    for line in bytes.split(|&byte| is_end(byte)) {
        let range = start..start + line.len();
        start = range.end + 1;
        match (Unit::Byte.kind(line), found.last_mut()) {
            _ if line.is_empty() => {}
            (Kind::Stray, Some((Kind::Message, message))) => message.end = range.end,
            (kind, _) => found.push((kind, range)),
        }
    }
    found.into_iter().map(|(kind, range)| (kind, bytes[range].to_vec())).collect()
}

fn files() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"MSH|^~\\&|a".to_vec()),
        Just(b"\xef\xbb\xbfMSH|a".to_vec()),
        Just(b"MSH".to_vec()),
        Just(b"BHS|".to_vec()),
        Just(b"BTS|2".to_vec()),
        Just(b"FTS|1".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    let end = prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("\x1c\r\x0b"), Just("")];
    proptest::collection::vec((line, end), 0..20)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_file_is_taken_apart_alike_however_it_comes(
        bytes in files(),
        lengths in proptest::collection::vec(0_usize..9, 1..6).prop_filter("nothing comes", |it| it.iter().any(|&it| it > 0)),
    ) {
        let at_once = parts(bytes.as_slice());
        prop_assert_eq!(&parts(Slowly::new(&bytes, lengths)), &at_once);
        let first = bytes.iter().position(|&byte| !is_end(byte)).unwrap_or(bytes.len());
        if Unit::of(&bytes[first..]) == Unit::Byte {
            prop_assert_eq!(at_once.0, whole(&bytes));
        }
    }
}

proptest! {
    #[test]
    fn a_message_alone_is_the_only_one(pieces in prop::collection::vec(prop::sample::select(vec![
        "MSH|^~\\&|A\r", "MSH|", "MSH", "PID|1\r", "BHS|x\r", "FTS|1\n", "FTX|2", "\r", "\n", "\x0b", "\x1c\r", "\u{feff}", "a\u{e4}",
    ]), 0..6), begins in any::<bool>()) {
        let text = if begins { "MSH|^~\\&|B\r" } else { "" }.to_owned() + &pieces.concat();
        if let Some(length) = only(text.as_bytes()) {
            let all: Vec<Vec<u8>> = messages(text.as_bytes()).collect();
            prop_assert_eq!(all, vec![text.as_bytes()[..length].to_vec()]);
        }
    }
}

#[test]
fn plain_messages_are_known_to_be_alone() {
    assert_eq!(only(b"MSH|^~\\&|A\rFTX|1\r\nMSH\r\r"), Some(21));
    assert_eq!(only(b"MSH|^~\\&|A\rMSH|^~\\&|B\r"), None);
    assert_eq!(only(b"\rMSH|^~\\&|A\r"), None);
}

#[test]
fn several_messages_are_told_from_one() {
    let several = [
        "MSH|^~\\&|A\rPID|1\rMSH|^~\\&|B\r",
        "MSH|^~\\&|A\nMSH#^~\\&#B",
        "\r\n\u{feff}MSH|^~\\&|A\r\nPID|1\r\nMSH|^~\\&|B",
        "BHS|^~\\&|A\rMSH|^~\\&|A\rBTS|1",
        "FHS|^~\\&|A\r",
    ];
    for text in several {
        assert!(is_several(text.as_bytes()), "{text:?}");
    }
    for text in ["", "MSH", "MSH|^~\\&|MSH|x\rPID|MSH|\rZMS|H", "PID|1\rMSH|^~\\&|A", "{\"a\":\"\\rMSH\"}"] {
        assert!(!is_several(text.as_bytes()), "{text:?}");
    }
}
