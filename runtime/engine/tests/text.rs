//! Classifiers of text: ids reach the model's inputs, and files whose text section doesn't fit are refused.

mod common;

use allocation_counter::measure;
use common::graphs;
use dunlin_engine::artifact::{ArtifactError, SectionKind};
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::error::Code;
use dunlin_engine::task::{PixelFormat, Pixels, Scoring};
use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits, ModelError};
use dunlin_text::spec::PartKind;
use dunlin_text::tokenizer::Ngrams;
use dunlin_text::write::{SectionWriter, bytes_of};
use dunlin_text::{Feed, Preparer, Spec};

const FEED: Feed = Feed { ids: 0, mask: None, segments: None, max_ids: 8, fixed: false, pad: 5 };

fn section(feed: &Feed) -> Vec<u8> {
    let ngrams = Ngrams::new(2, 3, true, false, 7).expect("sound");
    let mut writer = SectionWriter::new(1 << 10, feed);
    writer.part(PartKind::Tokenizer, bytes_of(&ngrams.words())).finish()
}

/// The model of a bag of ids, as one of text.
fn file(section: Option<Vec<u8>>) -> AlignedBytes {
    let mut sections = graphs::bag().sections();
    *sections.section(SectionKind::Task) = common::bytes_of(&[Scoring::Logits as u32, 2]);
    sections.0.extend(section.map(|section| (SectionKind::Text, section)));
    sections.file()
}

fn load(file: &AlignedBytes) -> Result<Classifier<&[u8]>, ModelError> {
    Classifier::load(&file[..], Isa::best(), Limits::default())
}

#[test]
fn a_text_is_classified_by_its_ids() {
    let (section, file) = (section(&FEED), file(Some(section(&FEED))));
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    let mut classifier = load(&file).expect("sound");
    let mut all = Vec::new();
    for text in ["", "a", "an", "a text", "a much longer text than the model takes", &"x ".repeat(600)] {
        let ids = preparer.prepare(&spec, text).expect("n-grams have ids for all").last().to_vec();
        let ids = if ids.is_empty() { vec![FEED.pad] } else { ids };
        let found = classifier.classify_text(text).expect("classified").logits.to_vec();
        let session = classifier.session();
        session.set_length(ids.len()).expect("within the model's length");
        session.input_mut(0).expect("an input").i32s().expect("ids").copy_from_slice(&ids);
        assert_eq!(classifier.run().expect("runs").logits, found, "{text}");
        all.push(found);
    }
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
}

#[test]
fn nothing_is_allocated_after_the_first_text() {
    let file = file(Some(section(&FEED)));
    let mut classifier = load(&file).expect("sound");
    classifier.classify_text("the longest of the texts that follow").expect("classified");
    let count = measure(|| {
        for text in ["", "one", "two words", "the longest of the texts that follow"] {
            classifier.classify_text(text).expect("classified");
        }
    });
    assert_eq!(count.count_total, 0);
}

#[test]
fn sections_that_do_not_fit_the_model_are_refused() {
    let malformed = ModelError::Artifact(ArtifactError::Section { section: "text" });
    let missing = ModelError::Artifact(ArtifactError::Missing { section: "text" });
    assert_eq!(load(&file(None)).map(|_| ()), Err(missing));
    assert_eq!(load(&file(Some(vec![1, 0, 0, 0]))).map(|_| ()), Err(malformed));
    for feed in [
        Feed { ids: 1, ..FEED },
        Feed { max_ids: 9, ..FEED },
        Feed { fixed: true, ..FEED },
        Feed { mask: Some(1), ..FEED },
        Feed { segments: Some(7), ..FEED },
    ] {
        let refused = load(&file(Some(section(&feed)))).map(|_| ());
        assert!(matches!(refused, Err(ModelError::Graph { .. })), "{feed:?} {refused:?}");
    }
}

#[test]
fn a_model_of_text_takes_nothing_else() {
    let file = file(Some(section(&FEED)));
    let mut classifier = load(&file).expect("sound");
    let takes = ClassifyError::Task { takes: "text" };
    let pixels = Pixels::new(&[0; 3], 1, 1, PixelFormat::Rgb8).expect("a picture");
    assert_eq!(classifier.classify_pixels(&pixels).map(|_| ()), Err(takes));
    assert_eq!(classifier.classify_values(8, |_| ()).map(|_| ()), Err(takes));
    let file = graphs::bag().sections().file();
    let error = load(&file).expect("sound").classify_text("a text").map(|_| ()).expect_err("takes tensors");
    assert_eq!((error, error.code()), (ClassifyError::Task { takes: "tensors" }, Code::Input));
}
