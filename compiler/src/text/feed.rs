//! Which of a model's inputs take what.

use dunlin_engine::model::VaryingAxis;
use dunlin_engine::tensor::DType;
use dunlin_text::Feed;

use super::{TextRequest, TokenizerRequest};
use crate::error::{CompileError, Result};
use crate::ir::Graph;

/// The usual names of inputs that take ids, 1 for each id, and segments.
const USUAL: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

/// Where ids go in a compiled graph.
///
/// # Errors
/// [`CompileError::Task`] when the model's inputs aren't those of a text model, or can't take what the request asks for.
pub fn feed(request: &TextRequest, graph: &Graph, varying: &[VaryingAxis]) -> Result<Feed> {
    let names = &request.inputs;
    let mut found = [&names.ids, &names.mask, &names.segments].into_iter().zip(USUAL).map(|(asked, usual)| {
        let name = asked.as_deref().unwrap_or(usual);
        let place = graph.inputs.iter().position(|&id| graph.value(id).name == name);
        match (place, asked) {
            (None, Some(name)) => Err(fault(format!("the model has no input '{name}'"))),
            (place, _) => Ok(place.map(|place| place as u32)),
        }
    });
    let mut next = || found.next().expect("three names");
    let (ids, mask, segments) = (next()?, next()?, next()?);
    let ids = match ids {
        Some(ids) => ids,
        None if graph.inputs.len() == 1 => 0,
        None => return Err(fault("say in `inputs` which of the model's inputs takes the ids".to_owned())),
    };
    let fed = [Some(ids), mask, segments].iter().flatten().count();
    if fed != graph.inputs.len() {
        return Err(fault(format!(
            "{fed} of the model's {} inputs are fed; name them in `inputs`",
            graph.inputs.len()
        )));
    }
    let fixed = !varying.iter().any(|axis| axis.input == ids as usize);
    let places = graph.value(graph.inputs[ids as usize]);
    if places.dtype != DType::I32 {
        return Err(fault(format!("'{}' takes no integers", places.name)));
    }
    if fixed && mask.is_none() && matches!(request.tokenizer, TokenizerRequest::Ngrams(_)) {
        let why = format!("n-grams have no filler: let the length vary, with --vary {}.AXIS", places.name);
        return Err(fault(why));
    }
    let length = request.tokenizer.length();
    let most = places.shape.count() as u32;
    let max_ids = request.max_ids.or(length.max_ids).map_or(most, |asked| asked.min(most));
    Ok(Feed { ids, mask, segments, max_ids, fixed, pad: length.pad as i32 })
}

fn fault(why: String) -> CompileError {
    CompileError::Task { why }
}
