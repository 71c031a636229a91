use std::sync::Arc;

use emr_abi::fhir::{Definition, Definitions, Element, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A few types of R4, cut short; resources are in capitals.
const TYPES: &[(&str, &str)] = &[
    (
        "PATIENT Patient",
        "id:text text:Narrative contained*:resource extension*:Extension active:bare name*:HumanName birthDate:text \
         contact*:Patient.contact",
    ),
    ("Patient.contact", "id:attribute extension*:Extension name:HumanName"),
    ("HumanName", "id:attribute extension*:Extension family:text given*:text"),
    ("Narrative", "id:attribute status:text div:markup"),
    ("Element", "id:attribute extension*:Extension"),
    ("Extension", "id:attribute extension*:Extension url:attribute valueDecimal:bare valueString:text"),
    ("BUNDLE Bundle", "id:text type:text entry*:Bundle.entry"),
    ("Bundle.entry", "resource:resource response:Bundle.entry.response"),
    ("Bundle.entry.response", "status:text outcome:resource"),
];

pub fn types() -> Definitions {
    let element = |text: &str| {
        let (name, kind) = text.split_once(':').unwrap();
        let kind = match kind {
            "text" => Kind::Text,
            "bare" => Kind::Bare,
            "attribute" => Kind::Attribute,
            "markup" => Kind::Markup,
            "resource" => Kind::Resource,
            key => Kind::Elements(key.to_owned()),
        };
        Element { name: name.trim_end_matches('*').to_owned(), kind, repeats: name.ends_with('*') }
    };
    Arc::new(move |key| {
        let (name, elements) = TYPES.iter().find(|(name, _)| name.rsplit(' ').next() == Some(key))?;
        let elements = elements.split_whitespace().map(element).collect();
        Some(Arc::new(Definition { is_resource: name.contains(' '), elements }))
    })
}

fn written(json: &str) -> Result<String, String> {
    let xml = write(json.as_bytes(), &types())?;
    Ok(xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().to_owned())
}

/// What a patient with these members is in XML; and that it comes back.
fn patient(members: &str) -> String {
    let json = format!(r#"{{"resourceType":"Patient",{members}}}"#);
    let xml = written(&json).unwrap();
    let back = read(xml.as_bytes(), &types()).unwrap();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&back), value(&json), "{xml}");
    let inner =
        xml.strip_prefix("<Patient xmlns=\"http://hl7.org/fhir\">").and_then(|it| it.strip_suffix("</Patient>"));
    inner.unwrap_or_else(|| panic!("{xml}")).to_owned()
}

/// FHIR R4 §2.1.6.2 (xml.html): elements appear in the order of the definition, values are attributes called `value`.
#[test]
fn elements_stand_in_the_order_of_their_definitions() {
    let xml = patient(r#""birthDate":"1970","name":[{"given":["A","B"],"family":"C"},{"family":"D"}],"id":"1""#);
    let name =
        r#"<name><family value="C"/><given value="A"/><given value="B"/></name><name><family value="D"/></name>"#;
    assert_eq!(xml, format!(r#"<id value="1"/>{name}<birthDate value="1970"/>"#));
}

/// The id of an element is an attribute and that of a resource is none; the URL of an extension is one (§2.1.6.2, §2.24.1).
#[test]
fn what_is_an_attribute_stands_before_all_others() {
    let xml = patient(r#""contact":[{"name":{"family":"C"},"extension":[{"valueString":"x","url":"u"}],"id":"c"}]"#);
    let extension = r#"<extension url="u"><valueString value="x"/></extension>"#;
    assert_eq!(xml, format!(r#"<contact id="c">{extension}<name><family value="C"/></name></contact>"#));
}

/// FHIR R4 §2.24.0.1 (datatypes.html#decimal): the precision of a decimal has a meaning.
#[test]
fn numbers_keep_their_digits() {
    for digits in ["1.50", "0.000", "-1E-5", "100000000000000000000.00000000000000000001"] {
        let json = format!(r#""extension":[{{"url":"u","valueDecimal":{digits}}}],"active":true"#);
        let xml = patient(&json);
        assert!(xml.contains(&format!(r#"<valueDecimal value="{digits}"/>"#)), "{xml}");
        let back = read(written(&format!(r#"{{"resourceType":"Patient",{json}}}"#)).unwrap().as_bytes(), &types());
        assert_eq!(back.unwrap(), format!(r#"{{"resourceType":"Patient",{json}}}"#));
    }
}

/// FHIR R4 §2.6.2.3 (json.html, primitive elements): what extends a primitive stands under its name behind `_`, and `null` keeps
/// the places of lists.
#[test]
fn what_extends_a_primitive_goes_into_it() {
    let extension = r#""extension":[{"url":"u","valueString":"x"}]"#;
    let inner = r#"<extension url="u"><valueString value="x"/></extension>"#;
    let xml = patient(&format!(r#""birthDate":"1970","_birthDate":{{"id":"b",{extension}}}"#));
    assert_eq!(xml, format!(r#"<birthDate value="1970" id="b">{inner}</birthDate>"#));
    let xml = patient(&format!(r#""_birthDate":{{{extension}}}"#));
    assert_eq!(xml, format!("<birthDate>{inner}</birthDate>"));
    let given = format!(r#""given":["A",null,"C"],"_given":[null,{{{extension}}},null]"#);
    let xml = patient(&format!(r#""name":[{{{given}}}]"#));
    assert_eq!(xml, format!(r#"<name><given value="A"/><given>{inner}</given><given value="C"/></name>"#));
    // A list may be shorter than the other.
    let short = format!(r#"{{"resourceType":"Patient","name":[{{"given":["A"],"_given":[null,{{{extension}}}]}}]}}"#);
    assert!(written(&short).unwrap().contains(&format!(r#"<given value="A"/><given>{inner}</given>"#)));
}

/// A resource in another stands in an element of its own name (§2.1.6.2).
#[test]
fn a_resource_in_another_has_its_name_around_it() {
    let xml = patient(r#""contained":[{"resourceType":"Patient","id":"a"},{"resourceType":"Patient","id":"b"}]"#);
    let contained = |id| format!(r#"<contained><Patient><id value="{id}"/></Patient></contained>"#);
    assert_eq!(xml, contained("a") + &contained("b"));
}

/// The narrative is XHTML in its own namespace (§2.1.6.2, §2.1.8).
#[test]
fn a_narrative_is_markup() {
    let div = r#"<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="de"><p class="a">5 &lt; 6<br/>ä</p><p></p></div>"#;
    let xml = patient(&format!(r#""text":{{"status":"generated","div":{}}}"#, serde_json::Value::from(div)));
    assert_eq!(xml, format!(r#"<text><status value="generated"/>{div}</text>"#));
    // However its namespace is written, and with comments and CDATA.
    let odd = r#"<x:div xmlns:x='http://www.w3.org/1999/xhtml'><!-- -- --><x:b><![CDATA[<&]]>&#xe4;</x:b></x:div> "#;
    let json = format!(r#"{{"resourceType":"Patient","text":{{"div":{}}}}}"#, serde_json::Value::from(odd));
    let div = r#"<div xmlns="http://www.w3.org/1999/xhtml"><b>&lt;&amp;ä</b></div>"#;
    assert!(written(&json).unwrap().contains(div), "{json}");
}

#[test]
fn no_narrative_reaches_beyond_itself() {
    const DIV: &str = r#"<div xmlns="http://www.w3.org/1999/xhtml">"#;
    for markup in [
        "",
        "SECRET",
        "<div>SECRET</div>",
        &format!("{DIV}SECRET"),
        &format!("{DIV}</div></text><active value=\"SECRET\"/><text>{DIV}</div>"),
        &format!("{DIV}<p>SECRET</div>"),
        &format!("{DIV}&nbsp;SECRET</div>"),
        &format!("{DIV}<p xmlns=\"http://hl7.org/fhir\">SECRET</p></div>"),
        &format!("{DIV}<p a=\"SECRET\" a=\"2\"/></div>"),
        &format!("{DIV}<p a$=\"SECRET\"/></div>"),
        &format!("<!DOCTYPE div [<!ENTITY a \"SECRET\">]>{DIV}&a;</div>"),
        &format!("{DIV}\u{1}SECRET</div>"),
        "<p xmlns=\"http://www.w3.org/1999/xhtml\">SECRET</p>",
    ] {
        let json = format!(r#"{{"resourceType":"Patient","text":{{"div":{}}}}}"#, serde_json::Value::from(markup));
        assert_eq!(written(&json), Err("a narrative is no `div` of XHTML".to_owned()), "{markup}");
    }
}

/// XML 1.0 §2.4, §3.3.3.
#[test]
fn what_xml_would_read_otherwise_is_a_reference() {
    let xml = patient(r#""name":[{"family":"<&>\"'\t\r\n É李😀"}]"#);
    let value = "&lt;&amp;&gt;&quot;'&#9;&#13;&#10; É李😀";
    assert_eq!(xml, format!(r#"<name><family value="{value}"/></name>"#));
}

/// XML 1.0 §2.2.
#[test]
fn what_xml_cannot_carry_is_told_without_it() {
    for character in ["\\u0000", "\\u000b", "\\u001f", "\\uffff", "\\ufffe"] {
        let why = written(&format!(r#"{{"resourceType":"Patient","birthDate":"SECRET{character}"}}"#)).unwrap_err();
        assert_eq!(why, "a text has a character that XML cannot carry");
    }
}

#[test]
fn what_is_no_resource_is_told_without_a_value() {
    for (json, said) in [
        ("", "it is no resource in JSON"),
        ("[1]", "it is no resource in JSON"),
        ("{}", "a resource is of a type that FHIR R4 does not have"),
        (r#"{"resourceType":"SECRET"}"#, "a resource is of a type that FHIR R4 does not have"),
        (r#"{"resourceType":"HumanName"}"#, "a resource is of a type that FHIR R4 does not have"),
        (r#"{"resourceType":"Patient","SECRET":1}"#, "`Patient` has an element that FHIR R4 does not have there"),
        (r#"{"resourceType":"Patient","birthDate":7}"#, "`Patient.birthDate` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","birthDate":null}"#, "`Patient.birthDate` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","birthDate":{}}"#, "`Patient.birthDate` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","active":"true"}"#, "`Patient.active` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","active":null}"#, "`Patient.active` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","active":[[true]]}"#, "`Patient.active` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","name":["SECRET"]}"#, "`Patient.name` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","_name":[{}]}"#, "`Patient.name` is not as JSON has it in FHIR R4"),
        (r#"{"resourceType":"Patient","name":[{"id":1}]}"#, "`HumanName.id` is not as JSON has it in FHIR R4"),
        (
            r#"{"resourceType":"Patient","name":[{"given":[null]}]}"#,
            "`HumanName.given` is not as JSON has it in FHIR R4",
        ),
    ] {
        assert_eq!(written(json).unwrap_err(), said, "{json}");
    }
    let deep = |levels: usize| {
        let (open, close) = (r#"{"url":"u","extension":["#.repeat(levels), "]}".repeat(levels));
        written(&format!(r#"{{"resourceType":"Patient","extension":[{open}{close}]}}"#))
    };
    assert!(deep(100).is_ok());
    assert_eq!(deep(1000).unwrap_err(), "it is nested too deep");
}

fn json(xml: &str) -> Result<String, String> {
    read(xml.as_bytes(), &types())
}

#[test]
fn a_prefix_is_as_good_as_none_and_the_order_does_not_count() {
    let xml = "\n<?xml version='1.0'?><!-- c --><f:Patient xmlns:f='http://hl7.org/fhir'>
        <f:birthDate value='1970'/><f:name><f:given value='A'/></f:name><f:active value='true'></f:active>
        <f:name><f:given value=\"B&#10;&amp;\"/></f:name></f:Patient>\n<?x y?>";
    let known =
        r#"{"resourceType":"Patient","active":true,"name":[{"given":["A"]},{"given":["B\n&"]}],"birthDate":"1970"}"#;
    assert_eq!(json(xml.trim_start()).unwrap(), known);
}

#[test]
fn what_r4_does_not_have_is_passed_over() {
    let known = r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"400"}}]}"#;
    let xml = r#"<Bundle xmlns="http://hl7.org/fhir" xmlns:o="o" o:type="x" type="x"><type value="batch-response"/>
        <later><type value="y"/></later><o:type value="z"/><entry><resource><Later><id value="1"/></Later></resource>
        <response><status value="400"/><outcome><Later/></outcome></response></entry></Bundle>"#;
    assert_eq!(json(xml).unwrap(), known);
}

#[test]
fn a_number_that_is_none_stays_a_text() {
    for (value, known) in
        [("1.50", "1.50"), ("false", "false"), ("1,2", "\"1,2\""), ("null", "\"null\""), ("1 ", "\"1 \"")]
    {
        let xml = format!("<Patient xmlns='http://hl7.org/fhir'><active value='{value}'/></Patient>");
        assert_eq!(json(&xml).unwrap(), format!(r#"{{"resourceType":"Patient","active":{known}}}"#));
    }
}

/// Safe by default: XML has no DTD and no entities.
#[test]
fn no_dtd_and_no_entity_is_read() {
    let patient = |inner: &str| format!("<Patient xmlns='http://hl7.org/fhir'>{inner}</Patient>");
    for (xml, said) in [
        (format!("<!DOCTYPE Patient>{}", patient("")), "it has a DTD, which is not read"),
        (
            format!("<!DOCTYPE Patient [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{}", patient("&a;")),
            "it has a DTD, which is not read",
        ),
        (patient("&a;"), "it has an entity, which is not read"),
        (patient("<birthDate value='&a;'/>"), "it is no well-formed XML"),
    ] {
        assert_eq!(json(&xml).unwrap_err(), said, "{xml}");
    }
}

#[test]
fn what_is_not_well_formed_is_no_answer() {
    let patient = |inner: &str| format!("<Patient xmlns='http://hl7.org/fhir'>{inner}</Patient>");
    for xml in [
        "<Patient xmlns='http://hl7.org/fhir'><active value='true'/>".to_owned(),
        patient("<active value='true'>"),
        patient("<active value='true' value='false'/>"),
        patient("<active value=true/>"),
        patient("") + "<more/>",
        patient("") + "more",
        "before".to_owned() + &patient(""),
        String::new(),
    ] {
        assert_eq!(json(&xml).unwrap_err(), "it is no well-formed XML", "{xml}");
    }
    for xml in ["<html/>", "<Patient/>", "<Later xmlns='http://hl7.org/fhir'/>"] {
        assert_eq!(json(xml).unwrap_err(), "it is no resource of FHIR R4", "{xml}");
    }
    for tag in ["extension", "later"] {
        let deep = patient(&format!("<{tag}>").repeat(100_000));
        assert_eq!(json(&deep).unwrap_err(), "it is nested too deep");
    }
    assert_eq!(read(b"<Patient a='\xE4'/>", &types()).unwrap_err(), "it is not in UTF-8");
}

/// Of what XML is made of, and of what it is not.
const PIECES: [&str; 24] = [
    "<Patient xmlns='http://hl7.org/fhir'>",
    "</Patient>",
    "<name>",
    "</name>",
    "<given value='A'/>",
    "<active value='true'/>",
    "<active value='1,\"x\":2'/>",
    "<active value='-'/>",
    "<birthDate id=\"",
    "\"/>",
    "<text>",
    "</text>",
    "<div xmlns='http://www.w3.org/1999/xhtml'>",
    "</div>",
    "<p a='1'>",
    "</p>",
    "&amp;",
    "&#0;",
    "&",
    "\"",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
];

proptest! {
    /// So nothing that a server answers becomes anything but a value.
    #[test]
    fn what_is_read_is_json_and_is_written_again(pieces in vec(select(&PIECES[1..]), 0..8)) {
        let xml = format!("{}{}</Patient>", PIECES[0], pieces.concat());
        if let Ok(back) = json(&xml) {
            let value: serde_json::Value = serde_json::from_str(&back).unwrap();
            prop_assert_eq!(&value["resourceType"], "Patient");
            if let Ok(xml) = written(&back) {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&xml).unwrap()).unwrap(), value);
            }
        }
    }

    #[test]
    fn each_text_comes_back_or_is_refused(text in any::<String>()) {
        let before = serde_json::json!({ "resourceType": "Patient", "name": [{ "family": text }] });
        match written(&before.to_string()) {
            Ok(xml) => prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&xml).unwrap()).unwrap(), before),
            Err(why) => prop_assert_eq!(why, "a text has a character that XML cannot carry"),
        }
    }
}
