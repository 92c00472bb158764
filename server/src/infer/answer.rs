//! A question to a model in this process, and what its output means.

use std::time::Instant;

use dunlin_protocol::oip::{Answer, InferRequest, InferResponse, Input, Question, Tensor as Wire};
use dunlin_text::{Preparer, Spec};
use tract_onnx::prelude::Tensor;

use crate::fault::{Code, Fault};

use super::folder::{Takes, Text};
use super::{Local, tensors};

impl Local {
    /// Asks with tensors as they are.
    ///
    /// # Errors
    /// `bad_request` for tensors that don't fit, and what the worker says.
    pub(super) async fn raw(
        &self,
        model: &str,
        request: &InferRequest,
        until: Instant,
    ) -> Result<InferResponse, Fault> {
        let inputs = self.inputs(request)?;
        let outputs = self.worker.ask(inputs, until).await?;
        let names = self.metadata.outputs.iter().flatten().map(|output| output.name.as_str());
        let wanted =
            |name: &str| request.outputs.is_empty() || request.outputs.iter().any(|output| output.name == name);
        let known: Vec<&str> = names.collect();
        if request.outputs.iter().any(|output| !known.contains(&output.name.as_str())) {
            return Err(Fault::bad("the model has no output of a name that is asked for; its metadata name them"));
        }
        let outputs = known.iter().zip(&outputs).filter(|(name, _)| wanted(name));
        let outputs: Option<Vec<Wire>> = outputs.map(|(name, output)| tensors::to_wire(name, output)).collect();
        let outputs = outputs.ok_or_else(|| Fault::internal("a model's output", "it has no form on the wire"))?;
        Ok(InferResponse { model_name: model.to_owned(), id: request.id.clone(), outputs, ..Default::default() })
    }

    /// The inputs in the model's order, each of the type and the axes that it has.
    fn inputs(&self, request: &InferRequest) -> Result<Vec<Tensor>, Fault> {
        let ports = self.metadata.inputs.as_deref().unwrap_or_default();
        if request.inputs.len() != ports.len() {
            return Err(Fault::bad(format!("the model takes {} inputs; its metadata name them", ports.len())));
        }
        let input = |port: &dunlin_protocol::oip::TensorMetadata| {
            let tensor = request
                .input(&port.name)
                .ok_or_else(|| Fault::bad("an input of the model isn't there; its metadata name them"))?;
            let shape = tensor.shape();
            let fits = shape.len() == port.shape.len()
                && shape.iter().zip(&port.shape).all(|(&dim, &asked)| asked < 0 || asked == dim as i64);
            if !fits || tensor.data().datatype().name() != port.datatype || shape.contains(&0) {
                return Err(Fault::bad(format!("the input {} isn't {} {:?}", port.name, port.datatype, port.shape)));
            }
            tensors::from_wire(tensor).ok_or_else(|| Fault::bad("inputs of this type aren't taken"))
        };
        let inputs = ports.iter().map(input).collect::<Result<Vec<_>, Fault>>()?;
        let rows = |tensor: &Tensor| tensor.shape().first().copied();
        if inputs.windows(2).any(|pair| rows(&pair[0]) != rows(&pair[1])) {
            return Err(Fault::bad("the inputs' first dimensions differ"));
        }
        Ok(inputs)
    }

    /// Asks a classifier.
    ///
    /// # Errors
    /// `bad_request` for an input of another kind, and what the worker says.
    pub(super) async fn question(&self, question: &Question, until: Instant) -> Result<Answer, Fault> {
        let inputs = self.prepare(&question.input)?;
        let outputs = self.worker.ask(inputs, until).await?;
        let scores = outputs.first().and_then(|output| output.to_plain_array_view::<f32>().ok());
        let scores: Vec<f32> = scores.map(|scores| scores.iter().copied().collect()).unwrap_or_default();
        if scores.len() != self.settings.labels.len() || !scores.iter().all(|score| score.is_finite()) {
            return Err(Fault::internal("a model's output", "it isn't one finite number for each label"));
        }
        Ok(Answer::new(if self.settings.logits { softmax(&scores) } else { scores }))
    }

    fn prepare(&self, input: &Input) -> Result<Vec<Tensor>, Fault> {
        match (&self.settings.takes, input) {
            (Takes::Text(text), Input::Text(content)) => ids(text, content, self.metadata_inputs()),
            (Takes::Picture(picture), Input::Image { height, width, pixels }) => {
                let tensor = picture.tensor(*height, *width, pixels);
                Ok(vec![tensor.ok_or_else(|| Fault::bad("a picture has three bytes a pixel"))?])
            }
            (Takes::Logits, Input::Features(logits)) if logits.len() == self.settings.labels.len() => {
                let tensor = Tensor::from_shape(&[1, logits.len()], logits);
                Ok(vec![tensor.map_err(|error| Fault::internal("features", error))?])
            }
            (takes, _) => {
                let name = takes.question().map_or("tensors", super::folder::Named::name);
                Err(Fault::bad(format!("this model takes one input '{name}'; its metadata describe it")))
            }
        }
    }

    const fn metadata_inputs(&self) -> usize {
        match &self.settings.takes {
            Takes::Text(text) => 1 + text.mask.is_some() as usize + text.segments.is_some() as usize,
            _ => 1,
        }
    }
}

/// Ids of a text and what goes with them, in the model's order.
fn ids(text: &Text, content: &str, inputs: usize) -> Result<Vec<Tensor>, Fault> {
    let spec = Spec::reopen(&text.section).map_err(|error| Fault::internal("a text section", error))?;
    let mut preparer = Preparer::new(&spec);
    let prepared = preparer.prepare(&spec, content).map_err(|error| Fault::bad(error.to_string()))?;
    let mut ids = prepared.last().to_vec();
    ids.truncate(text.most);
    let length = text.length.unwrap_or_else(|| ids.len().max(1));
    let mask: Vec<i32> = (0..length).map(|at| i32::from(at < ids.len())).collect();
    ids.resize(length, text.pad);
    let zeros = vec![0; length];
    let order = (0..inputs).map(|input| match input {
        _ if input == text.ids => &ids,
        _ if Some(input) == text.mask => &mask,
        _ => &zeros,
    });
    let shape: &[usize] = if text.rows { &[1, length] } else { &[length] };
    order.map(|ids| Tensor::from_shape(shape, ids).map_err(|error| Fault::internal("ids", error))).collect()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|exponential| exponential / sum).collect()
}

/// Whether what is asked goes no further than what the user agreed to, where the sender says to what.
///
/// # Errors
/// `consent`.
pub(super) fn check_consent(request: &InferRequest) -> Result<(), Fault> {
    use dunlin_protocol::oip::{Consent, Parameter};
    let consent = match request.parameters.get("dunlin_consent") {
        None => return Ok(()),
        Some(Parameter::Text(name)) => Consent::from_name(name),
        Some(_) => None,
    };
    let consent = consent.ok_or_else(|| Fault::bad("dunlin_consent is none, features or input"))?;
    let level = |tensor: &Wire| if tensor.name() == "logits" { Consent::Features } else { Consent::Input };
    if request.inputs.iter().any(|tensor| level(tensor) > consent) {
        return Err(Fault::new(Code::Consent, "more was sent than dunlin_consent allows; it is not kept"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_adds_up_to_one_and_bears_large_logits() {
        let probabilities = softmax(&[1000.0, 1001.0]);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((probabilities[1] - 0.731_058_6).abs() < 1e-6);
    }
}
