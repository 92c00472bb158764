//! Small artifacts made by hand, section by section, so that tests can change any word of them.
//!
//! Used by several test targets and by the fuzz targets, each of which uses a part.
#![allow(dead_code, reason = "each target uses a part")]

pub mod corpus;
pub mod graphs;

use dunlin_engine::artifact::{
    ALIGN, Bounds, Calibration, Cohorts, Expected, NewHead, Policy, SectionKind, Writer, fill_golden,
};
use dunlin_engine::model::VaryingAxis;
use dunlin_engine::op::Op;
use dunlin_engine::op::infer::Info;
use dunlin_engine::task::{Scoring, Task, TaskSpec};
use dunlin_engine::tensor::{DType, Quant, Shape};
use dunlin_engine::wire::{Put, put_text};
use dunlin_engine::{AlignedBytes, Artifact, Isa, Session, model::Limits};

/// An artifact's sections, in the order in which they lie in the file.
#[derive(Clone, Debug)]
pub struct Sections(pub Vec<(SectionKind, Vec<u8>)>);

impl Sections {
    /// The file, with right digests whatever the sections are.
    pub fn file(&self) -> AlignedBytes {
        let mut writer = Writer::default();
        for (kind, bytes) in &self.0 {
            writer.bytes(*kind, bytes.clone());
        }
        AlignedBytes::from_slice(&writer.finish())
    }

    /// A section's bytes.
    pub fn section(&mut self, kind: SectionKind) -> &mut Vec<u8> {
        let found = self.0.iter_mut().find(|(k, _)| *k == kind);
        &mut found.expect("the builder writes all sections").1
    }

    /// The same model, whose outputs are logits now, with a policy that has everything: its scales halve all logits.
    pub fn with_policy(mut self) -> Self {
        self.set_word(SectionKind::Task, 0, Scoring::Logits as u32);
        let session = Session::load(self.file(), Isa::REFERENCE, Limits::default()).expect("the graph is sound");
        let classes = session.output(0).map_or(0, |output| output.shape.count());
        let each: Vec<f32> = (0..classes).map(|class| 0.5 + class as f32 / 8.0).collect();
        let bounds = Bounds { threshold: 0.75, energy: 3.0, quantiles: &each };
        let policy = Policy {
            calibration: Calibration { scales: &[0.5], biases: &each },
            alpha: 0.02,
            delta: 0.05,
            evasion: 128,
            score_threshold: 0.125,
            top_k: 2,
            rank_penalty: 0.0,
            free_ranks: 0,
            allow: &[],
            deny: &[0],
            bounds,
            samples: 100,
            aurc: 0.125,
            reliability: &[[60.0, 0.4, 0.5], [40.0, 0.9, 0.875]],
            cohorts: Cohorts::default(),
        };
        let mut writer = Writer::of(&self.file()).expect("the file is sound");
        writer.policy(&policy, classes, &[("de", bounds), ("glen", Bounds { threshold: 0.5, ..bounds })]);
        let file = AlignedBytes::from_slice(&writer.finish());
        let artifact = Artifact::parse(&file).expect("the file is sound");
        let section = artifact.section(SectionKind::Policy).expect("it was written");
        self.0.insert(self.0.len() - 1, (SectionKind::Policy, section.bytes.to_vec()));
        self
    }

    /// [`graphs::heads`] with its further heads: the quantized output, with labels and a policy, and the last one, with neither.
    pub fn with_heads(mut self) -> Self {
        let bounds = Bounds { threshold: 0.5, energy: f32::INFINITY, quantiles: &[0.5] };
        let calibration = Calibration { scales: &[0.25], biases: &[] };
        let policy = Policy { calibration, deny: &[1], bounds, ..Policy::default() };
        let cohort = [("lax", Bounds { threshold: 0.25, ..bounds })];
        let labels: &[(&str, &[&str])] = &[("en", &["red", "green", "blue"]), ("de", &["rot", "gr\u{fc}n", "blau"])];
        let heads = [
            NewHead { output: 1, scoring: Scoring::Logits, labels },
            NewHead { output: 3, scoring: Scoring::Probabilities, labels: &[] },
        ];
        let mut writer = Writer::default();
        writer.heads(&heads);
        writer.head_policy(1, &policy, 3, &cohort).expect("there are two heads");
        self.set_word(SectionKind::Task, 0, Scoring::Logits as u32);
        let file = AlignedBytes::from_slice(&writer.finish());
        let artifact = Artifact::parse(&file).expect("the file is sound");
        let section = artifact.section(SectionKind::Heads).expect("it was written");
        self.0.insert(self.0.len() - 1, (SectionKind::Heads, section.bytes.to_vec()));
        self
    }

    /// Replaces the word at `index` of a section.
    pub fn set_word(&mut self, kind: SectionKind, index: usize, word: u32) {
        self.section(kind)[4 * index..][..4].copy_from_slice(&word.to_le_bytes());
    }
}

/// Numbers that look random and are the same in each run: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..end`; 0 when that is empty.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of the things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

/// Collects tensors and operators; every computed tensor has a place of its own in the arena.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    infos: Vec<Info>,
    places: Vec<Option<u32>>,
    quants: Vec<(u32, Quant)>,
    weights: Vec<u8>,
    nodes: Vec<(Op, Vec<u32>, Vec<u32>)>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    varying: Vec<VaryingAxis>,
}

impl Builder {
    fn push(&mut self, info: Info, place: Option<u32>) -> u32 {
        self.infos.push(info);
        self.places.push(place);
        (self.infos.len() - 1) as u32
    }

    /// A constant of any type.
    pub fn constant(&mut self, dtype: DType, dims: &[usize], bytes: &[u8]) -> u32 {
        let info = info(dtype, dims);
        assert_eq!(info.shape.count() * dtype.size(), bytes.len(), "a constant has its elements");
        self.weights.resize(self.weights.len().next_multiple_of(ALIGN), 0);
        let place = (self.weights.len() / ALIGN) as u32;
        self.weights.extend(bytes);
        self.push(info, Some(place))
    }

    /// A constant of f32.
    pub fn f32s(&mut self, dims: &[usize], values: &[f32]) -> u32 {
        self.constant(DType::F32, dims, bytemuck::cast_slice(values))
    }

    /// A constant of i32.
    pub fn i32s(&mut self, dims: &[usize], values: &[i32]) -> u32 {
        self.constant(DType::I32, dims, bytemuck::cast_slice(values))
    }

    /// A constant of small random f32.
    pub fn random_f32s(&mut self, dims: &[usize], random: &mut Random) -> u32 {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
        self.f32s(dims, &values)
    }

    /// What the caller gives.
    pub fn input(&mut self, dtype: DType, dims: &[usize]) -> u32 {
        let tensor = self.push(info(dtype, dims), None);
        self.inputs.push(tensor);
        tensor
    }

    /// An axis of the last input that varies.
    pub fn varying(&mut self, axis: usize) {
        self.varying.push(VaryingAxis { input: self.inputs.len() - 1, axis });
    }

    /// An operator; its results are those that it infers.
    pub fn nodes(&mut self, op: Op, inputs: &[u32]) -> Vec<u32> {
        let infos: Vec<Info> = inputs.iter().map(|&t| self.infos[t as usize]).collect();
        let results = op.infer(&infos).unwrap_or_else(|error| panic!("{op:?}: {error}"));
        let outputs: Vec<u32> = results.into_iter().flatten().map(|info| self.push(info, None)).collect();
        self.nodes.push((op, inputs.to_vec(), outputs.clone()));
        outputs
    }

    /// An operator of which only the first result is used.
    pub fn node(&mut self, op: Op, inputs: &[u32]) -> u32 {
        self.nodes(op, inputs)[0]
    }

    /// An operator whose first result is quantized.
    pub fn quantized(&mut self, op: Op, inputs: &[u32], scale: f32, zero: i32) -> u32 {
        let output = self.node(op, inputs);
        self.quantize(output, scale, zero);
        output
    }

    /// Gives a tensor its quantization.
    pub fn quantize(&mut self, tensor: u32, scale: f32, zero: i32) {
        self.quants.push((tensor, Quant::new(scale, zero).expect("a scale above 0 and a zero point in 0..=255")));
    }

    /// What the caller gets.
    pub fn output(&mut self, tensor: u32) {
        self.outputs.push(tensor);
    }

    /// All sections, with one golden input.
    pub fn sections(&self) -> Sections {
        let mut sections = self.sections_without_golden();
        let (kind, bytes) = golden(&sections.file());
        sections.0.insert(sections.0.len() - 1, (kind, bytes));
        sections
    }

    /// All sections but the golden input, which takes a run to make.
    pub fn sections_without_golden(&self) -> Sections {
        let mut task = Vec::new();
        Task { scoring: Scoring::Probabilities, spec: TaskSpec::Tensor }.put(&mut task);
        Sections(vec![
            (SectionKind::Graph, bytes_of(&self.graph())),
            (SectionKind::Quantization, bytes_of(&self.quantization())),
            (SectionKind::Memory, bytes_of(&self.memory())),
            (SectionKind::Names, bytes_of(&self.names())),
            (SectionKind::Labels, bytes_of(&labels(&[("en", &["no", "yes"]), ("de", &["nein", "ja"])]))),
            (SectionKind::Task, bytes_of(&task)),
            (SectionKind::Card, br#"{"name":"vector"}"#.to_vec()),
            (SectionKind::Weights, self.weights.clone()),
        ])
    }

    fn graph(&self) -> Vec<u32> {
        let mut words = vec![self.infos.len() as u32];
        for (info, place) in self.infos.iter().zip(&self.places) {
            info.dtype.put(&mut words);
            info.shape.put(&mut words);
            match place {
                None => words.push(0),
                Some(place) => words.extend([1, *place]),
            }
        }
        put_list(&self.inputs, &mut words);
        put_list(&self.outputs, &mut words);
        words.push(self.varying.len() as u32);
        words.extend(self.varying.iter().flat_map(|v| [v.input as u32, v.axis as u32]));
        words.push(self.nodes.len() as u32);
        for (op, inputs, outputs) in &self.nodes {
            op.put(&mut words);
            put_list(inputs, &mut words);
            put_list(outputs, &mut words);
        }
        words
    }

    fn quantization(&self) -> Vec<u32> {
        let mut words = vec![self.quants.len() as u32];
        for (tensor, quant) in &self.quants {
            words.push(*tensor);
            quant.scale.put(&mut words);
            quant.zero.put(&mut words);
        }
        words
    }

    fn memory(&self) -> Vec<u32> {
        let (mut end, mut offsets) = (0, Vec::new());
        for (info, _) in self.infos.iter().zip(&self.places).filter(|(_, place)| place.is_none()) {
            offsets.push((end / ALIGN) as u32);
            end = (end + info.shape.count() * info.dtype.size()).next_multiple_of(ALIGN);
        }
        [vec![end as u32, 0], offsets].concat()
    }

    fn names(&self) -> Vec<u32> {
        let values = self.inputs.iter().map(|t| format!("input {t}"));
        let values: Vec<String> = values.chain(self.outputs.iter().map(|t| format!("output {t}"))).collect();
        let nodes: Vec<String> =
            self.nodes.iter().enumerate().map(|(i, (op, ..))| format!("{} {i}", op.name())).collect();
        let mut words = Vec::new();
        for list in [values, nodes] {
            words.push(list.len() as u32);
            list.iter().for_each(|name| put_text(name, &mut words));
        }
        words
    }
}

fn info(dtype: DType, dims: &[usize]) -> Info {
    Info { dtype, shape: Shape::new(dims).expect("a small shape") }
}

fn put_list(list: &[u32], words: &mut Vec<u32>) {
    words.push(list.len() as u32);
    words.extend(list);
}

fn labels(locales: &[(&str, &[&str])]) -> Vec<u32> {
    let mut words = vec![locales.len() as u32];
    for (tag, labels) in locales {
        put_text(tag, &mut words);
        words.push(labels.len() as u32);
        labels.iter().for_each(|label| put_text(label, &mut words));
    }
    words
}

/// Words as they lie in a section.
pub fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What the reference kernels make of the golden input with seed 1, as a section.
fn golden(file: &[u8]) -> (SectionKind, Vec<u8>) {
    let mut session = Session::load(file, Isa::REFERENCE, Limits::default()).expect("the graph is sound");
    let outputs = session.expected(1).expect("the golden input is one that the model can take");
    let mut bytes = [1_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat();
    match outputs {
        Expected::Digest(digest) => bytes.extend(digest),
        Expected::Values(values) => {
            bytes.extend(values.tolerance.to_le_bytes());
            bytes.extend(bytes_of(&[values.step as u32, values.elements.len() as u32]));
            bytes.extend(values.elements.iter().flat_map(|element| element.to_le_bytes()));
            return (SectionKind::GoldenValues, bytes);
        }
    }
    (SectionKind::Golden, bytes)
}

/// Fills all inputs of a session with the numbers that `seed` stands for.
pub fn fill_inputs<B: AsRef<[u8]>>(session: &mut Session<B>, seed: u64) {
    for index in 0..session.plan().model().inputs.len() {
        if let Some(input) = session.input_mut(index) {
            fill_golden(seed.wrapping_add(index as u64), input.dtype, input.bytes);
        }
    }
}

/// Classifies once, and reads everything of each head.
fn exercise_classifier<B: AsRef<[u8]>>(classifier: &mut dunlin_engine::Classifier<B>) -> Vec<String> {
    fill_inputs(classifier.session(), 1);
    let mut errors: Vec<String> = classifier.run().err().into_iter().map(|e| e.to_string()).collect();
    assert!(classifier.head(classifier.heads()).is_none());
    for index in 0..classifier.heads() {
        let head = classifier.head(index).expect("as many as there are");
        let classes = head.scores.probabilities.len();
        errors.extend(head.name().err().map(|e| e.to_string()));
        match head.labels() {
            Ok(labels) => assert_eq!(labels.in_locale("de").count(), labels.len()),
            Err(error) => errors.push(error.to_string()),
        }
        match head.policy() {
            Ok(policy) => exercise_policy(&policy, classes),
            Err(error) => errors.push(error.to_string()),
        }
    }
    errors
}

fn exercise_policy(policy: &Policy<'_>, classes: usize) {
    for (name, _) in policy.cohorts.clone() {
        assert!(policy.bounds_of(Some(name)).is_some(), "a cohort that is there is found");
    }
    let quantiles = (0..classes).filter(|&class| policy.bounds.quantile(class).is_some()).count();
    assert!(quantiles == 0 || quantiles == classes);
    assert!((0..classes).filter(|&class| policy.permits(class)).count() <= classes);
}

/// Everything that a reader can do with a file: an error or a clean run, whatever the bytes are.
///
/// Gives the first error as text, `None` when there was none.
pub fn exercise(file: &[u8], limits: Limits) -> Option<String> {
    let artifact = match Artifact::parse(file) {
        Ok(artifact) => artifact,
        Err(error) => return Some(error.to_string()),
    };
    let mut errors = Vec::new();
    errors.extend(artifact.labels().err().map(|e| e.to_string()));
    errors.extend(artifact.names().err().map(|e| e.to_string()));
    errors.extend(artifact.card().err().map(|e| e.to_string()));
    let golden = artifact.golden();
    errors.extend(golden.as_ref().err().map(|e| e.to_string()));
    match dunlin_engine::Classifier::load(file, Isa::best(), limits) {
        Ok(mut classifier) => errors.extend(exercise_classifier(&mut classifier)),
        Err(error) => errors.push(error.to_string()),
    }
    let mut session = match Session::load(file, Isa::best(), limits) {
        Ok(session) => session,
        Err(error) => return Some(error.to_string()),
    };
    errors.extend(session.plan().explain().filter(|step| step.kernel.to_string().is_empty()).map(|_| "no name".into()));
    fill_inputs(&mut session, 1);
    errors.extend(session.run().err().map(|e| e.to_string()));
    for golden in golden.into_iter().flatten().take(2) {
        errors.extend(session.is_golden(&golden).err().map(|e| e.to_string()));
    }
    for length in [1, session.max_length() / 2, session.max_length()] {
        if session.set_length(length).is_ok() {
            fill_inputs(&mut session, 2);
            errors.extend(session.run().err().map(|e| e.to_string()));
        }
    }
    errors.into_iter().next()
}
