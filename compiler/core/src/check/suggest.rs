//! "Did you mean …?": the nearest of the names that exist, by spelling.

/// The known name that is most like the one written, if any is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let scored =
        known.filter(|name| *name != written).map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name));
    let best = scored.max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left)))?;
    (best.0 > 0.82).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let known = ["birthDate", "gender", "name"];
        assert_eq!(nearest("birthdate", known.into_iter()), Some("birthDate"));
        assert_eq!(nearest("gendr", known.into_iter()), Some("gender"));
        assert_eq!(nearest("xyz", known.into_iter()), None);
    }
}
