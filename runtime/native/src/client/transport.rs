//! Who sends requests.

use dunlin_sync::{Failure, Request, Response};

/// Sends requests: a platform's own HTTP, or [`Http`](crate::Http).
pub trait Transport: Send {
    /// Sends a request without waiting. `done` is called once, from any thread, with the answer or why there is none; later than the
    /// request's time it may come, but isn't looked at.
    fn send(&self, request: Request, done: Done);
}

/// Takes what came of a request.
pub type Done = Box<dyn FnOnce(Result<Response, Failure>) + Send>;

#[cfg(feature = "http")]
impl Transport for crate::Http {
    /// On a thread of its own: requests are few, and one may take long.
    fn send(&self, request: Request, done: Done) {
        let http = self.clone();
        // Without a thread nothing was sent; the request's time passes.
        let _ = std::thread::Builder::new().name("dunlin-http".into()).spawn(move || done(http.send(&request)));
    }
}
