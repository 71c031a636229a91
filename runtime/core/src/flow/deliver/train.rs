//! Deliveries that are under way together to a target that takes several before it answers the first: they go in their
//! order, each over the same connection as the one before.
//!
//! What fails is tried again by itself, and holds those that must stay behind it: what was sent with it and got no answer
//! goes again, in its order, once that is done.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ABREAST, Delivery, End, Outlet, Parcel, Queue, Source, begun, ended, running};

/// One of those that go together.
type Car = (u64, Option<Parcel>);

/// Where a delivery stands when the train is there.
enum Left {
    /// At its end.
    Over,
    /// It got no answer, and begins once more when its turn comes.
    Again,
    /// It is tried again after this time.
    Failed(Parcel, Duration),
}

impl Queue {
    /// The deliveries that may go together now, in their order.
    fn together(&self, most: usize) -> Vec<Car> {
        let mut state = self.state();
        if state.is_held {
            return Vec::new();
        }
        let cars = state.lanes.train(most).into_iter().map(|number| (number, state.take(number))).collect();
        self.relieve(&state);
        cars
    }

    fn may_begin(&self) -> bool {
        let state = self.state();
        !state.is_held && state.lanes.is_ready()
    }

    /// See [`Queue::run`]: one train after the other, and what failed beside them.
    pub(super) async fn run_trains(
        self: Arc<Self>,
        source: Arc<dyn Source>,
        outlet: Arc<Outlet>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut failed: JoinSet<(u64, bool)> = JoinSet::new();
        // There is but one, and no task is made for it.
        let mut train = pin!(None);
        let stopping = stop.clone();
        loop {
            if train.is_none() && failed.len() < ABREAST && !*stop.borrow() && self.may_begin() {
                train.set(Some(self.train(&*source, &outlet, stopping.clone())));
            }
            tokio::select! {
                left = running(train.as_mut()) => {
                    train.set(None);
                    for (number, left) in left {
                        match left {
                            Left::Over => self.end((number, true)),
                            Left::Again => self.end((number, false)),
                            Left::Failed(parcel, wait) => {
                                let one = Delivery { number, source: Arc::clone(&source), outlet: Arc::clone(&outlet) };
                                failed.spawn(one.run_again(parcel, wait, stopping.clone()));
                            }
                        }
                    }
                }
                Some(Ok(ended)) = failed.join_next() => self.end(ended),
                () = self.changed.notified() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if let Some(train) = train.as_mut().as_pin_mut() {
            let left = train.await;
            left.into_iter().for_each(|(number, left)| self.end((number, matches!(left, Left::Over))));
        }
        while let Some(Ok(ended)) = failed.join_next().await {
            self.end(ended);
        }
    }

    /// Sends what may go together, once the target may be written to: in its quiet hours nothing begins. Where each delivery
    /// stands then.
    async fn train(&self, source: &dyn Source, outlet: &Outlet, mut stop: watch::Receiver<bool>) -> Vec<(u64, Left)> {
        let Some(train) = outlet.target.train() else { return Vec::new() };
        tokio::select! {
            () = outlet.pace.turn() => {}
            _ = stop.wait_for(|stop| *stop) => return Vec::new(),
        }
        let mut left = Vec::new();
        let (mut numbers, mut parcels) = (Vec::new(), Vec::new());
        for (number, parcel) in self.together(train.most()) {
            let parcel = match parcel {
                Some(parcel) => Ok(parcel),
                None => tokio::select! {
                    parcel = source.parcel(number) => parcel,
                    _ = stop.wait_for(|stop| *stop) => {
                        left.push((number, Left::Again));
                        continue;
                    }
                },
            };
            match parcel {
                Ok(parcel) => {
                    numbers.push(number);
                    parcels.push(parcel);
                }
                Err(why) => {
                    ended(source, number, End::Parked(why)).await;
                    left.push((number, Left::Over));
                }
            }
        }
        // They may have come while the parcels were made, which waits for tables.
        if *stop.borrow() || outlet.pace.is_quiet() {
            left.extend(numbers.into_iter().map(|number| (number, Left::Again)));
            return left;
        }
        let begun = begun();
        let mut said = train.deliver_all(&parcels).await.into_iter();
        for (number, parcel) in numbers.into_iter().zip(parcels) {
            let Some(said) = said.next().flatten() else {
                left.push((number, Left::Again));
                continue;
            };
            source.tried(number, 1, begun.elapsed(), said.end.as_ref().err());
            match outlet.wait(&parcel, &said, number, 1) {
                Some(wait) => left.push((number, Left::Failed(parcel, wait))),
                None => {
                    ended(source, number, End::of(said, parcel.asks)).await;
                    left.push((number, Left::Over));
                }
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use jiff::tz::TimeZone;
    use jiff::{Timestamp, ToSpan};
    use serde_json::json;

    use super::super::{NOT_MADE, Said, Target, Train};
    use super::*;
    use crate::flow::pace::Pace;
    use crate::flow::retry::{Failure, Retry};

    /// A target that is not to be written to, and a feed that is not asked.
    struct Nothing;

    impl Target for Nothing {
        fn deliver<'a>(&'a self, _: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
            panic!("it is quiet")
        }

        fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            Box::pin(async { Ok(()) })
        }

        fn train(&self) -> Option<&dyn Train> {
            Some(self)
        }
    }

    impl Train for Nothing {
        fn most(&self) -> usize {
            8
        }

        fn deliver_all<'a>(&'a self, _: &'a [Parcel]) -> Pin<Box<dyn Future<Output = Vec<Option<Said>>> + Send + 'a>> {
            panic!("it is quiet")
        }
    }

    impl Source for Nothing {
        fn parcel(&self, _: u64) -> Pin<Box<dyn Future<Output = Result<Parcel, String>> + Send + '_>> {
            Box::pin(async { Err(NOT_MADE.to_owned()) })
        }

        fn tried(&self, _: u64, _: u32, _: Duration, _: Option<&Failure>) {}

        fn ended(&self, _: u64, _: End) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(async {})
        }
    }

    #[tokio::test]
    async fn nothing_begins_in_quiet_hours() {
        let now = Timestamp::now().to_zoned(TimeZone::UTC).time();
        let (from, to) = (now.wrapping_sub(1.hour()), now.wrapping_add(1.hour()));
        let quiet = serde_json::from_value(json!({ "from": from.to_string(), "to": to.to_string() })).unwrap();
        let pace = Pace::new(None, Some(&quiet), Some("UTC")).unwrap();
        let outlet = Outlet { target: Arc::new(Nothing), retry: Retry::default(), pace };
        let queue = Arc::new(Queue::default());
        for number in 0..3 {
            let parcel = Parcel { id: "adt-1".into(), made: [].into(), read: [].into(), asks: false };
            queue.add(number, Vec::new(), Some(parcel));
        }
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(Arc::clone(&queue).run(Arc::new(Nothing), Arc::new(outlet), stopped));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        // Whoever holds the queue now holds them, and what comes meanwhile goes with them.
        assert_eq!(queue.begin().map(|(number, _)| number), Some(0));
        stop.send_replace(true);
        running.await.unwrap();
        assert_eq!(queue.len(), 3);
    }
}
