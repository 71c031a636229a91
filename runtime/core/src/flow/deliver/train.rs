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

use super::{ABREAST, Delivery, End, Outlet, Parcel, Queue, Source, Train, begun, ended};

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
        state.lanes.train(most).into_iter().map(|number| (number, state.take(number))).collect()
    }

    /// See [`Queue::run`]: one train after the other, and what failed beside them.
    pub(super) async fn run_trains(
        self: Arc<Self>,
        source: Arc<dyn Source>,
        outlet: Arc<Outlet>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut train: JoinSet<Vec<(u64, Left)>> = JoinSet::new();
        let mut failed: JoinSet<(u64, bool)> = JoinSet::new();
        let stopping = stop.clone();
        loop {
            if train.is_empty() && failed.len() < ABREAST && !*stop.borrow() {
                let most = outlet.target.train().map_or(1, Train::most);
                let cars = self.together(most);
                if !cars.is_empty() {
                    train.spawn(go(cars, Arc::clone(&source), Arc::clone(&outlet), stopping.clone()));
                }
            }
            tokio::select! {
                Some(Ok(left)) = train.join_next() => {
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
        while let Some(Ok(left)) = train.join_next().await {
            left.into_iter().for_each(|(number, left)| self.end((number, matches!(left, Left::Over))));
        }
        while let Some(Ok(ended)) = failed.join_next().await {
            self.end(ended);
        }
    }
}

async fn go(
    cars: Vec<Car>,
    source: Arc<dyn Source>,
    outlet: Arc<Outlet>,
    mut stop: watch::Receiver<bool>,
) -> Vec<(u64, Left)> {
    let mut left = Vec::new();
    let (mut numbers, mut parcels) = (Vec::new(), Vec::new());
    for (number, parcel) in cars {
        let parcel = match parcel {
            Some(parcel) => Some(parcel),
            None => tokio::select! {
                parcel = source.parcel(number) => parcel,
                _ = stop.wait_for(|stop| *stop) => {
                    left.push((number, Left::Again));
                    continue;
                }
            },
        };
        match parcel {
            Some(parcel) => {
                numbers.push(number);
                parcels.push(parcel);
            }
            None => {
                ended(&*source, number, End::lost()).await;
                left.push((number, Left::Over));
            }
        }
    }
    let Some(train) = outlet.target.train() else {
        left.extend(numbers.into_iter().map(|number| (number, Left::Again)));
        return left;
    };
    let begun = {
        let turn = pin!(outlet.pace.turn());
        tokio::select! {
            () = turn => Some(begun()),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    };
    let Some(begun) = begun else {
        left.extend(numbers.into_iter().map(|number| (number, Left::Again)));
        return left;
    };
    let said = train.deliver_all(&parcels).await;
    let mut said = said.into_iter();
    for (number, parcel) in numbers.into_iter().zip(parcels) {
        let Some(said) = said.next().flatten() else {
            left.push((number, Left::Again));
            continue;
        };
        source.tried(number, 1, begun.elapsed(), said.end.as_ref().err());
        match outlet.wait(&parcel, &said, number, 1) {
            Some(wait) => left.push((number, Left::Failed(parcel, wait))),
            None => {
                ended(&*source, number, End::of(said, parcel.asks)).await;
                left.push((number, Left::Over));
            }
        }
    }
    left
}
