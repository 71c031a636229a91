//! Shapes as text: a line for each element, as a standard's own tables show it.

use std::fmt;

use crate::standard::shape::{Binding, Element, MANY, Shape, Type};

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({:?} of {}) {}", self.key, self.kind, self.base, self.url)?;
        for element in &self.elements {
            writeln!(f, "  {element}")?;
            for slice in &element.slices {
                let url = slice.url.as_ref().map(|url| format!(" <{url}>")).unwrap_or_default();
                writeln!(f, "    :{}{url} {:?} {}", slice.name, slice.discriminators, slice.element)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = if self.choice { "[x]" } else { "" };
        let max = if self.max == MANY { "*".to_string() } else { self.max.to_string() };
        let types: Vec<String> = self.types.iter().map(Type::to_string).collect();
        write!(f, "{}{choice} {}..{max} {}", self.name, self.min, types.join("|"))?;
        if let Some(binding) = &self.binding {
            write!(f, " {binding}")?;
        }
        for (word, value) in [("=", &self.fixed), ("~", &self.pattern)] {
            if let Some(value) = value {
                write!(f, " {word} {value}")?;
            }
        }
        f.write_str(if self.must_support { " must-support" } else { "" })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.shape != self.name {
            write!(f, ":{}", self.shape)?;
        }
        if self.targets.is_empty() { Ok(()) } else { write!(f, "({})", self.targets.join(",")) }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.strength, self.set)
    }
}
