//! Places at which a build for tests ends the process, as a kill would: there and nowhere else, at the hit that it is told.
//!
//! They are there with the feature `failpoints` alone; another build has neither the calls nor the names.

#[cfg(any(test, feature = "failpoints"))]
mod points;

/// Names a place of the code. Each name of the list stands in one place.
macro_rules! point {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::fail::hit($name);
    };
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, hit};

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::points::POINTS;

    struct Armed {
        name: String,
        left: AtomicU32,
        end: fn(&str),
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Ends the process by `end` when it comes to the place of that name so many times; once in the life of a process.
    /// Nothing where there is no such place.
    pub fn arm(name: &str, hits: u32, end: fn(&str)) -> Option<()> {
        POINTS.iter().find(|(known, _)| *known == name)?;
        let armed = Armed { name: name.to_owned(), left: AtomicU32::new(hits), end };
        ARMED.set(armed).ok()
    }

    pub fn hit(name: &str) {
        if let Some(armed) = ARMED.get()
            && armed.name == name
            && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            (armed.end)(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::points::POINTS;

    fn sources(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                sources(&entry, into);
            } else if !entry.ends_with("fail/mod.rs") {
                into.push(fs::read_to_string(entry).unwrap());
            }
        }
    }

    #[test]
    fn each_point_stands_in_one_place_and_is_listed_once() {
        let mut texts = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let all = texts.concat();
        for (name, _) in POINTS {
            assert_eq!(all.matches(&format!("point!(\"{name}\")")).count(), 1, "{name}");
            assert_eq!(POINTS.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
        assert_eq!(all.matches("point!(\"").count(), POINTS.len());
        assert!(POINTS.len() >= 40);
    }
}
