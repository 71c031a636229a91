//! What senders get of what a target says: kept, told again, and asked for anew where there was nothing.

use std::collections::VecDeque;

use super::*;
use crate::journal::entry::What;
use crate::journal::find::histories;

/// Says one thing after the other, and the last for ever.
struct Says {
    says: Mutex<VecDeque<Said>>,
    asked: AtomicU32,
}

impl Target for Says {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        assert!(parcel.asks);
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut says = self.says.lock().unwrap();
        let said = if says.len() > 1 { says.pop_front() } else { says.front().cloned() };
        Box::pin(std::future::ready(said.unwrap()))
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Desk {
    intake: Arc<Intake<Disk>>,
    target: Arc<Says>,
    stop: watch::Sender<bool>,
    queue: JoinHandle<()>,
}

fn answer(control: &str) -> Option<Made> {
    let text = format!("MSH|^~\\&|||||||RSP^K22|e1|P|2.5\rMSA||other\rQAK|{control}\r");
    Some(Made { form: Form::Message, bytes: text.into() })
}

fn good(control: &str) -> Said {
    Said { end: Ok(()), answer: answer(control) }
}

fn down() -> Said {
    Err(Failure::Passing("it is down".into())).into()
}

impl Desk {
    fn start(folder: &Path, says: impl Into<VecDeque<Said>>, times: Option<u32>) -> Desk {
        let mut settings = settings("all>mpi", folder, When::Delivered, &[]);
        settings.ways[0].asks = true;
        let nobody: Vec<Arc<dyn Witness>> = Vec::new();
        let (intake, _) =
            Intake::open(Disk, settings, Arc::new(Passing), Arc::new(nobody), |fault| panic!("{fault:?}")).unwrap();
        let target = Arc::new(Says { says: Mutex::new(says.into()), asked: AtomicU32::new(0) });
        let (stop, stopped) = watch::channel(false);
        let source = Arc::new(WayOut { intake: Arc::clone(&intake), name: "all>mpi".into() });
        let retry = Retry { times, from: 1, to: 2 };
        let outlet = Outlet { target: Arc::clone(&target) as _, retry, pace: Pace::default() };
        let queue = Arc::clone(&intake.version().queues[0]).run(source, Arc::new(outlet), stopped);
        Desk { intake, target, stop, queue: tokio::spawn(queue) }
    }

    async fn verdict(&self, from: &str, control: &str) -> Verdict {
        let message = format!("MSH|^~\\&|{from}|H|||1||QBP^Q22^QBP_Q21|{control}|P|2.5\rQPD|x\r");
        self.intake.take(sent(Bytes::from(message))).await.unwrap().verdict().await
    }

    /// The segments behind the header of what a sender gets.
    async fn ask(&self, from: &str, control: &str) -> Option<String> {
        let verdict = self.verdict(from, control).await;
        if !matches!(verdict, Verdict::Replied(_)) {
            return None;
        }
        let reply = self.intake.told(verdict).await.1.unwrap();
        let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
        Some(text.split_once('\r').unwrap().1.replace('\r', " "))
    }

    fn asked(&self) -> u32 {
        self.target.asked.load(Ordering::Relaxed)
    }

    async fn end(self) {
        self.stop.send_replace(true);
        self.queue.await.unwrap();
        self.intake.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_gets_what_was_made_of_the_answer_and_the_same_for_the_same_message() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::start(folder.path(), [good("1"), good("2")], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    assert_eq!(desk.ask("A", "8").await.unwrap(), "MSA|AA|8 QAK|2 ");
    assert_eq!(desk.asked(), 2);
    desk.end().await;
    let desk = Desk::start(folder.path(), [good("3")], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    assert_eq!((desk.asked(), desk.intake.law().settled.delivered), (0, 2));
    let history = histories(Disk, folder.path().to_owned(), &[0].into()).unwrap().remove(&0).unwrap();
    let replied = history.events.iter().find_map(|event| match &event.what {
        What::Replied { reply, .. } => Some(String::from_utf8(reply.bytes.clone()).unwrap()),
        _ => None,
    });
    assert!(replied.unwrap().ends_with("\rMSA|AA|7\rQAK|1\r"));
    assert!(!format!("{:?}", history.events).contains("QAK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_answer_has_the_message_again_and_asks_anew() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = Said { end: Ok(()), answer: None };
    let desk = Desk::start(folder.path(), [down(), nothing, good("1")], None);
    // It is down, then it says nothing: both times the message is the sender's again.
    assert_eq!(desk.verdict("A", "7").await, Verdict::Unanswered);
    assert_eq!(desk.verdict("A", "7").await, Verdict::Unanswered);
    assert_eq!(desk.intake.law().settled.refused, 2);
    desk.end().await;
    let desk = Desk::start(folder.path(), [good("1")], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    // What the map of the reply refuses cannot be told either.
    assert_eq!(desk.verdict("UNTOLD", "8").await, Verdict::Unanswered);
    let law = desk.intake.law();
    assert!(law.holds() && law.in_flight == 0 && law.parked == 0, "{law:?}");
    assert_eq!((law.settled.delivered, law.settled.refused), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_tried_as_often_as_its_target_says() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::start(folder.path(), [down(), down(), good("1")], Some(2));
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    assert_eq!(desk.asked(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_can_be_told_is_told_and_the_message_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Said { end: Err(Failure::Doubtful("it answers AE".into())), answer: answer("1") };
    let desk = Desk::start(folder.path(), [refusal], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AE|7 QAK|1 ");
    assert_eq!(desk.intake.law().settled.refused, 1);
    desk.end().await;
    // And it is the same answer, not a new question.
    let desk = Desk::start(folder.path(), [good("2")], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AE|7 QAK|1 ");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_after_a_crash_waits_for_the_answer_that_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::start(folder.path(), [down()], Some(1000));
    let message = Bytes::from_static(b"MSH|^~\\&|A|H|||1||QBP^Q22^QBP_Q21|7|P|2.5\rQPD|x\r");
    let _waits = desk.intake.take(sent(message)).await.unwrap();
    let is_noted = || {
        let ledger = Ledger::of(Disk, folder.path().to_owned()).unwrap();
        ledger.message(0).is_some_and(|open| open.mapped.is_some())
    };
    while !is_noted() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    desk.queue.abort();
    let desk = Desk::start(folder.path(), [good("1")], None);
    assert_eq!(desk.ask("A", "7").await.unwrap(), "MSA|AA|7 QAK|1 ");
    assert_eq!((desk.intake.law().accepted, desk.asked()), (1, 1));
}
