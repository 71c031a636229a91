//! Whether an issue's place in a message is the one that a test names.

/// `OBX[3]-5.1` is within `OBX`, `OBX-5`, `OBX[3]-5` and the place with no name; a number that the test leaves out
/// stands for any. `[1]` of the message's side need not be written.
pub fn within(place: &str, expected: &str) -> bool {
    let (place, expected) = (steps(place), steps(expected));
    expected.len() <= place.len()
        && expected.iter().zip(&place).all(|(expected, place)| {
            expected.name == place.name
                && (expected.index.is_none() || expected.index == Some(place.index.unwrap_or("1")))
        })
}

struct Step<'a> {
    name: &'a str,
    index: Option<&'a str>,
}

fn steps(place: &str) -> Vec<Step<'_>> {
    // A segment's name may follow its groups (`PATIENT.PID-3`): a test names the segment, so groups do not count.
    let place = place.find('-').map_or(place, |hyphen| {
        let segment = place.get(..hyphen).and_then(|before| before.rfind('.')).map_or(0, |dot| dot + 1);
        place.get(segment..).unwrap_or(place)
    });
    let step = |text| match str::split_once(text, '[') {
        Some((name, index)) => Step { name, index: Some(index.trim_end_matches(']')) },
        None => Step { name: text, index: None },
    };
    place.split(['-', '.']).filter(|text| !text.is_empty()).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_place_is_within_what_names_it_less_exactly() {
        for expected in ["", "OBX", "OBX-5", "OBX[3]-5", "OBX-5[1].2", "OBX-5.2"] {
            assert!(within("OBX[3]-5.2", expected), "{expected}");
        }
        for expected in ["OBR", "OBX-3", "OBX[2]-5", "OBX-5.1", "OBX-5[2]", "OBX-5.2.1"] {
            assert!(!within("OBX[3]-5.2", expected), "{expected}");
        }
    }

    #[test]
    fn an_issue_without_a_place_is_nowhere_else() {
        assert!(within("", ""));
        assert!(!within("", "PID-7"));
    }
}
