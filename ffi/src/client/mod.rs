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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::records::LoadOptions;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    /// A client that its own thread lets go when it tells of an event.
    type Place = Arc<Mutex<Option<Arc<Client>>>>;

    /// Has no network, and tells what it was told.
    #[derive(Debug)]
    struct Phone {
        told: Mutex<Sender<Told>>,
        client: Place,
    }

    #[derive(Debug, PartialEq)]
    enum Told {
        Asked(u64, String),
        Happened(ClientEvent),
    }

    impl Phone {
        fn tell(&self, told: Told) -> Result<(), HostError> {
            // A test that is over listens no more.
            let _ = self.told.lock().expect("no panic").send(told);
            Ok(())
        }
    }

    impl Host for Phone {
        fn send(&self, _: HttpRequest, reply: Arc<Reply>) -> Result<(), HostError> {
            reply.failed(HttpFailure::Connect);
            Ok(())
        }

        fn conditions(&self) -> Result<Conditions, HostError> {
            Ok(Conditions { metered: false, charging: true })
        }

        fn asked(&self, number: u64, ticket: String) -> Result<(), HostError> {
            self.tell(Told::Asked(number, ticket))
        }

        fn happened(&self, event: ClientEvent) -> Result<(), HostError> {
            let last = self.client.lock().expect("no panic").take();
            drop(last);
            self.tell(Told::Happened(event))
        }
    }

    fn options(folder: &Path) -> ClientOptions {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/sms_spam/sms_spam.dunlin");
        let text = |path: &Path| path.to_str().expect("paths here are UTF-8").to_owned();
        ClientOptions {
            folder: text(folder),
            model: "messages".into(),
            shipped: Shipped::File { path: text(&model) },
            version: 1,
            repository: "https://fleet.example/repository/".into(),
            root: b"{}".to_vec(),
            floor: Floor::default(),
            cohorts: Vec::new(),
            interval: 1000,
            when: When { metered: false, charging: false, bytes_per_day: 1 },
            cloud: Cloud {
                servers: Vec::new(),
                consent: Consent::Input,
                timeout: None,
                questions_per_day: None,
                bytes_per_day: None,
                hedges: None,
                audits: None,
                tries: None,
                outbox_items: None,
                outbox_bytes: None,
                outbox_age: None,
            },
            summaries: Summaries { server: String::new(), token: None, cohort: [].into(), privacy: None },
            load: LoadOptions::default(),
        }
    }

    fn open(options: ClientOptions) -> (Result<Arc<Client>, BridgeError>, Receiver<Told>, Place) {
        let ((sender, told), client) = (channel(), Arc::default());
        let phone = Phone { told: Mutex::new(sender), client: Arc::clone(&client) };
        (Client::open(options, Box::new(phone)), told, client)
    }

    fn code(options: ClientOptions) -> Option<ErrorCode> {
        open(options).0.err().map(|error| error.code())
    }

    const UNSURE: &str = "Win a date with me tonight, txt back";

    #[test]
    fn options_that_mean_nothing_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let usual = || options(folder.path());
        let privacy = |epsilon, metrics| Some(Privacy { epsilon, metrics });
        for privacy in [privacy(0.0, 1), privacy(-1.0, 1), privacy(f64::NAN, 1), privacy(1.0, 0)] {
            let summaries = Summaries { privacy, ..usual().summaries };
            assert_eq!(code(ClientOptions { summaries, ..usual() }), Some(ErrorCode::Input), "{privacy:?}");
        }
        let cohort = [("city".to_owned(), "a name of its own".to_owned())].into();
        let summaries = Summaries { cohort, ..usual().summaries };
        assert_eq!(code(ClientOptions { summaries, ..usual() }), Some(ErrorCode::Input));
        let nowhere = Shipped::File { path: "/nowhere/model.dunlin".into() };
        assert_eq!(code(ClientOptions { shipped: nowhere, ..usual() }), Some(ErrorCode::Fetch));
        let none = Shipped::Bytes { bytes: vec![0; 100] };
        assert_eq!(code(ClientOptions { shipped: none, ..usual() }), Some(ErrorCode::Artifact));
        let (client, ..) = open(usual());
        assert!(client.is_ok(), "{client:?}");
        assert_eq!(code(usual()), Some(ErrorCode::Fetch), "another has the folder open");
    }

    #[test]
    fn a_question_has_its_number_and_its_ticket_before_anything_comes_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (client, told, _) = open(options(folder.path()));
        let client = client.expect("a client");
        let ask = |text: &str| {
            let question = Question { number: 7, budget: 60_000, review: false };
            client.classify_text(text, Request::default(), Some(question)).expect("an answer")
        };
        let sure = ask("See you at seven then");
        assert_eq!(sure.classification.heads[0].decision.outcome, crate::Outcome::Answer);
        let unsure = ask(UNSURE);
        assert!(matches!(unsure.classification.heads[0].decision.outcome, crate::Outcome::Fallback { .. }));
        let next = || told.recv_timeout(Duration::from_secs(60)).expect("word before the test is given up");
        let Told::Asked(7, asked) = next() else { panic!("only the second was asked") };
        let Told::Happened(ClientEvent::Local { ticket, later: false, .. }) = next() else { panic!("nobody to ask") };
        assert_eq!(asked, ticket);
        client.done(&ticket).expect("a ticket");
        assert_eq!(client.done("7").map_err(|error| error.code()), Err(ErrorCode::Input));
    }

    #[test]
    fn a_client_that_is_disposed_of_says_so_and_leaves_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let (client, told, _) = open(options(folder.path()));
        let client = client.expect("a client");
        client.dispose();
        client.dispose();
        assert!(told.iter().all(|told| matches!(told, Told::Happened(_))), "its thread is gone");
        let failures = [
            client.check().err(),
            client.conditions_changed().err(),
            client.version().err(),
            client.is_stale().err(),
            client.labels(0, None).err(),
            client.set_consent(Consent::None).err(),
            client.set_summaries(None).err(),
            client.classify_text("text", Request::default(), None).err(),
        ];
        for failure in failures {
            assert_eq!(failure.map(|error| error.code()), Some(ErrorCode::Disposed));
        }
        assert_eq!(code(options(folder.path())), None);
    }

    /// Its own thread can't wait for its own end.
    #[test]
    fn the_last_reference_may_go_on_the_clients_thread() {
        let folder = tempfile::tempdir().expect("a folder");
        let (client, told, place) = open(options(folder.path()));
        let client = client.expect("a client");
        *place.lock().expect("no panic") = Some(Arc::clone(&client));
        let weak = Arc::downgrade(&client);
        client.check().expect("it is open");
        drop(client);
        let last = told.iter().last();
        assert!(matches!(last, Some(Told::Happened(ClientEvent::Failed { .. }))), "{last:?}");
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn names_are_those_of_the_model_and_the_locale() {
        let folder = tempfile::tempdir().expect("a folder");
        let (client, ..) = open(options(folder.path()));
        let client = client.expect("a client");
        assert_eq!(client.labels(0, None), Ok(vec!["ham".into(), "spam".into()]));
        assert_eq!(client.labels(1, Some("de".into())), Ok(Vec::new()));
        let picture = client.classify_pixels(&[0; 3], 1, 1, PixelFormat::Rgb8, Request::default(), None);
        assert_eq!(picture.map_err(|error| error.code()), Err(ErrorCode::Input));
        let none = client.classify_pixels(&[0; 2], 1, 1, PixelFormat::Rgb8, Request::default(), None);
        assert_eq!(none.map_err(|error| error.code()), Err(ErrorCode::Picture));
        let values = client.classify_values(&[0; 5], Request::default(), None);
        assert_eq!(values.map_err(|error| error.code()), Err(ErrorCode::Input));
    }
}
