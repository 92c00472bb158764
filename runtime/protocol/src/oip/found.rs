//! What a device found by itself, as a question tells it of an answer that wasn't in doubt.

use super::{Parameter, Parameters, QuestionFault};

/// The reason of a question about an answer that was drawn by chance, not for being in doubt.
pub const AUDIT: &str = "audit";

/// What the device itself found. Of audits, and of what people say of them, this tells how many answers are right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The number of a class.
    pub class: u32,
    /// How probable it is, 0 to 1.
    pub confidence: f64,
}

const CLASS: &str = "dunlin_class";
const CONFIDENCE: &str = "dunlin_confidence";

/// The most classes of a model.
const CLASSES: i64 = 1 << 20;

impl Found {
    /// As parameters of a question.
    pub(super) fn write(self, parameters: &mut Parameters) {
        parameters.insert(CLASS.into(), Parameter::Integer(self.class.into()));
        parameters.insert(CONFIDENCE.into(), Parameter::Real(self.confidence));
    }

    /// From a question's parameters; none where they don't say.
    ///
    /// # Errors
    /// The sender's: one without the other, or no class and no probability.
    pub(super) fn read(parameters: &Parameters) -> Result<Option<Self>, QuestionFault> {
        let confidence = match parameters.get(CONFIDENCE) {
            Some(&Parameter::Real(confidence)) => Some(confidence),
            Some(&Parameter::Integer(whole)) => Some(whole as f64),
            Some(_) => return Err(QuestionFault::Found),
            None => None,
        };
        match (parameters.get(CLASS), confidence) {
            (None, None) => Ok(None),
            (Some(&Parameter::Integer(class @ 0..CLASSES)), Some(confidence @ 0.0..=1.0)) => {
                Ok(Some(Self { class: class as u32, confidence }))
            }
            _ => Err(QuestionFault::Found),
        }
    }
}
