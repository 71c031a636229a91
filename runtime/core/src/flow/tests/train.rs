//! Several messages on their way at once: over real sockets, to a peer that cuts, refuses and answers out of turn.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::connector::mllp::target::Peer;
use crate::flow::deliver::Train;

/// What a peer of the tests does.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// It answers once so many are there, or nothing came for a while, the last first.
    gathers: usize,
    /// It hangs up when it has got a message so often in vain: the message, and how often.
    cuts: Option<(usize, u32)>,
    /// A message that it refuses the first time.
    refuses: Option<usize>,
}

#[derive(Default)]
struct Got {
    /// MSH-10 of each message that was answered with AA, in the order in which they came.
    taken: Vec<usize>,
    /// How often each came.
    came: BTreeMap<usize, u32>,
    /// The most that came before any was answered.
    most: usize,
}

async fn peer(manner: Manner) -> (String, Arc<Mutex<Got>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Got::default())));
    let gets = Arc::clone(&got);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, manner, Arc::clone(&gets)));
        }
    });
    (address, got)
}

/// Until it hangs up, or the other side does.
async fn serve(mut stream: TcpStream, manner: Manner, got: Arc<Mutex<Got>>) {
    let (mut waiting, mut block) = (Vec::new(), Vec::new());
    loop {
        let byte = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
        let is_idle = byte.is_err();
        match byte {
            Ok(Err(_)) => return,
            Ok(Ok(0x1C)) => {
                let number: usize = field(&block, 10).unwrap().parse().unwrap();
                block.clear();
                let came = {
                    let mut got = got.lock().unwrap();
                    let came = got.came.entry(number).or_default();
                    *came += 1;
                    *came
                };
                if manner.cuts.is_some_and(|(cuts, times)| cuts == number && came <= times) {
                    return;
                }
                let code = if manner.refuses == Some(number) && came == 1 { "AE" } else { "AA" };
                waiting.push((number, code));
            }
            Ok(Ok(0x0B | b'\r')) if block.is_empty() => {}
            Ok(Ok(byte)) => block.push(byte),
            Err(_) => {}
        }
        if waiting.len() >= manner.gathers.max(1) || is_idle {
            {
                let mut got = got.lock().unwrap();
                got.most = got.most.max(waiting.len());
                got.taken.extend(waiting.iter().filter(|(_, code)| *code == "AA").map(|(number, _)| number));
            }
            for (number, code) in waiting.drain(..).rev() {
                let answer = format!("\x0BMSH|^~\\&|||||1||ACK|a|P|2.5\rMSA|{code}|{number}\r\x1C\r");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

struct Line {
    intake: Arc<Intake<Disk>>,
    _folder: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

/// A feed that sends what it gets to this address; of `order_by` its lanes.
fn line(address: &str, pipeline: usize, order_by: &[usize]) -> Line {
    let folder = tempfile::tempdir().unwrap();
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    let settings = settings("all>peer", folder.path(), When::Checked, order_by);
    let (intake, _) =
        Intake::open(Disk, settings, Arc::new(Passing), Arc::new(nobody), |fault| panic!("{fault:?}")).unwrap();
    let told = json!({
        "address": address, "tls": null, "mode": "original", "release": "1", "connect_timeout": 5_000,
        "answer_timeout": 5_000, "pipeline": pipeline, "retry_on": [],
    });
    let secrets: crate::connector::tls::Secrets = Arc::new(|name| Err(crate::connector::tls::no_secret(name)));
    let target = Arc::new(Peer::new(serde_json::from_value(told).unwrap(), Path::new("."), &secrets).unwrap());
    assert_eq!(target.train().map_or(1, Train::most), pipeline);
    let (stop, stopped) = watch::channel(false);
    let source = Arc::new(WayOut { intake: Arc::clone(&intake), name: "all>peer".into() });
    let outlet = Outlet { target, retry: Retry { times: None, from: 1, to: 2 }, pace: Pace::default() };
    tokio::spawn(Arc::clone(&intake.version().queues[0]).run(source, Arc::new(outlet), stopped));
    Line { intake, _folder: folder, _stop: stop }
}

impl Line {
    /// So many messages, each in one of so many lanes; then waits until all are delivered.
    async fn send(&self, count: usize, lanes: usize) {
        // What waits goes together.
        self.intake.version().queues[0].hold(true);
        for number in 0..count {
            let lane = number % lanes;
            let message = format!("MSH|^~\\&|A|{lane}|||1||ADT^A01|{number}|P|2.5\rPID|1\r");
            self.intake.take(sent(Bytes::from(message))).await.unwrap().verdict().await;
        }
        self.intake.version().queues[0].hold(false);
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.intake.law().settled.delivered < count as u64 {
            assert!(tokio::time::Instant::now() < end, "{:?}", self.intake.law());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(self.intake.law().holds());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_go_before_the_first_is_answered_and_answers_are_told_apart() {
    let (address, got) = peer(Manner { gathers: 8, ..Manner::default() }).await;
    line(&address, 8, &[]).send(100, 1).await;
    let got = got.lock().unwrap();
    assert_eq!((got.most, &got.taken), (8, &(0..100).collect::<Vec<_>>()));
    assert!(got.came.values().all(|came| *came == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_by_one_where_nothing_else_is_said() {
    let (address, got) = peer(Manner { gathers: 8, ..Manner::default() }).await;
    line(&address, 1, &[]).send(5, 1).await;
    assert_eq!(got.lock().unwrap().most, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_got_no_answer_goes_again_in_its_order() {
    let (address, got) = peer(Manner { gathers: 2, cuts: Some((13, 3)), ..Manner::default() }).await;
    line(&address, 8, &[]).send(40, 1).await;
    let got = got.lock().unwrap();
    // The first time that each was taken is in their order.
    let mut first: Vec<usize> = Vec::new();
    got.taken.iter().for_each(|number| {
        if !first.contains(number) {
            first.push(*number)
        }
    });
    assert_eq!(first, (0..40).collect::<Vec<_>>());
    assert_eq!(got.came[&13], 4);
    // What went before it was answered, and what stood behind it was not read.
    assert!((0..8).chain(14..40).all(|number| got.came[&number] == 1), "{:?}", got.came);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_tried_again_and_holds_those_behind_it() {
    let (address, got) = peer(Manner { gathers: 4, refuses: Some(5), ..Manner::default() }).await;
    line(&address, 4, &[]).send(20, 1).await;
    let got = got.lock().unwrap();
    let place = |number: usize| got.taken.iter().position(|taken| *taken == number).unwrap();
    assert_eq!((got.came[&5], got.taken.len()), (2, 20));
    // Those that were on their way with it were taken before; none that came behind.
    assert!(place(5) > place(7) && (8..20).all(|number| place(number) > place(5)), "{:?}", got.taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_go_together_and_keep_their_order() {
    let (address, got) = peer(Manner { gathers: 6, refuses: Some(4), ..Manner::default() }).await;
    line(&address, 6, &[0]).send(60, 3).await;
    let got = got.lock().unwrap();
    for lane in 0..3 {
        let of_lane: Vec<_> = got.taken.iter().filter(|number| *number % 3 == lane).collect();
        let sorted: Vec<_> = of_lane.iter().filter(|number| ***number != 4).collect();
        assert!(sorted.is_sorted() && of_lane.len() == 20, "{of_lane:?}");
    }
    assert_eq!(got.most, 6);
}
