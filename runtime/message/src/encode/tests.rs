use super::*;
use crate::Settings;

const SOURCE: &str = "MSH|^~\\&|A|B|||20240229||ADT^A01|7|P|2.5.1\rPID|1||4711^^^M~12||D\\T\\E^J||19610423|F||\rDB1|1\rOBX|1|NM|x||5|kg&1\rOBX|2|ST|y||\"\"\r";

fn encoded(written: &str, source: &[u8]) -> Encoded {
    let source = Message::read(source, &Settings::default()).unwrap();
    encode(written.as_bytes(), &source, &Receipt::default()).unwrap()
}

fn text(written: &str) -> String {
    String::from_utf8(encoded(written, SOURCE.as_bytes()).bytes).unwrap().replace('\r', "\n")
}

#[test]
fn without_an_edit_all_stays() {
    assert_eq!(encoded("[]", SOURCE.as_bytes()).bytes, SOURCE.as_bytes());
    for source in ["MSH|^~\\&|A\r\nZZZ|1||\r\n\r\nno segment\r\n", "MSH|^~\\&||\nPID|\n", "\u{feff}MSH|^~\\&|é\r"] {
        assert_eq!(encoded("[]", source.as_bytes()).bytes, source.as_bytes());
    }
}

#[test]
fn edits_change_what_they_name() {
    insta::assert_snapshot!(
        text(r#"[[0,12,0,0,0,"2.3"],[1,19,0,0,0,"a|b"],[1,3,0,4,0,{}],[1,5,1,1,2,"x"],[2],[3,6,0,0,0,{"=":0}],[4,5,0,0,0,null],]"#),
        @r#"
    MSH|^~\&|A|B|||20240229||ADT^A01|7|P|2.3
    PID|1||4711^^^~12||D\T\E&x^J||19610423|F|||||||||||a\F\b
    OBX|1|NM|x||5|kg&1
    OBX|2|ST|y||""
    "#
    );
}

#[test]
fn repetitions_are_changed_where_they_are() {
    insta::assert_snapshot!(
        text(r#"[[1,3,-1,5,0,"MR"],[1,4,-1,5,0,"MR"],[1,11,0,3,0,"Basel"],[1,3,3,0,0,{"1":"9","4":{"2":"o"}}],[1,13,0,0,0,["1",{"12":"2"}]],]"#),
        @r#"
    MSH|^~\&|A|B|||20240229||ADT^A01|7|P|2.5.1
    PID|1||4711^^^M^MR~12^^^^MR~9^^^&o||D\T\E^J||19610423|F|||^^Basel||1~^^^^^^^^^^^2
    DB1|1
    OBX|1|NM|x||5|kg&1
    OBX|2|ST|y||""
    "#
    );
}

#[test]
fn what_was_there_may_be_added_to() {
    let written = r#"[[1,3,0,0,0,[{"=":0},"8"]],[1,4,0,0,0,[{"=":0},"8"]],[1,1,0,0,0,{}],[1,40,0,0,0,{}],]"#;
    assert!(text(written).contains("\nPID|||4711^^^M~12~8|8|D\\T\\E^J||19610423|F||\n"));
}

#[test]
fn a_message_is_built_with_its_header() {
    insta::assert_snapshot!(
        text(r#"{"":["ORU_R01","2.5.1"],"MSH":{"3":{"1":"X"},"9":{"2":"R30"}},"PATIENT_RESULT":[{"PATIENT":{"PID":{"3":[{"1":"1","4":{"1":"a&b"}},{"=":[1,3,2,0,0]}],"5":{"=":[1,5,0,0,0]},"8":null}},"ORDER_OBSERVATION":[{"OBR[1]":{"4":{"system":"http://loinc.org","code":"718-7","display":"Hb^"}}},{"OBR[1]":{"4":{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"},"5":true,"6":1.50}}]}],"PV1":{"=":[4,0,0,0,0]}}"#),
        @r#"
    MSH|^~\&|X||||20240229||ORU^R30^ORU_R01|f70fa9fb28f384b18645|P|2.5.1
    PID|||1^^^a\T\b~12||D\T\E^J|||""
    OBR||||718-7^Hb\S\^LN
    OBR||||MR^^HL70203|Y|1.50
    OBX|2|ST|y||""
    "#
    );
}

#[test]
fn other_delimiters_are_taken_apart() {
    let source = "MSH$*%!@$A\rPID$1$$47!D!11*b@c%x$$\r";
    let written = r#"{"":["ADT_A01","2.5"],"PID":{"=":[1,0,0,0,0]},"PV1":{"3":[{"=":[1,3,0,0,0]}]}}"#;
    let made = String::from_utf8(encoded(written, source.as_bytes()).bytes).unwrap();
    assert!(made.contains("\rPID|1||47!D!11^b&c~x||\rPV1|||47!D!11^b&c~x\r"), "{made}");
}

#[test]
fn a_charset_without_a_character_says_where() {
    let source = b"MSH|^~\\&||||||||||2.5||||||8859/1\rPID|||\xe9\r";
    let made = encoded(r#"[[1,5,0,0,0,"\u0021é→"],]"#, source);
    assert_eq!(made.bytes, b"MSH|^~\\&||||||||||2.5||||||8859/1\rPID|||\xe9||!\xe9?\r");
    assert_eq!(made.lacking.iter().map(ToString::to_string).collect::<Vec<_>>(), ["PID-5"]);
    let made = encoded(r#"[[0,18,0,0,0,"UNICODE UTF-8"],]"#, source);
    assert!(made.bytes.ends_with("PID|||é\r".as_bytes()) && made.lacking.is_empty());
    let made = encoded(r#"[[0,18,0,0,0,"Klingon"],]"#, source);
    assert_eq!(made.unknown_charset.map(|place| place.to_string()).as_deref(), Some("MSH-18"));
}

#[test]
fn japanese_that_is_not_touched_stays_byte_by_byte() {
    let source = b"MSH|^~\\&||||||||||2.5||||||~ISO IR87\rPID|||\x1b$B;3\x1b$B;3\x1b(B||\r";
    let made = encoded(r#"[[0,3,0,0,0,"x"],]"#, source);
    assert!(made.bytes.ends_with(b"\rPID|||\x1b$B;3\x1b$B;3\x1b(B||\r"));
    assert!(made.bytes.starts_with(b"MSH|^~\\&|x|||"));
}

#[test]
fn other_json_is_no_message() {
    let source = Message::read(SOURCE.as_bytes(), &Settings::default()).unwrap();
    for written in ["", "null", "1", "[[1,2]]", "[[1,2,3,4,5,\"x\"", "{\"a\":}", "[[9999999999999999999999]]"] {
        assert!(encode(written.as_bytes(), &source, &Receipt::default()).is_err(), "{written}");
    }
    assert!(encode("[".repeat(1000).as_bytes(), &source, &Receipt::default()).is_err());
}

#[test]
fn paths_into_what_was_written_are_places() {
    let source = Message::read(SOURCE.as_bytes(), &Settings::default()).unwrap();
    let edits = br#"[[1,5,1,1,2,"x"],[2],[4,6,0,0,0,{"1":"x"}]]"#;
    assert_eq!(spelled("[0][5]", edits, &source), "PID-5.1.2");
    assert_eq!(spelled("[2][5].1", edits, &source), "OBX-6.1");
    assert_eq!(spelled("PATIENT_RESULT[0].PATIENT.PID.5[1].1", b"{}", &source), "PID-5[2].1");
    assert_eq!(spelled("ORDER[1].OBX[2].3", b"{}", &source), "OBX[3]-3");
}

#[test]
fn places_of_the_source_are_values_as_a_whole() {
    let edits = br#"[[1,5,1,1,2,"x"],[2],[4,6,0,0,0,[{"=":0},{"=":[1,3,1,0,0]}]]]"#;
    assert_eq!(value("[0][5]", edits), Some("[0][5]"));
    assert_eq!(value("[2][5][1].=[0]", edits), Some("[2][5][1]"));
    for number in ["[0][0]", "[0][4]", "[1][0]", "[2][5][0].=", "[2][5][1].=[4]"] {
        assert_eq!(value(number, edits), None, "{number}");
    }
    let built = br#"{"":["ADT_A01","2.5"],"PID":{"of":{"=":[1,0,0,0,0]},"with":[[0,8,0,0,0,{"=":[1,3,0,1,0]}]]}}"#;
    assert_eq!(value("PID.of.=[0]", built), Some("PID.of"));
    assert_eq!(value("PID.with[0][5].=[0]", built), Some("PID.with[0][5]"));
    for number in ["[1]", "PID.with[0][1]", "split[0][1]"] {
        assert_eq!(value(number, built), None, "{number}");
    }
    let source = Message::read(SOURCE.as_bytes(), &Settings::default()).unwrap();
    let at = |text: &str| edits.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
    assert_eq!(taken(edits, at("1,3,1"), &source), Some("4711^^^M"));
    assert_eq!(taken(b"[2,0,0,0,0]", 1, &source), Some("DB1|1"));
}

#[test]
fn one_message_becomes_several() {
    insta::assert_snapshot!(text(r#"{"split":[[3,],[4,],]}"#), @r#"
    MSH|^~\&|A|B|||20240229||ADT^A01|7-1|P|2.5.1
    PID|1||4711^^^M~12||D\T\E^J||19610423|F||
    DB1|1
    OBX|1|NM|x||5|kg&1
    MSH|^~\&|A|B|||20240229||ADT^A01|7-2|P|2.5.1
    PID|1||4711^^^M~12||D\T\E^J||19610423|F||
    DB1|1
    OBX|2|ST|y||""
    "#);
    assert_eq!(encoded(r#"{"split":[[3]]}"#, SOURCE.as_bytes()).bytes, SOURCE.as_bytes());
    assert_eq!(encoded(r#"{"split":[]}"#, SOURCE.as_bytes()).bytes, b"");
}

#[test]
fn parts_that_would_be_many_times_the_message_are_not_made() {
    let source = Message::read(
        format!("MSH|^~\\&|A|||||||7|P|2.5.1|{}\r", "x".repeat(1 << 20)).as_bytes(),
        &Settings::default(),
    );
    let written = format!("{{\"split\":[{}]}}", "[],".repeat(1000));
    assert_eq!(encode(written.as_bytes(), &source.unwrap(), &Receipt::default()).unwrap_err(), Unmade::TooLarge);
}

/// PID-8 is IS up to 2.6 and CWE since; AL1-3 was CE before it was CWE.
#[test]
fn a_code_has_the_components_of_its_version() {
    let pid =
        r#""PID":{"8":{"fits":"1 2.7:9","is":{"system":"http://terminology.hl7.org/CodeSystem/v2-0001","code":"F"}}}"#;
    let text_alone = r#"{"text":"Nuts"}"#;
    let named = r#"{"coding":[{"code":"1","display":"Nut"}],"text":"Nuts"}"#;
    let al1 = format!(r#""AL1":{{"3":{{"fits":"6 2.7:9","is":[{text_alone},{named}]}}}}"#);
    let built = |version| text(&format!(r#"{{"":["ADT_A01","{version}"],{pid},{al1}}}"#));
    assert!(built("2.5.1").ends_with("PID||||||||F\nAL1|||^Nuts~1^Nut^^^Nuts\n"), "{}", built("2.5.1"));
    let new = built("2.8.2");
    assert!(new.ends_with("PID||||||||F^^HL70001\nAL1|||^^^^^^^^Nuts~1^Nut^^^^^^^Nuts\n"), "{new}");
    let ruled = text(&format!(r#"{{"":["ADT_A01","2.5.1"],"MSH":{{"12":{{"1":"2.8"}}}},{pid}}}"#));
    assert!(ruled.ends_with("PID||||||||F^^HL70001\n"), "{ruled}");
    let value = r#"{"fits":"1 2.7:9","is":{"text":"free"}}"#;
    assert!(text(&format!("[[1,8,0,0,0,{value}]]")).contains("|free|"));
    assert!(text(&format!(r#"[[0,12,0,0,0,"2.7"],[1,8,0,0,0,{value}]]"#)).contains("|^^^^^^^^free|"));
}

#[test]
fn a_place_is_spelled_without_what_it_must_fit() {
    let written = br#"{"":["ADT_A01","2.5.1"],"PID":{"8":{"fits":"1 2.7:9","is":{"code":"F"}},"10":{"fits":"6","is":[{"code":"1"}]}}}"#;
    let source = Message::read(SOURCE.as_bytes(), &Settings::default()).unwrap();
    assert_eq!(super::spelled("PID.8.is", written, &source), "PID-8");
    assert_eq!(super::spelled("PID.10.is[1]", written, &source), "PID-10[2]");
    let written = br#"[[1,8,0,0,0,{"fits":"1 2.7:9","is":{"code":"F"}}]]"#;
    assert_eq!(super::spelled("[0][5].is", written, &source), "PID-8");
}
