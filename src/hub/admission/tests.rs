//! Turns, in paused time.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{advance, sleep};

use super::*;

type Waiting = BoxFuture<'static, Result<Turn, Shed>>;

/// Asks for a turn, which does not come at once.
fn waits(door: &Admission) -> Waiting {
    let door = door.clone();
    let mut waiting: Waiting = Box::pin(async move { door.turn().await });
    assert!((&mut waiting).now_or_never().is_none(), "it should wait");
    waiting
}

/// The answer that is there already.
fn at_once(door: &Admission) -> Result<Turn, Shed> {
    door.turn().now_or_never().expect("it should not wait")
}

/// How many may begin to wait now.
fn room(door: &Admission) -> usize {
    let mut waiting = Vec::new();
    while door.check().is_ok() {
        waiting.push(waits(door));
    }
    assert_eq!(at_once(door).unwrap_err(), Shed, "it is told so at once");
    waiting.len()
}

/// Opens sockets without a pause, each for `each`, so many after another.
async fn work(door: &Admission, each: Duration, count: usize) {
    for _ in 0..count {
        let turn = at_once(door).unwrap();
        advance(each).await;
        drop(turn);
    }
}

/// A door at which nothing moves, and which has had time to notice.
async fn stuck(at_a_time: u32) -> (Admission, Vec<Turn>) {
    let door = Admission::new(at_a_time);
    let turns = (0..at_a_time).map(|_| at_once(&door).unwrap()).collect();
    advance(Duration::from_secs(10)).await;
    (door, turns)
}

#[tokio::test(start_paused = true)]
async fn so_many_are_at_work_and_the_others_follow_in_order() {
    let door = Admission::new(2);
    let first = at_once(&door).unwrap();
    let _second = at_once(&door).unwrap();
    let (mut third, mut fourth) = (waits(&door), waits(&door));
    assert!((&mut fourth).now_or_never().is_none());
    drop(first);
    assert!((&mut fourth).now_or_never().is_none(), "it is not its turn");
    let _third = (&mut third).now_or_never().expect("its turn").unwrap();
    assert!((&mut fourth).now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_burst_waits_and_what_is_more_is_shed_at_once() {
    let (door, _turns) = stuck(4).await;
    assert_eq!(room(&door), 256);
}

#[tokio::test(start_paused = true)]
async fn who_is_fast_lets_wait_what_three_seconds_bring() {
    let door = Admission::new(1);
    work(&door, Duration::from_millis(5), 2_000).await;
    let _turn = at_once(&door).unwrap();
    let room = room(&door);
    assert!((570..=630).contains(&room), "200 a second: {room}");
}

#[tokio::test(start_paused = true)]
async fn who_has_measured_nothing_hopes() {
    let door = Admission::new(1);
    let _turn = at_once(&door).unwrap();
    assert_eq!(room(&door), 1_500);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_does_not_make_slow() {
    let door = Admission::new(1);
    work(&door, Duration::from_millis(5), 2_000).await;
    advance(Duration::from_hours(1)).await;
    let _turn = at_once(&door).unwrap();
    let room = room(&door);
    assert!((570..=630).contains(&room), "{room}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_five_seconds() {
    let (door, _turns) = stuck(2).await;
    let began = Instant::now();
    let ends = join_all((0..50).map(|_| waits(&door))).await;
    assert!(ends.iter().all(Result::is_err));
    let took = began.elapsed();
    assert!(
        (MOST..MOST + Duration::from_millis(10)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_gives_up_its_place() {
    let (door, mut turns) = stuck(1).await;
    let mut crowd: Vec<Waiting> = (0..256).map(|_| waits(&door)).collect();
    door.check().unwrap_err();
    let last = crowd.pop().unwrap();
    drop(crowd);
    assert_eq!(room(&door), 255, "one still waits");
    turns.clear();
    let _its_turn = last.now_or_never().expect("the only one left").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_given_back_however_its_opening_ends() {
    let door = Admission::new(3);
    for _ in 0..20 {
        let turn = at_once(&door).unwrap();
        let opening = async {
            let _turn = turn;
            sleep(Duration::from_mins(1)).await;
        };
        timeout(Duration::from_millis(1), opening).await.unwrap_err();
    }
    let _all: Vec<Turn> = (0..3).map(|_| at_once(&door).unwrap()).collect();
    drop(waits(&door));
}

#[test]
fn whoever_is_shed_is_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counts = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (door, _turns) = stuck(1).await;
            let waiting: Vec<Waiting> = (0..256).map(|_| waits(&door)).collect();
            door.check().unwrap_err();
            at_once(&door).unwrap_err();
            join_all(waiting).await;
        });
    });
    let text = counts.render();
    assert!(text.contains("portcullis_sockets_shed_total 258"), "{text}");
}
