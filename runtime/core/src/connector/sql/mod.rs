//! A database of PostgreSQL: a table is asked for its rows.

pub mod table;
mod tls;
