//! What loading and running take from the allocator.

mod common;

use allocation_counter::measure;
use common::fill_inputs;
use common::graphs::{self, GRAPHS};
use dunlin_engine::model::Limits;
use dunlin_engine::{Isa, Session};

#[test]
fn running_allocates_nothing() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        for isa in Isa::supported() {
            let mut session = Session::load(&file[..], isa, Limits::default()).expect("the graph is sound");
            fill_inputs(&mut session, 1);
            let mut outcome = Ok(());
            let taken = measure(|| outcome = session.run());
            assert_eq!((taken.count_total, outcome), (0, Ok(())), "{name} on {isa}");
        }
    }
}

#[test]
fn filling_inputs_and_reading_outputs_allocates_nothing() {
    let file = graphs::int8().sections().file();
    let mut session = Session::load(&file[..], Isa::best(), Limits::default()).expect("the graph is sound");
    let taken = measure(|| {
        fill_inputs(&mut session, 1);
        assert!(session.run().is_ok() && session.output(0).is_some());
    });
    assert_eq!(taken.count_total, 0);
}

#[test]
fn loading_copies_no_weights() {
    let file = graphs::dense(1024, 2048).sections().file();
    assert!(file.len() > 2 << 20);
    for isa in Isa::supported() {
        let mut memory = 0;
        let taken = measure(|| {
            let session = Session::load(&file[..], isa, Limits::default()).expect("the graph is sound");
            memory = session.plan().memory() as u64;
        });
        assert!(
            taken.bytes_total <= memory + 64 * 1024,
            "{isa}: {} bytes, {memory} of them planned",
            taken.bytes_total
        );
    }
}

#[test]
fn loading_takes_what_the_plan_says_and_a_little() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        let mut memory = 0;
        let taken = measure(|| {
            let session = Session::load(&file[..], Isa::best(), Limits::default()).expect("the graph is sound");
            memory = session.plan().memory() as u64;
        });
        assert!(taken.bytes_max <= memory + 64 * 1024, "{name}: {} bytes, {memory} of them planned", taken.bytes_max);
    }
}

#[test]
fn a_session_holds_what_it_says() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        for isa in Isa::supported() {
            let mut session = None;
            let taken = measure(|| session = Session::load(&file[..], isa, Limits::default()).ok());
            let session = session.expect("the graph is sound");
            assert_eq!(taken.bytes_current, session.heap_len() as i64, "{name} on {isa}");
        }
    }
}
