//! Models that take text.

use crate::artifact::{Artifact, ArtifactError, SectionKind};
use crate::classifier::ClassifyError;
use crate::error::RunError;
use crate::model::{Model, ModelError};
use crate::session::Session;
use crate::tensor::DType;
use core::ops::Range;
use dunlin_text::{Feed, Preparer, Signs, Spec};

/// How text reaches a model's inputs.
#[derive(Debug)]
pub(crate) struct TextInput {
    /// Where the file has the section.
    section: Range<usize>,
    preparer: Preparer,
}

impl TextInput {
    /// Reads the artifact's section, and whether the model's inputs are as it says.
    pub(crate) fn new<B: AsRef<[u8]>>(session: &Session<B>, artifact: &Artifact<'_>) -> Result<Self, ModelError> {
        const TEXT: &str = SectionKind::Text.name();
        let section = artifact.section(SectionKind::Text).ok_or(ArtifactError::Missing { section: TEXT })?;
        let spec = Spec::parse(section.bytes).map_err(|_| ArtifactError::Section { section: TEXT })?;
        if !fits(session.plan().model(), &spec.feed) {
            return Err(ModelError::Graph { node: None, why: "has inputs that don't fit its text task" });
        }
        Ok(Self { section: section.offset..section.offset + section.bytes.len(), preparer: Preparer::new(&spec) })
    }

    /// Puts a text's ids into the session's inputs: those of the view that shows what the text hides, where it hides something. Gives what
    /// was found, and the share of unknown ids.
    pub(crate) fn fill<B: AsRef<[u8]>>(
        &mut self,
        session: &mut Session<B>,
        text: &str,
    ) -> Result<(Signs, f32), ClassifyError> {
        let section = session.file().get(self.section.clone()).ok_or(RunError::File)?;
        let spec = Spec::reopen(section).map_err(|_| RunError::File)?;
        let feed = spec.feed;
        let prepared = self.preparer.prepare(&spec, text).map_err(ClassifyError::Text)?;
        let ids = prepared.last();
        if !feed.fixed {
            session.set_length(ids.len().max(1))?;
        }
        let mut put = |number: Option<u32>, values: &mut dyn Iterator<Item = i32>, rest: i32| {
            let Some(number) = number else { return Ok(()) };
            let mut input = session.input_mut(number as usize).ok_or(RunError::Plan)?;
            input.i32s()?.iter_mut().for_each(|slot| *slot = values.next().unwrap_or(rest));
            Ok::<_, RunError>(())
        };
        put(Some(feed.ids), &mut ids.iter().copied(), feed.pad)?;
        put(feed.mask, &mut ids.iter().map(|_| 1), 0)?;
        put(feed.segments, &mut core::iter::empty(), 0)?;
        Ok((prepared.signs, prepared.unknown_share()))
    }
}

/// Whether all of a model's inputs are fed, and take as many ids as the feed may give.
fn fits(model: &Model, feed: &Feed) -> bool {
    let fed = [Some(feed.ids), feed.mask, feed.segments];
    let takes = |&number: &u32| {
        let Some(&tensor) = model.inputs.get(number as usize) else { return false };
        let (tensor, max) = (&model.tensors[tensor], feed.max_ids as usize);
        let axis = model.varying.iter().find(|axis| axis.input == number as usize);
        // Where an axis varies, it holds all ids; where none does, all ids are fed and fillers after them.
        let len = axis.map_or(tensor.shape.count(), |axis| tensor.shape.dim(axis.axis));
        tensor.dtype == DType::I32 && max <= len && tensor.shape.count() == len && axis.is_none() == feed.fixed
    };
    fed.iter().flatten().count() == model.inputs.len() && fed.iter().flatten().all(takes)
}
