//! Real messages are read: each with its segments in the order of the file, and nothing is lost when it is printed.

use std::collections::BTreeMap;
use std::fs;

use emr_message::batch::{Kind, Splitter};
use emr_message::{Message, Settings, Unreadable};

use crate::corpus;

/// What a line of a file is, found without the crate under test: its first three bytes, if they can be a name.
fn name(line: &[u8]) -> &[u8] {
    let is_name = line.len() >= 3
        && line[0].is_ascii_uppercase()
        && line[1..3].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && line.get(3).is_none_or(|byte| byte.is_ascii_punctuation());
    if is_name { &line[..3] } else { b"" }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\r' || byte == b'\n').filter(|line| !line.is_empty())
}

fn parts(bytes: &[u8]) -> Vec<(Kind, Vec<u8>)> {
    let mut splitter = Splitter::new(bytes);
    let mut part = Vec::new();
    std::iter::from_fn(|| splitter.next(&mut part).unwrap().map(|kind| (kind, part.clone()))).collect()
}

#[test]
fn every_shared_message_is_read_in_order_and_printed_whole() {
    let Some(folder) = corpus::shared("messages") else { return };
    let files = corpus::files(&folder, &[".hl7", ".HL7", ".txt"]);
    assert!(files.len() >= 650, "{} files", files.len());

    let (mut messages, mut segments, mut without) = (0, 0, Vec::new());
    let mut odd = BTreeMap::<String, usize>::new();
    for path in &files {
        let bytes = fs::read(path).unwrap();
        let parts = parts(&bytes);
        if parts.iter().all(|(kind, _)| *kind != Kind::Message) {
            without.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            assert_eq!(Message::read(&bytes, &Settings::default()).unwrap_err(), Unreadable::NoHeader);
        }

        // Every line of the file stands in one of the parts, in order.
        let again = parts.iter().flat_map(|(_, part)| lines(part));
        assert!(again.eq(lines(&bytes)), "{}", path.display());

        for (_, bytes) in parts.iter().filter(|(kind, _)| *kind == Kind::Message) {
            let message = Message::read(bytes, &Settings::default());
            let message = message.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let read = message.segments().iter().map(|segment| segment.name.as_str().as_bytes().to_vec());
            assert!(read.eq(lines(bytes).map(|line| name(line).to_vec())), "{}", path.display());
            assert!(lines(&message.print()).eq(lines(bytes)), "{}", path.display());
            messages += 1;
            segments += message.segments().len();
            let mut kinds: Vec<String> = message.notes().map(|note| format!("{:?}", note.odd)).collect();
            kinds.sort();
            kinds.dedup();
            kinds.into_iter().for_each(|kind| *odd.entry(kind).or_default() += 1);
        }
    }
    println!("read {messages} messages with {segments} segments in {} files; odd in so many: {odd:?}", files.len());
    assert_eq!(without, ["sample_bad_batch.hl7", "sample_bad_file.hl7", "sample_bad_file3.hl7"]);
}
