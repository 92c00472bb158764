//! From raw input to scores: the one paved way through the engine.

use crate::artifact::{
    Artifact, ArtifactError, HeadSpec, Labels, MALFORMED_HEADS, MALFORMED_NAMES, MALFORMED_POLICY, Names, Policy,
    SectionKind,
};
use crate::error::{Code, RunError};
use crate::model::{Limits, ModelError};
use crate::session::Session;
#[cfg(feature = "text")]
use crate::task::TextInput;
use crate::task::{ImagePreparer, ImageSpec, Pixels, Scoring, TaskSpec};
use crate::tensor::{DType, Quant};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_kernels::float::softmax;
use dunlin_kernels::{Isa, Quantize, QuantizeParams};
#[cfg(feature = "text")]
use dunlin_text::{Signs, TextError};

/// A loaded classifier.
#[derive(Debug)]
pub struct Classifier<B> {
    session: Session<B>,
    input: Input,
    /// The first one at least.
    heads: Vec<Scored>,
    /// Where the file has the names; empty where it has none.
    names: Range<usize>,
    #[cfg(feature = "text")]
    signs: Signs,
    #[cfg(feature = "text")]
    unknown: f32,
}

/// One of the model's outputs, with what was made of it.
#[derive(Debug)]
struct Scored {
    spec: HeadSpec,
    logits: Vec<f32>,
    probabilities: Vec<f32>,
}

/// How raw input reaches the model's input.
#[derive(Debug)]
enum Input {
    /// The caller fills the session's inputs.
    Tensor,
    /// Pixels, normalized to f32.
    Floats(ImagePreparer),
    /// Pixels, through a table per channel straight to the model's quanta.
    Quanta(ImagePreparer, Box<[[u8; 256]]>),
    /// Text.
    #[cfg(feature = "text")]
    Text(Box<TextInput>),
}

/// What a classifier says of one input; borrowed from it until the next.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    /// Probability of each class, calibrated where the artifact says how; they add up to 1 unless the model's classes aren't exclusive.
    pub probabilities: &'a [f32],
    /// The model's own output before scoring, dequantized.
    pub logits: &'a [f32],
    /// What was found in the text; nothing for other inputs.
    #[cfg(feature = "text")]
    pub signs: Signs,
    /// The share of the text's ids that stand for something unknown, 0 to 1; 0 for other inputs.
    #[cfg(feature = "text")]
    pub unknown: f32,
}

impl<'a> Scores<'a> {
    /// Scores that another call, or another program, computed.
    pub fn new(probabilities: &'a [f32], logits: &'a [f32]) -> Self {
        Self {
            probabilities,
            logits,
            #[cfg(feature = "text")]
            signs: Signs::default(),
            #[cfg(feature = "text")]
            unknown: 0.0,
        }
    }

    /// The class with the highest probability, the first of equals; `None` without classes.
    pub fn best(&self) -> Option<usize> {
        let better = |best: Option<usize>, class: usize| match best {
            Some(b) if self.probabilities[b] >= self.probabilities[class] => Some(b),
            _ => Some(class),
        };
        (0..self.probabilities.len()).fold(None, better)
    }

    /// The `k` most probable classes with their probabilities, in falling order, equal ones by class.
    pub fn top(&self, k: usize) -> Vec<(usize, f32)> {
        // Few are asked for, as a rule, and a sort is much code.
        let mut classes: Vec<(usize, f32)> = Vec::new();
        for (class, &probability) in self.probabilities.iter().enumerate() {
            let place = classes.partition_point(|&(_, other)| other.total_cmp(&probability).is_ge());
            if place < k {
                classes.truncate(k - 1);
                classes.insert(place, (class, probability));
            }
        }
        classes
    }
}

/// An input that can't be classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassifyError {
    /// The model takes another kind of input (the caller's fault).
    Task {
        /// What the model takes.
        takes: &'static str,
    },
    /// The model takes another number of values (the caller's fault).
    Values {
        /// What the model takes.
        expected: usize,
        /// What it was given.
        found: usize,
    },
    /// The text can't be given to the model.
    #[cfg(feature = "text")]
    Text(TextError),
    /// The run failed.
    Run(RunError),
}

impl ClassifyError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Task { .. } | Self::Values { .. } => Code::Input,
            #[cfg(feature = "text")]
            Self::Text(_) => Code::Artifact,
            Self::Run(error) => error.code(),
        }
    }
}

impl core::fmt::Display for ClassifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Task { takes } => write!(f, "this model takes {takes}"),
            Self::Values { expected, found } => write!(f, "this model takes {expected} values, found {found}"),
            #[cfg(feature = "text")]
            Self::Text(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ClassifyError {}

impl From<RunError> for ClassifyError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl<B: AsRef<[u8]>> Classifier<B> {
    /// From an artifact's bytes to a classifier bound to the kernels of `isa`.
    ///
    /// # Errors
    /// [`ModelError`] when the file is no sound artifact, its task doesn't fit its graph, or it needs more memory
    /// than `limits` allows.
    pub fn load(file: B, isa: Isa, limits: Limits) -> Result<Self, ModelError> {
        let session = Session::load(file, isa, limits)?;
        let artifact = Artifact::parse(session.file())?;
        let task = artifact.task()?;
        let mut heads = Vec::new();
        for spec in artifact.heads_after(task.scoring)? {
            heads.push(Scored::new(&session, spec)?);
        }
        let names = artifact.section(SectionKind::Names).map_or(0..0, |s| s.offset..s.offset + s.bytes.len());
        let input = match task.spec {
            TaskSpec::Tensor => Input::Tensor,
            TaskSpec::Image(spec) => image_input(&session, spec)?,
            #[cfg(feature = "text")]
            TaskSpec::Text => Input::Text(Box::new(TextInput::new(&session, &artifact)?)),
            #[cfg(all(feature = "ids", not(feature = "text")))]
            TaskSpec::Text => Input::Tensor,
            #[cfg(not(any(feature = "ids", feature = "text")))]
            TaskSpec::Text => return Err(ModelError::NoText),
        };
        Ok(Self {
            session,
            input,
            heads,
            names,
            #[cfg(feature = "text")]
            signs: Signs::default(),
            #[cfg(feature = "text")]
            unknown: 0.0,
        })
    }

    /// The session that runs the model, to fill inputs of a model that takes tensors.
    pub fn session(&mut self) -> &mut Session<B> {
        &mut self.session
    }

    /// The classes' names.
    ///
    /// # Errors
    /// [`ArtifactError`] when the labels are malformed.
    pub fn labels(&self) -> Result<Labels<'_>, ArtifactError> {
        self.first().labels()
    }

    /// Classifies a picture.
    ///
    /// # Errors
    /// [`ClassifyError::Task`] when the model doesn't take pictures.
    pub fn classify_pixels(&mut self, pixels: &Pixels<'_>) -> Result<Scores<'_>, ClassifyError> {
        let takes = ClassifyError::Task { takes: "tensors" };
        let mut input = self.session.input_mut(0).ok_or(takes)?;
        let filled = match &mut self.input {
            Input::Tensor => return Err(takes),
            #[cfg(feature = "text")]
            Input::Text(_) => return Err(ClassifyError::Task { takes: "text" }),
            Input::Floats(preparer) => preparer.prepare(pixels).to_f32(input.f32s()?),
            Input::Quanta(preparer, tables) => preparer.prepare(pixels).to_u8(tables, input.bytes),
        };
        filled.map_err(|_| RunError::Plan)?;
        self.run()
    }

    /// Classifies a text; of one that is longer than the artifact says, the beginning.
    ///
    /// Where the text seems to hide words from a classifier, it is classified as what it hides: [`Scores::signs`] says what was found.
    ///
    /// # Errors
    /// [`ClassifyError::Task`] when the model doesn't take text, [`ClassifyError::Text`] when the text can't be given to it.
    #[cfg(feature = "text")]
    pub fn classify_text(&mut self, text: &str) -> Result<Scores<'_>, ClassifyError> {
        let Input::Text(input) = &mut self.input else {
            let takes = if matches!(self.input, Input::Tensor) { "tensors" } else { "pictures" };
            return Err(ClassifyError::Task { takes });
        };
        (self.signs, self.unknown) = input.fill(&mut self.session, text)?;
        self.run()
    }

    /// Classifies `len` values, all that the model's only input has, in its order: `fill` writes them.
    ///
    /// # Errors
    /// [`ClassifyError::Task`] when the model takes pictures, several tensors or other elements than f32, [`ClassifyError::Values`] when it
    /// takes another number of them.
    pub fn classify_values(&mut self, len: usize, fill: impl FnOnce(&mut [f32])) -> Result<Scores<'_>, ClassifyError> {
        match self.input {
            Input::Tensor => (),
            #[cfg(feature = "text")]
            Input::Text(_) => return Err(ClassifyError::Task { takes: "text" }),
            _ => return Err(ClassifyError::Task { takes: "pictures" }),
        }
        if self.session.plan().model().inputs.len() > 1 {
            return Err(ClassifyError::Task { takes: "more than one tensor" });
        }
        let mut input = self.session.input_mut(0).ok_or(ClassifyError::Task { takes: "no input" })?;
        let values = input.f32s()?;
        if values.len() != len {
            return Err(ClassifyError::Values { expected: values.len(), found: len });
        }
        fill(values);
        self.run()
    }

    /// What the model's own output is.
    pub fn scoring(&self) -> Scoring {
        self.first().scoring()
    }

    /// Calibration and thresholds; a policy that changes nothing for a model that wasn't calibrated.
    ///
    /// # Errors
    /// [`ArtifactError`] when the thresholds are malformed.
    pub fn policy(&self) -> Result<Policy<'_>, ArtifactError> {
        self.first().policy()
    }

    /// What the last call said; zeros before the first.
    pub fn scores(&self) -> Scores<'_> {
        self.first().scores
    }

    /// How many of the model's outputs are classifiers: 1, unless the artifact has further ones.
    pub fn heads(&self) -> usize {
        self.heads.len()
    }

    /// One of these classifiers, with what the last call said. The first is the one of which all other functions speak; `None` past the last.
    pub fn head(&self, index: usize) -> Option<Head<'_>> {
        self.heads.get(index).map(|head| self.view(head))
    }

    fn first(&self) -> Head<'_> {
        self.view(&self.heads[0])
    }

    fn view<'a>(&'a self, head: &'a Scored) -> Head<'a> {
        let scores = Scores {
            #[cfg(feature = "text")]
            signs: self.signs,
            #[cfg(feature = "text")]
            unknown: self.unknown,
            ..Scores::new(&head.probabilities, &head.logits)
        };
        let file = self.session.file();
        let names = file.get(self.names.clone()).unwrap_or_default();
        Head {
            scores,
            spec: &head.spec,
            file,
            names,
            value: self.session.plan().model().inputs.len() + head.spec.output,
        }
    }

    /// Runs the model on what lies in the session's inputs.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn run(&mut self) -> Result<Scores<'_>, ClassifyError> {
        self.session.run()?;
        for head in &mut self.heads {
            head.score(&self.session)?;
        }
        Ok(self.scores())
    }
}

/// One of a model's outputs, as a classifier of its own.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What the last call said; zeros before the first.
    pub scores: Scores<'a>,
    spec: &'a HeadSpec,
    file: &'a [u8],
    names: &'a [u8],
    /// Which of the names.
    value: usize,
}

impl<'a> Head<'a> {
    /// Its name, which is that of the output; empty in an artifact without names.
    ///
    /// # Errors
    /// [`ArtifactError`] when the names are malformed.
    pub fn name(&self) -> Result<&'a str, ArtifactError> {
        Names::value_in(self.names, self.value).ok_or(MALFORMED_NAMES)
    }

    /// The classes' names.
    ///
    /// # Errors
    /// [`ArtifactError`] when the labels are malformed.
    pub fn labels(&self) -> Result<Labels<'a>, ArtifactError> {
        self.spec.labels(self.file)
    }

    /// Calibration and thresholds; a policy that changes nothing for a head that wasn't calibrated.
    ///
    /// # Errors
    /// [`ArtifactError`] when the thresholds are malformed.
    pub fn policy(&self) -> Result<Policy<'a>, ArtifactError> {
        self.spec.policy(self.file, self.scores.logits.len())
    }

    /// Whether it has a policy.
    pub fn is_calibrated(&self) -> bool {
        self.spec.is_calibrated()
    }

    /// What the output is.
    pub fn scoring(&self) -> Scoring {
        self.spec.scoring
    }
}

impl Scored {
    fn new<B: AsRef<[u8]>>(session: &Session<B>, spec: HeadSpec) -> Result<Self, ArtifactError> {
        let classes = session.output(spec.output).ok_or(MALFORMED_HEADS)?.shape.count();
        spec.calibration(session.file(), classes).ok_or(MALFORMED_POLICY)?;
        let zeros = || alloc::vec![0.0; classes];
        Ok(Self { spec, logits: zeros(), probabilities: zeros() })
    }

    /// Makes probabilities of the output of the session's last run.
    fn score<B: AsRef<[u8]>>(&mut self, session: &Session<B>) -> Result<(), RunError> {
        let Self { spec, logits, probabilities } = self;
        read(session, spec.output, logits)?;
        let calibration = spec.calibration(session.file(), logits.len()).ok_or(RunError::File)?;
        let calibrates = !calibration.scales.is_empty();
        if calibrates {
            calibration.apply(spec.scoring, logits);
        }
        if spec.scoring == Scoring::Logits || calibrates {
            let classes = logits.len().max(1);
            softmax::rows(session.plan().isa(), logits, probabilities, classes, false);
        } else {
            probabilities.copy_from_slice(logits);
        }
        if calibrates {
            // The calibrated ones stood in the place of the model's own, so that they need no memory.
            read(session, spec.output, logits)?;
        }
        Ok(())
    }
}

/// One of the model's outputs, dequantized.
fn read<B: AsRef<[u8]>>(session: &Session<B>, output: usize, logits: &mut [f32]) -> Result<(), RunError> {
    let output = session.output(output).ok_or(RunError::Plan)?;
    if output.shape.count() != logits.len() {
        // Classes that vary with a text's length.
        return Err(RunError::Shape { op: "output", shape: output.shape });
    }
    match (output.dtype, output.quant) {
        (DType::F32, _) => logits.copy_from_slice(output.f32s()?),
        (DType::U8, Some(quant)) => {
            let real = output.bytes.iter().map(|&q| quant.scale * (i32::from(q) - quant.zero) as f32);
            logits.iter_mut().zip(real).for_each(|(slot, value)| *slot = value);
        }
        _ => return Err(RunError::Type { expected: DType::F32, found: output.dtype }),
    }
    Ok(())
}

fn image_input<B: AsRef<[u8]>>(session: &Session<B>, spec: ImageSpec) -> Result<Input, ModelError> {
    let fault = || ModelError::Graph { node: None, why: "has an input that doesn't fit its image task" };
    let model = session.plan().model();
    let input =
        model.inputs.first().map(|&t| &model.tensors[t]).filter(|_| model.inputs.len() == 1).ok_or_else(fault)?;
    let preparer = ImagePreparer::new(spec).map_err(|_| fault())?;
    let dims = [1, spec.height, spec.width, spec.color.channels() as u32];
    match (input.dtype, input.quant) {
        _ if input.shape.dims() != dims => Err(fault()),
        (DType::F32, _) => Ok(Input::Floats(preparer)),
        (DType::U8, Some(quant)) => {
            let tables = (0..spec.color.channels()).map(|c| table(&spec, c, quant, session.plan().isa()));
            Ok(Input::Quanta(preparer, tables.collect()))
        }
        _ => Err(fault()),
    }
}

/// The quantum of each pixel value of a channel: exactly what quantizing the normalized value gives.
fn table(spec: &ImageSpec, channel: usize, quant: Quant, isa: Isa) -> [u8; 256] {
    let real = core::array::from_fn::<f32, 256, _>(|p| p as f32 * spec.scale[channel] + spec.offset[channel]);
    let mut table = [0; 256];
    let params = QuantizeParams { scale: quant.scale, zero: quant.zero as u8 };
    let done = Quantize::select(isa).run(params, &real, &mut table);
    debug_assert!(done.is_ok(), "both have 256 entries");
    table
}
