//! HL7 v2 over TCP (HL7 v2.5.1 Appendix C, MLLP release 1).

pub mod feed;
pub mod frame;
pub mod target;
