//! The messages and what becomes of them as files, for peers in other languages: `tests/peers`.

use crate::engine::Row;
use crate::measure::outputs;
use crate::workload::Workload;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `W1.messages`, a JSON text a line, and `W1.expected`, what the row makes of each, a resource a line.
pub fn export(workload: &Workload, row: &Row, folder: &Path) -> Result<(), String> {
    let expected = outputs(workload, row).ok_or(format!("`{}` does not do {}", row.name, workload.name))?;
    let messages = workload.corpus.messages().map(|it| serde_json::to_vec(&String::from_utf8_lossy(it.bytes())));
    let messages = messages.collect::<Result<Vec<_>, _>>().map_err(|why| why.to_string())?;
    let write = |what, all: &[Vec<u8>]| lines(&folder.join(format!("{}.{what}", workload.name)), all);
    std::fs::create_dir_all(folder)
        .and_then(|()| write("messages", &messages))
        .and_then(|()| write("expected", &expected))
        .map_err(|why| format!("{}: {why}", folder.display()))
}

fn lines(file: &Path, all: &[Vec<u8>]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    for line in all {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
