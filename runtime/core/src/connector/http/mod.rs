//! HTTP: what is posted to a service.

pub mod target;
