//! The least that runs an artifact: one of its maps over messages, each a file of its own, and a line for what comes of
//! each. What code leaves to the interpreter is left, since there is none here.
//!
//! `cargo run -p emr-runtime --example run -- hospital.emrx hospital.admission messages/*.hl7`

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use emr_message::{Charset, Settings, Zone};
use emr_runtime::host::{Artifact, Machine, Raised, Ran};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [artifact, name, messages @ ..] = arguments.as_slice() else {
        return Err("an artifact, the name of a map, and messages".into());
    };
    let artifact = Artifact::open(Path::new(artifact))?;
    let index = artifact.index();
    let map = index.maps.iter().find(|map| map.name == *name).ok_or("there is no map of that name")?;
    let charset = index.charset.as_deref().map(Charset::named).transpose().map_err(|_| "an unknown charset")?;
    let zone = index.zone.as_deref().map(Zone::named).transpose().map_err(|_| "an unknown zone")?;
    let loaded = Arc::new(artifact.program(map)?);
    let mut machine = Machine::new(Arc::clone(&loaded), Settings { charset }, zone, None);
    let mut out = io::stdout().lock();
    for path in messages {
        match machine.run(&fs::read(path)?) {
            Ran::Done(done) => {
                out.write_all(done.json)?;
                done.issues.iter().try_for_each(|issue| tell(&mut out, &loaded.program().issues, issue))?;
            }
            Ran::Refused(refused) => {
                write!(out, "refused")?;
                tell(&mut out, &loaded.program().issues, &refused.why)?;
            }
            Ran::Unreadable(why) => write!(out, "{why}")?,
            Ran::Deferred => write!(out, "left to the interpreter")?,
            Ran::Fault => write!(out, "a fault")?,
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Code, place and text of an issue, behind what the message came to.
fn tell(out: &mut impl Write, said: &[emr_abi::Said], issue: &Raised) -> io::Result<()> {
    let place = issue.place.map(|place| place.to_string()).unwrap_or_default();
    match said.get(issue.issue as usize) {
        Some(said) => write!(out, " [{} {place} {}]", said.code, said.text),
        None => Ok(()),
    }
}
