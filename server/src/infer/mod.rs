//! Questions of devices: answered by an ONNX model here, or passed on to another server of the Open Inference Protocol.

mod answer;
mod folder;
mod forward;
mod handlers;
mod onnx;
mod picture;
mod replay;
mod tensors;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dunlin_protocol::oip::{ModelMetadata, TensorMetadata};

use crate::config::{Cloud, Config, is_name};
use folder::Settings;
use forward::Forward;
use onnx::Onnx;
use replay::UnderWay;
use worker::Worker;

pub(crate) use folder::read_config;
pub use handlers::{infer, model, model_ready, server};
pub use replay::KEPT as REPLAYS_KEPT;

/// The one version that each model has.
const VERSION: &str = "1";

/// All models that answer.
pub struct Models {
    models: BTreeMap<String, Arc<Model>>,
    /// Questions that are being answered, so that one that is asked again meanwhile waits for the same answer.
    under_way: UnderWay,
}

/// A model that answers.
pub struct Model {
    name: String,
    labels: Vec<String>,
    engine: Engine,
}

enum Engine {
    Here(Box<Local>),
    There(Forward),
}

/// An ONNX model in this process.
struct Local {
    settings: Settings,
    metadata: ModelMetadata,
    worker: Worker,
}

/// Why models can't be served.
#[derive(Debug)]
pub enum ModelsError {
    /// A file can't be read.
    File(PathBuf, String),
    /// A name that can't stand in a path.
    Name(String),
    /// Two models of one name.
    Twice(String),
    /// The address of another server.
    Address(String),
}

impl fmt::Display for ModelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, what) => write!(f, "{}: {what}", path.display()),
            Self::Name(name) => write!(f, "'{name}' is no model's name: letters, digits, '-', '_' and '.', at most 64"),
            Self::Twice(name) => write!(f, "there are two models '{name}'; give one another name"),
            Self::Address(what) => write!(f, "--cloud: {what}"),
        }
    }
}

impl std::error::Error for ModelsError {}

impl Models {
    /// Loads the models of the data folder and those that the operator names.
    ///
    /// # Errors
    /// [`ModelsError`].
    pub fn open(config: &Config) -> Result<Self, ModelsError> {
        let mut models = BTreeMap::new();
        let mut asked = found(&config.data.join("cloud"))?;
        asked.extend(config.cloud.iter().cloned());
        for cloud in asked {
            if !is_name(&cloud.name) {
                return Err(ModelsError::Name(cloud.name));
            }
            let model = Arc::new(Model::open(&cloud, config)?);
            if models.insert(cloud.name.clone(), model).is_some() {
                return Err(ModelsError::Twice(cloud.name));
            }
        }
        Ok(Self { models, under_way: UnderWay::default() })
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.models.keys().map(String::as_str).collect()
    }

    /// The labels of a model; none where another server has them.
    pub fn labels(&self, name: &str) -> Option<&[String]> {
        self.models.get(name).map(|model| &model.labels[..])
    }

    fn find(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// Lets the threads of models end when they have nothing more to do.
    pub fn close(&self) {
        for model in self.models.values() {
            if let Engine::Here(local) = &model.engine {
                local.worker.close();
            }
        }
    }
}

impl Model {
    fn open(cloud: &Cloud, config: &Config) -> Result<Self, ModelsError> {
        if cloud.source.contains("://") {
            let forward = Forward::open(&cloud.source, &cloud.name, config.deadline).map_err(ModelsError::Address)?;
            return Ok(Self { name: cloud.name.clone(), labels: Vec::new(), engine: Engine::There(forward) });
        }
        let file = Path::new(&cloud.source);
        let fault = |what: String| ModelsError::File(file.to_owned(), what);
        let onnx = Onnx::load(file).map_err(fault)?;
        let settings = Settings::beside(file, config.text, &onnx)?;
        let metadata = metadata(&cloud.name, &settings, &onnx);
        let worker = Worker::start(onnx, settings.max_batch).map_err(|error| fault(error.to_string()))?;
        let labels = settings.labels.clone();
        Ok(Self {
            name: cloud.name.clone(),
            labels,
            engine: Engine::Here(Box::new(Local { settings, metadata, worker })),
        })
    }
}

/// Models in folders of their own: `NAME/model.onnx`.
fn found(folder: &Path) -> Result<Vec<Cloud>, ModelsError> {
    let fault = |error: std::io::Error| ModelsError::File(folder.to_owned(), error.to_string());
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let (model, name) = (path.join("model.onnx"), path.file_name().unwrap_or_default());
        if model.exists() {
            let source =
                model.to_str().ok_or_else(|| ModelsError::File(model.clone(), "its path isn't UTF-8".to_owned()))?;
            found.push(Cloud { name: name.to_string_lossy().into_owned(), source: source.to_owned() });
        }
    }
    Ok(found)
}

fn metadata(name: &str, settings: &Settings, onnx: &Onnx) -> ModelMetadata {
    let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
    };
    let classes = settings.labels.len() as i64;
    let (inputs, outputs) = match settings.takes.question() {
        Some(input) => {
            let shape = input.shape(classes);
            let outputs = vec![tensor("label", "BYTES", &[1]), tensor("probabilities", "FP32", &[1, classes])];
            (vec![tensor(input.name(), input.datatype(), &shape)], outputs)
        }
        None => {
            let port = |port: &onnx::Port| tensor(&port.name, port.datatype.name(), &port.dims());
            (onnx.inputs.iter().map(port).collect(), onnx.outputs.iter().map(port).collect())
        }
    };
    ModelMetadata {
        name: name.to_owned(),
        versions: Some(vec![VERSION.to_owned()]),
        platform: "onnx_tract".to_owned(),
        inputs: Some(inputs),
        outputs: Some(outputs),
    }
}
