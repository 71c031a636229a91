//! Numbers as they came: HL7's NM (v2.5.1 §2.A.47) as JSON writes numbers, digit for digit, and exact decimals to
//! compute with.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// Why text is no number, or no such number. No value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not an optional sign and digits with at most one point.
    Shape,
    /// A decimal where an integer is wanted.
    Fraction,
    /// Outside the type's range, or too long to compute with.
    Range,
    /// Divided by zero.
    Zero,
}

/// The number as JSON writes it, with the digits that it came with: `7.50` stays, `+5`, `.5`, `5.` and `05` lose or
/// gain what JSON forbids or asks for. Blanks around it do not count. An exponent is no NM.
pub fn decimal(text: &str) -> Result<Cow<'_, str>, Invalid> {
    let text = text.trim_matches([' ', '\t']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !all_digits || (whole.is_empty() && fraction.is_empty()) {
        return Err(Invalid::Shape);
    }
    let trimmed = whole.trim_start_matches('0');
    let as_json = (whole == trimmed && !whole.is_empty()) || whole == "0";
    if as_json && !text.starts_with('+') && !digits.ends_with('.') {
        return Ok(Cow::Borrowed(text));
    }
    let sign = if negative { "-" } else { "" };
    let whole = if trimmed.is_empty() { "0" } else { trimmed };
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Cow::Owned([sign, whole, point, fraction].concat()))
}

/// A number with another decimal mark, a comma or a point: `1.234,50` has a comma. The other of the two, blanks and
/// apostrophes may part the thousands, each group of three digits.
pub fn marked(text: &str, mark: &str) -> Result<String, Invalid> {
    let other = match mark {
        "," => '.',
        "." => ',',
        _ => return Err(Invalid::Shape),
    };
    let text = text.trim_matches([' ', '\t']);
    let (whole, fraction) = match text.split_once(mark) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let parts = [other, ' ', '\'', '\u{a0}', '\u{2009}', '\u{202f}', '\u{2019}'];
    let mut groups = whole.split(parts);
    let mut digits = groups.next().unwrap_or_default().to_owned();
    let first = digits.trim_start_matches(['+', '-']).len();
    for group in groups {
        if group.len() != 3 || !(1..=3).contains(&first) {
            return Err(Invalid::Shape);
        }
        digits.push_str(group);
    }
    if let Some(fraction) = fraction {
        digits.push('.');
        digits.push_str(fraction);
    }
    decimal(&digits).map(Cow::into_owned)
}

/// FHIR's integer, 32 bits with a sign. `5.0` is one: zeros after the point mean nothing in an NM.
pub fn integer(text: &str) -> Result<i32, Invalid> {
    let text = decimal(text)?;
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return Err(Invalid::Fraction),
        None => &text,
    };
    whole.parse().map_err(|_| Invalid::Range)
}

/// FHIR's unsignedInt, 0 and up.
pub fn unsigned_int(text: &str) -> Result<i32, Invalid> {
    integer(text).and_then(|number| if number >= 0 { Ok(number) } else { Err(Invalid::Range) })
}

/// FHIR's positiveInt, 1 and up.
pub fn positive_int(text: &str) -> Result<i32, Invalid> {
    integer(text).and_then(|number| if number >= 1 { Ok(number) } else { Err(Invalid::Range) })
}

/// An exact decimal: `units` divided by ten to the power of `scale`. It keeps zeros at the end as precision, but
/// compares without them. `Debug` shows the size only.
#[derive(Clone, Copy)]
pub struct Decimal {
    units: i128,
    /// Digits after the point, at most [`Decimal::SCALE_MAX`].
    scale: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal { units: 0, scale: 0 };
    pub const SCALE_MAX: u32 = 30;

    /// Reads what [`decimal`] reads, as far as it can be computed with: 38 digits, 30 of them after the point.
    pub fn read(text: &str) -> Result<Decimal, Invalid> {
        let text = decimal(text)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let scale = u32::try_from(fraction.len()).ok().filter(|&scale| scale <= Decimal::SCALE_MAX);
        let units = [whole, fraction].concat().parse().map_err(|_| Invalid::Range)?;
        Ok(Decimal { units, scale: scale.ok_or(Invalid::Range)? })
    }

    pub fn plus(self, other: Decimal) -> Result<Decimal, Invalid> {
        let (a, b, scale) = self.aligned(other)?;
        Decimal::of(a.checked_add(b), scale)
    }

    pub fn minus(self, other: Decimal) -> Result<Decimal, Invalid> {
        let (a, b, scale) = self.aligned(other)?;
        Decimal::of(a.checked_sub(b), scale)
    }

    pub fn times(self, other: Decimal) -> Result<Decimal, Invalid> {
        let product = Decimal {
            units: self.units.checked_mul(other.units).ok_or(Invalid::Range)?,
            scale: self.scale + other.scale,
        };
        if product.scale > Decimal::SCALE_MAX { product.round(Decimal::SCALE_MAX) } else { Ok(product) }
    }

    /// The exact quotient where it ends within `DIVISION` digits after the point, else rounded to as many; without
    /// zeros at its end.
    pub fn over(self, other: Decimal) -> Result<Decimal, Invalid> {
        const DIVISION: u32 = 12;
        if other.units == 0 {
            return Err(Invalid::Zero);
        }
        let power = |exponent: u32| 10i128.checked_pow(exponent).ok_or(Invalid::Range);
        let by = other.units.checked_mul(power(self.scale)?).ok_or(Invalid::Range)?;
        let units = self.units.checked_mul(power(DIVISION + other.scale)?).ok_or(Invalid::Range)?;
        Decimal::of(half_away(units, by), DIVISION).map(Decimal::shortest)
    }

    /// To so many digits after the point; a half goes away from zero. Zeros are not added.
    pub fn round(self, digits: u32) -> Result<Decimal, Invalid> {
        if digits >= self.scale {
            return Ok(self);
        }
        let by = 10i128.checked_pow(self.scale - digits).ok_or(Invalid::Range)?;
        Decimal::of(half_away(self.units, by), digits)
    }

    /// The whole number that it is, if it is one.
    pub fn whole(self) -> Option<i64> {
        let short = self.shortest();
        i64::try_from(short.units).ok().filter(|_| short.scale == 0)
    }

    fn of(units: Option<i128>, scale: u32) -> Result<Decimal, Invalid> {
        units.map(|units| Decimal { units, scale }).ok_or(Invalid::Range)
    }

    fn shortest(mut self) -> Decimal {
        while self.scale > 0 && self.units % 10 == 0 {
            self = Decimal { units: self.units / 10, scale: self.scale - 1 };
        }
        self
    }

    fn aligned(self, other: Decimal) -> Result<(i128, i128, u32), Invalid> {
        let scale = self.scale.max(other.scale);
        let raised = |number: Decimal| {
            10i128.checked_pow(scale - number.scale).and_then(|by| number.units.checked_mul(by)).ok_or(Invalid::Range)
        };
        Ok((raised(self)?, raised(other)?, scale))
    }
}

/// `a / b` to the nearest whole number, a half away from zero.
fn half_away(a: i128, b: i128) -> Option<i128> {
    let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
    let sign = if (a < 0) == (b < 0) { 1 } else { -1 };
    let up = rest.unsigned_abs() >= b.unsigned_abs() - rest.unsigned_abs();
    quotient.checked_add(if up { sign } else { 0 })
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Decimal {
        Decimal { units: number.into(), scale: 0 }
    }
}

impl From<i32> for Decimal {
    fn from(number: i32) -> Decimal {
        i64::from(number).into()
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match self.aligned(*other) {
            Ok((a, b, _)) => a.cmp(&b),
            // Too far apart to be written with one scale: the parts before the point decide, then the rest.
            Err(_) => {
                let parts = |number: &Decimal| {
                    let by = 10i128.checked_pow(number.scale).unwrap_or(i128::MAX);
                    let rest = number.units % by;
                    let raised = 10i128.checked_pow(Decimal::SCALE_MAX - number.scale).unwrap_or(1);
                    (number.units / by, rest.saturating_mul(raised))
                };
                parts(self).cmp(&parts(other))
            }
        }
    }
}

/// As JSON writes it.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let scale = usize::try_from(self.scale).unwrap_or_default();
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({} after the point)", self.scale)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invalid::Shape => "not a number",
            Invalid::Fraction => "not a whole number",
            Invalid::Range => "the number is too large or too small here",
            Invalid::Zero => "a number cannot be divided by zero",
        })
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_other_countries() {
        for (text, mark, number) in [
            ("7,50", ",", "7.50"),
            ("1.234.567,5", ",", "1234567.5"),
            ("-1'234.5", ".", "-1234.5"),
            ("1\u{202f}234", ",", "1234"),
            ("1,234", ".", "1234"),
            ("12", ",", "12"),
        ] {
            assert_eq!(marked(text, mark).unwrap(), number, "{text}");
        }
        for (text, mark) in [
            ("1.2", ","),
            ("12.34,5", ","),
            ("1234.567,5", ","),
            ("1,2,3", ","),
            (".123", ","),
            ("7,5", ";"),
            ("", ","),
        ] {
            assert_eq!(marked(text, mark), Err(Invalid::Shape), "{text}");
        }
    }

    #[test]
    fn decimals_stay_digit_for_digit() {
        for (text, json) in [
            ("7.50", "7.50"),
            ("0", "0"),
            ("-0.0", "-0.0"),
            ("+5", "5"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("05", "5"),
            ("00.10", "0.10"),
            ("000", "0"),
            (" 7 ", "7"),
            ("123456789012345678901234567890.10", "123456789012345678901234567890.10"),
        ] {
            assert_eq!(decimal(text).unwrap(), json, "{text}");
        }
        for text in ["", ".", "-", "+-5", "1e5", "1,5", "<5", "5 mg", "1.2.3", "- 5", "\u{665}", "NaN"] {
            assert_eq!(decimal(text), Err(Invalid::Shape), "{text}");
        }
    }

    #[test]
    fn integers_have_a_range() {
        assert_eq!(integer("+05"), Ok(5));
        assert_eq!(integer("5.00"), Ok(5));
        assert_eq!(integer("-0"), Ok(0));
        assert_eq!(integer("5.5"), Err(Invalid::Fraction));
        assert_eq!(integer("2147483647"), Ok(i32::MAX));
        assert_eq!(integer("2147483648"), Err(Invalid::Range));
        assert_eq!((unsigned_int("0"), unsigned_int("-1")), (Ok(0), Err(Invalid::Range)));
        assert_eq!((positive_int("1"), positive_int("0")), (Ok(1), Err(Invalid::Range)));
    }

    fn number(text: &str) -> Decimal {
        Decimal::read(text).unwrap()
    }

    fn shown(result: Result<Decimal, Invalid>) -> String {
        result.map_or_else(|why| format!("{why:?}"), |number| number.to_string())
    }

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(shown(number("0.1").plus(number("0.20"))), "0.30");
        assert_eq!(shown(number("1").minus(number("1.05"))), "-0.05");
        assert_eq!(shown(number("1.5").times(number("-0.20"))), "-0.300");
        assert_eq!(shown(number("170141183460469231731687303715884105727").plus(1.into())), "Range");
        assert_eq!(shown(number("99999999999999999999").times(number("99999999999999999999"))), "Range");
    }

    #[test]
    fn quotients_end_or_are_rounded() {
        assert_eq!(shown(number("1").over(number("8"))), "0.125");
        assert_eq!(shown(number("7.50").over(number("2.5"))), "3");
        assert_eq!(shown(number("2").over(number("-3"))), "-0.666666666667");
        assert_eq!(shown(number("1").over(number("0.00"))), "Zero");
    }

    #[test]
    fn rounding_takes_a_half_away_from_zero() {
        for (text, digits, rounded) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.45", 1, "2.5"),
            ("2.44", 1, "2.4"),
            ("7.5", 2, "7.5"),
            ("0.04", 1, "0.0"),
        ] {
            assert_eq!(shown(number(text).round(digits)), rounded);
        }
    }

    #[test]
    fn numbers_compare_without_zeros_at_their_end() {
        assert_eq!(number("7.50"), number("7.5"));
        assert!(number("-1") < number("0.001"));
        let (large, small) =
            (number("99999999999999999999999999999999999999"), number("0.000000000000000000000000000001"));
        assert!(small < large);
        assert_eq!((number("5.0").whole(), number("5.1").whole()), (Some(5), None));
    }

    #[test]
    fn what_cannot_be_computed_with_is_refused() {
        assert_eq!(Decimal::read("1e5").unwrap_err(), Invalid::Shape);
        assert_eq!(Decimal::read(&"9".repeat(40)).unwrap_err(), Invalid::Range);
        assert_eq!(Decimal::read(&format!("0.{}", "1".repeat(31))).unwrap_err(), Invalid::Range);
    }

    proptest! {
        #[test]
        fn written_numbers_are_json_and_come_back(text in "[+-]?[0-9]{0,20}[.]?[0-9]{0,12}") {
            if let Ok(json) = decimal(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Number>(&json).is_ok(), "{json}");
                let again = Decimal::read(&text).unwrap().to_string();
                prop_assert_eq!(again.trim_start_matches('-'), json.trim_start_matches('-'));
            }
        }

        #[test]
        fn arithmetic_never_panics(a in any::<i128>(), b in any::<i128>(), x in 0..=Decimal::SCALE_MAX, y in 0..=Decimal::SCALE_MAX) {
            let (a, b) = (Decimal { units: a, scale: x }, Decimal { units: b, scale: y });
            let _ = (a.plus(b), a.minus(b), a.times(b), a.over(b), a.round(y), a.to_string());
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if let Ok(sum) = a.plus(b) {
                prop_assert_eq!(sum.minus(b).ok(), Some(a));
            }
        }
    }
}
