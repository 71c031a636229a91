//! Rows that are found by their keys, as one run of bytes: a table lies in a plan, an artifact or mapped memory as it is
//! used, and finding a row takes the same time in one of ten rows and of a hundred thousand.
//!
//! All numbers are of 32 bits, the low byte first: how many rows, keys, cells of a row and slots there are; the slots, each
//! with the number of a row counted from 1, or 0; of each row where its cells lie; then their text. A row stands in the
//! first free slot from the one that its keys hash to.

use crate::json;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Rows of texts, the first of which are their keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct Table {
    bytes: Arc<[u8]>,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    table: &'t Table,
    number: u32,
}

/// Readable bytes behind the last text, for who copies whole vectors.
const TAIL: usize = 128;

/// The words before the slots.
const HEAD: usize = 4;

/// How long a cell is that has no text.
const NOTHING: u32 = u32::MAX;

impl Table {
    /// A table of these rows, which have equally many cells. Of rows with the same keys the first counts.
    pub fn new<'r>(keys: usize, rows: impl IntoIterator<Item = &'r [Option<&'r str>]>) -> Table {
        let rows: Vec<_> = rows.into_iter().collect();
        let cells = rows.first().map_or(keys, |row| row.len());
        Table::of(keys, cells, &rows)
    }

    /// A table that has no row yet, and would have so many cells in each.
    pub fn empty(keys: usize, cells: usize) -> Table {
        Table::of(keys, cells, &[])
    }

    fn of(keys: usize, cells: usize, rows: &[&[Option<&str>]]) -> Table {
        let slots = (rows.len() * 2).next_power_of_two();
        let mut places = Vec::with_capacity(rows.len() * cells * 2);
        let mut text = Vec::new();
        for cell in rows.iter().flat_map(|row| row.iter()) {
            places.push(word(text.len()));
            places.push(cell.map_or(NOTHING, |cell| word(cell.len())));
            text.extend_from_slice(cell.unwrap_or_default().as_bytes());
        }
        let mut index = vec![0_u32; slots];
        for (number, row) in (1..).zip(rows) {
            let key =
                |row: &[Option<&str>]| row.iter().take(keys).map(|cell| cell.unwrap_or_default().to_owned()).collect();
            let own: Vec<String> = key(row);
            let mut slot = hash(own.iter().map(String::as_str)) % slots;
            while let Some(taken) = index.get_mut(slot) {
                let known = (*taken as usize).checked_sub(1).and_then(|known| rows.get(known));
                match known {
                    None => *taken = number,
                    Some(known) if key(known) != own => {
                        slot = (slot + 1) % slots;
                        continue;
                    }
                    Some(_) => {}
                }
                break;
            }
        }
        let head = [word(rows.len()), word(keys), word(cells), word(slots)];
        let words = head.iter().chain(&index).chain(&places).flat_map(|word| word.to_le_bytes());
        Table { bytes: words.chain(text).chain([0; TAIL]).collect() }
    }

    /// How many rows it has.
    pub fn rows(&self) -> u32 {
        self.word(0)
    }

    /// How many texts make a key.
    pub fn keys(&self) -> u32 {
        self.word(1)
    }

    /// How many texts a row has, its keys included.
    pub fn cells(&self) -> u32 {
        self.word(2)
    }

    /// The row with these keys.
    pub fn find(&self, keys: &[&str]) -> Option<Row<'_>> {
        let slots = self.word(3) as usize;
        let start = hash(keys.iter().copied()).checked_rem(slots)?;
        for turn in 0..slots {
            let number = self.word(HEAD + (start + turn) % slots).checked_sub(1)?;
            let row = Row { table: self, number };
            if (0..).zip(keys).all(|(index, key)| row.cell(index).unwrap_or_default() == *key) {
                return Some(row);
            }
        }
        None
    }

    /// All rows, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows()).map(|number| Row { table: self, number })
    }

    /// The same table with all its texts as JSON holds them, as those of messages are that are ready for it.
    #[must_use]
    pub fn as_json(&self) -> Table {
        let texts: Vec<Vec<Option<String>>> =
            self.iter().map(|row| (0..self.cells()).map(|cell| row.cell(cell).map(json::escaped)).collect()).collect();
        let rows: Vec<Vec<Option<&str>>> = texts.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(Vec::as_slice).collect();
        Table::of(self.keys() as usize, self.cells() as usize, &rows)
    }

    /// The bytes that it is.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn word(&self, index: usize) -> u32 {
        let bytes = self.bytes.get(index * 4..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

impl<'t> Row<'t> {
    /// The text of a cell, counted from 0; nothing where the row has none.
    pub fn cell(&self, index: u32) -> Option<&'t str> {
        let (table, [rows, _, cells, slots]) = (self.table, [0, 1, 2, 3].map(|index| self.table.word(index) as usize));
        let index = index as usize;
        if index >= cells {
            return None;
        }
        let places = HEAD + slots;
        let place = places + (self.number as usize * cells + index) * 2;
        let (from, length) = (table.word(place), table.word(place + 1));
        if length == NOTHING {
            return None;
        }
        let texts = rows.checked_mul(cells)?.checked_mul(8)?.checked_add(places * 4)?;
        let from = texts.checked_add(from as usize)?;
        std::str::from_utf8(table.bytes.get(from..from + length as usize)?).ok()
    }
}

/// FNV-1a over the keys, each with an end that no text has.
fn hash<'k>(keys: impl Iterator<Item = &'k str>) -> usize {
    let bytes = keys.flat_map(|key| key.bytes().chain([0xff]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of this hash depend on the last bytes most.
    (hash ^ hash >> 32) as usize
}

fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NOTHING)
}

impl From<Vec<u8>> for Table {
    fn from(bytes: Vec<u8>) -> Table {
        Table { bytes: bytes.into() }
    }
}

impl From<Table> for Vec<u8> {
    fn from(table: Table) -> Vec<u8> {
        table.bytes.to_vec()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows of {} cells)", self.rows(), self.cells())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: usize, rows: &[&[Option<&str>]]) -> Table {
        Table::new(keys, rows.iter().copied())
    }

    #[test]
    fn a_row_is_found_by_all_its_keys() {
        let found = table(2, &[&[Some("N"), Some("GLU"), Some("2345-7")], &[Some("S"), Some("GLU"), None]]);
        let cell = |keys: &[&str], index| found.find(keys).and_then(|row| row.cell(index));
        assert_eq!(cell(&["N", "GLU"], 2), Some("2345-7"));
        assert_eq!(cell(&["S", "GLU"], 2), None);
        assert_eq!(cell(&["S", "GLU"], 1), Some("GLU"));
        assert_eq!(cell(&["S", "GLU"], 3), None);
        assert!(found.find(&["GLU", "N"]).is_none());
        assert!(found.find(&["N"]).is_none());
        assert!(table(1, &[]).find(&["N"]).is_none());
    }

    #[test]
    fn of_rows_with_one_key_the_first_counts() {
        let found = table(1, &[&[Some("a"), Some("1")], &[Some("a"), Some("2")]]);
        assert_eq!(found.find(&["a"]).and_then(|row| row.cell(1)), Some("1"));
    }

    #[test]
    fn a_hundred_thousand_rows_are_found() {
        let codes: Vec<String> = (0..100_000).map(|number| format!("C{number}")).collect();
        let rows: Vec<[Option<&str>; 2]> =
            codes.iter().map(|code| [Some(code.as_str()), Some(code.as_str())]).collect();
        let found = Table::new(1, rows.iter().map(|row| &row[..]));
        for code in &codes {
            assert_eq!(found.find(&[code]).and_then(|row| row.cell(1)), Some(code.as_str()));
        }
        assert!(found.find(&["C100000"]).is_none());
        // Slots are half empty, so that a miss is known after few steps.
        let slots: Vec<u32> = (0..found.word(3) as usize).map(|slot| found.word(HEAD + slot)).collect();
        let longest = slots.split(|slot| *slot == 0).map(<[u32]>::len).max();
        assert!(longest < Some(64), "{longest:?} slots in a row are taken");
    }

    #[test]
    fn bytes_that_are_no_table_find_nothing() {
        let whole = table(1, &[&[Some("a"), Some("1")]]);
        for end in 0..whole.bytes().len() {
            let cut = Table::from(whole.bytes()[..end].to_vec());
            assert!(cut.find(&["b"]).is_none());
        }
        for at in 0..20 {
            let mut bytes = whole.bytes().to_vec();
            bytes[at] = 0xff;
            Table::from(bytes).find(&["b"]);
        }
    }
}
