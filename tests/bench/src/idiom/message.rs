//! A message as a tree of owned texts.

/// Component, then subcomponent.
pub type Value = Vec<Vec<String>>;

pub struct Segment {
    pub name: String,
    /// By number; each a list of repetitions.
    fields: Vec<Vec<Value>>,
}

pub struct Message {
    pub segments: Vec<Segment>,
}

impl Message {
    pub fn parse(text: &str) -> Option<Message> {
        let mut delimiters = text.strip_prefix("MSH")?.chars();
        let field = delimiters.next()?;
        let [component, repetition, escape, sub] =
            [delimiters.next()?, delimiters.next()?, delimiters.next()?, delimiters.next()?];
        let leaf = |text: &str| unescape(text.trim(), escape, [field, component, repetition, sub]);
        let value =
            |text: &str| -> Value { text.split(component).map(|it| it.split(sub).map(leaf).collect()).collect() };
        let segments = text.split('\r').filter(|line| !line.is_empty()).map(|line| {
            let mut fields: Vec<Vec<Value>> =
                line.split(field).map(|field| field.split(repetition).map(value).collect()).collect();
            let name = line.split(field).next().unwrap_or_default().to_owned();
            if name == "MSH" {
                fields.insert(1, Vec::new());
            }
            Segment { name, fields }
        });
        Some(Message { segments: segments.collect() })
    }

    pub fn header(&self) -> Option<&Segment> {
        self.first("MSH")
    }

    pub fn first(&self, name: &str) -> Option<&Segment> {
        self.segments.iter().find(|it| it.name == name)
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(move |it| it.name == name)
    }
}

impl Segment {
    /// The repetitions that hold something.
    pub fn list(&self, number: usize) -> Vec<Value> {
        let all = self.fields.get(number).cloned().unwrap_or_default();
        all.into_iter().filter(|value| value.iter().flatten().any(|it| !it.is_empty())).collect()
    }

    /// The first repetition.
    pub fn value(&self, number: usize) -> Value {
        self.fields.get(number).and_then(|it| it.first()).cloned().unwrap_or_default()
    }

    /// The field as one text.
    pub fn text(&self, number: usize) -> String {
        part(&self.value(number), 1).unwrap_or_default()
    }

    /// The first component of each repetition that has one.
    pub fn values(&self, number: usize) -> impl Iterator<Item = String> {
        self.list(number).into_iter().filter_map(|it| part(&it, 1))
    }
}

/// A component as one text, if there is one.
pub fn part(of: &Value, number: usize) -> Option<String> {
    sub(of, number, 1)
}

pub fn sub(of: &Value, number: usize, below: usize) -> Option<String> {
    of.get(number - 1)?.get(below - 1).filter(|it| !it.is_empty()).cloned()
}

fn unescape(text: &str, escape: char, [field, component, repetition, sub]: [char; 4]) -> String {
    if text == "\"\"" {
        return String::new();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        out.push_str(before);
        let known = after.split_once(escape).and_then(|(sequence, next)| {
            let meaning = match sequence {
                "F" => field.to_string(),
                "S" => component.to_string(),
                "T" => sub.to_string(),
                "R" => repetition.to_string(),
                "E" => escape.to_string(),
                ".br" => "\n".to_owned(),
                "H" | "N" => String::new(),
                _ => return None,
            };
            Some((meaning, next))
        });
        match known {
            Some((meaning, next)) => {
                out.push_str(&meaning);
                rest = next;
            }
            None => {
                out.push(escape);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
