//! HTTP: what is posted to a feed, and what is posted to a service.

pub mod feed;
pub mod target;
