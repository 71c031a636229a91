//! XML piece by piece, without what FHIR has no use for. No DTD is read, and no entity but the five that XML has.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::super::super::Why;
use super::{FHIR, XHTML};

pub struct Events<'x> {
    reader: NsReader<&'x [u8]>,
    /// An empty element began: its end comes next.
    ends: bool,
    /// How many elements have begun and not ended.
    open: usize,
}

/// No resource is nested as deep; what comes from elsewhere may be anything.
const OPEN_MAX: usize = 256;

/// What comes next.
pub enum Next<'x> {
    Start(Start<'x>),
    End,
    Text(Cow<'x, str>),
    /// The document is at its end.
    Over,
}

pub struct Start<'x> {
    pub space: Space,
    /// Without the prefix.
    pub name: String,
    /// Whether it is written as one that has nothing in it.
    pub is_empty: bool,
    tag: BytesStart<'x>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Fhir,
    Xhtml,
    Other,
}

impl<'x> Events<'x> {
    pub fn of(text: &'x str) -> Events<'x> {
        Events { reader: NsReader::from_str(text), ends: false, open: 0 }
    }

    /// # Errors
    /// It is not well-formed, has a DTD or an entity, or is nested too deep.
    pub fn next(&mut self) -> Result<Next<'x>, Why> {
        let next = self.piece()?;
        match &next {
            Next::Start(_) => self.open += 1,
            Next::End => self.open = self.open.saturating_sub(1),
            Next::Over if self.open > 0 => return Err(ill_formed()),
            Next::Text(_) | Next::Over => {}
        }
        if self.open > OPEN_MAX { Err("it is nested too deep".to_owned()) } else { Ok(next) }
    }

    fn piece(&mut self) -> Result<Next<'x>, Why> {
        if std::mem::take(&mut self.ends) {
            return Ok(Next::End);
        }
        loop {
            let (space, event) = self.reader.read_resolved_event().map_err(|_| ill_formed())?;
            let space = match space {
                ResolveResult::Bound(Namespace(FHIR)) => Space::Fhir,
                ResolveResult::Bound(Namespace(XHTML)) => Space::Xhtml,
                _ => Space::Other,
            };
            return Ok(match event {
                Event::Start(tag) => Next::Start(Start::new(space, tag, false)),
                Event::Empty(tag) => {
                    self.ends = true;
                    Next::Start(Start::new(space, tag, true))
                }
                Event::End(_) => Next::End,
                Event::Text(text) => Next::Text(Cow::Owned(text.xml10_content().into_owned())),
                Event::CData(text) => Next::Text(Cow::Owned(text.xml10_content().into_owned())),
                Event::GeneralRef(name) => Next::Text(match name.resolve_char_ref() {
                    Ok(Some(character)) => Cow::Owned(character.to_string()),
                    Ok(None) => Cow::Borrowed(resolve_xml_entity(&name).ok_or("it has an entity, which is not read")?),
                    Err(_) => return Err(ill_formed()),
                }),
                Event::DocType(_) => return Err("it has a DTD, which is not read".to_owned()),
                Event::Eof => Next::Over,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            });
        }
    }

    /// Passes over an element that began, up to its end.
    ///
    /// # Errors
    /// As for [`next`](Events::next).
    pub fn skip(&mut self) -> Result<(), Why> {
        let mut open = 1u32;
        while open > 0 {
            match self.next()? {
                Next::Start(_) => open += 1,
                Next::End => open -= 1,
                Next::Text(_) => {}
                Next::Over => return Err(ill_formed()),
            }
        }
        Ok(())
    }

    /// The first element.
    ///
    /// # Errors
    /// There is none, or as for [`next`](Events::next).
    pub fn root(&mut self) -> Result<Start<'x>, Why> {
        loop {
            match self.next()? {
                Next::Start(start) => return Ok(start),
                Next::Text(text) if text.trim().is_empty() => {}
                _ => return Err(ill_formed()),
            }
        }
    }

    /// Sees that nothing comes any more.
    ///
    /// # Errors
    /// Something does, or as for [`next`](Events::next).
    pub fn over(&mut self) -> Result<(), Why> {
        loop {
            match self.next()? {
                Next::Over => return Ok(()),
                Next::Text(text) if text.trim().is_empty() => {}
                _ => return Err(ill_formed()),
            }
        }
    }
}

impl<'x> Start<'x> {
    fn new(space: Space, tag: BytesStart<'x>, is_empty: bool) -> Start<'x> {
        Start { space, name: tag.local_name().as_ref().to_owned(), is_empty, tag }
    }

    /// The attributes, by their names with prefixes.
    ///
    /// # Errors
    /// They are not well-formed, or have an entity.
    pub fn attributes(&self) -> Result<Vec<(String, String)>, Why> {
        let attributes = self.tag.attributes().map(|attribute| {
            let attribute = attribute.map_err(|_| ill_formed())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| ill_formed())?;
            Ok((attribute.key.as_ref().to_owned(), value.into_owned()))
        });
        attributes.collect()
    }
}

pub fn ill_formed() -> Why {
    "it is no well-formed XML".to_owned()
}
