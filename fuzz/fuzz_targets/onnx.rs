//! ONNX models: from bytes to an artifact or an error.
#![no_main]

use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::{Options, Precision, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|model: &[u8]| {
    let Ok(graph) = import(model, &ImportOptions::default()) else { return };
    // What takes long because it is large is left alone: a whole compilation runs the model.
    if graph.values.iter().map(|value| value.shape.count()).sum::<usize>() > MAX_ELEMENTS {
        return;
    }
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let _ = compile(model, &Options { precision, golden: 1, ..Options::default() }, &mut |_| ());
    }
});

/// Elements of all tensors of a model that is compiled to the end.
const MAX_ELEMENTS: usize = 1 << 16;
