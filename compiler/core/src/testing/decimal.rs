//! Compares decimals by their text, however many digits they have: `1.50` and `15e-1` are equal.

use std::cmp::Ordering;

/// Nothing if one of them is no number.
pub fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (Decimal::read(left)?, Decimal::read(right)?);
    Some(match (left.negative, right.negative) {
        (false, false) => left.magnitude(&right),
        (true, true) => right.magnitude(&left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

/// `0.digits × 10^exponent`, without zeros at either end of the digits; zero has none and is not negative.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            // Ten thousand digits of exponent are beyond any measurement; larger ones are no number here.
            Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i16>().ok()?)),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0');
        let leading = i64::try_from(digits.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent: exponent + i64::try_from(whole.len()).ok()? - leading })
    }

    fn magnitude(&self, other: &Decimal) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::compare;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn decimals_are_equal_by_value_and_not_by_digits() {
        let cases = [
            ("1.50", "1.5", Equal),
            ("15e-1", "1.5", Equal),
            ("0", "-0.00", Equal),
            ("00.20", "2E-1", Equal),
            ("-2", "1", Less),
            ("-2", "-1", Less),
            ("10", "9", Greater),
            ("0.1000000000000000000001", "0.1", Greater),
            ("0.09", "0.1", Less),
            ("100", "99.999", Greater),
        ];
        for (left, right, order) in cases {
            assert_eq!(compare(left, right), Some(order), "{left} and {right}");
            assert_eq!(compare(right, left), Some(order.reverse()), "{right} and {left}");
        }
    }

    #[test]
    fn what_is_no_number_compares_with_nothing() {
        for text in ["", "-", ".", "1.2.3", "1e", "abc", "1e99999", "0x10"] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}
