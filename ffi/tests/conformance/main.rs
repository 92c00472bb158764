//! The vectors that every language runs: mobile/conformance/README.md says what is in them.
//!
//! Also writes the pictures' pixels to `target/conformance`, for languages without a decoder. `DUNLIN_WRITE=1` writes the
//! expected results anew, those of errors excepted: codes are promises.

#[cfg(feature = "client")]
mod fleet;
mod models;
mod pictures;
mod vectors;

use std::collections::BTreeSet;
use std::fs;

use dunlin_client::{Outcome, Reason, Rule};
use dunlin_engine::error::Code;
use dunlin_engine::{AlignedBytes, Isa, Limits};
use dunlin_ffi::{BridgeError, Classification, Classifier, LoadOptions, PixelFormat, Request};
use vectors::{Case, Class, Decision, Expected, Head, Judgement, Model, Picture, Values, Vectors, root};

#[test]
fn every_case_gives_what_it_must() {
    let mut vectors = prepared();
    let write = std::env::var_os("DUNLIN_WRITE").is_some();
    let mut wrong = Vec::new();
    for case in &mut vectors.cases {
        let outcome = run(case);
        if write && case.expected.code.is_none() {
            let found = outcome.as_ref().unwrap_or_else(|error| panic!("{}: {error}", case.name));
            case.expected = Expected { within: case.expected.within, ..expected(found) };
        }
        wrong.extend(complaint(case, &outcome).map(|why| format!("{}: {why}", case.name)));
    }
    for model in &mut vectors.models {
        let found = described(model);
        if write {
            *model = found;
        } else if *model != found {
            wrong.push(format!("{} is another model: {found:?}", model.model));
        }
    }
    if write {
        vectors.write();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of int8 models: on this CPU, with every set of kernels that it has.
#[test]
fn exact_results_are_those_of_every_kernel_set() {
    for case in prepared().cases.iter().filter(|case| case.expected.code.is_none() && case.expected.within.is_none()) {
        for isa in Isa::supported() {
            let file = AlignedBytes::from_slice(&case.artifact());
            let mut engine = dunlin_engine::Classifier::load(file, isa, Limits::default()).expect("a good artifact");
            let scores = match (&case.picture, &case.values, &case.text) {
                (Some(picture), ..) => {
                    let (data, format) = (picture.bytes(), picture.format.into());
                    let pixels = dunlin_engine::task::Pixels::new(&data, picture.width, picture.height, format);
                    engine.classify_pixels(&pixels.expect("a good picture"))
                }
                (None, Some(values), _) => {
                    let mut input = engine.session().input_mut(0).expect("an input");
                    input.f32s().expect("an input of f32").copy_from_slice(&values.floats());
                    engine.run()
                }
                (None, None, Some(text)) => engine.classify_text(&text.string()),
                (None, None, None) => panic!("{} has no input", case.name),
            };
            scores.expect("a good input");
            let hex = |values: &[f32]| vectors::hex(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
            let expected = case.expected.judgements();
            assert_eq!(engine.heads(), expected.len(), "{}", case.name);
            for (head, expected) in expected.into_iter().enumerate() {
                let scores = engine.head(head).expect("a head").scores;
                assert_eq!(hex(scores.logits), expected.logits, "{}, head {head} with {isa}", case.name);
                assert_eq!(hex(scores.probabilities), expected.probabilities, "{}, head {head} with {isa}", case.name);
            }
        }
    }
}

#[test]
fn codes_are_those_of_the_engine_and_cases_have_each_that_they_can() {
    let vectors = prepared();
    assert_eq!(vectors.codes, Code::ALL.map(Code::name));
    let used: BTreeSet<&str> = vectors.cases.iter().filter_map(|case| case.expected.code.as_deref()).collect();
    let defects = Code::Internal.name();
    let wanted = Code::ALL.iter().map(|code| code.name()).filter(|&name| name != defects).collect();
    assert_eq!(used, wanted);
}

#[test]
fn decisions_are_those_of_the_client_and_cases_have_each_that_they_can() {
    let vectors = prepared();
    let outcomes = [Outcome::Answer, Outcome::Fallback(Reason::Policy), Outcome::Abstain(Reason::Policy)];
    assert_eq!(vectors.outcomes, outcomes.map(Outcome::name));
    assert_eq!(vectors.reasons, Reason::ALL.map(Reason::name));
    assert_eq!(vectors.rules, Rule::ALL.map(Rule::name));
    let decisions = || vectors.cases.iter().flat_map(|case| case.expected.judgements()).map(|said| &said.decision);
    let used = |outcome: &str| -> BTreeSet<&str> {
        decisions().filter(|d| d.outcome == outcome).map(|d| d.reason.as_deref().unwrap_or_default()).collect()
    };
    let reasons = BTreeSet::from(Reason::ALL.map(Reason::name));
    assert_eq!(used("answer"), BTreeSet::from([""]));
    assert_eq!(used("abstain"), reasons);
    assert_eq!(
        used("fallback"),
        &reasons - &BTreeSet::from([Reason::Policy.name()]),
        "there is nobody to ask about what isn't wanted"
    );
    assert_eq!(decisions().map(|d| &*d.rule).collect::<BTreeSet<_>>(), Rule::ALL.map(Rule::name).into());
    let sizes: BTreeSet<usize> = decisions().map(|d| d.set.len()).collect();
    assert!(sizes.is_superset(&BTreeSet::from([0, 1, 2])), "{sizes:?}");
}

#[test]
fn names_are_unique() {
    let vectors = prepared();
    let names: BTreeSet<&str> = vectors.cases.iter().map(|case| &*case.name).collect();
    assert_eq!(names.len(), vectors.cases.len());
}

/// The vectors, when the files that they want are there.
fn prepared() -> Vectors {
    pictures::write();
    models::check();
    Vectors::read()
}

fn run(case: &Case) -> Result<Classification, BridgeError> {
    let options = LoadOptions { memory_limit: case.memory_limit };
    let path = root().join(&case.model);
    let path = path.to_str().expect("the repository's path is UTF-8").to_owned();
    let classifier = if case.change.is_none() {
        let from_file = Classifier::from_file(path, options.clone())?;
        let from_bytes = Classifier::from_bytes(&case.artifact(), options)?;
        assert_eq!(from_file.explain(), from_bytes.explain(), "{}", case.name);
        from_bytes
    } else {
        Classifier::from_bytes(&case.artifact(), options)?
    };
    if case.dispose {
        classifier.dispose();
    }
    let vectors::Context { cohort, stale, fallback } = case.context.clone();
    let request = Request { top_k: case.top_k, locale: case.locale.clone(), cohort, stale, fallback };
    match (&case.picture, &case.values, &case.text) {
        (Some(picture), None, None) => {
            let Picture { width, height, format, .. } = *picture;
            classifier.classify_pixels(&picture.bytes(), width, height, format.into(), request)
        }
        (None, Some(values), None) => classifier.classify_values(&values.bytes(), request),
        (None, None, Some(text)) => classifier.classify_text(&text.string(), request),
        _ => panic!("{} loads, and has not one input", case.name),
    }
}

fn expected(found: &Classification) -> Expected {
    let (first, others) = found.heads.split_first().expect("a head at least");
    let head = |head: &dunlin_ffi::Head| Head { name: head.name.clone(), judgement: judgement(head) };
    Expected {
        evasion: found.evasion,
        first: Some(judgement(first)),
        heads: others.iter().map(head).collect(),
        ..Expected::default()
    }
}

fn judgement(found: &dunlin_ffi::Head) -> Judgement {
    let class = |class: &dunlin_ffi::Class| Class { index: class.index, label: class.label.clone() };
    Judgement {
        decision: decided(&found.decision),
        classes: found.classes.iter().map(class).collect(),
        probabilities: vectors::hex(&found.probabilities),
        logits: vectors::hex(&found.logits),
    }
}

fn decided(found: &dunlin_ffi::Decision) -> Decision {
    let (outcome, reason) = match found.outcome {
        dunlin_ffi::Outcome::Answer => ("answer", None),
        dunlin_ffi::Outcome::Fallback { reason } => ("fallback", Some(reason)),
        dunlin_ffi::Outcome::Abstain { reason } => ("abstain", Some(reason)),
    };
    let number = |value: f32| vectors::hex(&value.to_le_bytes());
    Decision {
        outcome: outcome.into(),
        reason: reason.map(|reason| name(&reason)),
        rule: name(&found.rule),
        index: found.index,
        margin: number(found.margin),
        energy: found.energy.map(number),
        set: found.set.clone(),
    }
}

/// From the name of a variant to the one that all languages use.
fn name(variant: &impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for (place, letter) in format!("{variant:?}").char_indices() {
        let begins = letter.is_uppercase() && place > 0;
        name.extend(begins.then_some('_').into_iter().chain(letter.to_lowercase()));
    }
    name
}

/// What is wrong with an outcome.
fn complaint(case: &Case, outcome: &Result<Classification, BridgeError>) -> Option<String> {
    let wanted = &case.expected;
    match (outcome, &wanted.code) {
        (Err(error), Some(code)) => {
            let found = format!("{:?}", error.code()).to_lowercase();
            (found != *code).then(|| format!("expected {code}, found {found}: {error}"))
        }
        (Err(error), None) => Some(error.to_string()),
        (Ok(_), Some(code)) => Some(format!("expected the error {code}, found none")),
        (Ok(found), None) => {
            let found_all = Expected { within: wanted.within, ..expected(found) };
            let same = match wanted.within {
                None => found_all == *wanted,
                Some(within) => {
                    let pairs = || found_all.judgements().into_iter().zip(wanted.judgements());
                    let names = |all: &Expected| all.heads.iter().map(|head| head.name.clone()).collect::<Vec<_>>();
                    names(&found_all) == names(wanted)
                        && found_all.evasion == wanted.evasion
                        && pairs().all(|(found, wanted)| nearly(found, wanted, within))
                }
            };
            (!same || !found.heads.iter().all(is_consistent))
                .then(|| format!("expected {wanted:?}\nfound {found_all:?}"))
        }
    }
}

/// Whether the decision and the classes have the probabilities that all classes' have for them.
fn is_consistent(head: &dunlin_ffi::Head) -> bool {
    let all = vectors::floats(&head.probabilities);
    let classes = head.classes.iter().all(|class| all[class.index as usize].to_bits() == class.probability.to_bits());
    classes && all[head.decision.index as usize].total_cmp(&head.decision.probability).is_eq()
}

fn nearly(found: &Judgement, wanted: &Judgement, within: f32) -> bool {
    let of = |d: &Decision| (d.outcome.clone(), d.reason.clone(), d.rule.clone(), d.index, d.set.clone());
    let energies = [&found.decision, &wanted.decision].map(|decision| decision.energy.clone().unwrap_or_default());
    of(&found.decision) == of(&wanted.decision)
        && found.classes == wanted.classes
        && near(&found.decision.margin, &wanted.decision.margin, within)
        && near(&energies[0], &energies[1], within)
        && near(&found.logits, &wanted.logits, within)
        && near(&found.probabilities, &wanted.probabilities, within)
}

fn near(found: &str, wanted: &str, within: f32) -> bool {
    let [found, wanted] = [found, wanted].map(|hex| vectors::floats(&vectors::unhex(hex)));
    found.len() == wanted.len() && found.iter().zip(&wanted).all(|(f, w)| (f - w).abs() <= within)
}

/// What a model says of itself.
fn described(model: &Model) -> Model {
    let bytes = fs::read(root().join(&model.model)).expect("a file of the repository");
    let classifier = Classifier::from_bytes(&bytes, LoadOptions::default()).expect("a good artifact");
    let inputs = classifier.inputs().expect("a model");
    let steps = classifier.explain().expect("a model");
    Model {
        model: model.model.clone(),
        head: model.head,
        locale: model.locale.clone(),
        labels: classifier.labels(model.head, model.locale.clone()).expect("labels"),
        inputs: inputs.into_iter().map(|i| vectors::Input { shape: i.shape, element_type: i.element_type }).collect(),
        steps: steps.into_iter().map(|s| vectors::Step { name: s.name, shape: s.shape }).collect(),
    }
}

impl Expected {
    /// What each head says, the first one first; nothing where an error is expected.
    fn judgements(&self) -> Vec<&Judgement> {
        self.first.iter().chain(self.heads.iter().map(|head| &head.judgement)).collect()
    }
}

impl From<vectors::Format> for PixelFormat {
    fn from(format: vectors::Format) -> Self {
        match format {
            vectors::Format::Gray8 => Self::Gray8,
            vectors::Format::Rgb8 => Self::Rgb8,
            vectors::Format::Rgba8 => Self::Rgba8,
        }
    }
}

impl From<vectors::Format> for dunlin_engine::task::PixelFormat {
    fn from(format: vectors::Format) -> Self {
        match format {
            vectors::Format::Gray8 => Self::Gray8,
            vectors::Format::Rgb8 => Self::Rgb8,
            vectors::Format::Rgba8 => Self::Rgba8,
        }
    }
}

impl Values {
    fn floats(&self) -> Vec<f32> {
        vectors::floats(&self.bytes())
    }
}
