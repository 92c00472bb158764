//! A state as JSON, as the store has it.
//!
//! By hand, since what derives this for any type and any format is a quarter of the module that pages load for updates.

use alloc::vec::Vec;

use dunlin_protocol::hex::{self, Hash};
use dunlin_protocol::release::Canary;
use dunlin_protocol::tuf::Value;

use super::canary::Counts;
use super::state::{Blocked, Held, Place, Reason, Slot, Spent, Stage, State, Trying};
use crate::effect::Time;

/// `None` for what isn't a state of this version.
pub(super) fn read(bytes: &[u8]) -> Option<State> {
    let state = Value::parse(bytes, MOST_VALUES).ok()?;
    if state.number("version") != Ok(FORMAT) {
        return None;
    }
    Some(State {
        secret: hex::decode(state.text("secret").ok()?)?.try_into().ok()?,
        serving: place(state.text("serving").ok()?)?,
        a: maybe(&state, "a", held)?,
        b: maybe(&state, "b", held)?,
        trying: maybe(&state, "trying", trying)?,
        blocked: maybe(&state, "blocked", |_| state.list("blocked").ok()?.iter().map(blocked).collect())?
            .unwrap_or_default(),
        spent: maybe(&state, "spent", |spent| {
            Some(Spent { day: number(spent, "day")?, bytes: number(spent, "bytes")? })
        })?
        .unwrap_or_default(),
        next: Time(number(&state, "next")?),
        waiting: is(&state, "waiting")?,
        failures: count(&state, "failures")?,
        expires: maybe(&state, "expires", |_| number(&state, "expires"))?.map(Time),
        lost: maybe(&state, "lost", |_| number(&state, "lost"))?,
    })
}

/// The bytes that are read.
pub(super) fn write(state: &State) -> Vec<u8> {
    let blocked: Vec<Value> = state.blocked.iter().map(of_blocked).collect();
    let spent = Value::of([("day", Some(state.spent.day.into())), ("bytes", Some(state.spent.bytes.into()))]);
    let value = Value::of([
        ("version", Some(FORMAT.into())),
        ("secret", Some(hex::encode(&state.secret).as_str().into())),
        ("serving", Some(name(state.serving).into())),
        ("a", state.a.as_ref().map(of_held)),
        ("b", state.b.as_ref().map(of_held)),
        ("trying", state.trying.as_ref().map(of_trying)),
        ("blocked", Some(Value::List(blocked))),
        ("spent", Some(spent)),
        ("next", Some(state.next.0.into())),
        ("waiting", Some(state.waiting.into())),
        ("failures", Some(state.failures.into())),
        ("expires", state.expires.map(|time| time.0.into())),
        ("lost", state.lost.map(Value::from)),
    ]);
    value.json()
}

fn held(value: &Value) -> Option<Held> {
    Some(Held { sha256: Hash::parse(value.text("sha256").ok()?)?, version: number(value, "version")? })
}

fn of_held(held: &Held) -> Value {
    Value::of([("sha256", Some(digits(&held.sha256))), ("version", Some(held.version.into()))])
}

fn trying(value: &Value) -> Option<Trying> {
    let Place::Slot(slot) = place(value.text("slot").ok()?)? else { return None };
    let stage = match value.text("stage").ok()? {
        "start" => Stage::Start,
        "canary" => Stage::Canary,
        _ => return None,
    };
    let counts = |counts: &Value| {
        let [inputs, disagreed] = [number(counts, "inputs")?, number(counts, "disagreed")?];
        let [fell_back, slow] = [number(counts, "fell_back")?, number(counts, "slow")?];
        Some(Counts { inputs, disagreed, fell_back, slow })
    };
    Some(Trying {
        slot,
        stage,
        canary: maybe(value, "canary", |canary| Canary::read(canary).ok())?,
        counts: maybe(value, "counts", counts)?.unwrap_or_default(),
        starts: count(value, "starts")?,
        ends: count(value, "ends")?,
        ended: is(value, "ended")?,
        answered: is(value, "answered")?,
    })
}

fn of_trying(trying: &Trying) -> Value {
    let Counts { inputs, disagreed, fell_back, slow } = trying.counts;
    let counts = [("inputs", inputs), ("disagreed", disagreed), ("fell_back", fell_back), ("slow", slow)];
    let stage = match trying.stage {
        Stage::Start => "start",
        Stage::Canary => "canary",
    };
    Value::of([
        ("slot", Some(name(Place::Slot(trying.slot)).into())),
        ("stage", Some(stage.into())),
        ("canary", trying.canary.as_ref().map(Canary::value)),
        ("counts", Some(Value::of(counts.map(|(name, count)| (name, Some(count.into())))))),
        ("starts", Some(trying.starts.into())),
        ("ends", Some(trying.ends.into())),
        ("ended", Some(trying.ended.into())),
        ("answered", Some(trying.answered.into())),
    ])
}

fn blocked(value: &Value) -> Option<Blocked> {
    Some(Blocked {
        sha256: Hash::parse(value.text("sha256").ok()?)?,
        reason: Reason::named(value.text("reason").ok()?)?,
        day: number(value, "day")?,
        runtime: value.text("runtime").ok()?.into(),
        tries: number(value, "tries")?,
    })
}

fn of_blocked(blocked: &Blocked) -> Value {
    Value::of([
        ("sha256", Some(digits(&blocked.sha256))),
        ("reason", Some(blocked.reason.name().into())),
        ("day", Some(blocked.day.into())),
        ("runtime", Some(blocked.runtime.as_str().into())),
        ("tries", Some(blocked.tries.into())),
    ])
}

fn digits(hash: &Hash) -> Value {
    hex::encode(&hash.0).as_str().into()
}

fn place(name: &str) -> Option<Place> {
    Some(match name {
        "factory" => Place::Factory,
        "a" => Place::Slot(Slot::A),
        "b" => Place::Slot(Slot::B),
        _ => return None,
    })
}

const fn name(place: Place) -> &'static str {
    match place {
        Place::Factory => "factory",
        Place::Slot(Slot::A) => "a",
        Place::Slot(Slot::B) => "b",
    }
}

fn number<T: TryFrom<u64>>(value: &Value, name: &'static str) -> Option<T> {
    value.number(name).ok()?.try_into().ok()
}

/// A number that may be left out, which means 0.
fn count(value: &Value, name: &'static str) -> Option<u32> {
    Some(maybe(value, name, |_| number(value, name))?.unwrap_or(0))
}

/// What may be left out, which means no.
fn is(value: &Value, name: &'static str) -> Option<bool> {
    match value.optional(name).ok()? {
        None => Some(false),
        Some(Value::Bool(is)) => Some(*is),
        Some(_) => None,
    }
}

/// What may be left out; `None` for what is there and can't be read.
fn maybe<T>(value: &Value, name: &'static str, read: impl Fn(&Value) -> Option<T>) -> Option<Option<T>> {
    match value.optional(name).ok()? {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

const FORMAT: u64 = 1;
/// More than any state has.
const MOST_VALUES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use alloc::string::String;
    use alloc::vec;

    fn full() -> State {
        let mut state = State::new(&mut Chance::new([5; 32]), Time(77));
        state.serving = Place::Slot(Slot::B);
        state.b = Some(Held { sha256: Hash([2; 32]), version: 2 });
        let canary = Canary { inputs: 50, agreement: 0.8, fallback: 0.25, latency_ms: 200 };
        state.start(Slot::A, Held { sha256: Hash([3; 32]), version: 3 }, Some(canary));
        let trying = state.trying.as_mut().expect("it was begun");
        (trying.starts, trying.ends, trying.ended, trying.answered) = (1, 2, true, true);
        trying.counts = Counts { inputs: 9, disagreed: 1, fell_back: 2, slow: 3 };
        trying.stage = Stage::Canary;
        let (runtime, reason) = (String::from("1.0 \"\\\n"), Reason::Crash);
        state.blocked = vec![Blocked { sha256: Hash([4; 32]), reason, day: 20_000, runtime, tries: 1 }];
        state.spent = Spent { day: 20_001, bytes: 1 << 40 };
        (state.waiting, state.failures, state.expires, state.lost) = (true, 3, Some(Time(1 << 50)), Some(20_002));
        state
    }

    #[test]
    fn states_come_back() {
        let least = State::new(&mut Chance::new([5; 32]), Time(0));
        for state in [least, full()] {
            assert_eq!(read(&write(&state)), Some(state));
        }
        // Times at the end of time, which are as good as a little earlier.
        let mut late = full();
        (late.next, late.expires) = (Time(u64::MAX), Some(Time(u64::MAX)));
        assert_eq!(read(&write(&late)).map(|state| state.next), Some(Time(i64::MAX as u64)));
    }

    #[test]
    fn what_an_earlier_version_wrote_is_read_and_what_a_later_one_did_is_not() {
        let earlier = r#"{"version":1,"secret":"00112233445566778899aabbccddeeff","serving":"factory","a":{"sha256":"1111111111111111111111111111111111111111111111111111111111111111","version":2},"trying":{"slot":"a","stage":"start","counts":{"inputs":0,"disagreed":0,"fell_back":0,"slow":0},"ends":0},"blocked":[],"spent":{"day":0,"bytes":0},"next":5,"waiting":false,"failures":0,"later":[1]}"#;
        let state = read(earlier.as_bytes()).expect("it is one");
        assert_eq!((state.trying.map(|trying| trying.starts), state.next), (Some(0), Time(5)));
        for (from, to) in [
            (r#""version":1,"#, r#""version":2,"#),
            ("eeff", "ee"),
            ("factory", "c"),
            (r#""start""#, r#""end""#),
            (r#""slot":"a""#, r#""slot":"factory""#),
            ("1111", "111g"),
            (r#""next":5"#, r#""next":-5"#),
            (r#""waiting":false"#, r#""waiting":0"#),
            (r#""blocked":[]"#, r#""blocked":[1]"#),
            ("}", ""),
        ] {
            assert_eq!(read(earlier.replacen(from, to, 1).as_bytes()), None, "{to}");
        }
    }
}
