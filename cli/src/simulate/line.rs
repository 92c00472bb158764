//! The way to the server: no socket, and some of what goes over it is lost.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use dunlin_protocol::summary::Receipt;
use dunlin_server::QuietServer;
use dunlin_sync::{Failure, Method, Request, Response};
use serde::Serialize;

use super::dice::Dice;

/// Where devices think that the server is.
pub const SITE: &str = "https://fleet.example";

/// The server, and how to be heard.
pub struct Line {
    server: QuietServer,
    /// The share of requests that are lost, in thousandths.
    loss: u16,
}

/// What went over the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Requests, lost ones too.
    pub requests: u64,
    /// Those that were lost, or their answers.
    pub lost: u64,
    /// Bytes of bodies that devices sent.
    pub sent_bytes: u64,
    /// Bytes of bodies that devices got.
    pub received_bytes: u64,
    /// Summaries that were counted.
    pub counted: u64,
    /// Summaries that came again, because the answer was lost.
    pub repeated: u64,
    /// Summaries that were refused.
    pub refused: u64,
}

impl Traffic {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.lost += other.lost;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.counted += other.counted;
        self.repeated += other.repeated;
        self.refused += other.refused;
    }
}

impl Line {
    /// To a server.
    pub fn new(server: QuietServer, loss: u16) -> Self {
        Self { server, loss }
    }

    /// The server itself.
    pub fn server(&self) -> &QuietServer {
        &self.server
    }

    /// Closes the server.
    pub async fn close(self) {
        self.server.close().await;
    }

    /// A device's request. What is lost on the way back has been done all the same.
    pub async fn send(
        &self,
        device: u32,
        request: &Request,
        dice: &mut Dice,
        traffic: &mut Traffic,
    ) -> Result<Response, Failure> {
        traffic.requests += 1;
        traffic.sent_bytes += request.body.len() as u64;
        let is_lost = dice.happens(self.loss);
        if is_lost && dice.happens(500) {
            traffic.lost += 1;
            return Err(Failure::Connect);
        }
        let address = IpAddr::V4(Ipv4Addr::from_bits(DEVICES + device));
        let response = self.pass(address, request).await.map_err(|_| Failure::Broken)?;
        if let Ok(receipt) = serde_json::from_slice::<Receipt>(&response.body)
            && request.url.ends_with("/v1/summaries")
        {
            traffic.counted += u64::from(receipt.accepted);
            traffic.repeated += u64::from(receipt.repeated);
            traffic.refused += receipt.refused.len() as u64;
        }
        if is_lost {
            traffic.lost += 1;
            return Err(Failure::Broken);
        }
        traffic.received_bytes += response.body.len() as u64;
        if response.body.len() as u64 > request.max_bytes { Err(Failure::TooLong) } else { Ok(response) }
    }

    /// A request to the server, which nothing happens to.
    ///
    /// # Errors
    /// The answer broke off.
    pub async fn pass(&self, from: IpAddr, request: &Request) -> io::Result<Response> {
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        let path = request.url.strip_prefix(SITE).unwrap_or(&request.url);
        let mut sent = http::Request::builder().method(method).uri(path);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        let sent = sent.body(request.body.clone()).map_err(io::Error::other)?;
        let (head, body) = self.server.call(from, sent).await?.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(Response { status: head.status.as_u16(), headers, body })
    }
}

/// The first device's address, 16.0.0.0: all have their own.
const DEVICES: u32 = 0x1000_0000;
