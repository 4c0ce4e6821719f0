//! Who is answered by which query, polled by hand: nothing here depends on time or on a scheduler.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures_util::poll;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;

/// What cannot be read.
const BROKEN: u128 = 666;

fn id(number: u128) -> SessionId {
    Uuid::from_u128(number).into()
}

/// A database of one value, whose queries end when the test lets them.
struct Scene {
    checks: Checks<u32>,
    value: Arc<AtomicU32>,
    /// How many sessions each query asked for.
    asked: Arc<Mutex<Vec<usize>>>,
    gate: Arc<Semaphore>,
    fails: Arc<Mutex<Option<store::Error>>>,
}

impl Scene {
    fn new(lanes: usize) -> Self {
        let value = Arc::new(AtomicU32::new(1));
        let asked: Arc<Mutex<Vec<usize>>> = Arc::default();
        let gate = Arc::new(Semaphore::new(0));
        let fails: Arc<Mutex<Option<store::Error>>> = Arc::default();
        let parts = (value.clone(), asked.clone(), gate.clone(), fails.clone());
        let checks = Checks::new(lanes, move |lead: &mut Lead<u32>| {
            let (value, asked, gate, fails) = parts.clone();
            let ids = lead.take();
            asked.lock().unwrap().push(ids.len());
            let seen = value.load(Ordering::SeqCst);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                if let Some(error) = fails.lock().unwrap().take() {
                    return Err(error);
                }
                if ids.contains(&id(BROKEN)) {
                    return Err(store::Error::Url);
                }
                Ok(ids.into_iter().map(|id| (id, seen)).collect())
            })
        });
        Self {
            checks,
            value,
            asked,
            gate,
            fails,
        }
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }

    fn is_idle(&self) -> bool {
        let queue = self.checks.0.lock();
        queue.reading == 0 && queue.waiting.is_empty()
    }
}

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Option<u32>, store::Error>> + 'a>>;

fn ask(scene: &Scene, number: u128) -> Asking<'_> {
    Box::pin(scene.checks.check(id(number)))
}

fn value(polled: Poll<Result<Option<u32>, store::Error>>) -> Option<u32> {
    match polled {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn an_answer_comes_from_a_query_that_was_sent_after_the_question() {
    for lanes in [1, 2] {
        let scene = Scene::new(lanes);
        let mut under_way: Vec<_> = (0..lanes).map(|_| ask(&scene, 7)).collect();
        for asking in &mut under_way {
            assert!(poll!(asking).is_pending());
        }
        // Say, a revocation was acknowledged here.
        scene.value.store(2, Ordering::SeqCst);
        let mut later = ask(&scene, 7);
        assert!(poll!(&mut later).is_pending());
        scene.gate.add_permits(lanes);
        for asking in &mut under_way {
            assert_eq!(value(poll!(asking)), Some(1));
        }
        assert!(poll!(&mut later).is_pending(), "nobody had asked for it");
        scene.gate.add_permits(1);
        assert_eq!(value(poll!(&mut later)), Some(2));
        assert!(scene.is_idle());
    }
}

#[tokio::test]
async fn those_who_wait_are_answered_by_one_query() {
    let scene = Scene::new(1);
    let mut first = ask(&scene, 0);
    assert!(poll!(&mut first).is_pending());
    let mut others: Vec<_> = (1..=100).map(|number| ask(&scene, number % 50)).collect();
    for asking in &mut others {
        assert!(poll!(asking).is_pending());
    }
    scene.gate.add_permits(2);
    assert_eq!(value(poll!(&mut first)), Some(1));
    for asking in &mut others {
        assert_eq!(value(poll!(asking)), Some(1));
    }
    assert_eq!(scene.asked(), [1, 50], "each session once");
    assert!(scene.is_idle());
}

#[tokio::test]
async fn who_reads_and_goes_away_leaves_nobody_waiting() {
    let scene = Scene::new(1);
    let mut first = ask(&scene, 1);
    assert!(poll!(&mut first).is_pending());
    let [mut heir, mut gone, mut member, mut late] = [2, 3, 4, 5].map(|number| ask(&scene, number));
    for asking in [&mut heir, &mut gone, &mut member] {
        assert!(poll!(asking).is_pending());
    }
    scene.gate.add_permits(1);
    assert_eq!(value(poll!(&mut first)), Some(1));
    assert!(poll!(&mut heir).is_pending(), "it reads for three now");
    assert!(poll!(&mut late).is_pending());
    drop(gone);
    drop(heir);
    assert!(poll!(&mut member).is_pending(), "it reads for two now");
    scene.gate.add_permits(1);
    assert_eq!(value(poll!(&mut member)), Some(1));
    assert_eq!(value(poll!(&mut late)), Some(1));
    assert_eq!(scene.asked(), [1, 3, 2]);
    assert!(scene.is_idle());
}

#[tokio::test]
async fn an_heir_that_never_learned_of_it_hands_the_duty_on() {
    let scene = Scene::new(1);
    let [mut first, mut heir, mut next] = [1, 2, 3].map(|number| ask(&scene, number));
    for asking in [&mut first, &mut heir, &mut next] {
        assert!(poll!(asking).is_pending());
    }
    scene.gate.add_permits(2);
    assert_eq!(value(poll!(&mut first)), Some(1));
    drop(heir);
    assert_eq!(value(poll!(&mut next)), Some(1));
    assert!(scene.is_idle());
}

#[tokio::test]
async fn a_query_that_fails_fails_those_it_asked_for_and_nobody_else() {
    let scene = Scene::new(1);
    let [mut first, mut heir, mut member, mut late] = [1, 2, 3, 4].map(|number| ask(&scene, number));
    for asking in [&mut first, &mut heir, &mut member] {
        assert!(poll!(asking).is_pending());
    }
    scene.gate.add_permits(1);
    assert_eq!(value(poll!(&mut first)), Some(1));
    assert!(poll!(&mut heir).is_pending());
    assert!(poll!(&mut late).is_pending());
    *scene.fails.lock().unwrap() = Some(store::Error::Silent);
    scene.gate.add_permits(2);
    for failed in [&mut heir, &mut member] {
        assert!(matches!(poll!(failed), Poll::Ready(Err(store::Error::Silent))));
    }
    assert_eq!(value(poll!(&mut late)), Some(1));
    assert!(scene.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_took_its_time_is_told_to_all_who_wait() {
    let scene = Scene::new(1);
    let [mut first, mut waiting] = [1, 2].map(|number| ask(&scene, number));
    for asking in [&mut first, &mut waiting] {
        assert!(poll!(asking).is_pending());
    }
    tokio::time::advance(SLOW).await;
    *scene.fails.lock().unwrap() = Some(store::Error::Silent);
    scene.gate.add_permits(1);
    for failed in [&mut first, &mut waiting] {
        assert!(matches!(poll!(failed), Poll::Ready(Err(store::Error::Silent))));
    }
    assert!(scene.is_idle());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_in_nobody_elses_way() {
    let scene = Scene::new(1);
    let [mut first, mut heir, mut broken, mut member] = [1, 2, BROKEN, 4].map(|number| ask(&scene, number));
    for asking in [&mut first, &mut heir, &mut broken, &mut member] {
        assert!(poll!(asking).is_pending());
    }
    scene.gate.add_permits(100);
    for asking in [&mut first, &mut heir, &mut member] {
        assert_eq!(value(poll!(asking)), Some(1));
    }
    assert!(matches!(poll!(&mut broken), Poll::Ready(Err(store::Error::Url))));
    assert!(scene.is_idle());
}
