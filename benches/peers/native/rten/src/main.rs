//! Runs a model with rten on one thread.

use peer_protocol::{Elements, Job, Outcome};
use rten::{ModelOptions, NodeId, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::cell::RefCell;

fn main() -> Outcome<()> {
    let job = Job::from_args()?;
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(&job.model)?;
    let mut inputs: Vec<(NodeId, Value)> = Vec::new();
    for (index, &id) in model.input_ids().iter().enumerate() {
        let name = model.node_info(id).and_then(|info| info.name().map(str::to_owned)).unwrap_or_default();
        let input = job.input(&name, index)?;
        let dims = input.dims.as_slice();
        let value: Value = match &input.elements {
            Elements::F32(elements) => Tensor::from_data(dims, elements.clone()).into(),
            // rten's integers have 32 bits; token ids and masks fit.
            Elements::I64(elements) => {
                Tensor::from_data(dims, elements.iter().map(|&id| id as i32).collect::<Vec<_>>()).into()
            }
        };
        inputs.push((id, value));
    }
    let output = *model.output_ids().first().ok_or("the model has no output")?;
    let last = RefCell::new(None);
    let run = || {
        let given: Vec<(NodeId, ValueOrView)> = inputs.iter().map(|(id, value)| (*id, value.into())).collect();
        *last.borrow_mut() = model.run(given, &[output], None)?.pop();
        Ok(())
    };
    job.serve(run, || match &*last.borrow() {
        Some(Value::FloatTensor(tensor)) => Ok(tensor.to_vec()),
        _ => Err("the output isn't f32".into()),
    })
}
