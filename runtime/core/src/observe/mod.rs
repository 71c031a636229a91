//! Whoever looks on while a project runs. Each is a [`Witness`](crate::flow::witness::Witness) and knows nothing of the
//! others; none of them ever learns a value of a message.
//!
//! [`log`] writes lines for people, [`metrics`] counts for machines, [`audit`] keeps what can be proven,
//! [`alarm`] tells people what needs them, [`trace`] shows the way of single messages. [`serve`] is where machines read what
//! was counted, and whether messages are taken.

pub mod alarm;
pub mod audit;
pub mod log;
pub mod metrics;
pub mod serve;
pub mod trace;

/// What lines of the log come from: those of libraries might tell what a message holds.
pub(crate) const OURS: &str = module_path!();

/// What a message is called for good: `adt-17`.
fn id(feed: &str, number: u64) -> String {
    format!("{feed}-{}", number + 1)
}
