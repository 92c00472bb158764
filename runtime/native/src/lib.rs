//! What Dunlin asks of an operating system: an artifact's bytes, where possible mapped and not read; and HTTP, behind a feature.

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod disk;
#[cfg(feature = "client")]
mod driver;
#[cfg(feature = "http")]
mod http;
mod model;
#[cfg(feature = "client")]
mod store;

#[cfg(feature = "client")]
pub use client::{Answer, Ask, Client, Cloud, Done, Happened, Loaded, OpenError, Options, Transport};
#[cfg(feature = "client")]
pub use disk::{Disk, Folder};
#[cfg(feature = "client")]
pub use driver::{Driver, Host, Input, Models, Told};
#[cfg(feature = "http")]
pub use http::Http;
pub use model::ModelFile;
#[cfg(feature = "client")]
pub use store::Store;
