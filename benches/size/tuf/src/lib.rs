//! The updater behind a C interface, from a trusted root to releases that are signed: what a browser has to load to trust an update.
//!
//! The host writes into a buffer that lives here: `tuf_buffer`, write the root, `tuf_begin`; then `tuf_step` says what to fetch or to keep,
//! and `tuf_handle` takes the buffer as the file that was asked for. A pointer to a [`Client`] comes from `tuf_new` and is used by one
//! thread at a time. `tuf_result` and `tuf_result_len` have what the last call tells.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod host;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dunlin_protocol::release::Release;
use dunlin_protocol::tuf::{Answer, Limits, Step, Updater};

/// An updater, and what goes in and comes out.
#[derive(Debug, Default)]
pub struct Client {
    buffer: Vec<u8>,
    updater: Option<Updater>,
    result: Vec<u8>,
}

/// A client without a root.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_new() -> Box<Client> {
    Box::default()
}

/// Room for `len` bytes, until the next call of this function.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_buffer(client: &mut Client, len: usize) -> *mut u8 {
    client.buffer.clear();
    client.buffer.resize(len, 0);
    client.buffer.as_mut_ptr()
}

/// Begins with the root in the buffer, at a time in seconds since the epoch; 0, or -1 and a message.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_begin(client: &mut Client, now: u64) -> i32 {
    let files = BTreeMap::from([(String::from("root.json"), core::mem::take(&mut client.buffer))]);
    match Updater::new(files, now, Limits::default()) {
        Ok(updater) => {
            client.updater = Some(updater);
            0
        }
        Err(error) => client.tell(error.to_string(), -1),
    }
}

/// What to do next: 0 to fetch the result, 1 to keep it, 2 if the result has all releases; -1 and a message.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_step(client: &mut Client) -> i32 {
    let Some(updater) = &mut client.updater else { return -1 };
    match updater.step() {
        Ok(Step::Fetch(fetch)) => client.tell(fetch.path, 0),
        Ok(Step::Commit(write)) => {
            client.result = write.bytes;
            1
        }
        Ok(Step::Done) => {
            let releases = releases(updater);
            client.tell(releases, 2)
        }
        Err(error) => client.tell(error.to_string(), -1),
    }
}

/// Takes the buffer as the file that was asked for; if there is none, that.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_handle(client: &mut Client, found: bool) {
    if let Some(updater) = &mut client.updater {
        updater.handle(if found { Answer::Bytes(&client.buffer) } else { Answer::Missing });
    }
}

/// Where the result of the last call lies, until the next.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_result(client: &Client) -> *const u8 {
    client.result.as_ptr()
}

/// How many bytes the result has.
#[unsafe(no_mangle)]
pub extern "C" fn tuf_result_len(client: &Client) -> usize {
    client.result.len()
}

impl Client {
    fn tell(&mut self, text: String, code: i32) -> i32 {
        self.result = text.into_bytes();
        code
    }
}

/// The releases that are signed, a line each.
fn releases(updater: &Updater) -> String {
    let mut lines = String::new();
    for (path, target) in updater.targets() {
        let release = target.custom.as_deref().map(|custom| Release::of_target(path, custom));
        lines += &match release {
            Some(Ok(release)) => format!("{path} {}\n", release.version),
            Some(Err(error)) => format!("{path}: {error}\n"),
            None => format!("{path}\n"),
        };
    }
    lines
}
