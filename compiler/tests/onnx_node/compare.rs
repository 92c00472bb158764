//! Comparing outputs as ONNX's runner does it.

use dunlin_compiler::import::Element;
use dunlin_compiler::ir::Tensor;
use dunlin_engine::tensor::DType;
use half::{bf16, f16};

use crate::Outcome;

const RTOL: f32 = 1e-3;
const ATOL: f32 = 1e-5;

/// An input as the model's border takes it.
pub fn border(tensor: &Tensor, element: Element) -> Tensor {
    match (element.border(), tensor.as_f32s()) {
        (DType::F16, Some(values)) => {
            let halves: Vec<u16> = values.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
            Tensor::new(DType::F16, tensor.shape, &halves).expect("one for each")
        }
        _ => tensor.clone(),
    }
}

/// Compares all outputs.
pub fn outputs(made: &[Tensor], elements: &[Element], expected: &[(Tensor, Element)]) -> Outcome {
    if made.len() != expected.len() {
        return Outcome::Failed(format!("{} outputs instead of {}", made.len(), expected.len()));
    }
    for (index, ((made, element), (tensor, wanted))) in made.iter().zip(elements).zip(expected).enumerate() {
        let fault = if element != wanted {
            Some(format!("type {element:?} instead of {wanted:?}"))
        } else if made.shape != tensor.shape {
            Some(format!("shape {} instead of {}", made.shape, tensor.shape))
        } else {
            difference(made, tensor, *wanted)
        };
        if let Some(fault) = fault {
            return Outcome::Failed(format!("output {index}: {fault}"));
        }
    }
    Outcome::Passed
}

fn difference(made: &Tensor, expected: &Tensor, element: Element) -> Option<String> {
    let Some(wanted) = expected.as_f32s() else {
        let place = made.bytes.iter().zip(expected.bytes.iter()).position(|(a, b)| a != b)?;
        return Some(format!("byte {place}: {} instead of {}", made.bytes[place], expected.bytes[place]));
    };
    let found = floats(made, element);
    let rtol = if element == Element::Bf16 { 1.0 / 128.0 } else { RTOL };
    let equal = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ATOL + rtol * b.abs();
    let place = found.iter().zip(wanted).position(|(&a, &b)| !equal(a, b))?;
    Some(format!("element {place}: {} instead of {}", found[place], wanted[place]))
}

/// The values in the precision of the output's type.
fn floats(tensor: &Tensor, element: Element) -> Vec<f32> {
    match (tensor.as_f32s(), element) {
        (Some(values), Element::Bf16) => values.iter().map(|&v| bf16::from_f32(v).to_f32()).collect(),
        (Some(values), _) => values.to_vec(),
        (None, _) => {
            let halves = tensor.bytes.as_chunks::<2>().0.iter();
            halves.map(|&b| f16::from_bits(u16::from_le_bytes(b)).to_f32()).collect()
        }
    }
}
