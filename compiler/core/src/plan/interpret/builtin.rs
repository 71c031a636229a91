//! The built-in functions: their bodies are those of the message crate; lists and what is missing are seen to here.

use super::compare::{moments, numbers};
use super::convert::{Invalid, moment};
use super::exec::Run;
use super::value::Value;
use emr_abi::Builtin;
use emr_message::builtin::{bytes, list, text};
use emr_message::group::Groups;
use emr_message::number::{Decimal, decimal, marked};
use emr_message::time::pattern::Pattern;
use emr_message::time::{Precision, Span};
use emr_message::{Zone, escape, ucum};
use rustc_hash::FxHashSet;
use std::borrow::Cow;

impl<'m> Run<'_, 'm> {
    /// Missing where the first argument is, but for functions of lists. An argument that the function cannot take is
    /// an issue.
    pub fn builtin(&mut self, function: Builtin, arguments: &[Value<'m>]) -> Result<Value<'m>, Invalid> {
        let argument = |index: usize| arguments.get(index).cloned().unwrap_or(Value::Missing);
        let first = argument(0);
        let live = arguments.iter().any(Value::is_live);
        let place = first.place(self.message);
        let items = || first.items(self.message, self.groups);
        let made = |text: String| if text.is_empty() { Value::Missing } else { Value::made(text, live, place) };
        match function {
            Builtin::count => return Ok(made(items().count().to_string())),
            Builtin::any => return Ok(Value::boolean(items().any(|item| item.as_text().as_deref() == Some("true")))),
            Builtin::all => return Ok(Value::boolean(items().all(|item| item.as_text().as_deref() == Some("true")))),
            Builtin::distinct => {
                let mut seen = FxHashSet::default();
                let kept = items().filter(|item| seen.insert(self.told_apart_by(item)));
                return Ok(Value::list(kept.collect()));
            }
            Builtin::resolve => return Ok(self.resolved(&first)),
            Builtin::position => {
                let wanted = argument(1);
                let Some(wanted) = wanted.as_text() else { return Ok(Value::Missing) };
                let texts: Vec<Value> = items().collect();
                let place_of = list::position(texts.iter().map(Value::as_text), &Some(wanted));
                return Ok(place_of.map_or(Value::Missing, |found| made(found.to_string())));
            }
            Builtin::er7 => {
                let text = self.er7(&first);
                return Ok(text.map_or(Value::Missing, |text| made(escape::clean(&text).into_owned())));
            }
            Builtin::raw => return Ok(self.raw(&first)?.map_or(Value::Missing, |bytes| made(bytes::base64(&bytes)))),
            Builtin::in_minutes => {
                let Value::Duration(millis) = first else { return Ok(Value::Missing) };
                return Ok(Value::made(Span { millis }.in_minutes().to_string(), true, place));
            }
            Builtin::join => {
                let parts: Vec<Value> = argument(1).items(self.message, self.groups).collect();
                let place = parts.iter().find_map(|part| part.place(self.message));
                let texts: Vec<_> = parts.iter().map(Value::as_text).collect();
                let separator = first.as_text().unwrap_or_default();
                let joined = text::join(&separator, texts.iter().map(Option::as_deref));
                return Ok(joined.map_or(Value::Missing, |text| Value::made(text, live, place)));
            }
            Builtin::min | Builtin::max => {
                let zone = self.settings.zone.as_ref();
                let order =
                    |left: &Value<'m>, right: &Value<'m>| numbers(left, right).or_else(|| moments(left, right, zone));
                let found =
                    if function == Builtin::max { list::max(items(), order) } else { list::min(items(), order) };
                return Ok(found.unwrap_or(Value::Missing));
            }
            Builtin::sum => {
                let read = items().map(|item| Decimal::read(&item.as_text().unwrap_or_default()));
                let numbers = read.collect::<Result<Vec<Decimal>, _>>()?;
                return Ok(made(list::sum(numbers)?.to_string()));
            }
            Builtin::uuid => {
                let parts: Vec<Value> = items().collect();
                let texts: Vec<_> = parts.iter().filter_map(Value::as_text).collect();
                return Ok(made(bytes::uuid(texts.iter().map(|text| &**text)).to_string()));
            }
            _ => {}
        }
        let Some(given) = first.as_text() else { return Ok(Value::Missing) };
        let given = given.as_ref();
        let number = |index: usize| argument(index).as_text().and_then(|text| text.trim().parse::<i64>().ok());
        let needed = |index: usize| number(index).ok_or(Invalid);
        let span = |make: fn(Decimal) -> Option<Span>| -> Result<Value<'m>, Invalid> {
            let span = make(Decimal::read(given)?).ok_or(Invalid)?;
            Ok(Value::Duration(span.millis))
        };
        let found: Option<String> = match function {
            Builtin::length => Some(text::length(given).to_string()),
            Builtin::upper => Some(text::upper(given)),
            Builtin::lower => Some(text::lower(given)),
            Builtin::trim => text::trim(given).map(str::to_owned),
            Builtin::digits => text::digits(given),
            Builtin::search_value => Some(text::search_value(given)),
            Builtin::left => text::left(given, needed(1)?).map(str::to_owned),
            Builtin::right => text::right(given, needed(1)?).map(str::to_owned),
            Builtin::substring => text::substring(given, needed(1)?, needed(2)?).map(str::to_owned),
            Builtin::replace | Builtin::extract => {
                let written = argument(1);
                let written = written.as_text().unwrap_or_default();
                let Some(pattern) = self.pattern(&written) else { return Err(Invalid) };
                match function {
                    Builtin::replace => text::replace(given, &pattern, &argument(2).as_text().unwrap_or_default()),
                    _ => text::extract(given, &pattern).map(str::to_owned),
                }
            }
            Builtin::pad => {
                let filling = argument(2);
                Some(text::pad(given, needed(1)?, &filling.as_text().unwrap_or_default()).ok_or(Invalid)?)
            }
            Builtin::pieces => {
                let separator = argument(1);
                let separator = separator.as_text().unwrap_or_default();
                let pieces = text::pieces(given, &separator).map(|piece| made(piece.to_owned()));
                return Ok(Value::list(pieces.collect()));
            }
            Builtin::number => Some(match argument(1).as_text() {
                Some(mark) => marked(given, &mark)?,
                None => decimal(given)?.into_owned(),
            }),
            Builtin::round => {
                let places = u32::try_from(needed(1)?).map_err(|_| Invalid)?;
                Some(Decimal::read(given)?.round(places)?.to_string())
            }
            Builtin::has_time => return Ok(Value::boolean(moment(given.trim())?.has_time())),
            Builtin::year => Some(moment(given.trim())?.year().to_string()),
            Builtin::truncate => {
                let name = argument(1);
                let to = Precision::named(&name.as_text().unwrap_or_default()).ok_or(Invalid)?;
                Some(moment(given.trim())?.truncate(to).written(self.settings.zone.as_ref()))
            }
            Builtin::parse | Builtin::format => {
                let pattern = argument(1);
                let pattern = Pattern::new(&pattern.as_text().unwrap_or_default()).map_err(|_| Invalid)?;
                match function {
                    Builtin::parse => Some(pattern.parse(given)?),
                    _ => pattern.format(given, self.settings.zone.as_ref())?,
                }
            }
            Builtin::in_zone => {
                let name = argument(1);
                let Some(name) = name.as_text() else { return Ok(Value::Missing) };
                let zone = Zone::named(name.trim()).map_err(|_| Invalid)?;
                Some(moment(given.trim())?.date_time(Some(&zone))?)
            }
            Builtin::duration => {
                let to = argument(1);
                let Some(to) = to.as_text() else { return Ok(Value::Missing) };
                let span = moment(to.trim())?.since(&moment(given.trim())?, self.settings.zone.as_ref())?;
                return Ok(Value::Duration(span.millis));
            }
            Builtin::minutes => return span(Span::minutes),
            Builtin::hours => return span(Span::hours),
            Builtin::days => return span(Span::days),
            Builtin::age => {
                let day = argument(1);
                let Some(day) = day.as_text() else { return Ok(Value::Missing) };
                moment(given.trim())?.age(&moment(day.trim())?).map(|age| age.to_string())
            }
            Builtin::base64 => Some(bytes::base64(given.as_bytes())),
            Builtin::unhex => Some(bytes::unhex(given).ok_or(Invalid)?),
            Builtin::text_of => Some(bytes::text_of(given, argument(1).as_text().as_deref()).ok_or(Invalid)?),
            Builtin::convert_units => {
                let (from, to) = (argument(1), argument(2));
                let (Some(from), Some(to)) = (from.as_text(), to.as_text()) else { return Ok(Value::Missing) };
                Some(ucum::convert(given, from.trim(), to.trim()).map_err(|_| Invalid)?)
            }
            Builtin::size => Some(bytes::size(given).ok_or(Invalid)?.to_string()),
            Builtin::sha1 => Some(bytes::sha1(given).ok_or(Invalid)?),
            Builtin::pseudonym => {
                let name = argument(1);
                let name = name.as_text().unwrap_or_default();
                let key = self.settings.secrets.get(&name).ok_or(Invalid)?;
                Some(bytes::pseudonym(given, key).ok_or(Invalid)?)
            }
            Builtin::count
            | Builtin::any
            | Builtin::all
            | Builtin::distinct
            | Builtin::resolve
            // Lowered to steps.
            | Builtin::system_of
            | Builtin::display
            | Builtin::position
            | Builtin::er7
            | Builtin::raw
            | Builtin::in_minutes
            | Builtin::join
            | Builtin::min
            | Builtin::max
            | Builtin::sum
            | Builtin::uuid => None,
        };
        Ok(found.map_or(Value::Missing, made))
    }

    /// What two items have in common that are equal as a whole.
    fn told_apart_by(&self, item: &Value<'m>) -> String {
        match item {
            // All of its components, but for those at its end that are empty.
            Value::Piece(piece) | Value::Field(piece) => {
                let own = &self.message.encoding().delimiters;
                let between = [own.component, own.subcomponent].map(|sign| sign.map(char::from));
                let text = piece.text.trim_end_matches(|sign| between.contains(&Some(sign)));
                match text.contains(|sign| between.contains(&Some(sign))) {
                    true => text.to_owned(),
                    false => piece.value().unwrap_or_default().into_owned(),
                }
            }
            Value::Coded(coded) => format!("{} {}", coded.system.as_deref().unwrap_or_default(), coded.code),
            Value::Reference(entry) => entry.to_string(),
            Value::Contained(number) => number.to_string(),
            Value::Group(group) => format!("{group:?}"),
            Value::Duration(milliseconds) => milliseconds.to_string(),
            Value::Json(json) if item.as_text().is_none() => json.to_string(),
            other => self.er7(other).map(Cow::into_owned).unwrap_or_default(),
        }
    }

    /// What stands in the message for a value: of a segment its line, of the message all of them.
    fn er7(&self, value: &Value<'m>) -> Option<Cow<'m, str>> {
        match value {
            Value::Piece(piece) | Value::Field(piece) => Some(Cow::Borrowed(piece.text)),
            Value::Segment(index) => Some(Cow::Borrowed(self.message.text_of(*index as usize))),
            Value::Group(Groups::MESSAGE) => {
                let lines = 0..self.message.segments().len();
                Some(Cow::Owned(lines.map(|line| format!("{}\r", self.message.text_of(line))).collect()))
            }
            other => other.clone().as_text().map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// Its bytes in the charset of the message.
    fn raw(&self, value: &Value<'m>) -> Result<Option<Vec<u8>>, Invalid> {
        if matches!(value, Value::Group(Groups::MESSAGE)) {
            return Ok(Some(self.message.print()));
        }
        let Some(text) = self.er7(value) else { return Ok(None) };
        self.message.encoding().charset.encode(&text).map(Some).ok_or(Invalid)
    }
}
