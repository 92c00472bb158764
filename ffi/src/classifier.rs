//! The classifier that languages hold: many threads, one model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_engine::task::Pixels;

use crate::error::BridgeError;
use crate::model::Model;
use crate::records::{Classification, InputInfo, LoadOptions, PixelFormat, Request, StepInfo};

/// A loaded classifier.
///
/// Any thread may call it; calls go one after the other. [`Classifier::dispose`] lets calls that have begun finish, whoever
/// comes later gets [`ErrorCode::Disposed`](crate::ErrorCode::Disposed). A panic of the engine becomes
/// [`ErrorCode::Internal`](crate::ErrorCode::Internal), also for all calls that follow.
#[derive(Debug, uniffi::Object)]
pub struct Classifier {
    /// `None` once disposed of. Locked for a moment only: each call takes its share of the model from here.
    model: Mutex<Option<Arc<Mutex<Model>>>>,
}

#[uniffi::export]
impl Classifier {
    /// From an artifact's bytes, of which it makes a copy.
    ///
    /// # Errors
    /// As the engine has them.
    #[uniffi::constructor]
    pub fn from_bytes(bytes: &[u8], options: LoadOptions) -> Result<Arc<Self>, BridgeError> {
        guarded(|| Model::from_bytes(bytes, &options).map(Self::new))
    }

    /// From an artifact's file, which is mapped: it must stay as it is while the classifier lives. Replace such files as a
    /// whole (write another, then rename it), never in place.
    ///
    /// # Errors
    /// As the engine has them, and [`ErrorCode::Fetch`](crate::ErrorCode::Fetch).
    #[uniffi::constructor]
    pub fn from_file(path: String, options: LoadOptions) -> Result<Arc<Self>, BridgeError> {
        guarded(|| Model::from_file(&path, &options).map(Self::new))
    }

    /// Classifies a picture. `data` are rows from top to bottom without padding, exactly `width * height` pixels of `format`.
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
    ) -> Result<Classification, BridgeError> {
        self.with(|model| model.classify_pixels(&Pixels::new(data, width, height, format.into())?, &request))
    }

    /// Classifies a tensor: little-endian f32, all of the model's only input.
    ///
    /// # Errors
    /// [`ErrorCode::Input`](crate::ErrorCode::Input).
    pub fn classify_values(&self, values: &[u8], request: Request) -> Result<Classification, BridgeError> {
        self.with(|model| model.classify_values(values, &request))
    }

    /// Classifies a text; of one that is longer than the model reads, the beginning.
    ///
    /// # Errors
    /// [`ErrorCode::Input`](crate::ErrorCode::Input).
    pub fn classify_text(&self, text: &str, request: Request) -> Result<Classification, BridgeError> {
        self.with(|model| model.classify_text(text, &request))
    }

    /// What carries out each step.
    ///
    /// # Errors
    /// When disposed of.
    pub fn explain(&self) -> Result<Vec<StepInfo>, BridgeError> {
        self.with(|model| Ok(model.explain()))
    }

    /// The instruction set whose kernels run, such as `avx512_vnni` or `neon_dotprod`.
    ///
    /// # Errors
    /// When disposed of.
    pub fn kernel_set(&self) -> Result<String, BridgeError> {
        self.with(|model| Ok(model.kernel_set()))
    }

    /// What the model takes.
    ///
    /// # Errors
    /// When disposed of.
    pub fn inputs(&self) -> Result<Vec<InputInfo>, BridgeError> {
        self.with(|model| Ok(model.inputs()))
    }

    /// The names of a head's classes in a locale, in the default one without; empty where the model has none, or no such head.
    ///
    /// # Errors
    /// When disposed of.
    pub fn labels(&self, head: u32, locale: Option<String>) -> Result<Vec<String>, BridgeError> {
        self.with(|model| model.labels(head as usize, locale))
    }

    /// Gives the memory back, when the calls that have begun are done. Later calls fail; disposing twice does no harm.
    pub fn dispose(&self) {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(model);
    }
}

impl Classifier {
    fn new(model: Model) -> Arc<Self> {
        Arc::new(Self { model: Mutex::new(Some(Arc::new(Mutex::new(model)))) })
    }

    /// Calls the model when it is this call's turn.
    fn with<T>(&self, call: impl FnOnce(&mut Model) -> Result<T, BridgeError>) -> Result<T, BridgeError> {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let model = model.ok_or_else(BridgeError::disposed)?;
        guarded(|| {
            let mut model = model.lock().map_err(|_| BridgeError::poisoned())?;
            call(&mut model)
        })
    }
}

/// A call whose panic is an error. What the panic may have broken is behind a lock that remembers it.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, BridgeError>) -> Result<T, BridgeError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| Err(BridgeError::panic(&*payload)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use std::path::Path;
    use std::sync::Barrier;

    fn classifier() -> Arc<Classifier> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/cifar10/cifar10.dunlin");
        let path = path.to_str().expect("the repository's path is UTF-8").to_owned();
        Classifier::from_file(path, LoadOptions::default()).expect("a good artifact")
    }

    fn code<T>(outcome: Result<T, BridgeError>) -> Option<ErrorCode> {
        outcome.err().map(|error| error.code())
    }

    #[test]
    fn a_panic_is_an_error_now_and_afterwards() {
        let classifier = classifier();
        let fallen = classifier.with(|model| {
            let steps = model.explain();
            Ok(steps[steps.len()].clone())
        });
        assert!(matches!(&fallen, Err(error) if error.to_string().contains("index out of bounds")), "{fallen:?}");
        assert_eq!(code(fallen), Some(ErrorCode::Internal));
        assert_eq!(code(classifier.kernel_set()), Some(ErrorCode::Internal));
        classifier.dispose();
        assert_eq!(code(classifier.kernel_set()), Some(ErrorCode::Disposed));
    }

    #[test]
    fn disposing_lets_a_call_that_has_begun_finish() {
        let (classifier, begun, disposed) = (classifier(), Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                classifier.with(|model| {
                    begun.wait();
                    disposed.wait();
                    Ok(model.explain().len())
                })
            });
            begun.wait();
            classifier.dispose();
            assert_eq!(code(classifier.explain()), Some(ErrorCode::Disposed));
            disposed.wait();
            assert!(call.join().is_ok_and(|steps| steps.is_ok_and(|count| count > 0)));
        });
        classifier.dispose();
        assert_eq!(code(classifier.labels(0, None)), Some(ErrorCode::Disposed));
    }
}
