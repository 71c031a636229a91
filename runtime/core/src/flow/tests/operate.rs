//! What a person does with single messages: it happens, it outlasts the process, and the law holds.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::control::operations::Operations;
use crate::control::words::{Answer, Request, Which};
use crate::flow::operate::No;
use crate::journal::entry::{Replay, What};
use crate::journal::find::{History, State, histories};
use crate::journal::id::Id;
use crate::journal::space::Reserve;

/// Does as [`Passing`] does, until it is mended: then it passes all on.
#[derive(Default)]
struct Mended(AtomicBool);

impl Program for Mended {
    fn hash(&self) -> u64 {
        8
    }

    fn sort(&self, feed: usize, message: &[u8], receipt: &Receipt) -> Sorted {
        if self.0.load(Ordering::Relaxed) { Sorted::Routes(vec![0]) } else { Passing.sort(feed, message, receipt) }
    }

    fn map(&self, feed: usize, route: usize, message: &Bytes, receipt: &Receipt) -> Mapped {
        if !self.0.load(Ordering::Relaxed) {
            return Passing.map(feed, route, message, receipt);
        }
        Ok(vec![Made { form: Form::Message, bytes: message.clone() }]).into()
    }

    fn reply(
        &self,
        feed: usize,
        route: usize,
        message: &Bytes,
        said: (&Made, Code),
        receipt: &Receipt,
    ) -> Mapped<Made> {
        Passing.reply(feed, route, message, said, receipt)
    }

    fn read(&self, feed: usize, readings: &[usize], message: &[u8], receipt: &Receipt) -> Vec<Vec<String>> {
        Passing.read(feed, readings, message, receipt)
    }
}

/// Keeps ids of messages, while it is up; otherwise it takes none of them, for good.
#[derive(Default)]
struct Place {
    got: Mutex<Vec<String>>,
    is_down: AtomicBool,
}

impl Target for Place {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(async move {
            if self.is_down.load(Ordering::Relaxed) {
                return Err(Failure::Final("it is down".into())).into();
            }
            self.got.lock().unwrap().push(parcel.id.to_string());
            Ok(()).into()
        })
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Place {
    fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

/// A feed `adt` with one route to two targets.
struct Site {
    intake: Arc<Intake<Disk>>,
    operations: Operations,
    program: Arc<Mended>,
    ehr: Arc<Place>,
    lab: Arc<Place>,
    queues: Vec<JoinHandle<()>>,
    _stop: watch::Sender<bool>,
}

impl Site {
    async fn start(folder: &Path) -> Site {
        let (ehr, lab): (Arc<Place>, Arc<Place>) = Default::default();
        let way = |target, name: &str| Way { route: 0, target, name: name.into(), reads: Vec::new(), asks: false };
        let settings = Settings {
            feed: 0,
            name: "adt".into(),
            folder: folder.to_owned(),
            answer: When::Checked,
            repair: Vec::new(),
            unless_seen: Vec::new(),
            routes: Vec::new(),
            on_reject: vec![OnReject::AckError],
            ways: vec![way(0, "all>ehr"), way(1, "all>lab")],
            order_by: Vec::new(),
            remember: 60_000,
            reserve: Reserve::default(),
            tables: Arc::default(),
        };
        let program = Arc::new(Mended::default());
        let nobody: Vec<Arc<dyn Witness>> = Vec::new();
        let opened = Intake::open(Disk, settings, Arc::clone(&program) as _, Arc::new(nobody), |_| panic!("the disk"));
        let intake = opened.unwrap().0;
        let (stop, stopped) = watch::channel(false);
        let version = intake.version();
        let queues = [&ehr, &lab].into_iter().zip(version.ways()).map(|(place, (way, queue))| {
            let source = Arc::new(WayOut { intake: Arc::clone(&intake), name: Arc::clone(&way.name) });
            let retry = Retry { times: None, from: 1, to: 2 };
            let outlet = Outlet { target: Arc::clone(place) as _, retry, pace: Pace::default() };
            tokio::spawn(Arc::clone(queue).run(source, Arc::new(outlet), stopped.clone()))
        });
        let queues = queues.collect();
        let operations = Operations::default();
        operations.put(vec![Arc::clone(&intake)]).await;
        Site { intake, operations, program, ehr, lab, queues, _stop: stop }
    }

    async fn take(&self, from: &str, control: &str) -> Verdict {
        let message = format!("MSH|^~\\&|{from}|H|||1||ADT^A01|{control}|P|2.5\rPID|1\r");
        self.intake.take(sent(Bytes::from(message))).await.unwrap().verdict().await
    }

    /// Waits until so many are parked, and all is delivered that is not.
    async fn parked(&self, count: u64) {
        let is_going = || self.intake.sum(|ledger| ledger.open().any(|open| open.going().next().is_some()));
        self.until(|law| law.in_flight == 0 && law.parked == count && !is_going()).await;
    }

    async fn until(&self, holds: impl Fn(crate::journal::ledger::Law) -> bool) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        while !holds(self.intake.law()) {
            assert!(tokio::time::Instant::now() < patience, "{:?}", self.intake.law());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(self.intake.law().holds());
    }

    async fn ask(&self, request: Request) -> (u64, Vec<String>) {
        match self.operations.carry_out(request, "alice").await {
            Answer::Done { done, not } => {
                (done, not.into_iter().map(|not| format!("{}: {}", not.id, not.why)).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    async fn release(&self, number: u64) -> (u64, Vec<String>) {
        self.ask(Request::Release { which: Which::Ids(vec![Id::new("adt", number)]) }).await
    }

    async fn replay(&self, number: u64, to: Option<&str>) -> (u64, Vec<String>) {
        self.ask(Request::Replay { ids: vec![Id::new("adt", number)], to: to.map(ToOwned::to_owned) }).await
    }

    /// As a process ends that is killed.
    fn kill(self) {
        self.queues.iter().for_each(JoinHandle::abort);
    }

    async fn history(&self, number: u64) -> History {
        self.intake.flushed().await;
        let folder = self.intake.version().settings.folder.clone();
        histories(Disk, folder, &BTreeSet::from([number])).unwrap().remove(&number).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_let_go_is_made_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.ehr.set_down(true);
    assert_eq!(site.take("A", "1").await, Verdict::Good);
    site.parked(1).await;
    assert_eq!(site.lab.got(), ["adt-1"]);
    // It is still down.
    assert_eq!(site.release(0).await.0, 1);
    site.parked(1).await;
    site.ehr.set_down(false);
    assert_eq!(site.release(0).await, (1, vec![]));
    site.until(|law| law.settled.delivered == 1).await;
    assert_eq!((site.ehr.got(), site.lab.got()), (vec!["adt-1".to_owned()], vec!["adt-1".to_owned()]));
    assert_eq!(site.release(0).await, (0, vec!["adt-1: it is not parked".to_owned()]));
    let never = "adt-71: the journal does not hold it, or not any more";
    assert_eq!(site.release(70).await, (0, vec![never.to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_let_go_is_mapped_again_and_refused_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    assert_eq!(site.take("PANIC", "1").await, Verdict::Good);
    site.parked(1).await;
    assert_eq!(site.release(0).await.0, 1);
    site.parked(1).await;
    site.program.0.store(true, Ordering::Relaxed);
    assert_eq!(site.ask(Request::Release { which: Which::All }).await.0, 1);
    site.until(|law| law.settled.delivered == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_sends_on_is_not_refused_to_who_was_answered_long_ago() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    let wrong = site.take("WRONG", "1").await;
    assert!(matches!(wrong, Verdict::Wrong(_)));
    assert_eq!(site.replay(0, None).await, (1, vec![]));
    site.parked(1).await;
    assert_eq!(site.intake.law().settled.refused, 0);
    site.kill();
    let site = Site::start(folder.path()).await;
    site.program.0.store(true, Ordering::Relaxed);
    site.release(0).await;
    site.until(|law| law.settled.delivered == 1).await;
    // The sender hears what it heard before.
    let again = site.take("WRONG", "1").await;
    assert!(matches!((wrong, again), (Verdict::Wrong(was), Verdict::Wrong(is)) if was.wrong == is.wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_counts_as_dropped_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.ehr.set_down(true);
    site.take("A", "1").await;
    site.parked(1).await;
    let drop = |because: &str| Request::Drop { ids: vec![Id::new("adt", 0)], because: because.to_owned() };
    assert!(matches!(site.operations.carry_out(drop(" "), "alice").await, Answer::Refused { .. }));
    assert_eq!(site.ask(drop("entered by hand")).await, (1, vec![]));
    site.until(|law| law.settled.dropped == 1 && law.parked == 0).await;
    assert_eq!(site.ask(drop("entered by hand")).await.0, 0);
    // The other target may have had it meanwhile.
    let dropped = What::Dropped { because: "entered by hand".to_owned() };
    assert!(site.history(0).await.events.into_iter().any(|event| event.what == dropped));
    site.kill();
    let site = Site::start(folder.path()).await;
    assert_eq!(site.intake.law().settled.dropped, 1);
    // The same once more is the same.
    assert_eq!(site.take("A", "1").await, Verdict::Good);
    assert!(site.lab.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_is_delivered_once_more_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.take("A", "1").await;
    site.take("IGNORED", "2").await;
    site.until(|law| law.settled.delivered == 1 && law.settled.filtered == 1).await;
    assert_eq!(site.replay(0, Some("lab")).await, (1, vec![]));
    site.until(|law| law.settled.delivered == 1).await;
    assert_eq!((site.ehr.got().len(), site.lab.got()), (1, vec!["adt-1".to_owned(); 2]));
    assert_eq!(site.replay(0, None).await, (1, vec![]));
    site.until(|law| law.settled.delivered == 1).await;
    assert_eq!((site.ehr.got().len(), site.lab.got().len()), (2, 3));
    let (done, not) = site.replay(0, Some("nowhere")).await;
    assert_eq!((done, not), (0, vec!["adt-1: no route of `adt` leads to `nowhere`".to_owned()]));
    assert_eq!(site.replay(50, None).await.1, ["adt-51: the journal does not hold it, or not any more"]);
    site.ehr.set_down(true);
    site.replay(0, None).await;
    site.parked(1).await;
    assert_eq!(site.replay(0, None).await.1, ["adt-1: it is parked: release it"]);
    assert_eq!(site.intake.law().settled.delivered, 0);
    site.kill();
    // The next process counts the same.
    let site = Site::start(folder.path()).await;
    site.parked(1).await;
    let law = site.intake.law();
    assert_eq!((law.accepted, law.settled.delivered, law.settled.filtered), (2, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_done_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.take("A", "1").await;
    site.until(|law| law.settled.delivered == 1).await;
    site.ehr.set_down(true);
    site.take("A", "2").await;
    site.parked(1).await;
    let parked = site.intake.sum(|ledger| ledger.open().next().unwrap().number());
    let History { place, arrival, state, .. } = site.history(0).await;
    let State::Ended(was) = state else { panic!("{state:?}") };
    let replay = What::Replayed(Box::new(Replay { was, place, arrival, to: Some("ehr".to_owned()) }));
    let alice = "alice".into();
    let asked = [site.intake.ask(&alice, 0, replay).await, site.intake.ask(&alice, parked, What::Released).await];
    assert!(asked.iter().all(Result::is_ok));
    // It is on disk, and nobody gets to doing it.
    site.intake.flushed().await;
    site.kill();
    let site = Site::start(folder.path()).await;
    site.until(|law| law.settled.delivered == 2).await;
    let parked = format!("adt-{}", parked + 1);
    assert_eq!((site.ehr.got(), site.lab.got()), (vec!["adt-1".to_owned(), parked], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_for_one_target_goes_on_to_the_other_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.ehr.set_down(true);
    // Nobody brings anything to the laboratory.
    site.queues[1].abort();
    site.take("A", "1").await;
    site.until(|law| law.parked == 1).await;
    site.intake.flushed().await;
    site.kill();
    let site = Site::start(folder.path()).await;
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while site.lab.got().is_empty() {
        assert!(tokio::time::Instant::now() < patience);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(site.intake.law().parked, 1);
    assert!(site.ehr.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_in_the_moment_in_which_it_is_parked_holds_no_lane() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path()).await;
    site.ehr.set_down(true);
    for number in 0..100 {
        site.take("A", &number.to_string()).await;
    }
    for _ in 0..300 {
        site.ask(Request::Release { which: Which::Feed("adt".to_owned()) }).await;
    }
    site.ehr.set_down(false);
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while site.intake.law().settled.delivered < 100 {
        assert!(tokio::time::Instant::now() < patience, "{:?}", site.intake.law());
        site.ask(Request::Release { which: Which::All }).await;
        assert!(site.intake.law().holds());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(site.ehr.got().len(), 100);
    assert!(site.intake.version().queues[0].is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_gone_keeps_what_is_parked_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let feed = start(folder.path(), When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    feed.intake.flushed().await;
    feed.queue.abort();
    let site = Site::start(folder.path()).await;
    site.parked(1).await;
    assert_eq!(site.intake.ask(&"alice".into(), 0, What::Released).await.err(), Some(No::NoWay("all>kept".into())));
    site.parked(1).await;
}
