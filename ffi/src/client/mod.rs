//! The client that languages hold.

mod event;
mod host;
mod options;

use std::sync::{Arc, Mutex, PoisonError};

use dunlin_client::Context;
use dunlin_engine::error::Code;
use dunlin_engine::task::Pixels;
use dunlin_native::{Ask, Loaded};
use dunlin_sync::Installed;
use dunlin_sync::fallback::Ticket;

use crate::classifier::guarded;
use crate::error::BridgeError;
use crate::model::{Names, chunks};
use crate::records::{Classification, PixelFormat, Request};
pub use event::{ClientEvent, CloudAnswer, RollbackReason, UpdateFault, Why};
use host::Caller;
pub use host::{Conditions, Host, HostError, HttpFailure, HttpHeader, HttpMethod, HttpRequest, Reply};
pub use options::{ClientOptions, Cloud, Consent, Floor, Privacy, Server, Shipped, Summaries, When};

/// A classifier that keeps itself up to date: `dunlin_native::Client`.
///
/// Any thread may call it. `open` reads files, `dispose` waits for the client's thread, what classifies waits for its turn and computes, and
/// what asks for the model waits for a turn; the rest only leaves word. [`Client::dispose`] lets calls that have begun finish, whoever comes
/// later gets [`ErrorCode::Disposed`](crate::ErrorCode::Disposed).
#[derive(Debug, uniffi::Object)]
pub struct Client {
    /// `None` once disposed of. Locked for a moment only.
    open: Mutex<Option<Arc<Open>>>,
}

#[derive(Debug)]
struct Open {
    client: dunlin_native::Client,
    host: Caller,
    names: Mutex<Option<Called>>,
}

/// What the classes of a model are called.
#[derive(Debug)]
struct Called {
    installed: Installed,
    names: Names,
}

/// What a client says of an input.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Answer {
    /// What the model says.
    pub classification: Classification,
    /// The model's version.
    pub version: u32,
}

/// How the cloud is asked, where the model isn't sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Question {
    /// Comes back with the ticket.
    pub number: u64,
    /// The most milliseconds that the app waits.
    pub budget: u64,
    /// Whether a person may look at it.
    pub review: bool,
}

#[uniffi::export]
impl Client {
    /// Opens a client: what was last good answers at once.
    ///
    /// # Errors
    /// As the engine has them of the model that the app ships; [`ErrorCode::Fetch`](crate::ErrorCode::Fetch) where that or the folder can't be
    /// used, or another client has the folder open; [`ErrorCode::Input`](crate::ErrorCode::Input) where an option means nothing.
    #[uniffi::constructor]
    pub fn open(options: ClientOptions, host: Box<dyn Host>) -> Result<Arc<Self>, BridgeError> {
        guarded(|| {
            let host = Caller::new(host);
            let client = dunlin_native::Client::open(options.with(host.clone())?)?;
            let open = Open { client, host, names: Mutex::default() };
            Ok(Arc::new(Self { open: Mutex::new(Some(Arc::new(open))) }))
        })
    }

    /// Classifies a picture, as [`Classifier::classify_pixels`](crate::Classifier::classify_pixels). With a question the cloud is asked where the
    /// model isn't sure: [`Host::asked`] and [`Host::happened`] say what becomes of it.
    ///
    /// # Errors
    /// [`ErrorCode::Picture`](crate::ErrorCode::Picture), [`ErrorCode::Input`](crate::ErrorCode::Input).
    pub fn classify_pixels(
        &self,
        data: &[u8],
        width: u32,
        height: u32,
        format: PixelFormat,
        request: Request,
        question: Option<Question>,
    ) -> Result<Answer, BridgeError> {
        self.with(|open| {
            let pixels = Pixels::new(data, width, height, format.into())?;
            open.classify(Ask::Pixels(&pixels), request, question)
        })
    }

    /// Classifies a tensor, as [`Classifier::classify_values`](crate::Classifier::classify_values).
    ///
    /// # Errors
    /// [`ErrorCode::Input`](crate::ErrorCode::Input).
    pub fn classify_values(
        &self,
        values: &[u8],
        request: Request,
        question: Option<Question>,
    ) -> Result<Answer, BridgeError> {
        self.with(|open| {
            let values: Vec<f32> = chunks(values)?.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            open.classify(Ask::Values(&values), request, question)
        })
    }

    /// Classifies a text, as [`Classifier::classify_text`](crate::Classifier::classify_text).
    ///
    /// # Errors
    /// [`ErrorCode::Input`](crate::ErrorCode::Input).
    pub fn classify_text(
        &self,
        text: &str,
        request: Request,
        question: Option<Question>,
    ) -> Result<Answer, BridgeError> {
        self.with(|open| open.classify(Ask::Text(text), request, question))
    }

    /// The names of a head's classes in a locale, of the model that answers.
    ///
    /// # Errors
    /// When disposed of.
    pub fn labels(&self, head: u32, locale: Option<String>) -> Result<Vec<String>, BridgeError> {
        self.with(|open| {
            open.client.model(|loaded| open.called(loaded, &locale, |names| Ok(names.classes(head as usize))))
        })
    }

    /// The version of the model that answers.
    ///
    /// # Errors
    /// When disposed of.
    pub fn version(&self) -> Result<u32, BridgeError> {
        self.with(|open| Ok(open.client.installed().version))
    }

    /// Whether what was last seen of the repository counts no longer.
    ///
    /// # Errors
    /// When disposed of.
    pub fn is_stale(&self) -> Result<bool, BridgeError> {
        self.with(|open| Ok(open.client.is_stale()))
    }

    /// The app has the cloud's later answer.
    ///
    /// # Errors
    /// When disposed of; [`ErrorCode::Input`](crate::ErrorCode::Input) where that is no ticket.
    pub fn done(&self, ticket: &str) -> Result<(), BridgeError> {
        self.with(|open| {
            let ticket = Ticket::from_text(ticket).ok_or_else(|| BridgeError::new(Code::Input, "that is no ticket"))?;
            open.client.done(ticket);
            Ok(())
        })
    }

    /// The user allows more to be sent to the cloud, or less.
    ///
    /// # Errors
    /// When disposed of.
    pub fn set_consent(&self, consent: Consent) -> Result<(), BridgeError> {
        self.with(|open| {
            open.client.set_consent(consent.into());
            Ok(())
        })
    }

    /// The user agreed to summaries, or to none.
    ///
    /// # Errors
    /// When disposed of; [`ErrorCode::Input`](crate::ErrorCode::Input) for what nobody can agree to.
    pub fn set_summaries(&self, privacy: Option<Privacy>) -> Result<(), BridgeError> {
        self.with(|open| {
            open.client.set_summaries(Privacy::mode(privacy)?);
            Ok(())
        })
    }

    /// Looks for updates now.
    ///
    /// # Errors
    /// When disposed of.
    pub fn check(&self) -> Result<(), BridgeError> {
        self.with(|open| {
            open.client.check();
            Ok(())
        })
    }

    /// Asks for the device's conditions anew.
    ///
    /// # Errors
    /// When disposed of.
    pub fn conditions_changed(&self) -> Result<(), BridgeError> {
        self.with(|open| {
            open.client.conditions_changed();
            Ok(())
        })
    }

    /// Ends the client's thread and waits for that, unless a call that has begun is still at work: then it does so at its end. Later calls fail;
    /// disposing twice does no harm.
    pub fn dispose(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(open);
    }
}

impl Client {
    fn with<T>(&self, call: impl FnOnce(&Open) -> Result<T, BridgeError>) -> Result<T, BridgeError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let open = open.ok_or_else(BridgeError::disposed)?;
        guarded(|| call(&open))
    }
}

impl Open {
    fn classify(&self, ask: Ask<'_>, request: Request, question: Option<Question>) -> Result<Answer, BridgeError> {
        // Who asks the cloud has one.
        let request = Request { fallback: request.fallback || question.is_some(), ..request };
        let Request { cohort, stale, fallback, .. } = &request;
        let context = Context { cohort: cohort.as_deref(), stale: *stale, evasion: 0, fallback: *fallback };
        let read = |loaded: &Loaded| self.read(loaded, &request);
        match question {
            None => self.client.classify_with(ask, &context, read)?,
            Some(Question { number, budget, review }) => {
                let host = self.host.clone();
                let told = move |ticket: Ticket| host.asked(number, ticket.to_string());
                self.client.classify_or_ask(ask, &context, dunlin_native::Cloud { budget, review }, told, read)?
            }
        }
    }

    fn read(&self, loaded: &Loaded, request: &Request) -> Result<Answer, BridgeError> {
        let say = |names: &Names| names.classification(loaded.classifier(), request);
        let classification = self.called(loaded, &request.locale, say)?;
        Ok(Answer { classification, version: loaded.installed().version })
    }

    /// Reads a model's names, if they are another's or in another locale.
    fn called<T>(
        &self,
        loaded: &Loaded,
        locale: &Option<String>,
        use_them: impl FnOnce(&Names) -> Result<T, BridgeError>,
    ) -> Result<T, BridgeError> {
        // Nothing is changed in parts.
        let mut called = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let installed = loaded.installed();
        let fits = |called: &Called| called.installed == installed && called.names.locale() == locale;
        let known = called.take().filter(fits);
        let known = match known {
            Some(known) => known,
            None => Called { installed, names: Names::read(loaded.classifier(), locale.clone())? },
        };
        use_them(&called.insert(known).names)
    }
}
