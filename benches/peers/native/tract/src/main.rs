//! Runs a model with tract on one thread.

use peer_protocol::{Elements, Job, Outcome};
use std::cell::RefCell;
use tract_onnx::prelude::*;

fn main() -> Outcome<()> {
    let job = Job::from_args()?;
    let mut model = tract_onnx::onnx().model_for_path(&job.model)?;
    let names: Vec<String> = model.input_outlets()?.iter().map(|o| model.node(o.node).name.clone()).collect();
    let mut inputs: TVec<TValue> = tvec!();
    for (index, name) in names.iter().enumerate() {
        let input = job.input(name, index)?;
        let tensor = match &input.elements {
            Elements::F32(elements) => Tensor::from_shape(&input.dims, elements)?,
            Elements::I64(elements) => Tensor::from_shape(&input.dims, elements)?,
        };
        model.set_input_fact(index, InferenceFact::dt_shape(tensor.datum_type(), &input.dims))?;
        inputs.push(tensor.into_tvalue());
    }
    let mut state = model.into_optimized()?.into_runnable()?.spawn()?;
    let last = RefCell::new(None);
    let run = || {
        *last.borrow_mut() = state.run(inputs.clone())?.into_iter().next();
        Ok(())
    };
    job.serve(run, || {
        let output = last.borrow();
        let tensor = output.as_ref().ok_or("the model has no output")?.cast_to::<f32>()?;
        Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    })
}
