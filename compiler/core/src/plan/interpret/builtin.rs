//! The built-in functions: their bodies are the message crate's, lists and states are seen to here.

use super::convert::decimal;
use super::{Machine, value::Value};
use emr_abi::Builtin;
use emr_message::builtin::{bytes, list, text};
use emr_message::number::Decimal;
use emr_message::time::{Precision, Span};

impl<'m> Machine<'m> {
    /// Missing where the first argument is, but for functions of lists.
    pub(super) fn builtin(&mut self, function: Builtin, arguments: &[Value<'m>]) -> Value<'m> {
        let argument = |index: usize| arguments.get(index).cloned().unwrap_or(Value::Missing);
        let first = argument(0);
        let place = first.place();
        let list_items = || arguments.iter().flat_map(Value::items).collect::<Vec<_>>();
        match function {
            Builtin::count => return Value::text_of(list_items().len().to_string(), None),
            Builtin::distinct => {
                let mut seen = Vec::new();
                let mut kept = Vec::new();
                for item in list_items() {
                    let text = item.text();
                    if !seen.contains(&text) {
                        seen.push(text);
                        kept.push(item);
                    }
                }
                return Value::list(kept);
            }
            Builtin::any => {
                return Value::boolean(list_items().iter().any(|item| item.text().as_deref() == Some("true")));
            }
            Builtin::all => {
                return Value::boolean(list_items().iter().all(|item| item.text().as_deref() == Some("true")));
            }
            Builtin::join => {
                let separator = first.text().unwrap_or_default();
                let parts: Vec<Option<String>> = argument(1).items().iter().map(Value::text).collect();
                let place = argument(1).place();
                let joined = text::join(&separator, parts.iter().map(Option::as_deref));
                return joined.map_or(Value::Missing, |joined| Value::text_of(joined, place));
            }
            Builtin::min | Builtin::max => return self.extreme(list_items(), function == Builtin::max),
            Builtin::sum => {
                let numbers = list_items().iter().filter_map(decimal).collect::<Vec<Decimal>>();
                return list::sum(numbers).map_or(Value::Missing, |sum| Value::text_of(sum.to_string(), None));
            }
            Builtin::uuid => {
                let parts: Vec<String> = list_items().iter().filter_map(Value::text).collect();
                return Value::text_of(bytes::uuid(parts.iter().map(String::as_str)).to_string(), None);
            }
            _ => {}
        }
        let Some(given) = first.text() else { return Value::Missing };
        let number = |index: usize| argument(index).text().and_then(|text| text.parse::<i64>().ok());
        let pattern = |index: usize| argument(index).text().and_then(|text| text::Pattern::new(&text).ok());
        let owned = |text: &str| text.to_owned();
        let result: Option<String> = match function {
            Builtin::length => Some(text::length(&given).to_string()),
            Builtin::upper => Some(text::upper(&given)),
            Builtin::lower => Some(text::lower(&given)),
            Builtin::trim => text::trim(&given).map(owned),
            Builtin::digits => text::digits(&given),
            Builtin::left => number(1).and_then(|count| text::left(&given, count).map(owned)),
            Builtin::right => number(1).and_then(|count| text::right(&given, count).map(owned)),
            Builtin::substring => {
                number(1).zip(number(2)).and_then(|(from, count)| text::substring(&given, from, count).map(owned))
            }
            Builtin::replace => {
                pattern(1).and_then(|pattern| text::replace(&given, &pattern, &argument(2).text().unwrap_or_default()))
            }
            Builtin::extract => pattern(1).and_then(|pattern| text::extract(&given, &pattern).map(owned)),
            Builtin::pieces => {
                let separator = argument(1).text().unwrap_or_default();
                let pieces = text::pieces(&given, &separator).map(|piece| Value::text_of(piece.to_owned(), place));
                return Value::list(pieces.collect());
            }
            Builtin::number => emr_message::number::decimal(&given).ok().map(|number| number.into_owned()),
            Builtin::round => {
                let places = number(1).and_then(|places| u32::try_from(places).ok());
                Decimal::read(&given)
                    .ok()
                    .zip(places)
                    .and_then(|(it, places)| it.round(places).ok())
                    .map(|it| it.to_string())
            }
            Builtin::has_time => return Value::boolean(Self::moment(&first).is_some_and(|it| it.has_time())),
            Builtin::year => Self::moment(&first).map(|it| it.year().to_string()),
            Builtin::truncate => {
                let precision = argument(1).text().and_then(|name| Precision::named(&name));
                let zone = self.settings.zone.as_ref();
                Self::moment(&first).zip(precision).and_then(|(it, to)| it.truncate(to).date_time(zone).ok())
            }
            Builtin::minutes | Builtin::hours | Builtin::days => {
                let count = Decimal::read(&given).ok().and_then(Decimal::whole);
                let span = count.and_then(|count| match function {
                    Builtin::minutes => Span::minutes(count),
                    Builtin::hours => Span::hours(count),
                    _ => Span::days(count),
                });
                return span.map_or(Value::Missing, |span| Value::Duration(span.millis));
            }
            Builtin::age => Self::moment(&first)
                .zip(Self::moment(&argument(1)))
                .and_then(|(birth, at)| birth.age(&at))
                .map(|it| it.to_string()),
            Builtin::base64 => Some(bytes::base64(given.as_bytes())),
            Builtin::unhex => bytes::unhex(&given),
            Builtin::size => bytes::size(&given).map(|size| size.to_string()),
            Builtin::sha1 => bytes::sha1(&given),
            _ => None,
        };
        result.map_or(Value::Missing, |text| Value::text_of(text, place))
    }

    fn extreme(&self, items: Vec<Value<'m>>, greatest: bool) -> Value<'m> {
        let order = |left: &Value<'m>, right: &Value<'m>| {
            super::convert::numbers(left, right).or_else(|| self.moments(left, right))
        };
        let found = if greatest { list::max(items, order) } else { list::min(items, order) };
        found.unwrap_or(Value::Missing)
    }
}
