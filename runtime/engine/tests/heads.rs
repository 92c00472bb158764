//! Models whose outputs are classifiers of their own.

mod common;

use allocation_counter::measure;
use common::graphs::{self, GRAPHS};
use common::{Builder, Sections, fill_inputs};
use dunlin_engine::artifact::{Bounds, Calibration, Policy, SectionKind, Writer};
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::error::RunError;
use dunlin_engine::op::Op;
use dunlin_engine::task::Scoring;
use dunlin_engine::tensor::DType;
use dunlin_engine::{AlignedBytes, Artifact, Classifier, Isa, Limits};

fn sections() -> Sections {
    graphs::heads().sections().with_heads()
}

fn run(file: &[u8]) -> Classifier<&[u8]> {
    let mut classifier = Classifier::load(file, Isa::best(), Limits::default()).expect("the file is sound");
    fill_inputs(classifier.session(), 1);
    classifier.run().expect("it runs");
    classifier
}

#[test]
fn a_model_without_the_section_has_one_head() {
    for (name, graph) in GRAPHS {
        let file = graph().sections().file();
        let classifier = run(&file);
        assert_eq!(classifier.heads(), 1, "{name}");
        let (head, scores) = (classifier.head(0).expect("the first"), classifier.scores());
        assert_eq!((head.scores.logits, head.scores.probabilities), (scores.logits, scores.probabilities), "{name}");
        assert!(classifier.head(1).is_none(), "{name}");
    }
}

#[test]
fn each_head_is_its_output_with_what_the_file_says_of_it() {
    let file = sections().file();
    let mut classifier = run(&file);
    let name =
        |classifier: &Classifier<_>, index| classifier.head(index).and_then(|h| h.name().ok().map(str::to_owned));
    let names: Vec<_> = (0..4).map_while(|index| name(&classifier, index)).collect();
    let model = classifier.session().plan().model().clone();
    assert_eq!(names, [0, 1, 3].map(|output| format!("output {}", model.outputs[output])));
    let quantized = classifier.session().output(1).expect("an output");
    let quant = quantized.quant.expect("the second output is quantized");
    let reals: Vec<f32> = quantized.bytes.iter().map(|&q| quant.scale * (i32::from(q) - quant.zero) as f32).collect();
    let last = classifier.session().output(3).expect("an output").f32s().expect("reals").to_vec();
    let heads = [0, 1, 2].map(|index| classifier.head(index).expect("three heads"));
    assert_eq!(heads.map(|head| head.scoring()), [Scoring::Logits, Scoring::Logits, Scoring::Probabilities]);
    assert_eq!(heads.map(|head| head.is_calibrated()), [false, true, false]);
    assert_eq!(heads[1].scores.logits, reals);
    assert_eq!((heads[2].scores.logits, heads[2].scores.probabilities), (&last[..], &last[..]));
    let labels = heads.map(|head| head.labels().expect("sound"));
    assert_eq!([0, 1, 2].map(|head| labels[head].name_in("de", 1)), [Some("ja"), Some("gr\u{fc}n"), None]);
    assert_eq!(heads[1].policy().expect("sound").deny, [1]);
    assert_eq!(heads[1].policy().expect("sound").cohorts.count(), 1);
    assert!(heads[0].policy().expect("none").deny.is_empty());
}

#[test]
fn each_heads_probabilities_are_calibrated_by_its_own_policy() {
    let file = sections().file();
    let classifier = run(&file);
    for (index, scale) in [(0, 1.0), (1, 0.25)] {
        let scores = classifier.head(index).expect("a head").scores;
        let powers: Vec<f64> = scores.logits.iter().map(|&logit| (f64::from(logit) * scale).exp()).collect();
        for (power, &found) in powers.iter().zip(scores.probabilities) {
            let expected = power / powers.iter().sum::<f64>();
            assert!((f64::from(found) - expected).abs() < 1e-6, "head {index}: {found}, not {expected}");
        }
    }
}

#[test]
fn names_are_not_needed() {
    let mut sections = sections();
    sections.0.retain(|(kind, _)| *kind != SectionKind::Names);
    let file = sections.file();
    let classifier = run(&file);
    assert_eq!(classifier.head(1).expect("a head").name(), Ok(""));
}

#[test]
fn classes_that_vary_with_the_input_are_an_error() {
    let mut builder = Builder::default();
    let input = builder.input(DType::F32, &[8]);
    builder.varying(0);
    let softmax = builder.node(Op::Softmax { axis: 0, log: false }, &[input]);
    builder.output(softmax);
    let file = builder.sections().file();
    let mut classifier = run(&file);
    classifier.session().set_length(3).expect("shorter");
    assert!(matches!(classifier.run(), Err(ClassifyError::Run(RunError::Shape { op: "output", .. }))));
    classifier.session().set_length(8).expect("as long as it may be");
    assert!(classifier.run().is_ok());
}

#[test]
fn running_several_heads_allocates_nothing() {
    let file = sections().file();
    let mut classifier = run(&file);
    let taken = measure(|| {
        assert!(classifier.run().is_ok());
        for index in 0..classifier.heads() {
            assert!(classifier.head(index).is_some_and(|head| head.name().is_ok() && head.policy().is_ok()));
        }
    });
    assert_eq!(taken.count_total, 0);
}

#[test]
fn a_heads_policy_is_replaced_and_the_rest_stays() {
    let bare = sections().file();
    let new = Policy { calibration: Calibration { scales: &[2.0], biases: &[] }, alpha: 0.25, ..Policy::default() };
    for (head, classes) in [(0, 4), (1, 3), (2, 4)] {
        let mut writer = Writer::of(&bare).expect("sound");
        let cohorts = [("x", Bounds::default())];
        let made = writer.head_policy(head, &new, classes, &cohorts).expect("there is such a head").finish();
        let made = AlignedBytes::from_slice(&made);
        let classifier = run(&made);
        let policy = classifier.head(head).expect("a head").policy().expect("sound");
        assert_eq!((policy.alpha, policy.cohorts.count()), (0.25, 1));
        let (before, after) = (Artifact::parse(&bare).expect("sound"), Artifact::parse(&made).expect("sound"));
        let others = |artifact: &Artifact<'_>| artifact.heads().map(|heads| heads.len());
        assert_eq!(others(&before), others(&after));
        for other in (0..3).filter(|&other| other != head) {
            let [then, now] = [&run(&bare), &run(&made)].map(|classifier| {
                let head = classifier.head(other).expect("a head");
                let labels: Vec<String> = head.labels().expect("sound").in_locale("de").map(str::to_owned).collect();
                (format!("{:?}", head.policy()), labels, head.scores.probabilities.to_vec())
            });
            assert_eq!(then, now, "head {other} when that of {head} is replaced");
        }
    }
    for head in [3, usize::MAX] {
        let mut writer = Writer::of(&bare).expect("sound");
        assert!(writer.head_policy(head, &new, 4, &[]).is_err(), "{head}");
    }
    let single = graphs::dense(4, 8).sections().file();
    assert!(Writer::of(&single).expect("sound").head_policy(1, &new, 4, &[]).is_err(), "no further head");
}
