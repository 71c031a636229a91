//! What compiled code would see of a message, compared with what [`Message`] says of it: leaf by leaf, through the
//! pointers that the context gets.
#![expect(unsafe_code, reason = "the tables are read as compiled code reads them")]

use std::fs;
use std::path::{Path, PathBuf};

use emr_abi::{Kind, Layout, flags};
use emr_message::{Level, Message, Piece, Settings, State, batch, escape, json};
use proptest::prelude::*;

use super::lanes::Chosen;
use super::split::SEGMENT_MAX;
use super::split::name;
use super::{Text, Unready, split};

/// What the interpreter would see of the fields that are read.
struct Expected {
    flags: u64,
    deferred: bool,
    /// Whether any leaf is not as it stands in the message.
    changed: bool,
}

/// A separator or the end of a field behind each leaf, and the leaf.
type Leaves = Vec<(String, Option<char>)>;

fn splits(piece: &Piece<'_>, c: char) -> bool {
    let d = &piece.encoding.delimiters;
    [d.component, d.repetition, d.subcomponent].into_iter().flatten().any(|byte| char::from(byte) == c)
}

fn leaves(field: &Piece<'_>) -> Leaves {
    if field.level == Level::Verbatim {
        return vec![(field.text.to_owned(), None)];
    }
    let mut rest = field.text;
    let mut found = Vec::new();
    while let Some(at) = rest.find(|c| splits(field, c)) {
        found.push((rest[..at].to_owned(), rest[at..].chars().next()));
        rest = &rest[at + 1..];
    }
    found.push((rest.to_owned(), None));
    found
}

impl Expected {
    fn tidy_all(&mut self, field: &Piece<'_>) {
        leaves(field).iter().for_each(|(leaf, _)| drop(self.tidy(field, leaf)));
    }

    /// The leaf as compiled code shall find it.
    fn tidy(&mut self, field: &Piece<'_>, leaf: &str) -> String {
        let level = if field.level == Level::Verbatim { Level::Verbatim } else { Level::Subcomponent };
        let piece = Piece { text: leaf, level, ..*field };
        let decoded = match piece.state() {
            State::Absent => return String::new(),
            State::Null => {
                self.flags |= flags::NULLS;
                self.changed = true;
                return String::new();
            }
            State::Present if level == Level::Verbatim => leaf.into(),
            State::Present => escape::decode(leaf, &field.encoding.delimiters, field.encoding.charset),
        };
        let trimmed = decoded.trim();
        if trimmed != decoded {
            self.flags |= flags::TRIMMED;
            if decoded.starts_with(|c| c < ' ') || decoded.ends_with(|c| c < ' ') {
                self.flags |= flags::SPACED;
            }
        }
        if trimmed.contains("  ") || trimmed.contains(['\t', '\r', '\n']) {
            self.flags |= flags::SPACED;
        }
        if trimmed.is_empty() {
            self.flags |= flags::TRIMMED | flags::BLANKS;
            self.changed = true;
            return " ".to_owned();
        }
        let quoted = json::quoted(trimmed);
        let tidy = &quoted[1..quoted.len() - 1];
        self.changed |= tidy != leaf.trim_end_matches([' ', '\t']);
        tidy.to_owned()
    }
}

/// The fields of a kind that are read, each with the bar that it begins at.
fn fields(kind: &Kind) -> Vec<(usize, u16)> {
    let bars: Vec<u16> = (0..128).filter(|bar| kind.bars >> bar & 1 == 1).collect();
    let declares = matches!(&kind.name, b"MSH" | b"FHS" | b"BHS");
    let pairs = bars.windows(2).filter(|pair| pair[0] + 1 == pair[1]);
    pairs.map(|pair| (usize::from(pair[0]), pair[0] + 1 + u16::from(declares))).collect()
}

fn expected(message: &Message, layout: &Layout) -> Expected {
    let mut expected = Expected { flags: 0, deferred: false, changed: false };
    for (index, segment) in message.segments().iter().enumerate() {
        let Some(kind) = layout.kinds.iter().find(|kind| kind.name == segment.name.as_str().as_bytes()) else {
            continue;
        };
        expected.deferred |= message.text_of(index).len() > SEGMENT_MAX;
        for (_, n) in fields(kind) {
            expected.tidy_all(&message.field(index, n));
        }
    }
    let d = message.encoding().delimiters;
    let roles = [d.component, d.repetition, d.escape, d.subcomponent];
    expected.deferred |= roles.iter().any(Option::is_none);
    expected
}

/// The tables as compiled code reads them.
struct Seen<'t> {
    text: &'t Text,
    base: &'t [u8],
}

impl<'t> Seen<'t> {
    fn of(text: &'t Text) -> Seen<'t> {
        Seen { text, base: &text.text }
    }

    /// Where the field begins and ends that begins at a bar.
    fn field(&self, segment: usize, bar: usize) -> (usize, usize) {
        let bars = self.text.segments()[segment].bars;
        // SAFETY: there are two bars around each field that is read.
        let (before, behind) = unsafe { (*bars.add(bar), *bars.add(bar + 1)) };
        (before.start as usize, behind.end as usize)
    }

    fn bit(map: *const u8, at: usize) -> bool {
        // SAFETY: `at` is a byte of the text or just behind it, and the maps reach sixteen bytes farther.
        unsafe { *map.add(at / 8) >> (at % 8) & 1 == 1 }
    }

    /// The leaves between two starts.
    fn leaves(&self, from: usize, to: usize) -> Leaves {
        let (maps, mut begin, mut found) = (self.text.maps(), from, Vec::new());
        let leaf = |from: usize, to: usize| String::from_utf8(self.base[from..to].to_vec()).unwrap();
        for at in from..to {
            let is = [maps.components, maps.repetitions, maps.subcomponents].map(|map| Seen::bit(map, at));
            let count = is.iter().filter(|&&is| is).count();
            let is_blank = self.text.table.blanks.contains(&at);
            assert!(!is_blank || count == 0 && self.base[at] == b' ');
            assert_eq!(count > 0 || is_blank, Seen::bit(maps.separators, at));
            assert!(count < 2);
            if count > 0 {
                assert_eq!(self.text.classes()[usize::from(self.base[at])], 1);
                found.push((leaf(begin, at), Some(char::from(self.base[at]))));
                begin = at + 1;
            }
        }
        found.push((leaf(begin, to), None));
        found
    }
}

/// What is to be seen of a message, or why it cannot be read.
fn wanted(layout: &Layout, bytes: &[u8], settings: &Settings) -> Result<(Message, Expected), Unready> {
    let message = Message::read(bytes, settings).map_err(Unready::Unreadable)?;
    let expected = expected(&message, layout);
    if expected.deferred { Err(Unready::Defer) } else { Ok((message, expected)) }
}

/// Compares all that can be seen.
fn check(text: &Text, layout: &Layout, message: &Message, expected: &mut Expected) {
    assert_eq!(text.flags() & !flags::ESCAPED, expected.flags);
    assert!(!expected.changed || text.flags() & flags::ESCAPED != 0);
    assert_eq!(
        text.tags().iter().map(|tag| name(*tag)).collect::<Vec<_>>(),
        message.segments().iter().map(|segment| segment.name).collect::<Vec<_>>()
    );
    assert_eq!(text.message_bytes(), message.segments().iter().map(|segment| segment.range().len()).sum::<usize>());

    let seen = Seen::of(text);
    let segments = text.segments();
    assert_eq!(segments.len(), message.segments().len() + 1);
    for (index, segment) in message.segments().iter().enumerate() {
        let row = segments[index + 1];
        let kind = layout.kinds.iter().position(|kind| kind.name == segment.name.as_str().as_bytes());
        assert_eq!(text.table.lines[index].kind as usize, kind.map_or(0, |kind| kind + 1));
        let Some(kind) = kind.map(|kind| &layout.kinds[kind]) else {
            assert_eq!(row.bars, segments[0].bars);
            continue;
        };
        for (i, n) in fields(kind) {
            check_field(&seen, expected, message, (index, n), i);
        }
    }
    assert!((0..63).all(|bar| seen.field(0, bar) == (0, 0)));
}

fn check_field(seen: &Seen<'_>, expected: &mut Expected, message: &Message, (index, n): (usize, u16), i: usize) {
    let (from, to) = seen.field(index + 1, i);
    let address = |at: usize| seen.text.base().wrapping_add(at);
    let field = message.field(index, n);
    if n > message.fields(index) {
        assert_eq!(from, to, "{} is not there", field.place);
        assert_eq!(seen.text.place(address(from)), None);
        return;
    }
    let wanted: Leaves =
        leaves(&field).into_iter().map(|(leaf, behind)| (expected.tidy(&field, &leaf), behind)).collect();
    let found = seen.leaves(from, to);
    assert_eq!(found, wanted, "{}", field.place);

    let d = &field.encoding.delimiters;
    let repeats = found.iter().any(|(_, behind)| behind.is_some() && *behind == d.repetition.map(char::from));
    let declares = matches!(field.place.name.as_str(), "MSH" | "FHS" | "BHS");
    let bar = field.place.field - if declares { 2 } else { 1 };
    // The delimiters look as if they repeated, and of later fields nothing is told.
    let is_marked =
        seen.text.segments()[index + 1].repeats.checked_shr(bar.into()).map_or(repeats, |bits| bits & 1 == 1);
    assert!(repeats == is_marked || is_marked && declares && bar == 0, "{}", field.place);
    let is = |c: Option<char>, role: Option<u8>| c.is_some() && c == role.map(char::from);
    let (mut at, mut place) = (from, field.place);
    (place.repetition, place.component, place.subcomponent) = (1, 1, 1);
    for (leaf, behind) in found {
        assert_eq!(seen.text.place(address(at)), Some(place), "{}", field.place);
        if !leaf.is_empty() {
            assert_eq!(seen.text.place(address(at + leaf.len())), None);
        }
        at += leaf.len() + 1;
        if is(behind, d.repetition) {
            (place.repetition, place.component, place.subcomponent) = (place.repetition + 1, 1, 1);
        } else if is(behind, d.component) {
            (place.component, place.subcomponent) = (place.component + 1, 1);
        } else {
            place.subcomponent += 1;
        }
    }
}

/// Reads with each kind of lanes that there is, each with the text that it read those before with, and compares what
/// can be seen, and their tables too. Gives whether the message was read.
fn check_all(texts: &mut [Text], layout: &Layout, bytes: &[u8], settings: &Settings) -> bool {
    let mut wanted = wanted(layout, bytes, settings);
    for (index, text) in texts.iter_mut().enumerate() {
        text.whole = index % 2 == 1;
        let read = text.read(bytes, settings);
        match &mut wanted {
            Ok((message, expected)) => {
                assert_eq!(read, Ok(()));
                check(text, layout, message, expected);
            }
            Err(unready) => assert_eq!(read, Err(*unready)),
        }
    }
    let [scalar, others @ ..] = &*texts else { panic!("there are always scalar lanes") };
    for other in others.iter().filter(|_| wanted.is_ok()) {
        assert!(scalar.text[..] == other.text[..], "{:?}", other.lanes);
        let lines = |text: &Text| {
            text.table.lines.iter().map(|line| split::Line { bars: 0, repeats: 0, ..*line }).collect::<Vec<_>>()
        };
        assert_eq!(lines(scalar), lines(other), "{:?}", other.lanes);
        assert_eq!(scalar.table.moved, other.table.moved, "{:?}", other.lanes);
        for (line, segment) in scalar.table.lines.iter().zip(1..).filter(|(line, _)| line.kind > 0) {
            let kind = scalar.kinds.numbered(line.kind).unwrap();
            let read = || (0..64).filter(|bar| kind.reads_field(*bar));
            let fields = |text| read().map(|bar| Seen::of(text).field(segment, bar)).collect::<Vec<_>>();
            assert_eq!(fields(scalar), fields(other), "{:?}", other.lanes);
        }
    }
    wanted.is_ok()
}

/// Of each kind of lanes two, one for messages of which little is read at first and one for those of which most is.
fn texts(layout: &Layout) -> Vec<Text> {
    Chosen::all().into_iter().flat_map(|lanes| [lanes; 2]).map(|lanes| Text::with(layout, lanes)).collect()
}

fn layout(kinds: &[(&str, u128)]) -> Layout {
    let kind = |&(name, bars): &(&str, u128)| Kind { name: name.as_bytes().try_into().unwrap(), bars };
    Layout { kinds: kinds.iter().map(kind).collect() }
}

const ALL: u128 = u128::MAX;
const NAMES: &[&str] = &["MSH", "PID", "OBX", "FHS", "ZZ1", "NTE"];

/// What a field is made of: a piece of each sort of trouble, and plain text enough to pass from one block to the next.
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "|", "|", "|", "|", "|", "||||||||||||||||||||||||||||||", "^", "^", "~", "&", "!", "$", "a", "Smith", "20240102", "M", "a longer text of several words",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "\u{dc}nal", "\u{df}", "\u{6f22}\u{5b57}", "\u{1f600}", "|\"\"|", "|\"\"^^|", "\"\"", "\"", " ", "  ", "\t", "\u{b}x", "\0x",
    "\u{7f}", "\u{85}x", "x\u{a0}", "\u{3000}", "\u{200a}x", "x\u{2028}", "\\", "\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\",
    "\\P\\", "\\X41\\", "\\XC3A9\\", "\\XE9\\", "\\X20\\x", "\\X0D\\x", "x\\X00\\", "x\\.br\\", "\\.sp2\\x", "x\\.sk3\\",
    "\\H\\x", "\\Q\\", "\\X22\\", "?F?", "?X?",
];

#[rustfmt::skip]
const HEADERS: &[&str] = &[
    "MSH|^~\\&|", "MSH|^~\\&|", "MSH|^~\\&|", "MSH|^~\\&|", "MSH|^~\\&|", "MSH|^~\\&#|", "MSH!$r?@!", "MSH\\^~|&\\",
    "\u{b}MSH|^~\\&|", "\u{feff}MSH|^~\\&|", "junk\rMSH|^~\\&|", "MSH|^~\\\\&|", "MSH||", "MSH|^~\\& |", "MSH|^|",
    "MSH|^^\\&|", "MSH|^~\\&\"|", "MSH|^~\\&", "PID|1", "MSH", "MSHX|", "",
];

#[rustfmt::skip]
const CHARSETS: &[&str] = &[
    "", "", "", "", "UNICODE UTF-8", "ASCII", "8859/1", " 8859/1 ", "GB 18030-2000", "UNICODE UTF-16", "ISO IR87", "~ISO IR87",
    " ", "bogus",
];

fn text_of(tokens: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(TOKENS), tokens).prop_map(|tokens| tokens.concat())
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        &["PID|", "PID|", "OBX|", "OBX|", "OBX", "NTE|", "ZZ1|", "ZZ2|", "FHS|^~\\&|", "MSH|x|", "MSH|", "Pid|", "P"][..],
    );
    let end = prop::sample::select(&["\r", "\r", "\r", "\n", "\r\n", "\r\r"][..]);
    (name, text_of(0..40), end).prop_map(|(name, text, end)| format!("{name}{text}{end}"))
}

/// Bytes in UTF-8 or in Latin 1, perhaps cut short.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let header = (prop::sample::select(HEADERS), text_of(0..6), prop::sample::select(CHARSETS));
    let header = header.prop_map(|(header, text, charset)| {
        let bar = header.chars().next_back().filter(char::is_ascii_punctuation).unwrap_or('|').to_string();
        let bars = if charset.is_empty() {
            String::new()
        } else {
            bar.repeat(15_usize.saturating_sub(text.matches(&bar).count()))
        };
        format!("{header}{text}{bars}{charset}\r")
    });
    let rest = prop::collection::vec(segment(), 0..12);
    (header, rest, any::<bool>(), prop::option::weighted(0.1, any::<prop::sample::Index>())).prop_map(
        |(header, rest, latin, cut)| {
            let text = header + &rest.concat();
            let latin = latin && text.chars().all(|c| u32::from(c) < 256);
            let mut bytes: Vec<u8> = if latin { text.chars().map(|c| c as u8).collect() } else { text.into_bytes() };
            bytes.truncate(cut.map_or(usize::MAX, |cut| cut.index(bytes.len() + 1)));
            bytes
        },
    )
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let bars = prop_oneof![
        Just(ALL),
        any::<u128>(),
        (0_u32..127, 0_u32..12).prop_map(|(from, to)| (1 << from.min(to)) - 1),
        Just(0)
    ];
    prop::collection::vec(prop::option::weighted(0.8, bars), NAMES.len()).prop_map(|bars| {
        let kinds: Vec<_> = NAMES.iter().zip(bars).filter_map(|(&name, bars)| Some((name, bars?))).collect();
        layout(&kinds)
    })
}

fn any_settings() -> impl Strategy<Value = Settings> {
    use emr_message::Charset;
    let some = [Charset::Utf8, Charset::Ascii, Charset::Iso8859(1), Charset::Iso2022Jp, Charset::Utf16Le];
    prop::option::weighted(0.2, prop::sample::select(some.to_vec())).prop_map(|charset| Settings { charset })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2_000 } else { 40_000 }))]

    #[test]
    fn compiled_code_sees_what_the_interpreter_sees(
        layout in any_layout(),
        messages in prop::collection::vec((message(), any_settings()), 1..4),
    ) {
        let mut texts = texts(&layout);
        for (message, settings) in &messages {
            check_all(&mut texts, &layout, message, settings);
        }
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn messages_of_the_world_are_read_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/messages");
    if !folder.is_dir() {
        println!("skipped: there is no folder {}", folder.display());
        return;
    }
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let names = [
        "MSH", "PID", "PD1", "NK1", "PV1", "PV2", "AL1", "DG1", "GT1", "IN1", "OBR", "OBX", "ORC", "NTE", "SPM", "RXA",
    ];
    let layouts = [ALL, 0b1011_0011_0001_0100_1010].map(|bars| layout(&names.map(|name| (name, bars))));
    let (mut read, mut all) = (0, 0);
    for layout in &layouts {
        let mut texts = texts(layout);
        for path in &paths {
            let bytes = fs::read(path).unwrap();
            for message in batch::messages(&bytes) {
                all += 1;
                read += usize::from(check_all(&mut texts, layout, &message, &Settings::default()));
            }
        }
    }
    println!("{read} of {all} are ready for compiled code");
    assert!(read > all / 2);
}

/// The text of PID-1 and on, a field to a line, and the flags; or why there is none.
fn shown(fields: &str) -> String {
    let layout = layout(&[("PID", ALL)]);
    let mut text = Text::new(&layout);
    let message = format!("MSH|^~\\&|A\rPID|{fields}\r");
    if let Err(error) = text.read(message.as_bytes(), &Settings::default()) {
        return format!("{error:?}");
    }
    let seen = Seen::of(&text);
    let fields = (0..=fields.matches('|').count()).map(|bar| seen.field(2, bar));
    let fields: Vec<_> = fields.map(|(from, to)| String::from_utf8_lossy(&seen.base[from..to])).collect();
    let names = [
        (flags::TRIMMED, "trimmed"),
        (flags::NULLS, "nulls"),
        (flags::SPACED, "spaced"),
        (flags::ESCAPED, "escaped"),
        (flags::BLANKS, "blanks"),
    ];
    let names = names.iter().filter(|(flag, _)| text.flags() & flag != 0).map(|(_, name)| format!(" {name}"));
    format!("{}{}", fields.join("/"), names.collect::<String>())
}

#[test]
fn text_is_tidy() {
    for (fields, is) in [
        ("1|a^b&c~d||e", "1/a^b&c~d//e"),
        ("a \t^b |  |c", "a^b//c escaped"),
        (r#"C:\dir|6"|a\T\b"#, r#"C:\\dir/6\"/a&b escaped"#),
        (r"a\.br\b", r"a\nb spaced escaped"),
        ("\"\"|a~\"\"|\"\"^", "/a~/^ nulls escaped"),
        (" a|b\u{a0}", "a/b trimmed escaped"),
        ("a  b", "a  b spaced"),
        ("\u{dc}nal|\u{df}", "\u{dc}nal/\u{df}"),
        ("^\"\"", "^ nulls escaped"),
        ("\u{a0}|a", " /a trimmed escaped blanks"),
        (r"a^\H\", "a^  trimmed escaped blanks"),
    ] {
        assert_eq!(shown(fields), is, "{fields}");
    }
}

#[test]
fn what_stands_in_no_field_that_is_read_is_left_alone() {
    let mut text = Text::new(&layout(&[("PID", 0b110)]));
    text.read(b"MSH|^~\\&|A \rPID| x |1|^\"\"|\\H\\ \rOBX| \"|", &Settings::default()).unwrap();
    assert_eq!(text.flags(), 0);
}

#[test]
fn a_letter_that_separates_ends_an_escape() {
    let layout = layout(&[("PID", ALL)]);
    for bytes in [&b"MSH|^~\\S|A\rPID|1\\S\\|a\\.br\\b\r"[..], b"MSH|^~\\b|A\rPID|1\\S\\|a\\.br\\b\r"] {
        assert!(check_all(&mut texts(&layout), &layout, bytes, &Settings::default()));
    }
}

#[test]
fn the_delimiters_are_text_where_they_are_read() {
    let mut text = Text::new(&layout(&[("MSH", 0b111)]));
    text.read(b"MSH|^~\\&|A^B\r", &Settings::default()).unwrap();
    let seen = Seen::of(&text);
    let [(a, a_end), (b, b_end)] = [0, 1].map(|bar| seen.field(1, bar));
    assert_eq!((&seen.base[a..a_end], &seen.base[b..b_end]), (&b"^~\\\\&"[..], &b"A^B"[..]));
    assert_eq!(seen.leaves(a, a_end).len(), 1);
    assert_eq!(text.place(text.base().wrapping_add(a)).map(|place| place.field), Some(2));
    assert_eq!(text.place(text.base().wrapping_add(b)).map(|place| place.field), Some(3));
}

#[test]
fn what_is_too_long_is_left_to_the_interpreter() {
    let layout = layout(&[("PID", ALL)]);
    let mut text = Text::new(&layout);
    let mut read =
        |name: &str, field: &str| text.read(format!("MSH|^~\\&|A\r{name}|{field}\r").as_bytes(), &Settings::default());
    let long = "a".repeat(SEGMENT_MAX);
    assert_eq!(read("PID", &long), Err(Unready::Defer));
    assert_eq!(read("OBX", &long), Ok(()));
    assert_eq!(read("PID", &long[..SEGMENT_MAX - 4]), Ok(()));
    assert_eq!(read("PID", &"x\\.sp100\\".repeat(1000)), Err(Unready::Defer));
}

#[test]
fn a_header_as_the_last_segment_is_read() {
    let layout = layout(&[("MSH", 3)]);
    let bytes = "\u{b}MSH|^~\\&||||||||||||||||UNICODE UTF-8\rMSH|\u{6f22}\u{5b57}\r".as_bytes();
    check_all(&mut texts(&layout), &layout, bytes, &Settings::default());
}
