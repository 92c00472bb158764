//! What all state machines of this crate have in common, and how several of them share one host.

use crate::effect::{Effect, Failure, Response, StoreFailure, Time};

/// A state machine that its host drives.
///
/// A machine numbers its own requests and commits; whoever joins machines makes the numbers unique, see [`Lanes`]. Other inputs and
/// outputs are each machine's own.
pub trait Machine {
    /// What is to be done next; to be asked until there is nothing.
    fn poll(&mut self, now: Time) -> Option<Effect>;

    /// A request's answer, or why there is none.
    fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>);

    /// A commit is durable, or didn't happen.
    fn handle_commit(&mut self, now: Time, id: u64, done: Result<(), StoreFailure>);

    /// The time that the machine's last [`Effect::Wake`] named has come.
    fn handle_wake(&mut self, now: Time);
}

/// Joins machines: effects in one queue, numbers that tell whose they are, and one time to be woken at.
///
/// Whoever has N machines passes all of them, always in the same order, and gives each the answers that [`Lanes::inward`] says are its.
#[derive(Clone, Debug)]
pub struct Lanes<const N: usize> {
    wakes: [Option<Time>; N],
    announced: Option<Time>,
}

impl<const N: usize> Default for Lanes<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Lanes<N> {
    /// Of machines that nothing is known of yet.
    pub const fn new() -> Self {
        Self { wakes: [None; N], announced: None }
    }

    /// The next effect of the first machine that has one, its numbers made unique.
    pub fn poll(&mut self, now: Time, machines: [&mut dyn Machine; N]) -> Option<Effect> {
        for (lane, machine) in machines.into_iter().enumerate() {
            while let Some(effect) = machine.poll(now) {
                match effect {
                    Effect::Wake(at) => self.wakes[lane] = Some(at),
                    effect => return Some(outward::<N>(lane, effect)),
                }
            }
        }
        let first = self.wakes.iter().flatten().min().copied();
        if first == self.announced {
            return None;
        }
        self.announced = first;
        first.map(Effect::Wake)
    }

    /// Wakes the machines whose time has come.
    pub fn wake(&mut self, now: Time, machines: [&mut dyn Machine; N]) {
        self.announced = None;
        for (wake, machine) in self.wakes.iter_mut().zip(machines) {
            if wake.is_some_and(|at| at <= now) {
                *wake = None;
                machine.handle_wake(now);
            }
        }
    }

    /// To which machine a number belongs, and what that machine calls it.
    pub const fn inward(id: u64) -> (usize, u64) {
        ((id % N as u64) as usize, id / N as u64)
    }
}

/// An effect with numbers that no other machine has.
fn outward<const N: usize>(lane: usize, mut effect: Effect) -> Effect {
    let number = |id: u64| id * N as u64 + lane as u64;
    match &mut effect {
        Effect::Send(request) => request.id = number(request.id),
        Effect::Commit(commit) => commit.id = number(commit.id),
        Effect::Read(read) => read.id = number(read.id),
        _ => (),
    }
    effect
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Commit;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Does what it was told to, and remembers what it was told.
    #[derive(Default)]
    struct Scripted {
        effects: Vec<Effect>,
        committed: Vec<u64>,
        woken: Vec<Time>,
    }

    impl Machine for Scripted {
        fn poll(&mut self, _: Time) -> Option<Effect> {
            self.effects.pop()
        }
        fn handle_response(&mut self, _: Time, _: u64, _: Result<Response, Failure>) {}
        fn handle_commit(&mut self, _: Time, id: u64, _: Result<(), StoreFailure>) {
            self.committed.push(id);
        }
        fn handle_wake(&mut self, now: Time) {
            self.woken.push(now);
        }
    }

    #[test]
    fn numbers_find_back_and_each_is_woken_at_its_own_time() {
        let commit = |id| Effect::Commit(Commit { id, changes: Vec::new() });
        let mut a = Scripted { effects: vec![Effect::Wake(Time(50)), commit(7)], ..Scripted::default() };
        let mut b = Scripted { effects: vec![commit(7), Effect::Wake(Time(20))], ..Scripted::default() };
        let mut lanes = Lanes::<2>::new();
        let mut seen = Vec::new();
        while let Some(effect) = lanes.poll(Time(0), [&mut a, &mut b]) {
            match effect {
                Effect::Commit(commit) => {
                    let (lane, id) = Lanes::<2>::inward(commit.id);
                    [&mut a, &mut b][lane].handle_commit(Time(0), id, Ok(()));
                    seen.push(commit.id);
                }
                other => assert_eq!(other, Effect::Wake(Time(20))),
            }
        }
        assert_eq!((a.committed.as_slice(), b.committed.as_slice()), ([7].as_slice(), [7].as_slice()));
        assert_ne!(seen[0], seen[1]);
        lanes.wake(Time(20), [&mut a, &mut b]);
        assert_eq!((a.woken.len(), b.woken.len()), (0, 1));
        assert_eq!(lanes.poll(Time(20), [&mut a, &mut b]), Some(Effect::Wake(Time(50))));
        assert_eq!(lanes.poll(Time(20), [&mut a, &mut b]), None);
        lanes.wake(Time(60), [&mut a, &mut b]);
        assert_eq!((a.woken.len(), b.woken.len()), (1, 1));
    }
}
