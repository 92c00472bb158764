//! Two threads do what one does.

mod common;

use allocation_counter::measure;
use common::fill_inputs;
use common::graphs::{GRAPHS, LARGE};
use dunlin_engine::error::RunError;
use dunlin_engine::exec::{Join, Piece};
use dunlin_engine::model::Limits;
use dunlin_engine::{Helper, Isa, Session};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A helper that counts what it is asked.
#[derive(Debug)]
struct Counting(Helper, Arc<AtomicUsize>);

impl Join for Counting {
    fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.join(first, second);
    }
}

/// Leaves a piece out as often as it says, then does both on the caller's thread.
#[derive(Debug)]
struct Lazy(usize);

impl Join for Lazy {
    fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>) {
        first();
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => second(),
        }
    }
}

fn session(file: &[u8], isa: Isa) -> Session<&[u8]> {
    Session::load(file, isa, Limits::default()).expect("the graph is sound")
}

/// All outputs of a golden input.
fn outputs(session: &mut Session<&[u8]>, seed: u64) -> Result<Vec<Vec<u8>>, RunError> {
    fill_inputs(session, seed);
    session.run()?;
    Ok((0..).map_while(|index| Some(session.output(index)?.bytes.to_vec())).collect())
}

#[test]
fn large_steps_are_done_in_halves_and_no_bit_changes() {
    for (name, graph, steps) in LARGE {
        let file = graph().sections_without_golden().file();
        for isa in Isa::supported() {
            let (mut one, mut two) = (session(&file, isa), session(&file, isa));
            let joins = Arc::new(AtomicUsize::new(0));
            let start = || Ok::<_, io::Error>(Counting(Helper::start()?, joins.clone()));
            assert!(two.share(start).expect("the system has a thread"), "{name} on {isa}");
            assert_eq!((one.threads(), two.threads()), (1, 2));
            for seed in 0..3 {
                assert_eq!(outputs(&mut two, seed), outputs(&mut one, seed), "{name} on {isa}, seed {seed}");
            }
            assert_eq!(joins.load(Ordering::Relaxed), 3 * steps, "{name} on {isa}");
            assert_eq!(two.plan().halves().steps, steps, "{name} on {isa}");
        }
    }
}

#[test]
fn a_shorter_length_has_fewer_halves_and_the_same_bits() {
    let [.., (_, graph, steps)] = LARGE;
    let file = graph().sections_without_golden().file();
    let (mut one, mut two) = (session(&file, Isa::best()), session(&file, Isa::best()));
    let joins = Arc::new(AtomicUsize::new(0));
    let start = || Ok::<_, io::Error>(Counting(Helper::start()?, joins.clone()));
    assert!(two.share(start).expect("the system has a thread"));
    for (length, least, most) in [(99, 1, steps), (33, 1, steps - 1), (2, 0, 0), (100, steps, steps)] {
        one.set_length(length).and_then(|()| two.set_length(length)).expect("planned for");
        joins.store(0, Ordering::Relaxed);
        assert_eq!(outputs(&mut two, 1), outputs(&mut one, 1), "{length}");
        assert!((least..=most).contains(&joins.load(Ordering::Relaxed)), "{length}: {joins:?}");
    }
    assert!(two.set_length(101).is_err(), "and is at its maximum again");
    joins.store(0, Ordering::Relaxed);
    assert_eq!(outputs(&mut two, 1), outputs(&mut one, 1));
    assert_eq!(joins.load(Ordering::Relaxed), steps);
}

#[test]
fn small_models_start_no_thread() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        let mut session = session(&file, Isa::best());
        let memory = session.heap_len();
        let shared = session.share(|| -> Result<Helper, Infallible> { panic!("{name} starts a thread") });
        assert_eq!((shared, session.threads()), (Ok(false), 1), "{name}");
        assert_eq!(session.heap_len(), memory, "{name}");
    }
}

#[test]
fn a_model_whose_halves_need_more_scratch_than_allowed_stays_whole() {
    for (name, graph, _) in LARGE {
        let file = graph().sections_without_golden().file();
        let planned = session(&file, Isa::best());
        let (halves, memory) = (planned.plan().halves(), planned.plan().arena().max(planned.plan().scratch()));
        assert!(halves.scratch >= planned.plan().scratch(), "{name}");
        let limits = Limits { memory, ..Limits::default() };
        let Ok(mut tight) = Session::load(&file[..], Isa::best(), limits) else { continue };
        let shared = tight.share(|| Ok::<_, Infallible>(Lazy(0))).expect("nothing can fail");
        assert_eq!(shared, halves.scratch <= memory, "{name}");
    }
}

#[test]
fn running_on_two_threads_allocates_nothing() {
    for (name, graph, _) in LARGE {
        let file = graph().sections_without_golden().file();
        let mut helped = session(&file, Isa::best());
        assert!(helped.share(Helper::start).expect("the system has a thread"));
        // What is counted is this thread's: here both halves are.
        let mut alone = session(&file, Isa::best());
        assert!(alone.share(|| Ok::<_, Infallible>(Lazy(0))).expect("nothing can fail"));
        for session in [&mut helped, &mut alone] {
            fill_inputs(session, 1);
            let mut outcome = Ok(());
            let taken = measure(|| outcome = session.run());
            assert_eq!((taken.count_total, outcome), (0, Ok(())), "{name}");
        }
    }
}

#[test]
fn sharing_takes_the_scratch_memory_that_the_plan_says() {
    for (name, graph, _) in LARGE {
        let file = graph().sections_without_golden().file();
        let mut session = session(&file, Isa::best());
        let (before, planned) = (session.heap_len(), session.plan().memory());
        assert_eq!(session.memory(), planned, "{name}");
        assert!(session.share(|| Ok::<_, Infallible>(Lazy(0))).expect("nothing can fail"));
        let halves = session.plan().halves();
        assert_eq!(session.memory(), session.plan().arena() + halves.scratch, "{name}");
        assert!(session.heap_len() - before <= halves.scratch, "{name}");
    }
}

#[test]
fn a_half_that_does_not_come_to_its_end_is_an_error_of_that_run_only() {
    for (name, graph, steps) in LARGE {
        let file = graph().sections_without_golden().file();
        let (mut one, mut two) = (session(&file, Isa::best()), session(&file, Isa::best()));
        assert!(two.share(|| Ok::<_, Infallible>(Lazy(2))).expect("nothing can fail"));
        assert!(steps > 2);
        // A run ends with its first error.
        for _ in 0..2 {
            assert_eq!(outputs(&mut two, 1), Err(RunError::Half), "{name}");
        }
        assert_eq!(outputs(&mut two, 1), outputs(&mut one, 1), "{name}");
    }
}

#[test]
fn a_thread_that_cannot_start_leaves_the_session_as_it_is() {
    let [(_, graph, _), ..] = LARGE;
    let file = graph().sections_without_golden().file();
    let mut session = session(&file, Isa::best());
    let refused = session.share(|| Err::<Helper, _>("no thread"));
    assert_eq!((refused, session.threads()), (Err("no thread"), 1));
    assert_eq!(session.memory(), session.plan().memory());
    assert!(outputs(&mut session, 1).is_ok());
}
