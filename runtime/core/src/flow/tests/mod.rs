//! A feed with a program of the tests' own: what is answered is stored, what is stored goes out in its order.

mod again;
mod anew;
mod change;
mod cut;
mod full;
mod operate;
mod posted;
mod reply;
mod settings;
mod sockets;
mod space;
mod train;
mod witness;
mod written;

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use emr_message::Receipt;
use emr_message::answer::reply::addressed;
use emr_message::answer::{Code, Problem, Wrong};
use emr_message::header::Header;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::deliver::{Outlet, Parcel, Said, Target};
use super::intake::{Intake, OnReject, Sent, Settings, Way, When};
use super::pace::Pace;
use super::program::{Form, Made, Mapped, Program, Rejected, Sorted};
use super::retry::{Failure, Retry};
use super::seen::{Verdict, identity};
use super::witness::Witness;
use super::work::WayOut;
use crate::clock;
use crate::journal::entry::{ARRIVAL, Arrival};
use crate::journal::fs::{Disk, Fs};
use crate::journal::ledger::{Ledger, Settled};
use crate::journal::log::{Log, SEGMENT};
use crate::journal::space::Reserve;

/// Passes messages on, and does with some what their MSH-3 says, or the id of a resource.
struct Passing;

/// A field of the header; of a resource, its id.
fn field(message: &[u8], number: usize) -> Option<String> {
    if let Some(header) = Header::read(message) {
        return Some(String::from_utf8(header.field(number).to_vec()).unwrap());
    }
    let resource: serde_json::Value = serde_json::from_slice(message).ok()?;
    Some(resource["id"].as_str().unwrap_or_default().to_owned())
}

impl Program for Passing {
    fn hash(&self) -> u64 {
        7
    }

    fn sort(&self, _: usize, message: &[u8], _: &Receipt) -> Sorted {
        match field(message, 3).as_deref() {
            None => Sorted::Unreadable(Problem::new(Wrong::SegmentSequence, None)),
            Some("IGNORED") => Sorted::Ignored("nobody wants it".into()),
            Some("OTHER") => Sorted::NotServed(Problem::new(Wrong::MessageType, None)),
            Some(_) => Sorted::Routes(vec![0]),
        }
    }

    fn map(&self, _: usize, _: usize, message: &Bytes, _: &Receipt) -> Mapped {
        let result = match field(message, 3).unwrap().as_str() {
            "WRONG" => Err(Rejected {
                code: "R0501".into(),
                text: "it is wrong".into(),
                problem: Problem::new(Wrong::DataType, None),
                is_fault: false,
            }),
            "PANIC" => panic!("told to"),
            "FHIR" => {
                let control = field(message, 10).unwrap();
                let bytes = format!("{{\"resourceType\":\"Patient\",\"id\":\"{control}\"}}").into_bytes();
                Ok(vec![Made { form: Form::Json, bytes: bytes.into() }])
            }
            _ => Ok(vec![Made { form: Form::Message, bytes: message.clone() }]),
        };
        result.into()
    }

    /// What a target says, unless that is what its `MSH-3` tells to refuse.
    fn reply(
        &self,
        _: usize,
        _: usize,
        message: &Bytes,
        (answer, code): (&Made, Code),
        receipt: &Receipt,
    ) -> Mapped<Made> {
        if field(message, 3).as_deref() == Some("UNTOLD") {
            let wrong = self.map(0, 0, &Bytes::from_static(b"MSH|^~\\&|WRONG\r"), receipt);
            return wrong.result.map(|mut made| made.remove(0)).into();
        }
        let asked = Header::read(message).filter(|_| answer.form == Form::Message);
        let addressed = asked.and_then(|asked| addressed(&answer.bytes, &asked, code));
        Ok(addressed.map_or_else(|| answer.clone(), |bytes| Made { form: answer.form, bytes: bytes.into() })).into()
    }

    fn read(&self, _: usize, readings: &[usize], message: &[u8], _: &Receipt) -> Vec<Vec<String>> {
        readings.iter().map(|_| vec![field(message, 4).unwrap()]).collect()
    }
}

/// Keeps what it gets, by MSH-10; refuses every so manieth try.
#[derive(Default)]
struct Kept {
    got: Mutex<Vec<String>>,
    tries: AtomicU32,
    fails_each: u32,
    is_down: bool,
}

impl Target for Kept {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(async move {
            let tried = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
            if self.is_down || self.fails_each > 0 && tried.is_multiple_of(self.fails_each) {
                return Err(Failure::Passing("told to".into())).into();
            }
            self.got.lock().unwrap().push(field(&parcel.made[0].bytes, 10).unwrap());
            Ok(()).into()
        })
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn sent(message: Bytes) -> Sent {
    Sent { message, file: None, claim: None }
}

struct Running<F: Fs = Disk> {
    intake: Arc<Intake<F>>,
    kept: Arc<Kept>,
    stop: watch::Sender<bool>,
    queue: JoinHandle<()>,
}

fn start(folder: &Path, answer: When, order_by: &[usize], kept: Kept) -> Running {
    start_with("all>kept", folder, answer, order_by, kept)
}

fn start_with(way: &str, folder: &Path, answer: When, order_by: &[usize], kept: Kept) -> Running {
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    start_seen(way, folder, answer, order_by, kept, Arc::new(nobody))
}

fn start_seen(
    way: &str,
    folder: &Path,
    answer: When,
    order_by: &[usize],
    kept: Kept,
    witness: Arc<dyn Witness>,
) -> Running {
    start_on(Disk, settings(way, folder, answer, order_by), kept, witness)
}

fn settings(way: &str, folder: &Path, answer: When, order_by: &[usize]) -> Settings {
    Settings {
        feed: 0,
        name: "adt".into(),
        folder: folder.to_owned(),
        answer,
        routes: vec!["all".into()],
        on_reject: vec![OnReject::AckError],
        repair: Vec::new(),
        unless_seen: Vec::new(),
        ways: vec![Way { route: 0, target: 0, name: way.into(), reads: Vec::new(), asks: false }],
        order_by: order_by.to_vec(),
        remember: 60_000,
        reserve: Reserve { percent: 0, bytes: 0 },
        tables: Arc::default(),
    }
}

/// With the one way that its settings name.
fn start_on<F: Fs>(fs: F, settings: Settings, kept: Kept, witness: Arc<dyn Witness>) -> Running<F> {
    let way = Arc::clone(&settings.ways[0].name);
    let (intake, _) = Intake::open(fs, settings, Arc::new(Passing), witness, |fault| panic!("{fault:?}")).unwrap();
    let kept = Arc::new(kept);
    let (stop, stopped) = watch::channel(false);
    let source = Arc::new(WayOut { intake: Arc::clone(&intake), name: way });
    let retry = Retry { times: None, from: 1, to: 2 };
    let outlet = Outlet { target: Arc::clone(&kept) as _, retry, pace: Pace::default() };
    let queue = Arc::clone(&intake.version().queues[0]).run(source, Arc::new(outlet), stopped);
    Running { intake, kept, stop, queue: tokio::spawn(queue) }
}

impl<F: Fs> Running<F> {
    async fn take(&self, from: &str, place: &str, control: &str) -> Verdict {
        let message = format!("MSH|^~\\&|{from}|{place}|||1||ADT^A01|{control}|P|2.5\rPID|1\r");
        self.intake.take(sent(Bytes::from(message))).await.unwrap().verdict().await
    }

    /// Waits until nothing is in flight.
    async fn settled(&self) -> Settled {
        while self.intake.law().in_flight > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert!(self.intake.law().holds());
        self.intake.law().settled
    }

    fn got(&self) -> Vec<String> {
        self.kept.got.lock().unwrap().clone()
    }

    async fn end(self) {
        self.stop.send_replace(true);
        self.queue.await.unwrap();
        self.intake.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_out_once_and_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept { fails_each: 3, ..Kept::default() });
    for number in 0..200 {
        assert_eq!(feed.take("A", "H", &number.to_string()).await, Verdict::Good);
    }
    assert_eq!(feed.settled().await.delivered, 200);
    assert_eq!(feed.got(), (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_twice_is_answered_twice_and_goes_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    let both = tokio::join!(feed.take("A", "H", "1"), feed.take("A", "H", "1"));
    assert_eq!(both, (Verdict::Good, Verdict::Good));
    let wrong = feed.take("WRONG", "H", "2").await;
    assert!(matches!(wrong, Verdict::Wrong(_)));
    assert_eq!(feed.take("WRONG", "H", "2").await, wrong);
    // Without a control id two are two.
    tokio::join!(feed.take("A", "H", ""), feed.take("A", "H", ""));
    let settled = feed.settled().await;
    assert_eq!((settled.delivered, settled.refused), (3, 1));
    feed.end().await;
    // The next process knows them.
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    assert!(matches!(feed.take("WRONG", "H", "2").await, Verdict::Wrong(_)));
    assert_eq!(feed.settled().await.delivered, 3);
    assert!(feed.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    assert_eq!(feed.take("IGNORED", "H", "2").await, Verdict::Good);
    assert!(matches!(feed.take("OTHER", "H", "3").await, Verdict::NotServed(_)));
    assert!(matches!(feed.take("WRONG", "H", "4").await, Verdict::Wrong(_)));
    assert_eq!(feed.take("PANIC", "H", "5").await, Verdict::Good);
    let unread = feed.intake.take(sent(Bytes::from_static(b"hello"))).await.unwrap().verdict().await;
    assert!(matches!(unread, Verdict::Unreadable(_)));
    let settled = feed.settled().await;
    assert_eq!(settled, Settled { delivered: 1, filtered: 1, refused: 3, dropped: 0 });
    assert_eq!(feed.intake.law().parked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_answered_already_has_nothing_refused() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Stored, &[], Kept::default());
    for from in ["A", "OTHER", "WRONG"] {
        assert_eq!(feed.take(from, "H", from).await, Verdict::Good);
    }
    assert_eq!(feed.settled().await.refused, 0);
    while feed.intake.law().parked < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_flight_goes_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    for number in 0..50 {
        assert_eq!(feed.take("A", "H", &number.to_string()).await, Verdict::Good);
    }
    assert_eq!(feed.intake.law().in_flight, 50);
    // No word of farewell: what the disk has is all that there is.
    feed.queue.abort();
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.settled().await.delivered, 50);
    assert_eq!(feed.got(), (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_way_any_more_waits_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    // The answer does not wait for what was made of it to be noted on disk.
    let is_noted = || {
        let ledger = Ledger::of(Disk, folder.path().to_owned()).unwrap();
        ledger.message(0).is_some_and(|open| open.mapped.is_some())
    };
    while !is_noted() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    feed.queue.abort();
    let feed = start_with("all>other", folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.take("A", "H", "2").await, Verdict::Good);
    assert_eq!(feed.settled().await.delivered, 1);
    assert_eq!(feed.intake.law().parked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_wait_for_themselves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[0], Kept { fails_each: 4, ..Kept::default() });
    for number in 0..100u32 {
        feed.take("A", &(number % 3).to_string(), &number.to_string()).await;
    }
    feed.settled().await;
    let got: Vec<u32> = feed.got().iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(got.len(), 100);
    for lane in 0..3 {
        let of_lane: Vec<_> = got.iter().filter(|number| *number % 3 == lane).collect();
        assert!(of_lane.is_sorted(), "{of_lane:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_wait_for_all_targets() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Delivered, &[], Kept { fails_each: 2, ..Kept::default() });
    for number in 0..10 {
        assert_eq!(feed.take("A", "H", &number.to_string()).await, Verdict::Good);
        assert_eq!(feed.got().len(), number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_die_of_is_parked_and_its_sender_told_that_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let message = Bytes::from_static(b"MSH|^~\\&|A|H|||1||ADT^A01|1|P|2.5\rPID|1\r");
    let mut log = Log::open(Disk, folder.path().to_owned(), SEGMENT, |_| {}).unwrap();
    let arrival =
        Arrival { received: clock::microseconds(), identity: identity(&message, None), file: None, is_answered: false };
    let number = log.append(ARRIVAL, &arrival.head(), &message).unwrap().number;
    log.commit().unwrap();
    drop(log);
    // The number, one death, and a map that is at it.
    let mark = [number.to_le_bytes().as_slice(), &1u32.to_le_bytes(), &1u32.to_le_bytes()].concat();
    std::fs::write(folder.path().join("mark"), mark).unwrap();
    let feed = start(folder.path(), When::Delivered, &[], Kept::default());
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    assert_eq!((feed.intake.law().accepted, feed.intake.law().parked), (1, 1));
    assert_eq!(feed.intake.mark.deaths(number), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_process_died_of_is_tried_before_anybody_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let message = "MSH|^~\\&|A|H|||1||ADT^A01|1|P|2.5\rPID|1\r";
    let mut log = Log::open(Disk, folder.path().to_owned(), SEGMENT, |_| {}).unwrap();
    let arrival = Arrival { received: 0, identity: None, file: None, is_answered: false };
    let number = log.append(ARRIVAL, &arrival.head(), message.as_bytes()).unwrap().number;
    log.commit().unwrap();
    drop(log);
    std::fs::write(folder.path().join("mark"), number.to_le_bytes()).unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    let open = feed.intake.ledger().message(number).cloned();
    assert!(open.is_some_and(|open| open.mapped.is_some()));
}
