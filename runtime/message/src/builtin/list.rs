//! Functions of lists.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use crate::number::{Decimal, Invalid};

/// The first of equals, in order.
pub fn distinct<T: Clone + Eq + Hash>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// The place of the first that equals it, counted from 1.
pub fn position<T: PartialEq>(mut items: impl Iterator<Item = T>, of: &T) -> Option<usize> {
    items.position(|item| item == *of).map(|before| before + 1)
}

/// The smallest; the first of equals. Nothing where two do not compare: `1961` and a day of that year.
pub fn min<T>(items: impl IntoIterator<Item = T>, compare: impl Fn(&T, &T) -> Option<Ordering>) -> Option<T> {
    let mut items = items.into_iter();
    let first = items.next()?;
    items.try_fold(first, |best, item| Some(if compare(&item, &best)? == Ordering::Less { item } else { best }))
}

/// The largest; the first of equals. Nothing where two do not compare.
pub fn max<T>(items: impl IntoIterator<Item = T>, compare: impl Fn(&T, &T) -> Option<Ordering>) -> Option<T> {
    min(items, |a, b| compare(b, a))
}

pub fn sum(numbers: impl IntoIterator<Item = Decimal>) -> Result<Decimal, Invalid> {
    numbers.into_iter().try_fold(Decimal::ZERO, Decimal::plus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DateTime;

    #[test]
    fn equals_are_dropped_in_order() {
        assert_eq!(distinct(["b", "a", "b", "c", "a"]), ["b", "a", "c"]);
    }

    #[test]
    fn places_count_from_1() {
        let at = |of| position(["b", "a", "b"].into_iter(), &of);
        assert_eq!((at("b"), at("a"), at("c")), (Some(1), Some(2), None));
    }

    #[test]
    fn extremes() {
        let compare = |a: &i32, b: &i32| Some(a.cmp(b));
        assert_eq!((min([7, 3, 5], compare), max([7, 3, 5], compare), min([], compare)), (Some(3), Some(7), None));
        let dates = |texts: &[&str]| {
            let dates = texts.iter().map(|text| DateTime::read(text).unwrap()).collect::<Vec<_>>();
            min(dates, |a, b| a.compare(b, None)).map(|date| date.date())
        };
        assert_eq!(dates(&["1962", "19610704", "196108"]).as_deref(), Some("1961-07-04"));
        assert_eq!(dates(&["1961", "19610704"]), None);
    }

    #[test]
    fn sums() {
        let number = |text| Decimal::read(text).unwrap();
        assert_eq!(sum([number("1.50"), number("2")]).unwrap().to_string(), "3.50");
        assert_eq!(sum([]).unwrap(), Decimal::ZERO);
    }
}
