//! FHIR's structures, as far as the maps write them.

use serde::Serialize;

/// What is left out of JSON.
trait Empty {
    fn is_empty(&self) -> bool;
}

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

macro_rules! structs {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => { $(
        #[derive(Clone, Default, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $(#[serde(skip_serializing_if = "Empty::is_empty")] pub $field: $type),*
        }
    )* };
}

type Text = Option<String>;

structs! {
    Coding { system: Text, code: Text, display: Text }
    CodeableConcept { extension: Vec<Extension>, coding: Vec<Coding>, text: Text }
    Extension { url: Text, value_code: Text }
    Identifier { r#type: Option<CodeableConcept>, system: Text, value: Text, assigner: Option<Display> }
    Display { display: Text }
    Reference { reference: Text, identifier: Option<Identifier>, display: Text }
    HumanName { r#use: Text, family: Text, given: Vec<String>, prefix: Vec<String>, suffix: Vec<String> }
    ContactPoint { system: Text, value: Text, r#use: Text }
    Address {
        r#use: Text, r#type: Text, line: Vec<String>, city: Text, district: Text, state: Text, postal_code: Text,
        country: Text,
    }
    Period { start: Text, end: Text }
    Quantity { value: Option<f64>, comparator: Text, unit: Text, system: Text, code: Text }
    Communication { language: Option<CodeableConcept> }
    Participant { r#type: Vec<CodeableConcept>, individual: Option<Reference> }
    Hospitalization { admit_source: Option<CodeableConcept>, discharge_disposition: Option<CodeableConcept> }
    Location { location: Option<Display>, status: Text }
    Reaction { manifestation: Vec<CodeableConcept> }
    Class { r#type: Option<CodeableConcept>, value: Text, name: Text }
    Note { text: Text }
    Parameter { name: Text, value_string: Text }
    Parameters { parameter: Vec<Parameter> }
    Patient {
        identifier: Vec<Identifier>, name: Vec<HumanName>, telecom: Vec<ContactPoint>, gender: Text, birth_date: Text,
        deceased_date_time: Text, deceased_boolean: Option<bool>, address: Vec<Address>,
        marital_status: Option<CodeableConcept>, multiple_birth_integer: Option<u32>,
        multiple_birth_boolean: Option<bool>, communication: Vec<Communication>,
    }
    Encounter {
        identifier: Vec<Identifier>, status: Text, class: Option<Coding>, r#type: Vec<CodeableConcept>,
        subject: Option<Reference>, participant: Vec<Participant>, period: Option<Period>,
        hospitalization: Option<Hospitalization>, location: Vec<Location>,
    }
    RelatedPerson {
        patient: Option<Reference>, relationship: Vec<CodeableConcept>, name: Vec<HumanName>,
        telecom: Vec<ContactPoint>, gender: Text, birth_date: Text, address: Vec<Address>, period: Option<Period>,
    }
    AllergyIntolerance {
        clinical_status: Option<CodeableConcept>, category: Vec<String>, criticality: Text,
        code: Option<CodeableConcept>, patient: Option<Reference>, onset_date_time: Text, reaction: Vec<Reaction>,
    }
    Condition {
        clinical_status: Option<CodeableConcept>, category: Vec<CodeableConcept>, code: Option<CodeableConcept>,
        subject: Option<Reference>, encounter: Option<Reference>, onset_date_time: Text, recorded_date: Text,
        asserter: Option<Reference>,
    }
    Coverage {
        status: Text, r#type: Option<CodeableConcept>, subscriber_id: Text, beneficiary: Option<Reference>,
        relationship: Option<CodeableConcept>, period: Option<Period>, payor: Vec<Reference>, class: Vec<Class>,
    }
    DiagnosticReport {
        identifier: Vec<Identifier>, status: Text, category: Vec<CodeableConcept>, code: Option<CodeableConcept>,
        subject: Option<Reference>, effective_date_time: Text, issued: Text, performer: Vec<Reference>,
        result: Vec<Reference>,
    }
    Observation {
        status: Text, category: Vec<CodeableConcept>, code: Option<CodeableConcept>, subject: Option<Reference>,
        effective_date_time: Text, issued: Text, performer: Vec<Reference>, value_quantity: Option<Quantity>,
        value_codeable_concept: Option<CodeableConcept>, value_date_time: Text, value_string: Text,
        interpretation: Vec<CodeableConcept>, method: Option<CodeableConcept>, reference_range: Vec<Note>,
        note: Vec<Note>,
    }
}

/// Nothing in place of something empty.
pub fn some<T: Default + PartialEq>(of: T) -> Option<T> {
    (of != T::default()).then_some(of)
}

#[derive(Serialize)]
#[serde(tag = "resourceType")]
pub enum Resource {
    Patient(Box<Patient>),
    Encounter(Box<Encounter>),
    RelatedPerson(Box<RelatedPerson>),
    AllergyIntolerance(Box<AllergyIntolerance>),
    Condition(Box<Condition>),
    Coverage(Box<Coverage>),
    DiagnosticReport(Box<DiagnosticReport>),
    Observation(Box<Observation>),
    Parameters(Parameters),
}

impl Resource {
    pub fn name(&self) -> &'static str {
        match self {
            Resource::Patient(_) => "Patient",
            Resource::Encounter(_) => "Encounter",
            Resource::RelatedPerson(_) => "RelatedPerson",
            Resource::AllergyIntolerance(_) => "AllergyIntolerance",
            Resource::Condition(_) => "Condition",
            Resource::Coverage(_) => "Coverage",
            Resource::DiagnosticReport(_) => "DiagnosticReport",
            Resource::Observation(_) => "Observation",
            Resource::Parameters(_) => "Parameters",
        }
    }
}

#[derive(Serialize)]
pub struct Request {
    pub method: String,
    pub url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub full_url: String,
    pub resource: Resource,
    pub request: Request,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    resource_type: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    entry: Vec<Entry>,
}

impl Bundle {
    pub fn transaction(timestamp: Option<String>, entry: Vec<Entry>) -> Bundle {
        Bundle { resource_type: "Bundle".into(), r#type: "transaction".into(), timestamp, entry }
    }
}
