//! HL7 v2 messages, FHIR JSON and the bodies of the built-ins: pure, for interpreter and runtime alike.
