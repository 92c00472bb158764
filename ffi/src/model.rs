//! A loaded model, for one caller at a time: records in, records out.

use std::path::Path;

use dunlin_engine::error::Code;
use dunlin_engine::task::Pixels;
use dunlin_engine::{AlignedBytes, Classifier, Isa, ModelError, classifier};
use dunlin_native::ModelFile;

use crate::error::BridgeError;
use crate::records::{Classification, Head, InputInfo, LoadOptions, Request, StepInfo};

#[derive(Debug)]
pub struct Model {
    classifier: Classifier<ModelFile>,
    names: Names,
}

/// What heads and their classes are called, in the locale that was asked for last.
#[derive(Debug)]
pub(crate) struct Names {
    locale: Option<String>,
    heads: Vec<HeadNames>,
}

/// What a head and its classes are called.
#[derive(Debug)]
struct HeadNames {
    name: String,
    classes: Vec<String>,
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
        let classifier = Classifier::load(file, Isa::best(), options.limits())?;
        let names = Names::read(&classifier, None)?;
        Ok(Self { classifier, names })
    }

    pub fn classify_pixels(&mut self, pixels: &Pixels<'_>, request: &Request) -> Result<Classification, BridgeError> {
        self.classifier.classify_pixels(pixels)?;
        self.classification(request)
    }

    /// `values` are little-endian f32.
    pub fn classify_values(&mut self, values: &[u8], request: &Request) -> Result<Classification, BridgeError> {
        let values = chunks(values)?;
        self.classifier.classify_values(values.len(), |slots| {
            let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes));
            slots.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
        })?;
        self.classification(request)
    }

    pub fn classify_text(&mut self, text: &str, request: &Request) -> Result<Classification, BridgeError> {
        self.classifier.classify_text(text)?;
        self.classification(request)
    }

    /// What the scores of the last input come to.
    fn classification(&mut self, request: &Request) -> Result<Classification, BridgeError> {
        self.speak(&request.locale)?;
        self.names.classification(&self.classifier, request)
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

    pub fn labels(&mut self, head: usize, locale: Option<String>) -> Result<Vec<String>, BridgeError> {
        self.speak(&locale)?;
        Ok(self.names.classes(head))
    }

    /// Reads the names in another locale, if it is another.
    fn speak(&mut self, locale: &Option<String>) -> Result<(), BridgeError> {
        if self.names.locale != *locale {
            self.names = Names::read(&self.classifier, locale.clone())?;
        }
        Ok(())
    }
}

impl Names {
    pub(crate) fn read<B: AsRef<[u8]>>(
        classifier: &Classifier<B>,
        locale: Option<String>,
    ) -> Result<Self, BridgeError> {
        let names = |head: classifier::Head<'_>| {
            let labels = head.labels()?.in_locale(locale.as_deref().unwrap_or_default());
            Ok(HeadNames { name: head.name()?.to_owned(), classes: labels.map(str::to_owned).collect() })
        };
        let heads = heads(classifier).map(names).collect::<Result<_, BridgeError>>()?;
        Ok(Self { locale, heads })
    }

    /// In which locale they are.
    #[cfg(feature = "client")]
    pub(crate) const fn locale(&self) -> &Option<String> {
        &self.locale
    }

    /// Those of a head's classes; none where there is no such head.
    pub(crate) fn classes(&self, head: usize) -> Vec<String> {
        self.heads.get(head).map(|names| names.classes.clone()).unwrap_or_default()
    }

    /// What the scores of the last input come to, of the classifier whose names these are.
    pub(crate) fn classification<B: AsRef<[u8]>>(
        &self,
        classifier: &Classifier<B>,
        request: &Request,
    ) -> Result<Classification, BridgeError> {
        let heads = self.heads.iter().zip(heads(classifier));
        let heads = heads.map(|(names, head)| {
            Ok(Head::new(names.name.clone(), &head, &head.policy()?, request, |class| names.of(class)))
        });
        let heads = heads.collect::<Result<_, BridgeError>>()?;
        Ok(Classification { evasion: classifier.scores().signs.evasion(), heads })
    }
}

impl HeadNames {
    fn of(&self, class: usize) -> Option<String> {
        self.classes.get(class).filter(|name| !name.is_empty()).cloned()
    }
}

/// The bytes of each value.
///
/// # Errors
/// [`Code::Input`]
pub(crate) fn chunks(values: &[u8]) -> Result<&[[u8; 4]], BridgeError> {
    match values.as_chunks() {
        (values, []) => Ok(values),
        _ => Err(BridgeError::new(Code::Input, "values are of four bytes each")),
    }
}

fn heads<B: AsRef<[u8]>>(classifier: &Classifier<B>) -> impl Iterator<Item = classifier::Head<'_>> {
    (0..classifier.heads()).map_while(|head| classifier.head(head))
}
