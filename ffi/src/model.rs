//! A loaded model, for one caller at a time: records in, records out.

use std::path::Path;

use dunlin_engine::artifact::Artifact;
use dunlin_engine::classifier::{ClassifyError, Scores};
use dunlin_engine::error::Code;
use dunlin_engine::task::{Pixels, TaskSpec};
use dunlin_engine::{AlignedBytes, Classifier, Isa, ModelError};
use dunlin_native::ModelFile;

use crate::error::BridgeError;
use crate::records::{Classification, InputInfo, LoadOptions, StepInfo};

#[derive(Debug)]
pub struct Model {
    classifier: Classifier<ModelFile>,
    takes_pictures: bool,
    /// In the locale that was asked for last.
    names: Names,
}

/// The classes' names in one locale.
#[derive(Debug, Default)]
struct Names {
    locale: Option<String>,
    names: Vec<String>,
}

impl Model {
    pub fn from_bytes(bytes: &[u8], options: &LoadOptions) -> Result<Self, BridgeError> {
        let bytes = AlignedBytes::try_from_slice(bytes).map_err(ModelError::from)?;
        Self::load(ModelFile::Held(bytes), options)
    }

    pub fn from_file(path: &str, options: &LoadOptions) -> Result<Self, BridgeError> {
        Self::load(ModelFile::open(Path::new(path))?, options)
    }

    fn load(file: ModelFile, options: &LoadOptions) -> Result<Self, BridgeError> {
        let mut classifier = Classifier::load(file, Isa::best(), options.limits())?;
        let task = Artifact::parse(classifier.session().file())?.task()?;
        let takes_pictures = matches!(task.spec, TaskSpec::Image(_));
        let names = Names::read(&classifier, None)?;
        Ok(Self { classifier, takes_pictures, names })
    }

    pub fn classify_pixels(
        &mut self,
        pixels: &Pixels<'_>,
        top_k: u32,
        locale: Option<String>,
    ) -> Result<Classification, BridgeError> {
        self.speak(locale)?;
        let scores = self.classifier.classify_pixels(pixels)?;
        Ok(self.names.classification(&scores, top_k))
    }

    /// `values` are little-endian f32.
    pub fn classify_values(
        &mut self,
        values: &[u8],
        top_k: u32,
        locale: Option<String>,
    ) -> Result<Classification, BridgeError> {
        self.speak(locale)?;
        self.fill(values)?;
        let scores = self.classifier.run()?;
        Ok(self.names.classification(&scores, top_k))
    }

    pub fn explain(&mut self) -> Vec<StepInfo> {
        self.classifier.session().explain().map(StepInfo::from).collect()
    }

    pub fn kernel_set(&mut self) -> String {
        self.classifier.session().plan().isa().to_string()
    }

    pub fn inputs(&mut self) -> Vec<InputInfo> {
        let session = self.classifier.session();
        let info = |index| {
            let input = session.input_mut(index)?;
            Some(InputInfo { shape: input.shape.dims().to_vec(), element_type: input.dtype.name().into() })
        };
        (0..).map_while(info).collect()
    }

    pub fn labels(&mut self, locale: Option<String>) -> Result<Vec<String>, BridgeError> {
        self.speak(locale)?;
        Ok(self.names.names.clone())
    }

    /// Reads the names in another locale, if it is another.
    fn speak(&mut self, locale: Option<String>) -> Result<(), BridgeError> {
        if self.names.locale != locale {
            self.names = Names::read(&self.classifier, locale)?;
        }
        Ok(())
    }

    /// Puts little-endian f32 into the model's only input.
    fn fill(&mut self, values: &[u8]) -> Result<(), BridgeError> {
        if self.takes_pictures {
            return Err(ClassifyError::Task { takes: "pictures" }.into());
        }
        let session = self.classifier.session();
        if session.input_mut(1).is_some() {
            return Err(ClassifyError::Task { takes: "more than one tensor" }.into());
        }
        let mut input = session.input_mut(0).ok_or(ClassifyError::Task { takes: "no input" })?;
        let input = input.f32s()?;
        if values.len() != size_of_val(input) {
            let (expected, found) = (input.len(), values.len() / size_of::<f32>());
            return Err(BridgeError::new(
                Code::Input,
                format_args!("the model takes {expected} values, found {found}"),
            ));
        }
        let values = values.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        input.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
        Ok(())
    }
}

impl Names {
    fn read(classifier: &Classifier<ModelFile>, locale: Option<String>) -> Result<Self, BridgeError> {
        let labels = classifier.labels()?;
        let name = |class| locale.as_ref().map_or_else(|| labels.name(class), |locale| labels.name_in(locale, class));
        let names = (0..labels.len()).map(|class| name(class).unwrap_or_default().to_owned()).collect();
        Ok(Self { locale, names })
    }

    fn classification(&self, scores: &Scores<'_>, top_k: u32) -> Classification {
        Classification::new(scores, top_k, |class| self.names.get(class).filter(|name| !name.is_empty()).cloned())
    }
}
