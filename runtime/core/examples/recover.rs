//! How long a feed takes to be ready with so many messages queued, and then to answer the next one.
//!
//! `cargo run --release -p emr-runtime --example recover -- 1000000`

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use emr_message::Receipt;
use emr_message::answer::Code;
use emr_message::header::Header;
use emr_runtime::flow::intake::{Intake, OnReject, Sent, Settings, Way, When};
use emr_runtime::flow::program::{Form, Made, Mapped, Program, Sorted};
use emr_runtime::flow::seen::{Verdict, identity};
use emr_runtime::flow::witness::Witness;
use emr_runtime::journal::entry::{ARRIVAL, Arrival, EVENT, Event, What};
use emr_runtime::journal::fs::Disk;
use emr_runtime::journal::log::{Fault, Log, SEGMENT};
use emr_runtime::journal::space::Reserve;

/// Passes messages on, each in the order of its MSH-10's last letter.
struct Passing;

impl Program for Passing {
    fn hash(&self) -> u64 {
        7
    }

    fn sort(&self, _: usize, _: &[u8], _: &Receipt) -> Sorted {
        Sorted::Routes(vec![0])
    }

    fn map(&self, _: usize, _: usize, message: &Bytes, _: &Receipt) -> Mapped {
        Ok(vec![Made { form: Form::Message, bytes: message.clone() }]).into()
    }

    fn reply(&self, _: usize, _: usize, _: &Bytes, (answer, _): (&Made, Code), _: &Receipt) -> Mapped<Made> {
        Ok(answer.clone()).into()
    }

    fn read(&self, _: usize, readings: &[usize], message: &[u8], _: &Receipt) -> Vec<Vec<String>> {
        let control = Header::read(message).map(|header| header.field(10).to_vec()).unwrap_or_default();
        let key = control.last().map(|letter| char::from(*letter).to_string());
        readings.iter().map(|_| key.clone().into_iter().collect()).collect()
    }
}

fn message(number: u64) -> Bytes {
    Bytes::from(format!(
        "MSH|^~\\&|SENDER|H|EMR|H|20260101||ADT^A01^ADT_A01|{number}|P|2.5.1\rEVN||20260101\r\
         PID|1||{number}^^^H||DOE^JANE||19620301|F\rPV1|1|I|WARD^1^2^H\rNK1|1|DOE^JOHN|SPO\rOBX|1|ST|X||{:0300}\r",
        number
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let folder = std::env::temp_dir().join(format!("recover-{}", std::process::id()));
    let measured = queue(&folder, count).map_err(|fault| fault.to_string()).and_then(|()| measure(&folder));
    std::fs::remove_dir_all(&folder)?;
    measured.map_err(Into::into)
}

/// A journal with so many messages that are mapped, and that no target has.
fn queue(folder: &Path, count: u64) -> Result<(), Fault> {
    let mut log = Log::open(Disk, folder.to_owned(), SEGMENT, |_| {})?;
    for number in 0..count {
        let bytes = message(number);
        let arrival = Arrival { received: 0, identity: identity(&bytes, None), file: None, is_answered: false };
        let place = log.append(ARRIVAL, &arrival.head(), &bytes)?;
        let what = What::Mapped { program: 7, targets: vec!["all>ehr".to_owned()] };
        log.append(EVENT, &Event::now(place.number, what).body(), &[])?;
        if log.waiting() > 1 << 20 {
            log.commit()?;
        }
    }
    log.commit().map(drop)
}

/// Seconds of processor time that this process took, which others on the machine do not make longer.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn measure(folder: &Path) -> Result<(), String> {
    let way = Way { route: 0, target: 0, name: "all>ehr".into(), reads: Vec::new(), asks: false };
    let settings = Settings {
        feed: 0,
        name: "adt".into(),
        folder: folder.to_owned(),
        answer: When::Checked,
        routes: Vec::new(),
        on_reject: vec![OnReject::AckError],
        unless_seen: vec![None],
        ways: vec![way],
        order_by: vec![0],
        remember: 60_000,
        reserve: Reserve::default(),
        tables: Arc::default(),
        repair: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|why| why.to_string())?;
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    let (began, spent) = (Instant::now(), processor());
    let opened = Intake::open(Disk, settings, Arc::new(Passing), Arc::new(nobody), |_| std::process::abort());
    let (intake, _) = opened.map_err(|fault| fault.to_string())?;
    let ready = (began.elapsed(), processor() - spent);
    let sent = Sent { message: message(u64::MAX), file: None, claim: None };
    let verdict = runtime.block_on(async {
        let mut answer = intake.take(sent).await.ok_or("it takes none")?;
        Ok::<_, String>(answer.verdict().await)
    })?;
    let answered = (began.elapsed(), processor() - spent);
    let asked = Instant::now();
    let law = intake.law();
    let summed = asked.elapsed();
    let mut out = io::stdout().lock();
    let line = writeln!(
        out,
        "{} in flight: ready after {:.1?} ({:.1} s of processors), the next is answered after {:.1?} ({:.1} s), {}; its sum \
         takes {summed:.1?}",
        law.in_flight,
        ready.0,
        ready.1,
        answered.0,
        answered.1,
        if verdict == Verdict::Good { "well" } else { "not well" }
    );
    line.map_err(|why| why.to_string())
}
