//! The client's thread: takes in what happens, one thing after the other, and sleeps in between.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use dunlin_sync::Conditions;

use super::models::ModelHost;
use super::{lock, now};
use crate::disk::Folder;
use crate::driver::{Driver, Input};

/// What the thread is told.
#[derive(Debug)]
pub enum Message {
    Input(Input),
    /// The conditions have changed.
    Conditions,
    /// The client is gone.
    Stop,
}

/// Until the client is gone.
pub fn run(
    mut driver: Driver<Folder>,
    mut host: ModelHost,
    conditions: Box<dyn Fn() -> Conditions + Send>,
    messages: &Receiver<Message>,
) {
    driver.handle(now(), Input::Conditions(conditions()), &mut host);
    loop {
        lock(&host.serving).set_expiry(driver.client().expires());
        let pause = driver.next().map_or(LONGEST, |next| Duration::from_millis(next.since(now())).min(LONGEST));
        let input = match messages.recv_timeout(pause) {
            Ok(Message::Input(input)) => input,
            Ok(Message::Conditions) => Input::Conditions(conditions()),
            Err(RecvTimeoutError::Timeout) => {
                driver.handle(now(), Input::Conditions(conditions()), &mut host);
                Input::Wake
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return driver.close(now(), &mut host),
        };
        driver.handle(now(), input, &mut host);
    }
}

/// How long it sleeps at most, so that conditions are asked for now and then.
const LONGEST: Duration = Duration::from_secs(15 * 60);
