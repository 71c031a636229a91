//! Who asks, as the machine knows it: the user of a process and, where that is another, the one who logged in. What a process
//! says of itself is not asked.

use std::fs;

/// Who asks where nobody knows it.
pub const SOMEBODY: &str = "somebody";

/// A process of that user: `alice (uid 1000)`, or `alice (uid 1000) as emr (uid 990)`, where she became another user with `sudo`
/// or `su`.
pub fn of_process(user: u32, process: Option<i32>) -> String {
    match process.and_then(logged_in).filter(|person| *person != user) {
        Some(person) => format!("{} as {}", named(person), named(user)),
        None => named(user),
    }
}

/// Who runs this process.
pub fn of_this() -> String {
    let process = i32::try_from(std::process::id()).ok();
    of_process(rustix::process::getuid().as_raw(), process)
}

/// Whom the system let in, whatever became of it since: Linux keeps it for its own audit. Nothing for a service.
fn logged_in(process: i32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|user| *user != u32::MAX)
}

/// By the accounts of the machine; those of a directory have their number alone.
fn named(user: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name(&accounts, user) {
        Some(name) => format!("{name} (uid {user})"),
        None => format!("uid {user}"),
    }
}

/// passwd(5): name, password, number, …
fn name(accounts: &str, user: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(user)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nnobody\nemr:x:990:990::/nonexistent:/bin/false\n";
        assert_eq!([0, 990, 991].map(|user| name(accounts, user)), [Some("root"), Some("emr"), None]);
        assert_eq!(of_process(4_000_000_000, None), "uid 4000000000");
    }
}
