//! Questions passed on to another server of the Open Inference Protocol.

use std::time::Duration;

use dunlin_protocol::oip::{
    Form, HEADER_LENGTH, InferRequest, InferResponse, Limits, Message, ModelMetadata, infer_path, model_path,
};

use crate::fault::{Code, Fault};

/// The way to it.
pub(super) struct Forward {
    agent: ureq::Agent,
    base: String,
    model: String,
}

impl Forward {
    /// From an address such as `https://other/v2`, or `https://other/v2/models/NAME` for a model that is called otherwise there.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn open(address: &str, name: &str, deadline: u64) -> Result<Self, String> {
        let address = address.trim_end_matches('/');
        let (base, model) = address.split_once("/v2/models/").unwrap_or((address.trim_end_matches("/v2"), name));
        if !(base.starts_with("http://") || base.starts_with("https://")) || model.contains('/') {
            return Err(format!("{address} is no http:// or https:// address that ends in /v2 or /v2/models/NAME"));
        }
        let agent = crate::http::client(Duration::from_millis(deadline));
        Ok(Self { agent, base: base.to_owned(), model: model.to_owned() })
    }

    /// Asks. Blocks.
    ///
    /// # Errors
    /// `bad_request` when the other server says so, `overloaded`, `deadline`, `bad_gateway`.
    pub(super) fn ask(&self, request: &InferRequest) -> Result<InferResponse, Fault> {
        let Message { body, .. } = request
            .write(Form::Json)
            .map_err(|error| Fault::bad(format!("the question can't be passed on: {error}")))?;
        let url = format!("{}{}", self.base, infer_path(&self.model, None));
        let sent = self.agent.post(url).content_type("application/json").send(&body[..]);
        let (body, header) = self.answered(sent)?;
        let response = InferResponse::read(&body, header.as_deref(), &Limits::SERVER);
        response.map_err(|_| {
            Fault::new(Code::BadGateway, "the server behind this one answered with something else than an answer")
        })
    }

    /// Its metadata. Blocks.
    ///
    /// # Errors
    /// As for [`Self::ask`].
    pub(super) fn metadata(&self) -> Result<ModelMetadata, Fault> {
        let sent = self.agent.get(format!("{}{}", self.base, model_path(&self.model, None))).call();
        let (body, _) = self.answered(sent)?;
        let metadata = ModelMetadata::read(&body, &Limits::SERVER);
        metadata.map_err(|_| Fault::new(Code::BadGateway, "the server behind this one has no metadata of the model"))
    }

    fn answered(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(Vec<u8>, Option<String>), Fault> {
        let unanswered = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => Fault::new(Code::Deadline, "the server behind this one didn't answer in time"),
            _ => Fault::new(Code::BadGateway, "the server behind this one can't be reached"),
        };
        let mut response = sent.map_err(unanswered)?;
        let header = response.headers().get(HEADER_LENGTH).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match response.status().as_u16() {
            200..=299 => {
                let body = response.body_mut().with_config().limit(Limits::SERVER.bytes as u64).read_to_vec();
                Ok((body.map_err(unanswered)?, header))
            }
            429 | 503 => Err(Fault::new(Code::Overloaded, "the server behind this one has too much to do").after(2)),
            400 | 422 => Err(Fault::bad("the server behind this one can't take such a question")),
            409 => Err(Fault::new(Code::Conflict, "the server behind this one knows another question by this id")),
            404 => Err(Fault::not_found("model")),
            _ => Err(Fault::new(Code::BadGateway, "the server behind this one failed")),
        }
    }
}
