//! The fallback against servers that are down, slow, flapping, lying and limiting, in simulated time.

mod world;

use dunlin_protocol::oip::{Consent, Found};
use dunlin_sync::fallback::{Audits, Config, Event, Outbox, Server, Why};
use dunlin_sync::{Chance, Effect, Failure, Machine, Stored, Time};
use proptest::prelude::*;
use world::{Act, Behaviour, Schedule, World, question};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn config(servers: usize) -> Config {
    let server = |number| Server {
        url: format!("https://{number}.example.org"),
        model: "spam".into(),
        version: None,
        token: Some("secret".into()),
    };
    Config { servers: (0..servers).map(server).collect(), consent: Consent::Input, ..Config::default() }
}

fn world(schedules: &[&[(u64, Behaviour)]]) -> World {
    World::new(config(schedules.len()), schedules.iter().map(|schedule| schedule.to_vec()).collect())
}

fn local(world: &World, ticket: dunlin_sync::fallback::Ticket) -> (Why, bool) {
    match world.seen.local.get(&ticket) {
        Some(Event::Local { why, later, .. }) => (*why, *later),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_in_time_is_the_answer() {
    let mut world = world(&[&[(0, Behaviour::Up(80))]]);
    let ticket = world.ask(question(true), 500);
    world.pass(79);
    assert!(world.seen.answered.is_empty());
    world.pass(1);
    assert_eq!(world.seen.answered.get(&ticket), Some(&world::TRUE_CLASS));
    assert_eq!(world.seen.agreements, [false]);
    assert_eq!((world.requests(), world.fallback.waiting()), (1, 0));
    assert!(world.stored().keys().all(|key| !key.starts_with("outbox")), "nothing lies in the store");
}

#[test]
fn with_no_time_the_local_answer_comes_at_once_and_the_upgrade_later() {
    let mut world = world(&[&[(0, Behaviour::Up(80))]]);
    world.commit_takes = 3;
    let ticket = world.ask(question(true), 0);
    assert_eq!(local(&world, ticket), (Why::Deadline, true));
    world.pass(2);
    assert!(world.seen.kept.is_empty(), "not before it is durable");
    world.pass(200);
    assert!(world.seen.kept.contains(&ticket) && world.seen.upgraded.contains_key(&ticket));
    assert_eq!(world.requests(), 1, "the first try goes on");
    world.check_kept();
}

#[test]
fn an_upgrade_survives_a_restart_before_and_after_its_answer() {
    let mut world = world(&[&[(HOUR, Behaviour::Down), (0, Behaviour::Up(80))]]);
    world.takes = false;
    let ticket = world.ask(question(true), 200);
    world.pass(1_000);
    assert!(matches!(local(&world, ticket), (_, true)));
    world.restart();
    world.pass(3 * HOUR);
    assert!(world.seen.upgraded.contains_key(&ticket), "asked again by itself");
    let sent = world.requests();
    assert!(!world.stored()["outbox/0"].windows(6).any(|bytes| bytes == b"is it?"), "an answered input is forgotten");
    world.restart();
    world.pass(1_000);
    assert_eq!(world.requests(), sent, "an answer is told again, not asked for again");
    world.takes = true;
    world.restart();
    world.pass(1_000);
    world.check_kept();
}

#[test]
fn a_late_answer_is_hedged_by_another_server() {
    let mut world = world(&[&[(100_000, Behaviour::Up(50)), (0, Behaviour::Up(5_000))], &[(0, Behaviour::Up(60))]]);
    for _ in 0..20 {
        world.ask(question(true), 1_000);
        world.pass(5_000);
    }
    assert_eq!(world.requests(), 20);
    let ticket = world.ask(question(true), 1_000);
    world.pass(111);
    // The usual 50 ms are over, and the other one took 60.
    assert!(world.seen.answered.contains_key(&ticket));
    assert_eq!(world.seen.sent[&ticket.to_string()].iter().map(|(_, server)| *server).collect::<Vec<_>>(), [0, 1]);
    world.pass(10_000);
    assert_eq!(world.seen.agreements.len(), 21, "the late answer isn't taken too");
}

#[test]
fn hedges_have_a_budget() {
    let mut world = world(&[&[(0, Behaviour::Up(900))]]);
    for _ in 0..200 {
        world.ask(question(true), 1_000);
        world.pass(2_000);
    }
    // At first half of the time is waited, later the usual time, which is as long as the answers take.
    assert!((201..=221).contains(&world.requests()), "{}", world.requests());
}

#[test]
fn a_refusal_ends_a_question_and_is_never_asked_again() {
    for status in [400, 401, 403, 404, 409, 413, 422, 500, 501, 505, 301, 204] {
        let mut world = world(&[&[(0, Behaviour::Says(status, None))]]);
        let ticket = world.ask(question(true), 10_000);
        world.pass(1_000);
        assert_eq!(local(&world, ticket), (Why::Refused(status), false), "{status}");
        let waiting = world.ask(question(true), 0);
        world.pass(DAY);
        assert_eq!(local(&world, waiting), (Why::Deadline, true));
        assert!(matches!(world.seen.dropped[&waiting], Event::Dropped { why: Why::Refused(s), .. } if s == status));
        assert_eq!(world.requests(), 2);
    }
}

#[test]
fn what_may_be_over_soon_is_tried_again_in_time() {
    for behaviour in [
        Behaviour::Down,
        Behaviour::Breaks(3),
        Behaviour::Says(502, None),
        Behaviour::Says(504, None),
        Behaviour::Says(503, Some(1)),
        Behaviour::Says(429, Some(0)),
    ] {
        let mut world = world(&[&[(100, behaviour), (0, Behaviour::Up(20))]]);
        let ticket = world.ask(question(true), 20_000);
        world.pass(20_000);
        assert!(world.seen.answered.contains_key(&ticket), "{behaviour:?}");
        assert!(world.requests() >= 2, "{behaviour:?}");
    }
}

#[test]
fn a_wish_to_be_left_alone_is_honoured_up_to_an_hour() {
    for (wish, least, most) in [(600, 600, 750), (999_999_999_999, 3600, 4500), (u64::MAX, 3600, 4500)] {
        let mut world = world(&[&[(1_000, Behaviour::Says(429, Some(wish))), (0, Behaviour::Up(20))]]);
        let first = world.ask(question(true), 30_000);
        world.pass(100);
        // Who waits isn't kept waiting for what can't be in time.
        assert!(local(&world, first).1);
        let second = world.ask(question(true), 30_000);
        assert_eq!(local(&world, second), (Why::Resting, true));
        world.pass(2 * HOUR);
        let sent = &world.seen.sent[&second.to_string()];
        let waited = sent[0].0.since(Time(1_700_000_000_000)) / 1000;
        assert!((least..=most).contains(&waited), "{wish}: {waited} s");
        assert_eq!(world.requests(), 3);
    }
}

#[test]
fn a_dead_server_is_asked_ever_more_seldom() {
    for behaviour in
        [Behaviour::Down, Behaviour::Hangs, Behaviour::Says(500, None), Behaviour::Says(503, None), Behaviour::Lies(2)]
    {
        let mut world = world(&[&[(0, behaviour)]]);
        world.config.questions_per_day = 100_000;
        world.config.bytes_per_day = 1 << 40;
        world.restart();
        let mut until_here = 0;
        for hour in 0..12 {
            for _ in 0..360 {
                world.ask(question(true), 500);
                world.pass(10_000);
            }
            // Five to find out, those under way beside them, and one for each rest of 15 to 30 seconds, 30 to 60, …
            let most = if hour == 0 { 5 + 4 + 9 } else { 3 };
            let asked = world.requests() - until_here;
            assert!(asked <= most, "{behaviour:?}: {asked} in hour {hour}");
            until_here = world.requests();
        }
    }
}

#[test]
fn a_rest_survives_a_restart() {
    let mut world = world(&[&[(0, Behaviour::Down)]]);
    for _ in 0..100 {
        world.ask(question(true), 500);
        world.pass(1_000);
        world.restart();
    }
    assert!(world.requests() <= 5 + 4 + 9, "{}", world.requests());
    assert!(world.stored().contains_key("breaker"));
}

#[test]
fn a_server_that_is_well_again_is_found_out() {
    let mut world = world(&[&[(HOUR, Behaviour::Down), (0, Behaviour::Up(30))]]);
    for _ in 0..60 {
        world.ask(question(true), 500);
        world.pass(60_000);
    }
    world.pass(2 * HOUR);
    let ticket = world.ask(question(true), 500);
    world.pass(500);
    assert!(world.seen.answered.contains_key(&ticket));
    world.pass(DAY);
    assert_eq!(world.seen.dropped.len(), 0, "all that waited were answered");
    world.check_kept();
}

#[test]
fn the_other_server_is_asked_while_the_first_one_rests() {
    let mut world = world(&[&[(0, Behaviour::Down)], &[(0, Behaviour::Up(30))]]);
    for _ in 0..50 {
        world.ask(question(true), 3_000);
        world.pass(4_000);
    }
    assert!(world.seen.answered.len() >= 45, "{}", world.seen.answered.len());
}

#[test]
fn lies_arent_taken_and_count_against_the_server() {
    for how in 0..12 {
        let mut world = world(&[&[(0, Behaviour::Lies(how))]]);
        for _ in 0..20 {
            let ticket = world.ask(question(true), 1_000);
            world.pass(2_000);
            let (why, _) = local(&world, ticket);
            let known = matches!(why, Why::Untrue(_) | Why::Unreadable | Why::Network(Failure::TooLong) | Why::Resting);
            assert!(known, "{how}: {why:?}");
        }
        assert!((5..=9).contains(&world.requests()), "{how}: {}", world.requests());
        assert!(world.seen.agreements.is_empty());
    }
}

#[test]
fn another_server_is_asked_after_a_lie() {
    let mut world = world(&[&[(0, Behaviour::Lies(1))], &[(0, Behaviour::Up(30))]]);
    let ticket = world.ask(question(true), 5_000);
    world.pass(5_000);
    assert!(world.seen.answered.contains_key(&ticket));
    let servers: Vec<usize> = world.seen.sent[&ticket.to_string()].iter().map(|(_, server)| *server).collect();
    assert_eq!(servers, [0, 1]);
}

#[test]
fn consent_says_what_is_sent() {
    for (consent, sent) in [(Consent::None, 0), (Consent::Features, 1), (Consent::Input, 1)] {
        let mut world = world(&[&[(0, Behaviour::Up(30))]]);
        world.act(&Act::Consent(consent));
        let ticket = world.ask(question(true), 1_000);
        world.pass(1_000);
        assert_eq!(world.requests(), sent, "{consent:?}");
        if sent == 0 {
            assert_eq!(local(&world, ticket), (Why::Consent, false));
        }
    }
    let mut world = world(&[&[(0, Behaviour::Up(30))]]);
    world.act(&Act::Consent(Consent::Features));
    let only_input = dunlin_sync::fallback::Question { features: None, ..question(true) };
    let ticket = world.ask(only_input, 1_000);
    assert_eq!(local(&world, ticket), (Why::Consent, false));
}

#[test]
fn consent_that_is_withdrawn_removes_what_waits() {
    let mut world = world(&[&[(0, Behaviour::Up(200))]]);
    let waits = world.ask(question(true), 0);
    let live = world.ask(question(true), 1_000);
    world.pass(50);
    world.act(&Act::Consent(Consent::Features));
    assert_eq!(local(&world, live), (Why::Consent, false));
    assert!(matches!(world.seen.dropped[&waits], Event::Dropped { why: Why::Consent, .. }));
    world.pass(DAY);
    assert!(world.seen.upgraded.is_empty() && world.seen.answered.is_empty(), "what was under way isn't taken");
    world.check_kept();
    // Not polled yet: it isn't sent at all, which the world would notice.
    let mut world = self::world(&[&[(0, Behaviour::Up(200))]]);
    world.fallback.ask(world.now, question(true), 100);
    world.config.consent = Consent::None;
    world.fallback.set_consent(world.now, Consent::None);
    while world.fallback.poll_event().is_some() {}
    world.pass(DAY);
    assert_eq!(world.requests(), 0);
}

#[test]
fn people_get_an_audit_and_the_app_hears_nothing_of_it() {
    let line: &[_] = &[(60_000, Behaviour::Down), (0, Behaviour::Up(30))];
    let silent = |world: &World| {
        let seen = &world.seen;
        world.stored().keys().all(|key| !key.starts_with("outbox/"))
            && seen.kept.is_empty()
            && seen.ends.is_empty()
            && seen.agreements.is_empty()
    };
    let mut world = world(&[line]);
    world.fallback.audit(world.now, question(true), 0.75);
    world.pass(1_000);
    assert!(!silent(&world), "it waits in the outbox");
    world.restart();
    world.pass(DAY);
    let audits: Vec<_> = world.seen.audits.values().copied().collect();
    assert_eq!(audits, [(Found { class: 2, confidence: 0.75 }, true)]);
    assert!(silent(&world));

    // Without consent to the input and without room nothing is sent, and after consent is withdrawn nothing more.
    for (consent, items) in [(Consent::None, 9), (Consent::Features, 9), (Consent::Input, 0)] {
        let mut world = self::world(&[line]);
        (world.config.consent, world.config.outbox.items) = (consent, items);
        world.restart();
        world.fallback.audit(world.now, question(true), 0.75);
        world.pass(DAY);
        assert!(world.seen.audits.is_empty() && silent(&world), "{consent:?}, {items}");
    }
    let mut world = self::world(&[line]);
    world.fallback.audit(world.now, question(true), 0.75);
    world.pass(1_000);
    world.act(&Act::Consent(Consent::Features));
    let tries = world.requests();
    world.pass(DAY);
    assert!(world.requests() == tries && silent(&world));
}

#[test]
fn audits_are_drawn_as_often_as_the_app_says() {
    for (of_thousand, least, most) in [(0, 0, 0), (10, 60, 140), (500, 4_800, 5_200), (1_000, 10_000, 10_000)] {
        let mut audits = Audits::new(of_thousand, Chance::new([7; 32]));
        let drawn = (0..10_000).filter(|_| audits.draw()).count();
        assert!((least..=most).contains(&drawn), "{of_thousand}: {drawn}");
    }
}

#[test]
fn the_day_has_a_budget_that_survives_restarts() {
    let mut world = world(&[&[(0, Behaviour::Up(30))]]);
    world.config.questions_per_day = 20;
    world.restart();
    for round in 0..60 {
        world.ask(question(true), 500);
        world.pass(1_000);
        if round == 30 {
            world.restart();
        }
    }
    assert_eq!(world.requests(), 20);
    world.check_budget();
    world.pass(DAY);
    let ticket = world.ask(question(true), 500);
    world.pass(500);
    assert!(world.seen.answered.contains_key(&ticket), "another day");
    // What may have been spent before a crash counts as spent.
    let mut world = self::world(&[&[(0, Behaviour::Up(30))]]);
    world.config.questions_per_day = 20;
    world.restart();
    for _ in 0..40 {
        world.ask(question(true), 500);
        world.pass(1_000);
        world.restart();
    }
    assert!((2..=20).contains(&world.requests()), "{}", world.requests());
}

#[test]
fn the_outbox_has_bounds() {
    let mut world = world(&[&[(0, Behaviour::Down)]]);
    world.config.outbox = Outbox { items: 3, bytes: 1 << 20, age: DAY };
    world.restart();
    let tickets: Vec<_> = (0..5).map(|_| world.ask(question(true), 0)).collect();
    let later: Vec<bool> = tickets.iter().map(|&ticket| local(&world, ticket).1).collect();
    assert_eq!(later, [true, true, true, false, false]);
    world.pass(DAY);
    assert_eq!(world.seen.dropped.len(), 3);
    world.check_kept();
    let mut small = self::world(&[&[(0, Behaviour::Down)]]);
    small.config.outbox = Outbox { items: 30, bytes: 1_000, age: DAY };
    small.restart();
    let tickets: Vec<_> = (0..9).map(|_| small.ask(question(true), 0)).collect();
    let kept = tickets.iter().filter(|&&ticket| local(&small, ticket).1).count();
    assert!((2..5).contains(&kept), "{kept}");
}

#[test]
fn pictures_go_in_binary_to_a_server_that_says_it_takes_that() {
    let mut world = world(&[&[(0, Behaviour::Up(30))]]);
    for _ in 0..3 {
        world.ask(question(false), 500);
        world.pass(1_000);
    }
    assert_eq!((world.seen.answered.len(), world.seen.metadata), (3, 1));
    let bytes = world.seen.bytes_on.values().sum::<u64>();
    assert!(bytes > 0);
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait() {
    let mut world = world(&[&[(0, Behaviour::Hangs)]]);
    let ticket = world.fallback.ask(world.now, question(true), 1_000);
    while world.fallback.poll_event().is_some() {}
    let back = Time(world.now.0 - 30 * DAY);

    let mut wake = None;
    while let Some(effect) = world.fallback.poll(back) {
        if let Effect::Wake(at) = effect {
            wake = Some(at);
        }
    }
    assert_eq!(wake, Some(back.after(1_000)), "as much time as before");
    world.fallback.handle_wake(back.after(1_000));
    let event = world.fallback.poll_event();
    assert!(matches!(event, Some(Event::Local { ticket: t, later: true, .. }) if t == ticket), "{event:?}");
}

#[test]
fn a_store_that_someone_else_wrote_is_no_reason_to_stop() {
    let mut stored = Stored::new();
    for (key, value) in [
        ("outbox/0", &b"nonsense"[..]),
        ("outbox/x", b"{}\n"),
        ("outbox/18446744073709551615", b""),
        ("breaker", b"[]"),
        ("budget", b"{\"version\":9}"),
    ] {
        stored.insert(key.to_owned(), value.to_vec());
    }
    let chance = dunlin_sync::Chance::new([0; 32]);
    let mut fallback = dunlin_sync::fallback::Fallback::restore(config(1), &stored, chance, Time(5));
    assert_eq!(fallback.poll_event(), Some(Event::Damaged { items: 3 }));
    fallback.ask(Time(5), question(true), 0);
    assert!(matches!(fallback.poll_event(), Some(Event::Local { later: true, .. })));
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let wish = proptest::option::of(prop_oneof![0..5u64, 0..10_000u64]);
    let status = prop_oneof![Just(429u16), Just(502), Just(503), Just(504), Just(500), Just(400), Just(404)];
    prop_oneof![
        (1..300u64).prop_map(Behaviour::Up),
        (1..20_000u64).prop_map(Behaviour::Up),
        Just(Behaviour::Down),
        Just(Behaviour::Hangs),
        (1..3_000u64).prop_map(Behaviour::Breaks),
        (status, wish).prop_map(|(status, wish)| Behaviour::Says(status, wish)),
        (0..12usize).prop_map(Behaviour::Lies),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let lasts = prop_oneof![1..2_000u64, 1..600_000u64, 1..20 * HOUR];
    proptest::collection::vec((lasts, behaviour()), 1..12)
}

fn act() -> impl Strategy<Value = Act> {
    let budget = prop_oneof![Just(0u64), 1..50u64, 50..3_000u64, 3_000..30_000u64];
    let consent = prop_oneof![Just(Consent::None), Just(Consent::Features), Just(Consent::Input)];
    prop_oneof![
        20 => (budget, any::<bool>()).prop_map(|(budget, text)| Act::Ask { budget, text }),
        1 => Just(Act::Restart),
        1 => consent.prop_map(Act::Consent),
    ]
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let after = prop_oneof![0..20u64, 0..5_000u64, 0..HOUR, 0..10 * HOUR];
    proptest::collection::vec((after, act()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_comes_by_its_deadline_and_nothing_is_lost(
        schedules in proptest::collection::vec(schedule(), 1..4),
        acts in acts(),
        questions_per_day in 1..60u32,
        bytes_per_day in prop_oneof![1_000..60_000u64, Just(8 << 20)],
        items in 0..10usize,
        (commit_takes, commits_fail) in (0..2_000u64, any::<bool>()),
        takes in any::<bool>(),
    ) {
        let outbox = Outbox { items, bytes: 1 << 20, age: 2 * DAY };
        let config = Config { questions_per_day, bytes_per_day, outbox, ..config(schedules.len()) };
        let mut world = World::new(config, schedules);
        (world.commit_takes, world.commits_fail, world.takes) = (commit_takes, commits_fail, takes);
        for (after, act) in &acts {
            world.pass(*after);
            world.act(act);
        }
        world.pass(3 * DAY);
        // A store that fails may forget what was spent, and keep what was to be removed.
        if !commits_fail {
            world.check_budget();
            world.check_kept();
        }
    }
}
