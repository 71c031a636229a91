use proptest::prelude::*;

use super::*;
use crate::State;

fn read(bytes: &[u8]) -> Result<Message, Unreadable> {
    Message::read(bytes, &Settings::default())
}

fn message(text: &str) -> Message {
    read(text.as_bytes()).unwrap()
}

/// The lines of a message as names, `?` for what is none.
fn names(message: &Message) -> String {
    let name =
        |segment: &Segment| if segment.name.is_none() { "?".to_owned() } else { segment.name.as_str().to_owned() };
    message.segments().iter().map(name).collect::<Vec<_>>().join(" ")
}

fn notes(message: &Message) -> Vec<String> {
    message.notes().map(|note| format!("{:?} {} {}", note.odd, note.place, note.line)).collect()
}

#[test]
fn segments_are_found_at_any_line_end() {
    for end in ["\r", "\n", "\r\n", "\r\r\n\n"] {
        let text = ["MSH|^~\\&|A", "PID|1||b", "ZPI", "OBX|1", "OBX|2"].join(end);
        let message = message(&text);
        assert_eq!(names(&message), "MSH PID ZPI OBX OBX");
        assert_eq!(message.field(1, 3).text, "b");
        assert_eq!(message.place(4).occurrence, 2);
        assert_eq!(message.print(), b"MSH|^~\\&|A\rPID|1||b\rZPI\rOBX|1\rOBX|2\r");
    }
}

#[test]
fn fields_are_counted_as_the_standard_does() {
    let message = message("MSH|^~\\&#|LAB^1\rPID|1|x");
    let of = |segment, n| (message.field(segment, n).text, message.field(segment, n).place.to_string());
    assert_eq!(of(0, 1), ("|", "MSH-1".into()));
    assert_eq!(of(0, 2), ("^~\\&#", "MSH-2".into()));
    assert_eq!(of(0, 3), ("LAB^1", "MSH-3".into()));
    assert_eq!(message.msh(2).head().decoded(), "^~\\&#");
    assert_eq!(message.msh(2).state(), State::Present);
    assert_eq!(of(1, 2), ("x", "PID-2".into()));
    assert_eq!(of(1, 3), ("", "PID-3".into()));
    assert_eq!(of(1, 0), ("", "PID".into()));
    assert_eq!(of(7, 1), ("", "?-1".into()));
    assert_eq!((message.fields(0), message.fields(1), message.fields(7)), (3, 2, 0));
}

#[test]
fn other_delimiters() {
    let message = message("MSH!$r?@!a\rPID!1!xr y$b@c?T?d");
    assert_eq!(message.field(1, 2).repetition(2).component(2).subcomponent(2).decoded(), "c@d");
}

#[test]
fn lines_that_are_no_segments_are_kept_and_reported() {
    let message = message("junk\rMSH|^~\\&|A\rpid|1\rPIDX|2\rNTE|1||two\nlines \r  ");
    assert_eq!(names(&message), "? MSH ? ? NTE ? ?");
    assert_eq!(message.header(), 1);
    assert_eq!(message.print(), b"junk\rMSH|^~\\&|A\rpid|1\rPIDX|2\rNTE|1||two\rlines \r  \r");
    insta::assert_snapshot!(notes(&message).join("\n"), @"
    LineEnd NTE 5
    NoName ? 1
    NoName ? 3
    NoName ? 4
    NoName ? 6
    TrailingBlanks ? 6
    NoName ? 7
    TrailingBlanks ? 7
    ");
}

#[test]
fn what_is_odd_is_told_with_its_place() {
    let text = "\u{feff}MSH|^~\\\\&|A|||||||||||||||ASCII\rPID|1|a\\Q\\b|\u{b}|\\X00\\\rMSH|^~\\&|B";
    insta::assert_snapshot!(notes(&message(text)).join("\n"), @"
    Mark MSH 1
    Delimiters(DoubledEscape) MSH-2 1
    UnknownEscape PID-2 2
    UnknownEscape PID-2 2
    Control PID-3 2
    SecondHeader MSH 3
    ");
    assert_eq!(notes(&message("MSH|^~\\&|A\rPID|1\r")), [""; 0]);
}

#[test]
fn why_bytes_are_no_message() {
    for (bytes, why) in [
        (&b""[..], Unreadable::Empty),
        (b" \r\n ", Unreadable::Empty),
        (b"\x0b\x1c\r", Unreadable::Empty),
        (b"\x7fELF\0\0\0", Unreadable::Binary),
        (b"hello", Unreadable::NoHeader),
        (b"xMSH|^~\\&|", Unreadable::NoHeader),
        (b"FHS|^~\\&|\rBHS|^~\\&|\r", Unreadable::NoHeader),
        (b"MSHORT", Unreadable::BadDelimiters),
        (b"MSH", Unreadable::BadDelimiters),
        (b"MSH|^~\\&|A\rPID|\xe9", Unreadable::BadCharset { charset: Charset::Utf8, offset: 15 }),
        (b"\r\n\xef\xbb\xbfMSH|^~\\&|\xe9", Unreadable::BadCharset { charset: Charset::Utf8, offset: 14 }),
        (b"MSH|^~\\&||||||||||||||||NO SUCH|\xe9", Unreadable::UnknownCharset),
        (b"MSH|^~\\&||||||||||||||||NO SUCH|\x1b$B", Unreadable::UnknownCharset),
    ] {
        let found = read(bytes).unwrap_err();
        assert_eq!(found, why, "{bytes:?}");
        assert!(!found.to_string().is_empty());
    }
}

#[test]
fn framing_is_taken_off() {
    let message = read(b"\x0bMSH|^~\\&|A\rPID|1\r\x1c\r").unwrap();
    assert_eq!(message.print(), b"MSH|^~\\&|A\rPID|1\r");
}

/// A header that declares a charset, and a name in that charset.
fn in_charset(declared: &str, charset: Charset, name: &str) -> Vec<u8> {
    charset.encode(&format!("MSH|^~\\&||||||||||||||||{declared}\rPID|1||||{name}^X\r")).unwrap()
}

#[test]
fn text_is_decoded_by_its_declared_charset_and_printed_in_it() {
    for (declared, charset, name) in [
        ("UNICODE UTF-8", Charset::Utf8, "M\u{fc}ller"),
        ("", Charset::Utf8, "M\u{fc}ller"),
        ("8859/1", Charset::Iso8859(1), "M\u{fc}ller\u{85}"),
        ("8859/2", Charset::Iso8859(2), "Nov\u{e1}k\u{159}"),
        ("8859/5", Charset::Iso8859(5), "\u{418}\u{432}\u{430}\u{43d}"),
        ("8859/9", Charset::Iso8859(9), "\u{15e}ahin"),
        ("8859/15", Charset::Iso8859(15), "\u{20ac}"),
        // The second byte of this character is `^`, of that one `|`.
        ("GB 18030-2000", Charset::Gb18030, "\u{4e5e}\u{4e7e}\u{4e8f}"),
        ("BIG-5", Charset::Big5, "\u{529f}\u{8a31}"),
        ("~ISO IR87", Charset::Iso2022Jp, "\u{5c71}\u{7530}"),
        ("KS X 1001", Charset::EucKr, "\u{ae40}"),
    ] {
        let bytes = in_charset(declared, charset, name);
        let message = read(&bytes).unwrap();
        assert_eq!(message.encoding().charset, charset);
        assert_eq!(message.field(1, 5).value().as_deref(), Some(name), "{declared}");
        assert_eq!(message.field(1, 5).component(2).text, "X", "{declared}");
        assert_eq!(message.print(), bytes, "{declared}");
    }
}

#[test]
fn the_settings_say_what_an_empty_declaration_means() {
    let bytes = in_charset("", Charset::Iso8859(1), "M\u{fc}ller");
    let settings = Settings { charset: Some(Charset::Iso8859(1)) };
    assert_eq!(Message::read(&bytes, &settings).unwrap().field(1, 5).value().as_deref(), Some("M\u{fc}ller"));
    let utf8 = in_charset("UNICODE UTF-8", Charset::Utf8, "M\u{fc}ller");
    assert_eq!(Message::read(&utf8, &settings).unwrap().field(1, 5).value().as_deref(), Some("M\u{fc}ller"));
}

#[test]
fn a_mark_tells_more_than_the_declaration() {
    let text = "MSH|^~\\&||||||||||||||||8859/1\rPID|1||||\u{fc}\r";
    for (mark, charset) in
        [(&b"\xef\xbb\xbf"[..], Charset::Utf8), (b"\xff\xfe", Charset::Utf16Le), (b"\xfe\xff", Charset::Utf16Be)]
    {
        let bytes = [mark, &charset.encode(text).unwrap()].concat();
        let message = read(&bytes).unwrap();
        assert_eq!(message.field(1, 5).text, "\u{fc}");
        assert_eq!(message.print(), bytes);
    }
    let bare = Charset::Utf16Le.encode(text).unwrap();
    assert_eq!(read(&bare).unwrap().print(), bare);
}

#[test]
fn a_charset_declared_wrongly_is_told_where_nothing_can_be_misread() {
    let utf8 = in_charset("ASCII", Charset::Utf8, "M\u{fc}ller");
    assert_eq!(notes(&read(&utf8).unwrap()), ["IsUtf8 MSH-18 1"]);
    let utf16 = in_charset("UNICODE UTF-16", Charset::Utf8, "M\u{fc}ller");
    assert_eq!(notes(&read(&utf16).unwrap()), ["IsUtf8 MSH-18 1"]);
    let plain = in_charset("EBCDIC", Charset::Ascii, "Muller");
    assert_eq!(notes(&read(&plain).unwrap()), ["UnknownCharset MSH-18 1"]);
    let latin = [&in_charset("ASCII", Charset::Ascii, "M")[..], b"\xfc"].concat();
    let offset = latin.len() - 1;
    assert_eq!(read(&latin).unwrap_err(), Unreadable::BadCharset { charset: Charset::Ascii, offset });
}

#[test]
fn bytes_that_decode_alike_are_still_printed_as_they_were() {
    // Two sequences of GB 18030 that give one character; only one is what the encoder writes.
    let twin = b"\xa3\xa0";
    let once = Charset::Gb18030.decode(twin).unwrap().into_owned();
    assert_ne!(Charset::Gb18030.encode(&once).unwrap(), twin, "no twin any more: find another");
    let bytes = [&in_charset("GB 18030-2000", Charset::Gb18030, "a")[..], b"NTE|1||\xa3\xa0\r"].concat();
    assert_eq!(read(&bytes).unwrap().print(), bytes);
}

#[test]
fn debug_shows_the_size_only() {
    assert_eq!(format!("{:?}", message("MSH|^~\\&|SECRET")), "Message(1 segments, 15 bytes)");
}

/// The lines of a message, as one would find them without this crate.
fn lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in bytes.split(|&byte| byte == b'\r' || byte == b'\n').filter(|line| !line.is_empty()) {
        out.extend_from_slice(line);
        out.push(b'\r');
    }
    out
}

/// Walks over everything that a message can be asked for.
fn visit(message: &Message) -> usize {
    let mut size = message.notes().count();
    for segment in 0..message.segments().len() {
        for n in 0..=message.fields(segment).min(40) {
            for repetition in message.field(segment, n).repetitions() {
                for c in 0..=repetition.parts().min(9) {
                    for s in 0..=repetition.component(c).parts().min(9) {
                        size += repetition.component(c).subcomponent(s).value().map_or(0, |value| value.len());
                    }
                }
            }
        }
    }
    size
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = read(&bytes) {
            visit(&message);
        }
        crate::batch::messages(&bytes).for_each(drop);
        let mut headed = b"MSH|^~\\&|".to_vec();
        headed.extend_from_slice(&bytes);
        if let Ok(message) = read(&headed) {
            visit(&message);
        }
    }

    #[test]
    fn what_was_read_is_printed(text in "(MSH[|!][\\^~&\\\\#]{0,5}[|!])?[A-Z|^~&\\\\\"\r\n \u{e9}X0.br1-]{0,200}") {
        let bytes = format!("MSH|^~\\&|A\r{text}").into_bytes();
        let message = read(&bytes).unwrap();
        visit(&message);
        prop_assert_eq!(message.print(), lines(&bytes));
    }

    #[test]
    fn any_bytes_of_any_charset_are_printed_as_they_were(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        charset in prop_oneof![
            (1u8..=11).prop_map(Charset::Iso8859), Just(Charset::Gb18030), Just(Charset::Big5),
            Just(Charset::EucKr), Just(Charset::Iso2022Jp), Just(Charset::Windows1252),
        ],
    ) {
        let mut all = b"MSH|^~\\&|A\r".to_vec();
        all.extend(bytes.iter().map(|&byte| if matches!(byte, 0x0b | 0x1c) { b'x' } else { byte }));
        if let Ok(message) = Message::read(&all, &Settings { charset: Some(charset) }) {
            visit(&message);
            prop_assert_eq!(message.print(), lines(&all));
        }
    }
}

#[test]
fn a_header_alone_is_that_of_the_whole_message() {
    let texts: [&[u8]; 9] = [
        b"MSH|^~\\&|A|B|||||ADT^A01|7|P|2.5\rPID|1||b\r",
        b"\x0bFHS|^~\\&\nBHS|^~\\&\nMSH|^~\\&|A\nPID|1\nMSH|^~\\&|B",
        b"\xef\xbb\xbfMSH|^~\\&|A\r",
        b"MSH|^~\\&|A|||||||||||||||8859/1\rPID|1||M\xfcller\r",
        b"MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1||M\xfcller\r",
        b"MSH|^~\\&|A|||||||||||||||NO SUCH\rPID|1||\xfc\r",
        b"PID|1",
        b"MSH",
        b"",
    ];
    for text in texts {
        let header = Message::read_header(text, &Settings::default());
        match (read(text), header) {
            (Ok(whole), Ok(header)) => {
                let fields = |message: &Message| (1..20).map(|n| message.msh(n).text.to_owned()).collect::<Vec<_>>();
                assert_eq!(fields(&whole), fields(&header));
                assert_eq!(whole.encoding().charset, header.encoding().charset);
            }
            (whole, header) => assert_eq!(whole.err(), header.err()),
        }
    }
}
