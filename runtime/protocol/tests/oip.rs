//! Messages of the Open Inference Protocol: what is written is read again, and what is wrong is an error that says what.

#[path = "common/oip.rs"]
mod common;

use std::path::Path;

use dunlin_protocol::oip::{
    Answer, AnswerFault, Consent, Data, DataType, ErrorBody, Form, Found, InferRequest, InferResponse, Input, Limits,
    ModelMetadata, OipError, Parameter, Parameters, Question, QuestionFault, RequestedOutput, ServerMetadata, Tensor,
    TensorFault,
};
use proptest::prelude::*;

fn request(tensor: &str) -> Result<InferRequest, OipError> {
    let body = format!(r#"{{"inputs":[{tensor}]}}"#);
    InferRequest::read(body.as_bytes(), None, &Limits::SERVER)
}

fn tensor(shape: &str, datatype: &str, data: &str) -> Result<Data, TensorFault> {
    let tensor = format!(r#"{{"name":"x","shape":{shape},"datatype":"{datatype}","data":{data}}}"#);
    match request(&tensor) {
        Ok(request) => Ok(request.inputs.into_iter().next().expect("one input").into_data()),
        Err(OipError::Tensor { index: 0, fault }) => Err(fault),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn reads_each_type_flat_and_nested() {
    let strings = |texts: &[&str]| Data::Bytes(texts.iter().map(|text| text.as_bytes().to_vec()).collect());
    for (shape, datatype, data, expected) in [
        ("[2]", "BOOL", "[true,false]", Data::Bool(vec![true, false])),
        ("[1,2]", "UINT8", "[0,255]", Data::Uint8(vec![0, 255])),
        ("[1,2]", "UINT8", "[[0,255]]", Data::Uint8(vec![0, 255])),
        ("[2,1]", "UINT16", "[[0],[65535]]", Data::Uint16(vec![0, 65535])),
        ("[1]", "UINT32", "[4294967295]", Data::Uint32(vec![u32::MAX])),
        ("[1]", "UINT64", "[18446744073709551615]", Data::Uint64(vec![u64::MAX])),
        ("[2]", "INT8", "[-128,127]", Data::Int8(vec![-128, 127])),
        ("[1]", "INT16", "[-32768]", Data::Int16(vec![-32768])),
        ("[1]", "INT32", "[-2147483648]", Data::Int32(vec![i32::MIN])),
        ("[1]", "INT64", "[-9223372036854775808]", Data::Int64(vec![i64::MIN])),
        ("[3]", "FP32", "[1,-2,0.5]", Data::Fp32(vec![1.0, -2.0, 0.5])),
        ("[1]", "FP64", "[1e300]", Data::Fp64(vec![1e300])),
        ("[2,2]", "BYTES", r#"[["a","b"],["c","\u00fc"]]"#, strings(&["a", "b", "c", "ü"])),
        ("[]", "FP32", "2.5", Data::Fp32(vec![2.5])),
        ("[]", "FP32", "[2.5]", Data::Fp32(vec![2.5])),
        ("[0]", "FP32", "[]", Data::Fp32(vec![])),
        ("[2,0]", "FP32", "[[],[]]", Data::Fp32(vec![])),
        ("[1,2,3]", "INT8", "[[[1,2,3],[4,5,6]]]", Data::Int8(vec![1, 2, 3, 4, 5, 6])),
        ("[1,2,3]", "INT8", "[1,2,3,4,5,6]", Data::Int8(vec![1, 2, 3, 4, 5, 6])),
    ] {
        assert_eq!(tensor(shape, datatype, data), Ok(expected), "{shape} {datatype} {data}");
    }
}

#[test]
fn says_what_is_wrong_with_a_tensor() {
    let shape = |expected, found| TensorFault::Shape { expected, found };
    let element = |at| TensorFault::Element { at };
    let many = TensorFault::Elements { most: Limits::SERVER.elements };
    for (dims, datatype, data, fault) in [
        ("[2]", "FP32", "[1]", shape(2, 1)),
        ("[2]", "FP32", "[1,2,3]", shape(2, 3)),
        ("[0]", "FP32", "[1]", shape(0, 1)),
        ("[2,2]", "FP32", "[1,2,3]", shape(4, 3)),
        ("[2,2]", "FP32", "[[1,2,3,4]]", TensorFault::Nesting),
        ("[2,2]", "FP32", "[[1,2],[3]]", TensorFault::Nesting),
        ("[2,2]", "FP32", "[[1,2],3,4]", TensorFault::Nesting),
        ("[2,2]", "FP32", "[1,2,[3,4]]", TensorFault::Nesting),
        ("[2,2]", "FP32", "[[[1,2],[3,4]]]", TensorFault::Nesting),
        ("[2,0]", "FP32", "[[],[],[]]", TensorFault::Nesting),
        ("[1,2,2]", "FP32", "[[1,2,3,4]]", TensorFault::Nesting),
        ("[1]", "FP32", "1", TensorFault::Nesting),
        ("[]", "FP32", "[[1]]", TensorFault::Nesting),
        ("[1]", "FP32", "[null]", element(0)),
        ("[1]", "FP32", r#"["1"]"#, element(0)),
        ("[1]", "FP32", "[true]", element(0)),
        ("[1]", "FP32", "[1e39]", element(0)),
        ("[2]", "FP64", "[0,1e999]", element(1)),
        ("[1]", "FP32", r#"[{"a":1}]"#, element(0)),
        ("[1]", "UINT8", "[256]", element(0)),
        ("[1]", "UINT8", "[-1]", element(0)),
        ("[1]", "UINT8", "[1.0]", element(0)),
        ("[1]", "INT8", "[128]", element(0)),
        ("[1]", "UINT64", "[18446744073709551616]", element(0)),
        ("[1]", "BOOL", "[1]", element(0)),
        ("[1]", "BYTES", "[[98]]", TensorFault::Nesting),
        ("[1]", "BYTES", "[98]", element(0)),
        ("[1]", "FP16", "[1]", TensorFault::Fp16),
        ("[1]", "BF16", "[1]", TensorFault::DataType),
        ("[1]", "fp32", "[1]", TensorFault::DataType),
        ("[1,1,1,1,1,1,1,1,1]", "FP32", "[1]", TensorFault::Rank { most: Limits::RANK }),
        ("[4294967296,4294967296]", "FP32", "[1]", many),
        ("[18446744073709551615]", "FP32", "[1]", many),
        ("[99999999]", "FP32", "[1]", many),
        ("[99999]", "BYTES", "[\"\"]", TensorFault::Elements { most: Limits::SERVER.strings }),
    ] {
        assert_eq!(tensor(dims, datatype, data), Err(fault), "{dims} {datatype} {data}");
        assert!(!fault.to_string().is_empty());
    }
}

#[test]
fn says_what_is_wrong_with_a_message() {
    let good = r#"{"name":"x","shape":[1],"datatype":"FP32","data":[1]}"#;
    let no_data = r#"{"name":"x","shape":[1],"datatype":"FP32"}"#;
    let in_tensor = |fault| Some(OipError::Tensor { index: 0, fault });
    assert_eq!(request(good).err(), None);
    assert_eq!(request(&format!("{good},{good}")).err(), Some(OipError::Twice));
    assert_eq!(request(no_data).err(), in_tensor(TensorFault::NoData));
    assert_eq!(request(&good.replace("\"x\"", "\"\"")).err(), in_tensor(TensorFault::Name));
    assert_eq!(request(&good.replace("\"x\"", &format!("{:?}", "x".repeat(257)))).err(), in_tensor(TensorFault::Name));
    let tensors: Vec<String> = (0..17).map(|i| good.replace("\"x\"", &format!("\"{i}\""))).collect();
    assert_eq!(request(&tensors.join(",")).err(), Some(OipError::Tensors { most: 16 }));
    let json = |text: &str| {
        let read = InferRequest::read(text.as_bytes(), None, &Limits::SERVER);
        assert!(matches!(read, Err(OipError::Json { .. })), "{text}: {read:?}");
    };
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"inputs":null}"#,
        r#"{"inputs":{}}"#,
        r#"{"inputs":[]"#,
        r#"{"inputs":[]}x"#,
        r#"{"inputs":[],"inputs":[]}"#,
        r#"{"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[]}]}"#,
        r#"{"inputs":[{"name":"x","shape":[1.0],"datatype":"FP32","data":[1]}]}"#,
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}"#,
        r#"{"id":5,"inputs":[]}"#,
        r#"{"inputs":[],"parameters":[]}"#,
        &format!(r#"{{"inputs":{}{}}}"#, "[".repeat(5000), "]".repeat(5000)),
    ] {
        json(text);
    }
    let long = format!(r#"{{"id":"{}","inputs":[]}}"#, "i".repeat(129));
    let read = InferRequest::read(long.as_bytes(), None, &Limits::SERVER);
    assert_eq!(read.err(), Some(OipError::Id { longest: 128 }));
    let limits = Limits { bytes: 4, ..Limits::DEVICE };
    assert_eq!(InferRequest::read(b"{   }", None, &limits).err(), Some(OipError::TooLong { most: 4 }));
}

#[test]
fn parameters_are_bounded_and_those_of_other_kinds_skipped() {
    let read = |parameters: &str| {
        let body = format!(r#"{{"inputs":[],"parameters":{parameters}}}"#);
        InferRequest::read(body.as_bytes(), None, &Limits::SERVER).map(|request| request.parameters)
    };
    let mixed = r#"{"a":true,"b":-1,"c":0.5,"d":"x","e":null,"f":[1,{"g":2}],"h":{"i":{}},"j":18446744073709551615}"#;
    let kept = [
        ("a", Parameter::Bool(true)),
        ("b", Parameter::Integer(-1)),
        ("c", Parameter::Real(0.5)),
        ("d", Parameter::Text("x".into())),
        ("j", Parameter::Real(18446744073709551615.0)),
    ];
    let kept: Parameters = kept.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(read(mixed), Ok(kept));
    assert_eq!(read("null"), Ok(Parameters::new()));
    let refused = OipError::Parameters { most: Limits::PARAMETERS, longest: Limits::PARAMETER };
    let many: Vec<String> = (0..65).map(|i| format!("\"{i}\":1")).collect();
    assert_eq!(read(&format!("{{{}}}", many.join(","))), Err(refused));
    assert_eq!(read(&format!("{{{}}}", many[..64].join(","))).map(|read| read.len()), Ok(64));
    assert_eq!(read(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1025))), Err(refused));
    assert_eq!(read(&format!(r#"{{"{}":1}}"#, "x".repeat(1025))), Err(refused));
}

/// A request in binary form, with one tensor of the given head and bytes.
fn binary(head: &str, bytes: &[u8], header_length: Option<&str>) -> Result<InferRequest, OipError> {
    let mut body = format!(r#"{{"inputs":[{head}]}}"#).into_bytes();
    let len = body.len().to_string();
    body.extend_from_slice(bytes);
    InferRequest::read(&body, Some(header_length.unwrap_or(&len)), &Limits::SERVER)
}

#[test]
fn binary_data_that_dont_fit_are_refused() {
    let head = |datatype: &str, shape: usize, size: &str| {
        format!(
            r#"{{"name":"x","shape":[{shape}],"datatype":"{datatype}","parameters":{{"binary_data_size":{size}}}}}"#
        )
    };
    let fault = |fault| Err(OipError::Tensor { index: 0, fault });
    let one = 1f32.to_le_bytes();
    assert!(binary(&head("FP32", 1, "4"), &one, None).is_ok_and(|r| r.inputs[0].data() == &Data::Fp32(vec![1.0])));
    assert!(
        binary(&head("FP16", 1, "2"), &[0, 60], None).is_ok_and(|r| r.inputs[0].data() == &Data::Fp16(vec![15360]))
    );
    for size in ["3", "5", "8", "-1", "4.0", "\"4\"", "18446744073709551615", "true"] {
        assert_eq!(binary(&head("FP32", 1, size), &one, None), fault(TensorFault::BinarySize), "{size}");
    }
    assert_eq!(binary(&head("FP32", 1, "4"), &[0; 5], None), Err(OipError::Leftover));
    assert_eq!(binary(&head("BOOL", 2, "2"), &[1, 2], None), fault(TensorFault::Element { at: 1 }));
    let strings = |bytes: &[u8], shape| binary(&head("BYTES", shape, &bytes.len().to_string()), bytes, None);
    assert!(strings(&[1, 0, 0, 0, 65], 1).is_ok());
    assert_eq!(strings(&[2, 0, 0, 0, 65], 1), fault(TensorFault::Element { at: 0 }));
    assert_eq!(strings(&[255, 255, 255, 255, 65], 1), fault(TensorFault::Element { at: 0 }));
    assert_eq!(strings(&[1, 0, 0], 1), fault(TensorFault::Shape { expected: 1, found: 0 }));
    assert_eq!(strings(&[0, 0, 0, 0, 65], 1), fault(TensorFault::Shape { expected: 1, found: 2 }));
    let both = head("FP32", 1, "4").replace("\"shape\"", "\"data\":[1],\"shape\"");
    assert_eq!(binary(&both, &one, None), fault(TensorFault::TwiceData));
    for header in ["", "+2", "-1", "x", "99999", "99999999999999999999999", " 2"] {
        assert_eq!(binary(&head("FP32", 1, "4"), &one, Some(header)), Err(OipError::HeaderLength), "{header}");
    }
}

#[test]
fn what_json_cant_hold_isnt_written() {
    let write = |data: Data| {
        let inputs = vec![Tensor::new("x", [data.len()], data).expect("of one dimension")];
        let written = InferRequest { inputs, ..Default::default() }.write(Form::Json);
        written.err().map(|error| match error {
            OipError::Tensor { index: 0, fault } => fault,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(write(Data::Fp16(vec![0])), Some(TensorFault::Fp16));
    assert_eq!(write(Data::Fp32(vec![0.0, f32::NAN])), Some(TensorFault::NoNumber { at: 1 }));
    assert_eq!(write(Data::Fp64(vec![f64::INFINITY])), Some(TensorFault::NoNumber { at: 0 }));
    assert_eq!(write(Data::Bytes(vec![vec![0xff]])), Some(TensorFault::Text { at: 0 }));
    assert_eq!(write(Data::Bytes(vec!["\"\\\u{0}ü".as_bytes().to_vec()])), None);
}

#[test]
fn a_tensor_has_the_elements_that_its_shape_says() {
    let fault = TensorFault::Shape { expected: 2, found: 1 };
    assert_eq!(Tensor::new("x", [2], Data::Fp32(vec![1.0])), Err(fault));
    assert_eq!(Tensor::new("", [1], Data::Fp32(vec![1.0])), Err(TensorFault::Name));
    assert!(matches!(Tensor::new("x", [usize::MAX, 2], Data::Fp32(vec![])), Err(TensorFault::Elements { .. })));
}

#[test]
fn metadata_are_read_as_servers_write_them() {
    let server = |text: &str| ServerMetadata::read(text.as_bytes(), &Limits::DEVICE);
    let triton = server(r#"{"name":"triton","version":"2.5","extensions":["statistics","binary_tensor_data"]}"#);
    assert!(triton.is_ok_and(|server| server.takes_binary()));
    let other = server(r#"{"name":"mlserver","version":"1.7.1","extensions":[]}"#);
    assert!(other.is_ok_and(|server| !server.takes_binary()));
    assert!(server(r#"{"name":"x","version":"1"}"#).is_ok_and(|server| !server.takes_binary()));
    assert!(matches!(server("<html>"), Err(OipError::Json { .. })));
    let model =
        r#"{"name":"m","versions":["1"],"platform":"x","inputs":[{"name":"i","datatype":"BF16","shape":[-1,2]}]}"#;
    let model = ModelMetadata::read(model.as_bytes(), &Limits::DEVICE).expect("metadata of a model");
    assert_eq!(model.inputs.map(|inputs| inputs[0].shape.clone()), Some(vec![-1, 2]));
    assert_eq!(
        ErrorBody::read(br#"{"error":"no such model"}"#, &Limits::DEVICE).expect("an error").error,
        "no such model"
    );
    assert_eq!(ErrorBody::read(br#"{"detail":[]}"#, &Limits::DEVICE), None);
}

#[test]
fn questions_are_read_as_they_were_asked() {
    let image = Input::Image { height: 1, width: 2, pixels: vec![1, 2, 3, 4, 5, 6] };
    for input in [Input::Text("größe".into()), image, Input::Features(vec![0.25, -3.0])] {
        let asked = Question {
            id: "6f7c1f0e-0000-4000-8000-000000000000".into(),
            model: Some("ab".repeat(32)),
            reason: Some("ambiguous".into()),
            consent: Some(input.level()),
            review: true,
            found: Some(Found { class: 3, confidence: 0.75 }),
            input,
        };
        let request = asked.request().expect("a request");
        for form in [Form::Json, Form::Binary] {
            let message = request.write(form).expect("written");
            let header = message.header_length.map(|len| len.to_string());
            let read = InferRequest::read(&message.body, header.as_deref(), &Limits::SERVER).expect("read");
            assert_eq!(Question::read(read), Ok(asked.clone()));
        }
        assert!(!format!("{asked:?}").contains("größe"), "a user's input doesn't reach a log");
        for (name, half) in [("dunlin_class", None), ("dunlin_confidence", None), ("dunlin_confidence", Some(1.5))] {
            let mut halved = request.clone();
            match half {
                Some(number) => halved.parameters.insert(name.into(), Parameter::Real(number)),
                None => halved.parameters.remove(name),
            };
            assert_eq!(Question::read(halved), Err(QuestionFault::Found), "{name} {half:?}");
        }
        for (level, outcome) in Consent::ALL.map(|level| (level, asked.input.level() <= level)) {
            let question = Question { consent: Some(level), ..asked.clone() };
            let read = Question::read(question.request().expect("a request"));
            assert_eq!(read.map(|_| ()).err(), (!outcome).then_some(QuestionFault::Consent));
        }
    }
    let short = Input::Image { height: 1, width: 2, pixels: vec![0; 5] };
    let (id, consent) = ("1".into(), None);
    let question = Question { id, model: None, reason: None, consent, review: false, found: None, input: short };
    assert_eq!(question.request(), None);
}

#[test]
fn requests_that_are_no_questions_are_refused() {
    let read = |parts: &str, tensor: &str| {
        let body = format!(r#"{{{parts}"inputs":[{tensor}]}}"#);
        let request = InferRequest::read(body.as_bytes(), None, &Limits::SERVER).expect("a request");
        Question::read(request).map(|_| ()).err()
    };
    let text = r#"{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}"#;
    let id = r#""id":"1","#;
    assert_eq!(read(id, text), None);
    assert_eq!(read("", text), Some(QuestionFault::Id));
    assert_eq!(read(r#""id":"","#, text), Some(QuestionFault::Id));
    assert_eq!(read(id, ""), Some(QuestionFault::Inputs));
    assert_eq!(read(id, &text.replace("text", "words")), Some(QuestionFault::Inputs));
    assert_eq!(read(id, &text.replace("[1]", "[2]").replace("[\"a\"]", "[\"a\",\"b\"]")), Some(QuestionFault::Shape));
    let tensor = |name: &str, shape: &str, datatype: &str, data: &str| {
        format!(r#"{{"name":"{name}","shape":{shape},"datatype":"{datatype}","data":{data}}}"#)
    };
    for wrong in [
        tensor("text", "[1]", "UINT8", "[5]"),
        tensor("image", "[1,1,1,4]", "UINT8", "[1,2,3,4]"),
        tensor("image", "[1,0,1,3]", "UINT8", "[]"),
        tensor("image", "[1,1,3]", "UINT8", "[1,2,3]"),
        tensor("image", "[1,1,1,3]", "FP32", "[1,2,3]"),
        tensor("logits", "[1,0]", "FP32", "[]"),
        tensor("logits", "[2]", "FP32", "[1,2]"),
    ] {
        assert_eq!(read(id, &wrong), Some(QuestionFault::Shape), "{wrong}");
    }
    for parameters in [r#"{"dunlin_model":1}"#, r#"{"dunlin_consent":"all"}"#, r#"{"dunlin_review":"yes"}"#] {
        let parts = format!(r#"{id}"parameters":{parameters},"#);
        assert_eq!(read(&parts, text), Some(QuestionFault::Parameter), "{parameters}");
    }
    let parts = format!(r#"{id}"parameters":{{"dunlin_consent":"features"}},"#);
    assert_eq!(read(&parts, text), Some(QuestionFault::Consent));
}

#[test]
fn answers_are_checked_before_they_are_believed() {
    let labels = ["ham".to_owned(), "spam".to_owned()];
    let read = |outputs: &str| {
        let body = format!(r#"{{"model_name":"m","id":"1","outputs":[{outputs}]}}"#);
        let response = InferResponse::read(body.as_bytes(), None, &Limits::DEVICE).expect("a response");
        Answer::read(&response, "1", &labels).map(|answer| answer.class)
    };
    let p = |shape: &str, datatype: &str, data: &str| {
        format!(r#"{{"name":"probabilities","shape":{shape},"datatype":"{datatype}","data":{data}}}"#)
    };
    let l = |label: &str| format!(r#"{{"name":"label","shape":[1],"datatype":"BYTES","data":["{label}"]}}"#);
    for (outputs, expected) in [
        (p("[1,2]", "FP32", "[0.25,0.75]"), Ok(1)),
        (p("[2]", "FP64", "[0.75,0.25]"), Ok(0)),
        (p("[1,2]", "FP32", "[0.5,0.5]"), Ok(0)),
        (p("[1,2]", "FP32", "[0.33,0.66]"), Ok(1)),
        (l("spam"), Ok(1)),
        (format!("{},{}", p("[1,2]", "FP32", "[0.25,0.75]"), l("spam")), Ok(1)),
        (format!("{},{}", p("[1,2]", "FP32", "[0.5,0.5]"), l("spam")), Ok(1)),
        (format!("{},{}", p("[1,2]", "FP32", "[0.25,0.75]"), l("ham")), Err(AnswerFault::Contradiction)),
        (String::new(), Err(AnswerFault::Outputs)),
        (l("spam").replace("\"label\"", "\"other\""), Err(AnswerFault::Outputs)),
        (l("eggs"), Err(AnswerFault::Label)),
        (l("spam").replace("[1]", "[0]").replace("[\"spam\"]", "[]"), Err(AnswerFault::Outputs)),
        (p("[1,3]", "FP32", "[0.25,0.5,0.25]"), Err(AnswerFault::Classes)),
        (p("[2,1]", "FP32", "[0.25,0.75]"), Err(AnswerFault::Classes)),
        (p("[1,2]", "INT32", "[0,1]"), Err(AnswerFault::Outputs)),
        (p("[1,2]", "FP32", "[-0.5,1.5]"), Err(AnswerFault::Probability)),
        (p("[1,2]", "FP32", "[0.9,0.9]"), Err(AnswerFault::Sum)),
        (p("[1,2]", "FP32", "[0,0]"), Err(AnswerFault::Sum)),
    ] {
        assert_eq!(read(&outputs), expected, "{outputs}");
    }
    let answer = Answer::new(vec![0.25, 0.75]);
    let mut response = answer.response("m", "1", &labels).expect("a response");
    assert_eq!(Answer::read(&response, "1", &labels), Ok(answer.clone()));
    assert_eq!(Answer::read(&response, "2", &labels), Err(AnswerFault::Id));
    response.id = None;
    assert_eq!(Answer::read(&response, "2", &labels), Ok(answer));
    // No number can come in binary data only.
    let nan = Tensor::new("probabilities", [1, 2], Data::Fp32(vec![f32::NAN, 1.0])).expect("a tensor");
    let response = InferResponse { outputs: vec![nan], ..Default::default() };
    assert_eq!(Answer::read(&response, "1", &labels), Err(AnswerFault::Probability));
    assert_eq!(Answer::read(&response, "1", &[]), Err(AnswerFault::Classes));
}

#[test]
fn a_client_says_whether_it_wants_binary_data() {
    let wants =
        |text: &str| InferRequest::read(text.as_bytes(), None, &Limits::SERVER).expect("a request").wants_binary();
    assert!(wants(r#"{"inputs":[],"parameters":{"binary_data_output":true}}"#));
    assert!(wants(r#"{"inputs":[],"outputs":[{"name":"a","parameters":{"binary_data":true}}]}"#));
    assert!(!wants(r#"{"inputs":[],"outputs":[{"name":"a","parameters":{"binary_data":false}}]}"#));
    assert!(!wants(r#"{"inputs":[],"outputs":null,"parameters":{"binary_data_output":"true"}}"#));
}

fn data() -> impl Strategy<Value = Data> {
    use proptest::collection::vec;
    let len = 0..20usize;
    let finite = any::<f32>().prop_filter("in JSON", |value| value.is_finite());
    prop_oneof![
        vec(any::<bool>(), len.clone()).prop_map(Data::Bool),
        vec(any::<u8>(), len.clone()).prop_map(Data::Uint8),
        vec(any::<u16>(), len.clone()).prop_map(Data::Uint16),
        vec(any::<u32>(), len.clone()).prop_map(Data::Uint32),
        vec(any::<u64>(), len.clone()).prop_map(Data::Uint64),
        vec(any::<i8>(), len.clone()).prop_map(Data::Int8),
        vec(any::<i16>(), len.clone()).prop_map(Data::Int16),
        vec(any::<i32>(), len.clone()).prop_map(Data::Int32),
        vec(any::<i64>(), len.clone()).prop_map(Data::Int64),
        vec(finite, len.clone()).prop_map(Data::Fp32),
        // Reading decimals is within an ulp for these: halves are exact.
        vec(any::<i32>().prop_map(|value| f64::from(value) / 2.0), len.clone()).prop_map(Data::Fp64),
        vec(any::<String>().prop_map(String::into_bytes), len).prop_map(Data::Bytes),
    ]
}

fn message() -> impl Strategy<Value = InferRequest> {
    let value = prop_oneof![
        any::<bool>().prop_map(Parameter::Bool),
        any::<i64>().prop_map(Parameter::Integer),
        any::<String>().prop_filter("short", |text| text.len() < 999).prop_map(Parameter::Text),
    ];
    let parameters = proptest::collection::btree_map("[a-z]{1,5}", value, 0..3);
    let tensors = proptest::collection::vec((data(), any::<bool>()), 0..4);
    let outputs = proptest::collection::vec("[a-z]{1,5}", 0..3);
    (proptest::option::of("[a-z0-9-]{0,40}"), parameters, tensors, outputs).prop_map(
        |(id, parameters, tensors, outputs)| {
            let inputs = tensors.into_iter().enumerate().map(|(index, (data, flat))| {
                let shape = if flat { vec![data.len()] } else { vec![1, data.len(), 1] };
                Tensor::new(format!("t{index}"), shape, data).expect("as many as there are")
            });
            let outputs = outputs.into_iter().map(|name| RequestedOutput { name, parameters: Parameters::new() });
            InferRequest { id, parameters, inputs: inputs.collect(), outputs: outputs.collect() }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(request in message(), binary in any::<bool>()) {
        let message = request.write(if binary { Form::Binary } else { Form::Json }).expect("what JSON can hold");
        let header = message.header_length.map(|len| len.to_string());
        prop_assert_eq!(InferRequest::read(&message.body, header.as_deref(), &Limits::SERVER), Ok(request));
    }

    #[test]
    fn a_message_that_is_cut_off_or_changed_is_an_error_or_another_message(
        request in message(), binary in any::<bool>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let message = request.write(if binary { Form::Binary } else { Form::Json }).expect("what JSON can hold");
        let header = message.header_length.map(|len| len.to_string());
        let mut body = message.body;
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] ^= byte }
        if let Ok(read) = InferRequest::read(&body, header.as_deref(), &Limits::SERVER) {
            prop_assert!(!cut);
            // What was read is valid, so that it can be written, unless it is a number that only binary data have.
            prop_assert!(binary || read.write(Form::Json).is_ok());
            for tensor in &read.inputs {
                prop_assert_eq!(tensor.shape().iter().product::<usize>(), tensor.data().len());
            }
        }
    }
}

#[test]
fn every_data_type_has_its_name_and_size() {
    for datatype in DataType::ALL {
        assert_eq!(DataType::from_name(datatype.name()), Some(datatype));
        assert_eq!(datatype.size().is_none(), datatype == DataType::Bytes);
    }
}

#[test]
fn the_corpus_ends_in_messages_or_errors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/oip");
    let files = std::fs::read_dir(folder).expect("the corpus").map(|file| file.expect("an entry").path());
    let inputs: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).expect("readable")).collect();
    assert!(inputs.len() > 20, "{} inputs", inputs.len());
    for input in &inputs {
        common::exercise(input);
    }
}
