//! W6: a message as owned texts, changed and joined again.

pub fn deidentified(text: &str) -> Vec<u8> {
    let mut out = String::new();
    for line in text.split('\r').filter(|line| !line.is_empty()) {
        let mut fields: Vec<String> = line.split('|').map(str::to_owned).collect();
        match fields.first().map(String::as_str) {
            Some("NK1" | "GT1") => continue,
            Some("MSH") => header(&mut fields),
            Some("PID") => person(&mut fields),
            Some("PV1") => stay(&mut fields),
            _ => {}
        }
        out.push_str(&fields.join("|"));
        out.push('\r');
    }
    out.into_bytes()
}

/// MSH-1 is the separator, so that fields stand one place before their number.
fn header(msh: &mut Vec<String>) {
    for (field, text) in [(2, "GATEWAY"), (3, "NORTH"), (4, "TRIALS"), (5, "UNIVERSITY"), (11, "2.3")] {
        set(msh, field, text);
    }
}

fn person(pid: &mut Vec<String>) {
    let born: String = leaf(pid, 7).chars().take(4).collect();
    let sex = match leaf(pid, 8).trim() {
        "" => "",
        "F" => "F",
        "M" => "M",
        _ => "U",
    };
    let marital = match leaf(pid, 16).trim() {
        "M" => "married",
        "S" => "single",
        "D" => "divorced",
        "W" => "widowed",
        _ => "",
    };
    set(pid, 7, &born);
    set(pid, 8, sex);
    set(pid, 16, marital);
    [5, 11, 13, 14, 18, 19].into_iter().for_each(|field| set(pid, field, ""));
}

fn stay(pv1: &mut Vec<String>) {
    let class = match leaf(pv1, 2).trim() {
        "" => "",
        "I" | "R" | "B" => "I",
        "E" => "E",
        _ => "O",
    };
    let start: String = leaf(pv1, 44).chars().take(8).collect();
    set(pv1, 2, class);
    set(pv1, 44, &start);
    [7, 8, 9, 17].into_iter().for_each(|field| set(pv1, field, ""));
}

fn leaf(fields: &[String], field: usize) -> String {
    let whole = fields.get(field).map(String::as_str).unwrap_or_default();
    let first = whole.split(['^', '~', '&']).next().unwrap_or_default();
    if first == "\"\"" { String::new() } else { first.to_owned() }
}

fn set(fields: &mut Vec<String>, field: usize, text: &str) {
    if fields.len() <= field {
        if text.is_empty() {
            return;
        }
        fields.resize(field + 1, String::new());
    }
    if let Some(place) = fields.get_mut(field) {
        *place = text.to_owned();
    }
}
