//! What a message of 160 characters takes: to become ids, to go through a bag of embeddings, and all of it.
#![allow(missing_docs, reason = "criterion makes a function that has none")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dunlin_compiler::text::huggingface::HuggingFace;
use dunlin_compiler::text::{self, InputNames, TextRequest, TokenizerRequest, default_feed};
use dunlin_engine::artifact::SectionKind;
use dunlin_engine::{AlignedBytes, Artifact, Classifier, Isa, Limits};
use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Messages as anyone writes them, with letters beyond ASCII, and as someone writes one who has something to hide.
const MESSAGES: [(&str, &str); 3] = [
    (
        "plain",
        "Hi, the train is late again, so start without me please. I'll be there at 7 at the latest, and bring the cake and two \
         chairs from the office. See you soon, Kim!",
    ),
    (
        "accents",
        "Hallo, der Zug hat schon wieder Verspätung, fangt bitte ohne mich an. Ich bin spätestens um 7 da und bringe den Käsekuchen \
         und zwei Stühle mit. Bis gleich! Дом 5",
    ),
    (
        "disguised",
        "C0ngratulations! Y\u{43e}u were ch\u{43e}sen for our b0nus pr1ze of \u{ff15}00. C\u{200b}all the num\u{ad}ber below to cla1m \
         your m0ney n0w, before it g o e s to someone else. Reply ST0P.",
    ),
];

fn texts(criterion: &mut Criterion) {
    let tokenizers = ["wordpiece", "byte_level", "charsmap"].map(|name| (name, tokenizer(name)));
    let mut group = criterion.benchmark_group("text");
    for (kind, message) in MESSAGES {
        assert!((155..=165).contains(&message.chars().count()), "{kind}: {}", message.chars().count());
        for (name, section) in &tokenizers {
            prepare(&mut group, name, section, kind, message);
        }
        for name in ["sms_spam", "language_id"] {
            let file = model(name);
            let artifact = Artifact::parse(&file).expect("sound");
            let section = artifact.section(SectionKind::Text).expect("a model of text").bytes;
            prepare(&mut group, name, section, kind, message);
            let spec = Spec::parse(section).expect("sound");
            let mut classifier = Classifier::load(&file[..], Isa::best(), Limits::default()).expect("sound");
            let ids = Preparer::new(&spec).prepare(&spec, message).expect("has ids").last().to_vec();
            classifier.session().set_length(ids.len()).expect("within the model's length");
            let id = BenchmarkId::new(format!("model, {name}"), kind);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let session = classifier.session();
                    let mut input = session.input_mut(0).expect("takes ids");
                    input.i32s().expect("takes ids").copy_from_slice(&ids);
                    session.run()
                });
            });
            let id = BenchmarkId::new(format!("classify, {name}"), kind);
            group.bench_function(id, |bencher| {
                bencher.iter(|| black_box(classifier.classify_text(black_box(message)).is_ok()));
            });
        }
    }
}

type Group<'c> = criterion::BenchmarkGroup<'c, criterion::measurement::WallTime>;

/// As a classifier does it, which keeps the section's bytes and no reader of them.
fn prepare(group: &mut Group<'_>, name: &str, section: &[u8], kind: &str, message: &str) {
    let mut preparer = Preparer::new(&Spec::parse(section).expect("sound"));
    group.bench_function(BenchmarkId::new(format!("prepare, {name}"), kind), |bencher| {
        bencher.iter(|| {
            let spec = Spec::reopen(black_box(section)).expect("sound");
            preparer.prepare(&spec, black_box(message)).map(|prepared| black_box(prepared.last()).len())
        });
    });
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn model(name: &str) -> AlignedBytes {
    AlignedBytes::from_slice(&fs::read(file(&format!("models/{name}/{name}.dunlin"))).expect("shipped"))
}

/// A tokenizer of the fixtures, with nothing cleaned before it.
fn tokenizer(name: &str) -> Vec<u8> {
    let archive = File::open(file("conformance/tokenizers/tokenizers.zip")).expect("shipped");
    let mut archive = zip::ZipArchive::new(archive).expect("an archive");
    let mut json = Vec::new();
    archive.by_name(&format!("{name}.json")).expect("listed").read_to_end(&mut json).expect("sound");
    let request = TextRequest {
        cleaning: Steps::default(),
        tokenizer: TokenizerRequest::HuggingFace(HuggingFace::read(&json).expect("supported")),
        max_ids: None,
        max_bytes: 1 << 16,
        inputs: InputNames::default(),
    };
    text::section(&request, &default_feed(&request)).expect("supported")
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
}

criterion_group! { name = all; config = quick(); targets = texts }
criterion_main!(all);
