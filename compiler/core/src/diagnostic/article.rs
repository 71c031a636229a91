//! "a" or "an", before names that only a project or a standard knows.

/// `an Observation`, `a Patient`, `an ADT_A01`: by how one says the name, in capitals by the letter.
pub fn a(name: &str) -> String {
    let article = if begins_with_a_vowel(name) { "an" } else { "a" };
    format!("{article} {name}")
}

fn begins_with_a_vowel(name: &str) -> bool {
    let mut letters = name.trim_start_matches('`').chars();
    let Some(first) = letters.next() else { return false };
    let rest = letters.as_str();
    if first.is_ascii_uppercase() && !rest.starts_with(|second: char| second.is_ascii_lowercase()) {
        return "AEFHILMNORSX".contains(first);
    }
    match first.to_ascii_lowercase() {
        'a' | 'e' | 'i' | 'o' => true,
        // `uri` and `unit` begin with a y, `unsignedInt` does not.
        'u' => rest.starts_with('n') && !rest.starts_with("ni"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::a;

    #[test]
    fn a_name_has_the_article_that_one_says() {
        for right in [
            "a Patient",
            "an Observation",
            "an Encounter",
            "an integer",
            "a uri",
            "a UsageContext",
            "an unsignedInt",
            "a HumanName",
            "an ADT_A01",
            "an ORU_R01",
            "an MDM_T02",
            "a PID",
            "an XPN",
            "a CX",
            "a QBP_Q11",
            "an alarm",
            "a `Patient`",
            "an `Organization`",
        ] {
            let (_, name) = right.split_once(' ').unwrap();
            assert_eq!(a(name), right);
        }
    }
}
