//! Dates and times in another spelling than that of HL7 or FHIR, by a pattern: `dd.MM.yyyy`, `M/d/yyyy[ hh:mm a]`.
//!
//! The letters are those of Unicode's patterns (LDML, UTS #35 part 4 §8), a choice of them, each with one meaning for
//! reading and for writing. What stands in brackets may be missing. Any other letter is refused, so that a slip is found
//! when the mapping is checked; a backslash makes a sign stand for itself.

use std::fmt::Write;
use std::ops::Range;

use super::parts::Parts;
use super::{Invalid, Zone};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    items: Vec<Item>,
    has_date: bool,
}

/// Why text is no pattern, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub at: Range<usize>,
    pub why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Field(Field, usize),
    Sign(char),
    Optional(Vec<Item>),
}

/// A part of a time; how many letters say it stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Year,
    Month,
    Day,
    /// 0 to 23.
    Hour,
    /// 1 to 12, with [`Field::Half`].
    HalfHour,
    /// AM or PM.
    Half,
    Minute,
    Second,
    Fraction,
    /// `+0100` of two letters, `+01:00` of three.
    Offset,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Brackets inside brackets: a date and time has six parts, so more say nothing.
const DEPTH_MAX: usize = 8;

impl Pattern {
    pub fn new(text: &str) -> Result<Pattern, Wrong> {
        let mut reader = Reader { text, at: 0, fields: Vec::new() };
        let items = reader.items(0)?;
        if reader.at < text.len() {
            return Err(Wrong { at: reader.at..reader.at + 1, why: "this bracket closes nothing" });
        }
        let has = |field| reader.fields.contains(&field);
        let has_hour = has(Field::Hour) || has(Field::HalfHour);
        let needs = [
            (has(Field::Year) || has_hour, "it has neither a year (`yyyy`) nor an hour (`HH`)"),
            (!has(Field::Month) || has(Field::Year), "a month needs a year, `yyyy`"),
            (!has(Field::Day) || has(Field::Month), "a day needs a month, `MM`"),
            (!has(Field::Year) || !has_hour || has(Field::Day), "an hour of a date needs a day, `dd`"),
            (!has(Field::Minute) || has_hour, "minutes need an hour, `HH`"),
            (!has(Field::Second) || has(Field::Minute), "seconds need minutes, `mm`"),
            (!has(Field::Fraction) || has(Field::Second), "a fraction needs seconds, `ss`"),
            (!has(Field::Offset) || has_hour, "an offset needs an hour, `HH`"),
            (has(Field::HalfHour) == has(Field::Half), "`hh` and `a` go together; of 24 hours it is `HH`"),
        ];
        if let Some((_, why)) = needs.into_iter().find(|(holds, _)| !holds) {
            return Err(Wrong { at: 0..text.len(), why });
        }
        Ok(Pattern { items, has_date: has(Field::Year) })
    }

    /// Whether it is of a date, with or without a time of day; else it is of a time of day.
    pub fn has_date(&self) -> bool {
        self.has_date
    }

    /// The date or time of a text in this spelling, as HL7 writes it. Blanks around it do not count.
    pub fn parse(&self, text: &str) -> Result<String, Invalid> {
        let mut parts = Parts::default();
        match read(&self.items, text.trim(), &mut parts) {
            Some("") => parts.hl7(),
            _ => Err(Invalid::Shape),
        }
    }

    /// A date or time of HL7 or FHIR in this spelling. Nothing if it is not known so precisely.
    pub fn format(&self, text: &str, zone: Option<&Zone>) -> Result<Option<String>, Invalid> {
        let parts = Parts::of(text.trim(), zone)?;
        let mut out = String::new();
        Ok(write(&self.items, &parts, &mut out).then_some(out))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    fields: Vec<Field>,
}

impl Reader<'_> {
    /// Up to the end, or to the bracket that closes this level.
    fn items(&mut self, depth: usize) -> Result<Vec<Item>, Wrong> {
        let mut items: Vec<Item> = Vec::new();
        while let Some(sign) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            let start = self.at;
            let wrong = |at, why| Err(Wrong { at, why });
            match sign {
                ']' => return Ok(items),
                '[' if depth == DEPTH_MAX => return wrong(start..start + 1, "these are too many brackets in brackets"),
                '[' => {
                    self.at += 1;
                    let inner = self.items(depth + 1)?;
                    if self.text.get(self.at..self.at + 1) != Some("]") {
                        return wrong(start..start + 1, "this bracket is not closed");
                    }
                    self.at += 1;
                    items.push(Item::Optional(inner));
                }
                '\\' => {
                    let Some(sign) = self.text.get(start + 1..).and_then(|rest| rest.chars().next()) else {
                        return wrong(start..start + 1, "a backslash stands before a sign");
                    };
                    self.at += 1 + sign.len_utf8();
                    items.push(Item::Sign(sign));
                }
                letter if letter.is_ascii_alphabetic() => {
                    let rest = self.text.get(start..).unwrap_or_default();
                    let count = rest.chars().take_while(|&other| other == letter).count();
                    self.at += count;
                    let Some(field) = field(letter, count) else {
                        return wrong(start..self.at, unknown(letter));
                    };
                    if self.fields.contains(&field) {
                        return wrong(start..self.at, "this part stands in the pattern already");
                    }
                    if let Some(Item::Field(before, 1)) = items.last()
                        && *before != Field::Half
                        && field != Field::Half
                    {
                        let why = "one letter is one digit or two: something must stand between it and the next";
                        return wrong(start..self.at, why);
                    }
                    self.fields.push(field);
                    items.push(Item::Field(field, count));
                }
                sign => {
                    self.at += sign.len_utf8();
                    items.push(Item::Sign(sign));
                }
            }
        }
        Ok(items)
    }
}

fn field(letter: char, count: usize) -> Option<Field> {
    Some(match (letter, count) {
        ('y', 4) => Field::Year,
        ('M', 1..=4) => Field::Month,
        ('d', 1 | 2) => Field::Day,
        ('H', 1 | 2) => Field::Hour,
        ('h', 1 | 2) => Field::HalfHour,
        ('a', 1) => Field::Half,
        ('m', 2) => Field::Minute,
        ('s', 2) => Field::Second,
        ('S', 1..=9) => Field::Fraction,
        ('x', 2 | 3) => Field::Offset,
        _ => return None,
    })
}

fn unknown(letter: char) -> &'static str {
    match letter {
        'y' => "a year is `yyyy`; of two digits it would be one of several",
        'Y' => "a year is `yyyy`",
        'M' => "a month is `MM`, `M`, `MMM` (Jan) or `MMMM` (January)",
        'd' => "a day is `dd` or `d`",
        'D' => "a day of the month is `dd`",
        'H' => "an hour is `HH` or `H`, of twelve `hh` or `h` with `a`",
        'h' | 'a' => "an hour of twelve is `hh` or `h`, with `a` for AM and PM",
        'm' => "minutes are `mm`",
        's' => "seconds are `ss`",
        'S' => "a fraction of a second is one to nine `S`",
        'x' | 'X' | 'z' | 'Z' => "an offset is `xx` (+0100) or `xxx` (+01:00)",
        _ => "no part of a time has this letter; a backslash before it makes it stand for itself",
    }
}

/// Reads what the items say from the front of the text; what is left of it.
fn read<'t>(items: &[Item], text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    items.iter().try_fold(text, |text, item| match item {
        Item::Sign(sign) => text.strip_prefix(*sign),
        Item::Field(field, count) => read_field(*field, *count, text, parts),
        Item::Optional(inner) => {
            let mut more = parts.clone();
            match read(inner, text, &mut more) {
                Some(rest) => {
                    *parts = more;
                    Some(rest)
                }
                None => Some(text),
            }
        }
    })
}

fn read_field<'t>(field: Field, count: usize, text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    let mut digits = |to: fn(&mut Parts) -> &mut Option<u16>| {
        let length = text.bytes().take(count.max(2)).take_while(u8::is_ascii_digit).count();
        if length == 0 || count > 1 && length != count {
            return None;
        }
        let (number, rest) = text.split_at_checked(length)?;
        *to(parts) = Some(number.parse().ok()?);
        Some(rest)
    };
    match field {
        Field::Year => digits(|parts| &mut parts.year),
        Field::Month if count > 2 => {
            let number = MONTHS.iter().position(|name| starts(text, named(name, count)))?;
            parts.month = Some(u16::try_from(number + 1).ok()?);
            text.get(named(MONTHS.get(number)?, count).len()..)
        }
        Field::Month => digits(|parts| &mut parts.month),
        Field::Day => digits(|parts| &mut parts.day),
        Field::Hour => digits(|parts| &mut parts.hour),
        Field::HalfHour => digits(|parts| &mut parts.half_hour),
        Field::Minute => digits(|parts| &mut parts.minute),
        Field::Second => digits(|parts| &mut parts.second),
        Field::Half => {
            parts.afternoon = Some(if starts(text, "AM") {
                false
            } else if starts(text, "PM") {
                true
            } else {
                return None;
            });
            text.get(2..)
        }
        Field::Fraction => {
            let (digits, rest) = text.split_at_checked(count)?;
            parts.fraction = Some(digits).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned);
            parts.fraction.as_ref().map(|_| rest)
        }
        Field::Offset => {
            let length = if text.starts_with('Z') { 1 } else { 3 + count - 1 };
            let (offset, rest) = text.split_at_checked(length + usize::from(length > 1))?;
            parts.offset = super::Offset::read(offset);
            parts.offset.map(|_| rest)
        }
    }
}

fn starts(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// `Jan` of three letters, `January` of four.
fn named(month: &'static str, letters: usize) -> &'static str {
    if letters == 3 { month.get(..3).unwrap_or(month) } else { month }
}

/// Whether all of it is known; what brackets hold is left out where it is not.
fn write(items: &[Item], parts: &Parts, out: &mut String) -> bool {
    items.iter().all(|item| match item {
        Item::Sign(sign) => {
            out.push(*sign);
            true
        }
        Item::Field(field, count) => write_field(*field, *count, parts, out).is_some(),
        Item::Optional(inner) => {
            let before = out.len();
            if !write(inner, parts, out) {
                out.truncate(before);
            }
            true
        }
    })
}

fn write_field(field: Field, count: usize, parts: &Parts, out: &mut String) -> Option<()> {
    let number = match field {
        Field::Year => parts.year?,
        Field::Month if count > 2 => {
            let name = MONTHS.get(usize::from(parts.month?.checked_sub(1)?))?;
            out.push_str(named(name, count));
            return Some(());
        }
        Field::Month => parts.month?,
        Field::Day => parts.day?,
        Field::Hour => parts.hour?,
        Field::HalfHour => (parts.hour? + 11) % 12 + 1,
        Field::Half => {
            out.push_str(if parts.hour? < 12 { "AM" } else { "PM" });
            return Some(());
        }
        Field::Minute => parts.minute?,
        Field::Second => parts.second?,
        Field::Fraction => {
            parts.second?;
            let known = parts.fraction.as_deref().unwrap_or_default();
            out.extend(known.chars().chain(std::iter::repeat('0')).take(count));
            return Some(());
        }
        Field::Offset => {
            parts.hour?;
            let offset = parts.offset?.to_string();
            out.push_str(&if count == 2 { offset.replace(':', "") } else { offset });
            return Some(());
        }
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "{number:0count$}");
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn dates_of_other_systems_are_read() {
        for (of, text, hl7) in [
            ("dd.MM.yyyy", "04.07.1961", "19610704"),
            ("M/d/yyyy", "7/4/1961", "19610704"),
            ("M/d/yyyy", "12/24/1961", "19611224"),
            ("dd-MMM-yyyy", "04-JUL-1961", "19610704"),
            ("MMMM d, yyyy", "July 4, 1961", "19610704"),
            ("yyyy[-MM[-dd]]", "1961-07", "196107"),
            ("yyyy[-MM[-dd]]", "1961", "1961"),
            ("M/d/yyyy hh:mm a", "7/4/2026 12:05 am", "202607040005"),
            ("M/d/yyyy hh:mm a", "7/4/2026 12:05 PM", "202607041205"),
            ("yyyy-MM-dd\\THH:mm:ss.SSSxxx", "2026-07-04T08:30:15.120+02:00", "20260704083015.120+0200"),
            ("yyyy-MM-dd HH:mm:ssxx", "2026-07-04 08:30:15Z", "20260704083015+0000"),
            ("HH:mm[:ss]", " 08:30 ", "0830"),
            ("H", "8", "08"),
        ] {
            assert_eq!(pattern(of).parse(text).unwrap(), hl7, "{of}: {text}");
        }
        for (of, text) in [
            ("dd.MM.yyyy", "4.7.1961"),
            ("dd.MM.yyyy", "31.02.1961"),
            ("dd.MM.yyyy", "04.07.1961 08:30"),
            ("dd.MM.yyyy", ""),
            ("yyyy[-MM[-dd]]", "1961-7"),
            ("hh:mm a", "13:05 PM"),
            ("hh:mm a", "00:05 AM"),
            ("yyyy[MM][-dd]", "1961-04"),
            ("HH:mm:ssxxx", "08:30:15+0100"),
            ("yyyy", "\u{661}\u{669}\u{666}\u{661}"),
        ] {
            assert!(pattern(of).parse(text).is_err(), "{of}: {text}");
        }
    }

    #[test]
    fn times_are_written_as_far_as_they_are_known() {
        let written = |of: &str, text: &str| pattern(of).format(text, None).unwrap();
        assert_eq!(written("dd.MM.yyyy", "19610704").as_deref(), Some("04.07.1961"));
        assert_eq!(written("d MMM yyyy", "1961-07-04").as_deref(), Some("4 Jul 1961"));
        assert_eq!(written("dd.MM.yyyy", "1961"), None);
        assert_eq!(written("[dd.][MM.]yyyy", "196107").as_deref(), Some("07.1961"));
        assert_eq!(written("h:mm a", "2026-07-04T00:05:00+02:00").as_deref(), Some("12:05 AM"));
        assert_eq!(written("HH:mm:ss.SSxxx", "20260704083015.1-0600").as_deref(), Some("08:30:15.10-06:00"));
        assert_eq!(written("HHmm", "08:30:00").as_deref(), Some("0830"));
        assert_eq!(written("yyyy", "0830").as_deref(), Some("0830"));
        assert_eq!(written("HHxx", "2026070408"), None);
        let zone = Zone::named("Europe/Zurich").ok();
        assert_eq!(pattern("HHxx").format("2026070408", zone.as_ref()).unwrap().as_deref(), Some("08+0200"));
        assert_eq!(pattern("yyyy").format("abc", None), Err(Invalid::Shape));
    }

    #[test]
    fn a_pattern_that_is_none_says_where_and_why() {
        for (of, at) in [
            ("dd.MM.yy", 6..8),
            ("dd.mm.yyyy", 0..10),
            ("DD.MM.yyyy", 0..2),
            ("dMM.yyyy", 1..3),
            ("yyyy[-MM", 4..5),
            ("yyyy]", 4..5),
            ("yyyy\\", 4..5),
            ("yyyy-MM-ddTHH", 10..11),
            ("hh:mm", 0..5),
            ("HH:HH", 3..5),
            ("", 0..0),
            ("[[[[[[[[[yyyy]]]]]]]]]", 8..9),
        ] {
            assert_eq!(Pattern::new(of).unwrap_err().at, at, "{of}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(year in 1..9999, month in 1..=12, day in 1..=28, hour in 0..24, minute in 0..60) {
            let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}");
            for of in ["d.M.yyyy h:mm a", "yyyy-MM-dd\\THH:mm", "dd MMMM yyyy HHmm"] {
                let of = pattern(of);
                prop_assert_eq!(of.parse(&of.format(&text, None).unwrap().unwrap()).unwrap(), text.clone());
            }
        }

        #[test]
        fn any_pattern_and_any_text(of in "[yMdHhamsSxX\\[\\]\\\\:. -]{0,14}", text in "[0-9:. +ZAPMJulyaé-]{0,16}") {
            if let Ok(of) = Pattern::new(&of) {
                let _ = (of.parse(&text), of.format(&text, None));
            }
        }
    }
}
