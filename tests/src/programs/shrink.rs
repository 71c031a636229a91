//! Makes a program and a message small on which the engines differ: without lines, without words, without segments,
//! fields, members and bytes, as long as they still do.

use super::run::{Workshop, both, differ};

/// How often a pair is tried before what is left is taken as it is.
const TRIES: usize = 3_000;

/// A program and a message, both as small as they become.
pub fn shrink(text: &str, message: &[u8]) -> (String, Vec<u8>) {
    let mut shop = Workshop::default();
    smallest(text, message, &mut |text, message| {
        let Ok(map) = shop.compile(text) else { return false };
        both(&map).map_or(true, |mut both| differ(&mut both, message).is_some())
    })
}

/// The same for anything that is wrong with a pair.
pub fn smallest(text: &str, message: &[u8], wrong: &mut dyn FnMut(&str, &[u8]) -> bool) -> (String, Vec<u8>) {
    let (mut text, mut message) = (text.to_owned(), message.to_vec());
    let mut left = TRIES;
    loop {
        let before = (text.len(), message.len());
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        less(&mut lines, &mut left, &mut |lines| wrong(&lines.concat(), &message));
        text = lines.concat();
        for separators in [&b"\r\n"[..], b"|", b"~", b"^", b","] {
            let mut pieces = split(&message, separators);
            less(&mut pieces, &mut left, &mut |pieces| wrong(&text, &pieces.concat()));
            message = pieces.concat();
        }
        let mut words = words(&text);
        less(&mut words, &mut left, &mut |words| wrong(&words.concat(), &message));
        text = words.concat();
        if message.len() < 400 {
            let mut bytes = message.clone();
            less(&mut bytes, &mut left, &mut |bytes| wrong(&text, bytes));
            message = bytes;
        }
        if left == 0 || (text.len(), message.len()) == before {
            return (text, message);
        }
    }
}

/// Takes runs of items away, long ones first, as long as what is left is `wrong`.
fn less<T: Clone>(items: &mut Vec<T>, left: &mut usize, wrong: &mut dyn FnMut(&[T]) -> bool) {
    let mut run = items.len();
    while run > 0 {
        let mut at = 0;
        while at < items.len() && *left > 0 {
            *left -= 1;
            let end = (at + run).min(items.len());
            let without: Vec<T> = items[..at].iter().chain(&items[end..]).cloned().collect();
            if wrong(&without) {
                *items = without;
            } else {
                at = end;
            }
        }
        run /= 2;
    }
}

/// Pieces that end with one of these bytes.
fn split(message: &[u8], separators: &[u8]) -> Vec<Vec<u8>> {
    message.split_inclusive(|byte| separators.contains(byte)).map(<[u8]>::to_vec).collect()
}

/// Words and the parts of paths and calls, each with what ends it.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive([' ', '\n', ',', '.', '(']).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::smallest;

    #[test]
    fn what_does_not_matter_is_taken_away() {
        let text = "one\ntwo a b\nthree\nfour\n";
        let message = b"MSH|^~\\&|A\rPID|1|x~y\rNK1|2\r";
        let (text, message) = smallest(text, message, &mut |text, message| {
            text.contains('b') && message.windows(1).any(|byte| byte == b"y")
        });
        assert_eq!((text.as_str(), message.as_slice()), ("b\n", &b"y"[..]));
    }
}
