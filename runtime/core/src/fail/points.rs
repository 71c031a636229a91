//! The places at which a build for tests may end the process, one line for each. The ledger kills an engine once at each.

/// Their names, and the hit up to which a process that has work comes for sure.
pub const POINTS: &[(&str, u32)] = &[
    // A start, and what it takes up.
    ("journal.open", 1),
    ("journal.scanned", 1),
    ("journal.opened", 1),
    ("flow.take_up", 1),
    ("flow.taken_up", 1),
    // A record on its way to the disk.
    ("journal.group", 40),
    ("journal.append", 40),
    ("journal.appended", 40),
    ("journal.write", 40),
    ("journal.written", 40),
    ("journal.synced", 40),
    ("journal.committed", 40),
    ("journal.told", 40),
    // The next segment.
    ("segment.full", 2),
    ("segment.rename", 2),
    ("segment.renamed", 2),
    ("segment.begun", 2),
    ("segment.zeros", 2),
    ("segment.zeroed", 2),
    ("segment.spare", 2),
    ("segment.forget", 1),
    ("segment.forgotten", 1),
    // A message on its way through.
    ("flow.take", 40),
    ("flow.submitted", 40),
    ("flow.stored", 40),
    ("flow.marked", 40),
    ("flow.mapped", 40),
    ("flow.unmarked", 40),
    ("flow.noted", 40),
    ("flow.queued", 40),
    ("flow.deliver", 40),
    ("flow.delivered", 40),
    ("flow.settled", 40),
    // Those who bring it and take it.
    ("mllp.read", 40),
    ("mllp.answer", 40),
    ("mllp.answered", 40),
    ("mllp.send", 40),
    ("mllp.sent", 40),
    ("mllp.judged", 40),
    ("file.claim", 2),
    ("file.claimed", 2),
    ("file.message", 10),
    ("file.put", 2),
    ("file.done", 2),
    // An end in peace, which is none.
    ("stop.told", 1),
    ("stop.closed", 1),
];
