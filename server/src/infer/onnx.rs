//! An ONNX model, as tract runs it.

use std::path::Path;

use dunlin_protocol::oip::DataType;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// A model that is ready to run.
pub struct Onnx {
    plan: Arc<TypedRunnableModel>,
    /// What it takes, in its order.
    pub inputs: Vec<Port>,
    /// What it gives, in its order.
    pub outputs: Vec<Port>,
    /// Whether the first axis of all inputs is free, so that several questions can be asked at once.
    pub batched: bool,
}

/// An input or output.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name in the model.
    pub name: String,
    /// Its elements.
    pub datatype: DataType,
    /// Its axes; none for one whose length is free.
    pub shape: Vec<Option<usize>>,
    kind: DatumType,
}

impl Port {
    /// One of floats.
    pub fn of_floats(name: &str, shape: Vec<Option<usize>>) -> Self {
        Self { name: name.to_owned(), datatype: DataType::Fp32, shape, kind: DatumType::F32 }
    }

    /// As the protocol has it: -1 for an axis that is free.
    pub fn dims(&self) -> Vec<i64> {
        self.shape.iter().map(|dim| dim.map_or(-1, |dim| dim as i64)).collect()
    }
}

impl Onnx {
    /// Loads a file. Axes that the model leaves open stay open.
    ///
    /// # Errors
    /// What tract says of it.
    pub fn load(path: &Path) -> Result<Self, String> {
        load(path).map_err(|error| format!("the model can't be run: {error:#}"))
    }

    /// Runs it on its inputs, whose elements become those that the model asks for.
    ///
    /// # Errors
    /// When a length that the model leaves open isn't one that it can take.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        run(self, inputs).map_err(|error| error.root_cause().to_string())
    }
}

fn load(path: &Path) -> TractResult<Onnx> {
    let mut model = tract_onnx::onnx().with_ignore_output_shapes(true).model_for_path(path)?;
    let mut inputs = Vec::new();
    for index in 0..model.input_outlets()?.len() {
        let fact = model.input_fact(index)?.clone();
        let name = model.node(model.input_outlets()?[index].node).name.clone();
        let kind = fact.datum_type.concretize().ok_or_else(|| format_err!("the input {name} has no element type"))?;
        let dims: Vec<Option<TDim>> = fact.shape.dims().map(|dim| dim.concretize()).collect();
        if fact.shape.is_open() {
            bail!("the input {name} has no shape");
        }
        // One symbol for the first axis of all inputs, so that they are known to be equal.
        let open =
            |axis: usize| if axis == 0 { model.symbols.sym("batch") } else { model.symbols.new_with_prefix("free") };
        let is_free = |dim: &Option<TDim>| dim.as_ref().and_then(|dim| dim.to_usize().ok()).is_none();
        let named = |axis: usize, dim: &Option<TDim>| match dim {
            Some(dim) if axis > 0 || !is_free(&Some(dim.clone())) => dim.clone(),
            _ => open(axis).into(),
        };
        let shape: TVec<TDim> = dims.iter().enumerate().map(|(axis, dim)| named(axis, dim)).collect();
        inputs.push(port(name, kind, &shape)?);
        model.set_input_fact(index, InferenceFact::dt_shape(kind, shape))?;
    }
    let names: Vec<String> =
        model.output_outlets()?.iter().enumerate().map(|(at, &outlet)| output_name(&model, at, outlet)).collect();
    let model = model.into_optimized()?;
    let mut outputs = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let fact = model.output_fact(index)?;
        outputs.push(port(name, fact.datum_type, fact.shape.dims())?);
    }
    let free = |port: &Port| port.shape.first().is_some_and(Option::is_none);
    let batched = inputs.iter().all(free) && outputs.iter().all(free);
    Ok(Onnx { plan: model.into_runnable()?, inputs, outputs, batched })
}

fn output_name(model: &InferenceModel, index: usize, outlet: OutletId) -> String {
    model.outlet_label(outlet).map_or_else(|| format!("output_{index}"), str::to_owned)
}

fn port(name: String, kind: DatumType, shape: &[TDim]) -> TractResult<Port> {
    let datatype = super::tensors::datatype(kind)
        .ok_or_else(|| format_err!("{name} has elements of a type that isn't served: {kind:?}"))?;
    Ok(Port { name, datatype, shape: shape.iter().map(|dim| dim.to_usize().ok()).collect(), kind })
}

fn run(model: &Onnx, inputs: Vec<Tensor>) -> TractResult<Vec<Tensor>> {
    let inputs = inputs.into_iter().zip(&model.inputs);
    let inputs: TVec<TValue> =
        inputs.map(|(tensor, port)| Ok(cast(tensor, port.kind)?.into_tvalue())).collect::<TractResult<_>>()?;
    let outputs = model.plan.run(inputs)?;
    Ok(outputs.into_iter().map(TValue::into_tensor).collect())
}

fn cast(tensor: Tensor, kind: DatumType) -> TractResult<Tensor> {
    if tensor.datum_type() == kind { Ok(tensor) } else { Ok(tensor.cast_to_dt(kind)?.into_owned()) }
}
