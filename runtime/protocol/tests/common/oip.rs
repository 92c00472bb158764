//! What must hold of any bytes that come as a message. Shared by the tests and the fuzz target `oip`.

use dunlin_protocol::oip::{
    Answer, ErrorBody, Form, InferRequest, InferResponse, Limits, ModelMetadata, OipError, Question, ServerMetadata,
    Tensor, TensorFault,
};

/// Reads an input as each kind of message; what is read is valid and is written and read again. The first byte says whether the next two
/// are the length of the JSON.
pub fn exercise(input: &[u8]) {
    let (header, body) = match input {
        [1, a, b, body @ ..] => (Some(u16::from_le_bytes([*a, *b]).to_string()), body),
        [_, body @ ..] => (None, body),
        [] => return,
    };
    let limits = Limits::DEVICE;
    if let Ok(request) = InferRequest::read(body, header.as_deref(), &limits) {
        tensors(&request.inputs);
        again(request.write(Form::Binary), |body, header| InferRequest::read(body, header, &limits), &request);
        if let Ok(question) = Question::read(request.clone()) {
            let asked = question.request().expect("what was read can be asked");
            assert_eq!(Question::read(asked), Ok(question));
        }
        numbers(request.write(Form::Json).err());
    }
    if let Ok(response) = InferResponse::read(body, header.as_deref(), &limits) {
        tensors(&response.outputs);
        again(response.write(Form::Binary), |body, header| InferResponse::read(body, header, &limits), &response);
        let labels = ["ham".to_owned(), "spam".to_owned()];
        if let Ok(answer) = Answer::read(&response, "1", &labels) {
            assert!(answer.class < 2 && matches!(answer.probabilities.len(), 0 | 2));
        }
        numbers(response.write(Form::Json).err());
    }
    // These hold no invariant beyond their types.
    let _ = (ServerMetadata::read(body, &limits), ModelMetadata::read(body, &limits), ErrorBody::read(body, &limits));
}

fn tensors(tensors: &[Tensor]) {
    for tensor in tensors {
        assert_eq!(tensor.shape().iter().product::<usize>(), tensor.data().len());
    }
}

/// Bits and not numbers are compared: those that are no number come from binary data. What is longer in the other form may be too long.
fn again<T: std::fmt::Debug>(
    written: Result<dunlin_protocol::oip::Message, OipError>,
    read: impl Fn(&[u8], Option<&str>) -> Result<T, OipError>,
    expected: &T,
) {
    let message = written.expect("binary data have a form of everything");
    let header = message.header_length.map(|len| len.to_string());
    match read(&message.body, header.as_deref()) {
        Ok(found) => assert_eq!(format!("{found:?}"), format!("{expected:?}")),
        Err(error) => assert!(matches!(error, OipError::TooLong { .. }), "{error:?}"),
    }
}

/// JSON has no form of some data, and no other reason not to be written.
fn numbers(error: Option<OipError>) {
    let fault = error.map(|error| match error {
        OipError::Tensor { fault, .. } => fault,
        other => panic!("{other:?}"),
    });
    let known =
        matches!(fault, None | Some(TensorFault::Fp16 | TensorFault::NoNumber { .. } | TensorFault::Text { .. }));
    assert!(known, "{fault:?}");
}
