//! Files that lie: always an error or a clean run, never a panic, a hang or memory beyond the limits.

mod common;

use common::corpus;
use common::graphs::{self, GRAPHS};
use common::{Random, Sections, exercise, fill_inputs};
use dunlin_engine::artifact::{ArtifactError, SectionKind};
use dunlin_engine::error::{Code, RunError};
use dunlin_engine::model::Limits;
use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Op, PoolKind, Window};
use dunlin_engine::tensor::{DType, Shape};
use dunlin_engine::{AlignedBytes, Artifact, Isa, ModelError, Plan, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// What hostile files may have of arena, scratch memory and tables.
const LIMITS: Limits = Limits { memory: 1 << 20, work: 1 << 28 };

/// What a reader may take besides: some words a word of the file, and a little for messages.
fn budget(file: &[u8]) -> u64 {
    3 * LIMITS.memory as u64 + 64 * file.len() as u64 + 4096
}

/// Cases of each randomized test: the whole of them in a release build takes seconds.
const CASES: u64 = 20_000;

#[test]
fn small_graphs_load_and_run() {
    for (name, graph) in GRAPHS {
        assert_eq!(exercise(&graph().sections().file(), LIMITS), None, "{name}");
    }
}

/// What a limit allows the system may still not have.
#[test]
fn memory_that_the_system_has_not_is_an_error() {
    let mut sections = graphs::int8().sections();
    // The upper half of the arena's bytes: 2^61.
    sections.set_word(SectionKind::Memory, 1, 1 << 29);
    let file = AlignedBytes::from_slice(&sections.file());
    let limits = Limits { memory: usize::MAX, ..LIMITS };
    let error = Session::load(file, Isa::best(), limits).map(|_| ()).expect_err("nobody has that much");
    assert_eq!(error.code(), Code::Memory);
    if cfg!(target_pointer_width = "64") {
        assert!(matches!(error, ModelError::OutOfMemory(_)), "{error}");
    }
}

#[test]
fn policies_that_lie_end_in_an_error_or_a_clean_run() {
    lies(SectionKind::Policy, &graphs::dense(4, 8).sections().with_policy());
}

#[test]
fn heads_that_lie_end_in_an_error_or_a_clean_run() {
    lies(SectionKind::Heads, &graphs::heads().sections().with_heads());
}

/// Changes a word of a section at a time.
fn lies(kind: SectionKind, sound: &Sections) {
    let mut sound = sound.clone();
    let words = sound.section(kind).len() / 4;
    let loaded = watched(CASES, move |_, random| {
        let mut sections = sound.clone();
        let word = match random.below(3) {
            0 => *random.pick(&WORDS),
            1 => random.below(64) as u32,
            _ => random.next() as u32,
        };
        sections.set_word(kind, random.below(words), word);
        sections.file()
    });
    assert!(loaded > CASES / 10 && loaded < CASES, "{loaded} of {CASES} changed sections ran");
}

#[test]
fn rejects_truncation_at_every_byte() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        for length in 0..file.len() {
            assert!(Artifact::parse(&file[..length]).is_err(), "{name} cut at {length}");
        }
    }
}

#[test]
fn rejects_bytes_at_the_end() {
    for extra in [1, 4, 64, 4096] {
        let file = [&*graphs::int8().sections().file(), &vec![0; extra]].concat();
        assert!(Artifact::parse(&AlignedBytes::from_slice(&file)).is_err(), "{extra} more");
    }
}

#[test]
fn rejects_every_flipped_bit_outside_of_the_weights() {
    for (name, graph) in GRAPHS {
        let mut file = graph().sections().file();
        let weights = weights(&file);
        for bit in 0..8 * file.len() {
            if weights.contains(&(bit / 8)) {
                continue;
            }
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(Artifact::parse(&file).is_err(), "{name} with bit {bit} flipped");
            file[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_flipped_bit_of_the_weights_runs_or_fails_and_is_found_by_their_digest() {
    for (name, graph) in GRAPHS {
        let mut file = graph().sections().file();
        for byte in weights(&file) {
            file[byte] ^= 1 << (byte % 8);
            let found = Artifact::parse(&file).and_then(|artifact| artifact.verify_weights());
            assert_eq!(found, Err(ArtifactError::Digest { section: "weights" }), "{name} with byte {byte} changed");
            exercise(&file, LIMITS);
            file[byte] ^= 1 << (byte % 8);
        }
    }
}

fn weights(file: &[u8]) -> std::ops::Range<usize> {
    let artifact = Artifact::parse(file).expect("the file is sound");
    let section = artifact.section(SectionKind::Weights).expect("there are weights");
    section.offset..section.offset + section.bytes.len()
}

#[test]
fn rejects_files_that_are_not_aligned() {
    let file = graphs::int8().sections().file();
    for offset in [1, 4, 8, 32] {
        let mut bytes = AlignedBytes::zeroed(file.len() + offset);
        bytes[offset..].copy_from_slice(&file);
        assert_eq!(Artifact::parse(&bytes[offset..]).err(), Some(ArtifactError::Alignment), "at {offset}");
    }
}

#[test]
fn refuses_models_that_need_more_memory_than_they_may_have() {
    let file = graphs::int8().sections().file();
    for memory in [0, 64, 256] {
        let refused = Session::load(&file[..], Isa::REFERENCE, Limits { memory, ..LIMITS });
        assert!(matches!(refused, Err(ModelError::Memory { .. })), "{memory}: {refused:?}");
    }
}

#[test]
fn refuses_to_run_a_plan_on_a_file_of_another_length() {
    let file = graphs::int8().sections().file();
    let artifact = Artifact::parse(&file).expect("the file is sound");
    let plan = Plan::build(&artifact, Isa::best(), LIMITS).expect("the graph is sound");
    for length in [0, 64, 1000] {
        let mut session = Session::new(vec![0; length], plan.clone()).expect("there is memory");
        fill_inputs(&mut session, 1);
        assert_eq!(session.run(), Err(RunError::File), "{length}");
    }
}

/// Other weights than those that the plan was built from: of the right length, and wrong in each byte.
#[test]
fn runs_cleanly_on_a_file_that_has_changed_since() {
    for (_, graph) in GRAPHS {
        let file = graph().sections().file();
        let artifact = Artifact::parse(&file).expect("the file is sound");
        let plan = Plan::build(&artifact, Isa::best(), LIMITS).expect("the graph is sound");
        for byte in [0, 0x7f, 0x80, 0xff] {
            let mut session = Session::new(vec![byte; file.len()], plan.clone()).expect("there is memory");
            fill_inputs(&mut session, 1);
            // An error or numbers that mean nothing.
            let _ = session.run();
        }
    }
}

/// What fuzzing has found so far, and the seeds that it began with.
#[test]
fn the_corpus_ends_in_errors_or_clean_runs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/artifact");
    let entries = std::fs::read_dir(folder).expect("the corpus is in the repository");
    let paths = entries.map(|entry| entry.expect("the corpus can be read").path());
    let inputs: Vec<Vec<u8>> = paths.map(|path| std::fs::read(path).expect("the corpus can be read")).collect();
    let cases = inputs.len() as u64;
    watched(cases, move |case, _| corpus::file(&inputs[case as usize]));
}

/// Windows whose padding makes them fit an image of one pixel: tables and loops must not outgrow the limits.
#[test]
fn giant_windows_take_neither_giant_memory_nor_giant_time() {
    let sides = [1 << 12, 32_767, 1 << 20, i32::MAX as u32];
    let kernels = sides.into_iter().flat_map(|side| [[side, 1], [1, side], [side, side]]);
    let windows = kernels.map(|kernel| {
        let pads = [kernel[0] - 1, kernel[1] - 1, 63, 63];
        Window { kernel, stride: [1; 2], dilation: [1; 2], pads, ceil: false }
    });
    let files: Vec<AlignedBytes> = windows.flat_map(giants).collect();
    assert!(!files.is_empty(), "some windows are small enough to be read");
    let cases = files.len() as u64;
    watched(cases, move |case, _| files[case as usize].clone());
}

/// An image of one pixel under pools with this window; those whose rules allow it.
fn giants(window: Window) -> Vec<AlignedBytes> {
    let quantized = [PoolKind::Max, PoolKind::Avg, PoolKind::AvgIncludePad];
    let floats = [PoolKind::Max, PoolKind::Avg, PoolKind::Lp];
    let quantized = quantized.map(|kind| (DType::U8, Op::QPool { kind, window }));
    let floats = floats.map(|kind| (DType::F32, Op::Pool { kind, window, p: 2.0 }));
    let cases = quantized.into_iter().chain(floats);
    cases.filter_map(|(dtype, op)| alone(dtype, op)).collect()
}

/// An artifact with one operator over one pixel; `None` when the operator can't take it.
fn alone(dtype: DType, op: Op) -> Option<AlignedBytes> {
    let mut builder = common::Builder::default();
    let x = builder.input(dtype, &[1, 1, 1, 1]);
    let infos = [Info { dtype, shape: Shape::new(&[1, 1, 1, 1])? }];
    op.infer(&infos).ok()?;
    let y = builder.node(op, &[x]);
    if dtype == DType::U8 {
        builder.quantize(x, 1.0, 0);
        builder.quantize(y, 1.0, 0);
    }
    builder.output(y);
    Some(builder.sections_without_golden().file())
}

/// Right digests over wrong words: what an attacker writes who knows the format.
#[test]
fn wrong_words_under_right_digests_end_in_an_error_or_a_clean_run() {
    let bases = bases();
    let loaded = watched(CASES, move |case, random| {
        let mut sections = bases[case as usize % bases.len()].clone();
        for _ in 0..=random.below(2) {
            change(&mut sections, random);
        }
        sections.file()
    });
    // Otherwise the mutations would be too wild to reach what comes after the parser.
    assert!(loaded > CASES / 20, "only {loaded} of {CASES} changed graphs ran");
}

/// The small graphs, bare and with a policy, and one with several heads.
fn bases() -> Vec<Sections> {
    let bare = GRAPHS.iter().map(|(_, graph)| graph().sections());
    let heads = graphs::heads().sections().with_heads();
    bare.flat_map(|sections| [sections.clone(), sections.with_policy()]).chain([heads]).collect()
}

/// Sections exchanged between graphs, left out, emptied, cut or filled with noise.
#[test]
fn wrong_sections_under_right_digests_end_in_an_error_or_a_clean_run() {
    let bases = bases();
    watched(CASES, move |_, random| {
        let (mut sections, other) = (random.pick(&bases).clone(), random.pick(&bases).clone());
        let index = random.below(sections.0.len());
        let bytes = &mut sections.0[index].1;
        match random.below(6) {
            0 => drop(sections.0.remove(index)),
            1 => sections.0[index] = other.0[random.below(other.0.len())].clone(),
            2 => bytes.truncate(random.below(bytes.len())),
            3 => bytes.extend((0..random.below(64)).map(|_| 0)),
            4 => *bytes = (0..random.below(2000)).map(|_| random.next() as u8).collect(),
            _ => sections.0.rotate_left(index),
        }
        sections.file()
    });
}

/// Changes a word, a byte or the length of any section but the weights.
fn change(sections: &mut Sections, random: &mut Random) {
    let changeable = sections.0.iter_mut().filter(|(kind, bytes)| *kind != SectionKind::Weights && bytes.len() >= 4);
    let mut changeable: Vec<_> = changeable.collect();
    // The graph has most of the words and most of the checks.
    let which = if random.below(3) == 0 { random.below(changeable.len()) } else { 0 };
    let bytes = &mut changeable[which].1;
    let at = 4 * random.below(bytes.len() / 4);
    let old = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let word = match random.below(7) {
        0 => *random.pick(&WORDS),
        1 => old ^ 1 << random.below(32),
        2 => old.wrapping_add(1),
        3 => old.wrapping_sub(1),
        4 => random.below(64) as u32,
        5 => old.wrapping_mul(2),
        _ => random.next() as u32,
    };
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// Where checks are likely to be off by one, and floats that are none.
const WORDS: [u32; 14] = [
    0,
    1,
    2,
    3,
    0x7f,
    0xff,
    0x100,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fc0_0000,
    0x7f80_0000,
    0xff80_0000,
];

/// Makes files and exercises each; gives how many ran without an error.
///
/// Fails with the case's number when one panics, takes more memory than the budget, or more than half a minute.
fn watched(cases: u64, make: impl Fn(u64, &mut Random) -> AlignedBytes + Send + 'static) -> u64 {
    let (begin, begun) = channel();
    let worker = std::thread::spawn(move || (0..cases).filter(|&case| clean(case, &make, &begin)).count() as u64);
    let mut last = 0;
    loop {
        match begun.recv_timeout(Duration::from_secs(30)) {
            Ok(case) => last = case,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("case {last} hangs"),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn clean(case: u64, make: &impl Fn(u64, &mut Random) -> AlignedBytes, begin: &Sender<u64>) -> bool {
    begin.send(case).expect("the test waits for all cases");
    let file = make(case, &mut Random(case));
    let mut error = None;
    let run = || allocation_counter::measure(|| error = exercise(&file, LIMITS));
    let taken = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("case {case} panics"));
    assert!(
        taken.bytes_max <= budget(&file),
        "case {case} takes {} bytes for a file of {}",
        taken.bytes_max,
        file.len()
    );
    error.is_none()
}
