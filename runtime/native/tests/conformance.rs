//! What a driver must do: the cases of docs/formats/driver.md, on a folder and on a disk in memory.

mod common;

use std::path::PathBuf;

use common::device::{DAY, Device, Hands, LATE, START, config, model};
use common::disk::{Disks, Reach, Stop, Survives};
use common::repository::Repository;
use dunlin_native::{Disk, Folder, Input, Store};
use dunlin_sync::{Conditions, Event, Failure, Fault, Method, Response, StoreFailure};
use serde_json::{Value, json};

/// Something that drivers can be opened on, again and again.
trait Ground {
    type Disk: Disk;
    fn open(&self) -> std::io::Result<Store<Self::Disk>>;

    /// A program that starts on it.
    fn start(&self, hands: Hands) -> Device<Self::Disk> {
        let config = config(&hands.repository);
        Device::start(self.open().expect("a store"), config, hands, START).expect("a device")
    }
}

impl Ground for Disks {
    type Disk = Disks;
    fn open(&self) -> std::io::Result<Store<Disks>> {
        Store::over(self.clone())
    }
}

impl Ground for PathBuf {
    type Disk = Folder;
    fn open(&self) -> std::io::Result<Store<Folder>> {
        Store::open(self)
    }
}

/// A publisher's repository with version 2, and more of it.
fn hands(manner: &str, more: Value) -> Hands {
    let mut repository = Repository::new(LATE);
    repository.add(2, &model(2, manner), more);
    repository.publish(LATE);
    Hands::new(repository)
}

fn canary() -> Value {
    json!({"canary": {"inputs": 3, "agreement": 800, "fallback": 500, "latency_ms": 200}})
}

fn to_the_first_request<D: Disk>(device: &mut Device<D>) {
    while device.hands.sent.is_empty() {
        device.now = device.driver.next().expect("a look to come");
        device.handle(Input::Wake);
    }
}

fn commits_are_whole(ground: &impl Ground) {
    let mut store = ground.open().expect("a store");
    let changes = ["a", "b", "c"].map(|key| (key.to_owned(), Some(key.as_bytes().to_vec())));
    assert_eq!(store.commit(changes.to_vec()), Ok(()));
    assert_eq!(store.commit(vec![("a".into(), None), ("b".into(), Some(vec![1]))]), Ok(()));
    drop(store);
    let found = ground.open().and_then(|mut store| store.stored()).expect("values");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("b".to_owned(), vec![1]), ("c".to_owned(), b"c".to_vec())]);
}

fn commits_last(ground: &impl Ground) {
    for (length, byte) in [(0, 1), (1, 2), (65_536, 3), (65_537, 4), (3_000_000, 5), (10, 6)] {
        let value = vec![byte; length];
        let mut store = ground.open().expect("a store");
        assert_eq!(store.commit(vec![("slot/a".into(), Some(value.clone()))]), Ok(()));
        drop(store);
        let mut store = ground.open().expect("a store");
        assert_eq!(store.read("slot/a").expect("a value"), Some(value.clone()));
        assert_eq!(store.model("slot/a").expect("a model").as_ref(), value);
    }
}

fn effects_are_in_order(ground: &impl Ground) {
    let mut device = ground.start(hands("", canary()));
    device.pass(DAY);
    device.classify(3);
    let position = |what: &str| device.hands.log.iter().position(|entry| entry.starts_with(what)).expect("it happened");
    let places =
        ["notify Found", "notify Downloaded", "trial 2", "activate 2", "notify Activated", "notify Kept"].map(position);
    assert!(places.is_sorted(), "{:?}", device.hands.log);
}

fn a_failed_commit_is_told(ground: &impl Ground) {
    let mut store = ground.open().expect("a store");
    // A key that is longer than a journal takes.
    let long = "k".repeat(70_000);
    let changes = vec![("a".to_owned(), Some(vec![1])), (long, Some(vec![2]))];
    assert_eq!(store.commit(changes), Err(StoreFailure::Broken));
    assert_eq!(store.commit(vec![("b".into(), Some(vec![3]))]), Ok(()));
    drop(store);
    let found = ground.open().and_then(|mut store| store.stored()).expect("values");
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["b"]);
}

fn an_answer_finds_its_request(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    device.hands.answers = false;
    to_the_first_request(&mut device);
    let (id, sent) = (device.hands.sent[0].id, device.hands.sent.len());
    device.handle(Input::Response(id + 1000, Err(Failure::Connect)));
    assert_eq!(device.hands.sent.len(), sent, "an answer to nothing");
    device.hands.answers = true;
    device.handle(Input::Response(id, Ok(Response { status: 404, ..Response::default() })));
    assert!(device.hands.sent[sent].url.ends_with("timestamp.json"));
    assert_eq!(device.answering(), 2);
}

fn an_answer_has_a_size_limit(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    let body = vec![b' '; 2_000_000];
    device.hands.instead = Some(Ok(Response { status: 200, headers: Vec::new(), body }));
    device.pass(DAY / 20);
    assert!(device.hands.sent[0].max_bytes < 2_000_000);
    let too_long = |event: &Event| matches!(event, Event::Failed(Fault::Metadata(error)) if error.fault == dunlin_protocol::tuf::Fault::TooLong);
    assert!(device.hands.events.iter().any(too_long), "{:?}", device.hands.events);
}

fn an_answer_has_a_time_limit(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    device.hands.answers = false;
    to_the_first_request(&mut device);
    let (id, timeout) = (device.hands.sent[0].id, device.hands.sent[0].timeout);
    device.pass(timeout - 1);
    assert_eq!(device.hands.events, []);
    device.pass(1);
    assert_eq!(device.hands.events, [Event::Failed(Fault::Network(Failure::Timeout))]);
    let sent = device.hands.sent.len();
    device.handle(Input::Response(id, Ok(Response { status: 404, ..Response::default() })));
    assert_eq!(device.hands.sent.len(), sent, "too late");
}

fn statuses_are_answers(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    let headers = vec![("retry-after".to_owned(), "7200".to_owned())];
    device.hands.instead = Some(Ok(Response { status: 503, headers, body: Vec::new() }));
    device.pass(DAY / 20);
    assert_eq!(device.hands.events, [Event::Failed(Fault::Status(503))]);
    let sent = device.hands.sent.len();
    device.pass(50 * 60_000);
    assert_eq!(device.hands.sent.len(), sent, "it waits as long as it was told to");
}

fn requests_go_out_as_they_are(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    device.pass(DAY / 20);
    let first = &device.hands.sent[0];
    assert_eq!(first.url, "https://models.example/repository/metadata/2.root.json");
    assert_eq!((first.method, first.headers.len(), first.body.len()), (Method::Get, 0, 0));
    assert!(first.max_bytes > 0 && first.timeout > 0);
    let ids: std::collections::BTreeSet<_> = device.hands.sent.iter().map(|request| request.id).collect();
    assert_eq!(ids.len(), device.hands.sent.len());
}

fn it_wakes_when_asked(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    let next = device.driver.next().expect("a look to come");
    device.now = dunlin_sync::Time(next.0 - 1);
    device.handle(Input::Wake);
    assert_eq!(device.hands.sent.len(), 0);
    device.now = next;
    device.handle(Input::Wake);
    assert!(!device.hands.sent.is_empty());
    assert!(device.driver.next() > Some(next));
}

fn conditions_come_before_fetching(ground: &impl Ground) {
    let hands = hands("", json!({}));
    let config = config(&hands.repository);
    let mut device = Device::start(ground.open().expect("a store"), config, hands, START).expect("a device");
    device.handle(Input::Conditions(Conditions { metered: true, charging: true }));
    device.pass(2 * DAY);
    assert_eq!(device.answering(), 1);
    assert!(device.hands.sent.iter().all(|request| request.url.contains("/metadata/")));
    device.handle(Input::Conditions(Conditions::default()));
    assert_eq!(device.answering(), 2);
}

fn a_restart_goes_on(ground: &impl Ground) {
    let mut device = ground.start(hands("", canary()));
    device.pass(DAY);
    device.classify(1);
    for _ in 0..2 {
        let Device { driver, hands, now } = device;
        drop(driver);
        let config = config(&hands.repository);
        let mut hands = Hands::new(hands.repository);
        hands.answers = false;
        device = Device::start(ground.open().expect("a store"), config, hands, now).expect("a device");
        assert_eq!(device.hands.log.first().map(String::as_str), Some("activate 1"), "it answers first of all");
        assert_eq!(device.answering(), 2, "and goes on with the trial");
        device.classify(1);
    }
    assert_eq!(device.hands.events, [Event::Kept { version: 2 }]);
}

fn a_trial_is_told(ground: &impl Ground) {
    let mut device = ground.start(hands("golden!", canary()));
    device.pass(DAY);
    let reason = dunlin_sync::Reason::Golden;
    assert_eq!(device.hands.events.last(), Some(&Event::RolledBack { version: 2, to: 1, reason }));
    assert!(!device.hands.log.contains(&"activate 2".to_owned()), "it never answered");
}

fn a_model_that_cannot_be_loaded_is_told(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    device.pass(DAY);
    assert_eq!(device.answering(), 2);
    let Device { driver, hands, now } = device;
    drop(driver);
    let mut store = ground.open().expect("a store");
    assert_eq!(store.commit(vec![("slot/a".into(), Some(b"load!".into()))]), Ok(()));
    let config = config(&hands.repository);
    let mut device = Device::start(store, config, Hands::new(hands.repository), now).expect("a device");
    device.pass(3 * DAY);
    assert_eq!(device.answering(), 1);
    let reason = dunlin_sync::Reason::Load;
    assert_eq!(device.hands.events, [Event::RolledBack { version: 2, to: 1, reason }]);
}

fn a_model_that_is_lost_is_fetched_again(ground: &impl Ground) {
    let mut device = ground.start(hands("", json!({})));
    device.pass(DAY);
    assert_eq!(device.answering(), 2);
    let Device { driver, hands, now } = device;
    drop(driver);
    let mut store = ground.open().expect("a store");
    // The state says otherwise.
    assert_eq!(store.commit(vec![("slot/a".into(), None)]), Ok(()));
    let config = config(&hands.repository);
    let device = Device::start(store, config, Hands::new(hands.repository), now).expect("a device");
    assert_eq!(device.hands.log[0], "activate 1", "it answers first of all");
    let reason = dunlin_sync::Reason::Lost;
    assert_eq!(device.hands.events[0], Event::RolledBack { version: 2, to: 1, reason });
    assert_eq!(device.answering(), 2, "and nobody waited for a day");
}

fn an_end_that_is_wanted_is_told(ground: &impl Ground) {
    for closes in [true, false] {
        let mut device = ground.start(hands("", canary()));
        device.pass(DAY);
        for _ in 0..6 {
            let Device { mut driver, mut hands, now } = device;
            if closes {
                driver.close(now, &mut hands);
            }
            drop(driver);
            let (store, config) = (ground.open().expect("a store"), config(&hands.repository));
            device = Device::start(store, config, Hands::new(hands.repository), now).expect("a device");
        }
        // Four ends without an input are a crash, unless they were wanted.
        assert_eq!(device.answering(), if closes { 2 } else { 1 });
        drop(device);
        let mut store = ground.open().expect("a store");
        let changes = store.stored().expect("sound").into_keys().map(|key| (key, None)).collect();
        assert_eq!(store.commit(changes), Ok(()));
    }
}

fn one_at_a_time(ground: &PathBuf) {
    let store = ground.open().expect("a store");
    assert_eq!(ground.open().map(|_| ()).map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    drop(store);
    assert!(ground.open().is_ok());
}

/// Runs each case on both grounds, and gives its name.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        [$({
            $case(&Disks::default());
            let folder = tempfile::tempdir().expect("a folder");
            $case(&folder.path().join("client"));
            stringify!($case)
        }),*]
    };
}

#[test]
fn the_native_driver_does_what_a_driver_must() {
    let mut names = cases![
        commits_are_whole,
        commits_last,
        effects_are_in_order,
        a_failed_commit_is_told,
        an_answer_finds_its_request,
        an_answer_has_a_size_limit,
        an_answer_has_a_time_limit,
        statuses_are_answers,
        requests_go_out_as_they_are,
        it_wakes_when_asked,
        conditions_come_before_fetching,
        a_restart_goes_on,
        a_trial_is_told,
        a_model_that_cannot_be_loaded_is_told,
        a_model_that_is_lost_is_fetched_again,
        an_end_that_is_wanted_is_told,
    ]
    .to_vec();
    let folder = tempfile::tempdir().expect("a folder");
    one_at_a_time(&folder.path().to_owned());
    names.push("one_at_a_time");
    let list = include_str!("../../../docs/formats/driver.md");
    let listed: Vec<_> = list.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names, listed);
}

#[test]
fn a_commit_that_a_full_disk_refuses_is_told_to_the_app() {
    let disk = Disks::default();
    let mut device = disk.start(hands("", json!({})));
    disk.stop(Some(Stop { after: 0, reach: Reach::Half, for_good: true }));
    device.pass(DAY);
    assert!(
        device.hands.events.contains(&Event::Failed(Fault::Store(StoreFailure::Full))),
        "{:?}",
        device.hands.events
    );
    assert_eq!(device.answering(), 1);
    let Device { driver, hands, now } = device;
    drop(driver);
    disk.restart(Survives::Torn);
    let config = config(&hands.repository);
    let mut device = Device::start(disk.open().expect("a store"), config, hands, now).expect("a device");
    device.pass(3 * DAY);
    assert_eq!(device.answering(), 2);
}
