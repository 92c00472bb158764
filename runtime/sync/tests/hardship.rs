//! Updates where servers, clocks, stores and files fail.

mod common;

use common::story::{canary, rolled_back, world};
use common::world::{DAY, HOUR, LATE, MINUTE, Network, SLOT_A, SLOT_B, START, model};
use dunlin_sync::{Event, Failure, Fault, Place, Reason, StoreFailure};
use serde_json::json;

#[test]
fn looks_are_spread_and_those_that_fail_come_again_later_and_later() {
    let mut world = world(&[]);
    world.pass(0);
    assert_eq!(world.requests.len(), 0, "not all devices at once");
    world.pass(100 * DAY);
    let looks = world.requests.iter().filter(|path| *path == "metadata/timestamp.json").count();
    assert!((85..=115).contains(&looks), "{looks} looks in a hundred days");
    // Nothing new: the root that isn't there, and the timestamp.
    assert_eq!(world.requests[world.requests.len() - 2..], ["metadata/2.root.json", "metadata/timestamp.json"]);

    world.network = Network::Fails(Failure::Timeout);
    let before = world.requests.len();
    world.pass(2 * HOUR);
    let (now, from) = (world.now, world.requests.len());
    world.client().handle_check(now);
    world.pass(HOUR);
    let early = world.requests.len() - from;
    world.pass(9 * DAY);
    let late = world.requests.len() - from - early;
    assert!((3..=15).contains(&early) && (9..=40).contains(&late), "{early} in an hour, {late} in nine days, {before}");

    // A server that has too much to do says when to come back.
    for status in [429, 503] {
        world.network = Network::Says(status, Some("7200"));
        let now = world.now;
        world.client().handle_check(now);
        world.pass(0);
        let from = world.requests.len();
        world.pass(2 * HOUR - MINUTE);
        assert_eq!(world.requests.len(), from, "{status}");
        assert!(world.take_events().contains(&Event::Failed(Fault::Status(status))));
    }
    // A clock that is set back doesn't end looks.
    world.network = Network::Up;
    world.pass(3 * DAY);
    world.now = START;
    world.start();
    let from = world.requests.len();
    world.pass(3 * DAY);
    assert!(world.requests.len() > from);
}

#[test]
fn a_store_that_is_full_leaves_everything_as_it_was() {
    let mut world = world(&[(2, "", json!({}))]);
    world.pass(0);
    world.store_fails = Some(StoreFailure::Full);
    world.pass(5 * DAY);
    assert_eq!((world.answering(), world.store.contains_key("slot/a")), (1, false));
    let events = world.take_events();
    assert!(events.iter().all(|event| *event == Event::Failed(Fault::Store(StoreFailure::Full))), "{events:?}");
    assert!((2..200).contains(&events.len()), "{}", events.len());
    world.store_fails = None;
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 2);
    // A model that is taken back is left at once, also where that can't be written down.
    world.repository.add(3, &model(3, "other!"), canary());
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 3);
    world.store_fails = Some(StoreFailure::Broken);
    world.classify(5);
    world.store_fails = None;
    world.classify(5);
    assert_eq!((world.answering(), world.active.shadow), (2, None));
}

#[test]
fn a_model_that_can_no_longer_be_loaded_is_replaced_at_once() {
    let mut world = world(&[(2, "", json!({}))]);
    world.pass(DAY);
    world.repository.add(3, &model(3, ""), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 3);
    world.take_events();
    let now = world.now;
    world.client().handle_broken(now, Place::Factory);
    world.client().handle_broken(now, SLOT_A);
    assert_eq!(world.client().serving().place, SLOT_B, "what doesn't answer isn't missed");
    world.client().handle_broken(now, SLOT_B);
    assert_eq!(world.client().serving().place, SLOT_A);
    world.client().handle_broken(now, SLOT_A);
    world.pass(0);
    assert_eq!((world.client().serving().place, world.answering()), (Place::Factory, 1));
    assert_eq!(world.take_events(), [rolled_back(3, 2, Reason::Load), rolled_back(2, 1, Reason::Load)]);
}

#[test]
fn a_model_whose_bytes_are_gone_is_not_blamed_and_is_fetched_again() {
    let mut world = world(&[(2, "", json!({}))]);
    world.pass(DAY);
    assert_eq!(world.answering(), 2);
    world.take_events();
    // Found out while it answers, and again on the same day, when there was nothing to be had for it.
    let now = world.now;
    world.client().handle_lost(now, SLOT_A);
    world.pass(0);
    assert_eq!(world.answering(), 2);
    let bytes = model(2, "").len() as u64;
    let fetched =
        [Event::Downloaded { version: 2, bytes }, Event::Activated { version: 2 }, Event::Kept { version: 2 }];
    let events: Vec<Event> = world.take_events().into();
    assert_eq!(events, [&[rolled_back(2, 1, Reason::Lost)], &fetched[..]].concat());
    world.client().handle_lost(now, SLOT_A);
    world.pass(0);
    assert_eq!(world.answering(), 1, "not again and again");
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 2);
    // Of a model that is lost where it was just put, no more is fetched either.
    let mut world = self::world(&[(2, "lost!", canary())]);
    world.pass(DAY);
    let fetches = world.requests.iter().filter(|path| path.starts_with("targets/")).count();
    assert!((1..=3).contains(&fetches), "{fetches}");
    assert_eq!(world.answering(), 1);
    world.pass(10 * DAY);
    let fetches = world.requests.iter().filter(|path| path.starts_with("targets/")).count();
    assert!((10..=30).contains(&fetches), "it isn't blocked: {fetches}");
}

#[test]
fn a_state_that_cannot_be_read_is_begun_anew() {
    for state in [&b"nonsense"[..], br#"{"version":2}"#, b""] {
        let mut world = world(&[(2, "", json!({}))]);
        world.pass(DAY);
        let (mut state, good) = (state.to_vec(), world.store.get("state").cloned());
        if state.is_empty() {
            state = good.expect("a state").split_last().expect("bytes").1.to_vec();
        }
        world.store.insert("state".into(), state);
        world.start();
        assert_eq!(world.client().serving().place, Place::Factory);
        world.pass(3 * DAY);
        assert_eq!(world.answering(), 2);
    }
}
