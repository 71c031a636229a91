//! What a run writes, and takes back.

use super::exec::{Frame, Run, Stop};
use super::value::{Coded, Value};
use crate::plan::{Block, Form};
use emr_message::{encode, json};

impl<'p, 'm> Run<'p, 'm> {
    /// The close in place of the comma that the last item ended with.
    pub(super) fn close(&mut self, close: &str) {
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.extend_from_slice(close.as_bytes());
    }

    /// Takes back all that was written since.
    pub fn back_to(&mut self, start: usize) {
        self.out.truncate(start);
        while self.marks.last().is_some_and(|mark| mark.at >= start) {
            self.marks.pop();
        }
    }

    /// Carries out a block and takes back what it wrote, which it gives: nothing where the block is left before its end.
    pub(super) fn aside(&mut self, body: &'p Block, frame: &mut Frame<'m>) -> Result<Vec<u8>, Stop> {
        let (start, before) = (self.out.len(), self.live);
        let done = self.block(body, frame);
        let written = self.out.get(start..).unwrap_or_default().to_vec();
        self.back_to(start);
        self.live = before;
        match done {
            Ok(()) => Ok(written),
            Err(Stop::Skip) => Ok(Vec::new()),
            Err(reject) => Err(reject),
        }
    }

    pub(super) fn write(&mut self, value: &Value<'m>, form: Form) {
        if value.is_live() && form != Form::Segment {
            self.live += 1;
        }
        match (form, value) {
            (Form::Segment, value) => {
                let number = self.number_of(value);
                self.out.extend_from_slice(number.to_string().as_bytes());
            }
            (Form::Coding | Form::Concept, Value::Coded(coded)) => {
                let (open, close): (&[u8], &[u8]) =
                    if form == Form::Concept { (b"{\"coding\":[", b"]}") } else { (b"", b"") };
                self.out.extend_from_slice(open);
                self.write_coding(coded);
                self.out.extend_from_slice(close);
            }
            (Form::Json | Form::Reference | Form::Coding | Form::Concept, Value::Json(json)) => {
                self.out.extend_from_slice(json.to_string().as_bytes());
            }
            (Form::Items, Value::Json(json)) => {
                let items: Vec<String> = json.items().iter().map(ToString::to_string).collect();
                self.out.extend_from_slice(items.join(",").as_bytes());
            }
            (Form::Reference, value) => self.write_reference(value),
            (Form::Copy, Value::Piece(_) | Value::Field(_) | Value::Segment(_)) => {
                if let Some(place) = value.place(self.message) {
                    self.out.extend_from_slice(encode::copy(&place).as_bytes());
                }
            }
            (Form::Bare, value) => match value.as_text() {
                Some(text) if is_bare(&text) => self.out.extend_from_slice(text.as_bytes()),
                _ => self.out.extend_from_slice(b"null"),
            },
            (_, value) => json::write_str(&mut self.out, &value.as_text().unwrap_or_default()),
        }
    }

    /// The number of a segment, from 0.
    pub(super) fn number_of(&self, segment: &Value<'m>) -> u32 {
        segment.place(self.message).map_or(0, |place| place.segment)
    }

    fn write_coding(&mut self, coded: &Coded) {
        self.out.push(b'{');
        let parts =
            [("system", coded.system.as_ref()), ("code", Some(&coded.code)), ("display", coded.display.as_ref())];
        for (name, text) in parts {
            if let Some(text) = text {
                json::write_str(&mut self.out, name);
                self.out.push(b':');
                json::write_str(&mut self.out, text);
                self.out.push(b',');
            }
        }
        self.close("}");
    }
}

/// What JSON takes without quotes. Conversions give nothing else; a slip of theirs must not break the output.
fn is_bare(text: &str) -> bool {
    matches!(text, "true" | "false") || emr_message::number::decimal(text).is_ok_and(|number| number == text)
}
