//! How many requests one client may send: a bucket of tokens for each, filled at a steady rate.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Millis;
use crate::fault::{Code, Fault};

/// The buckets of all clients.
#[derive(Debug)]
pub struct Rates {
    rate: u32,
    shards: Vec<Mutex<HashMap<Client, Bucket>>>,
}

/// Who has a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A holder of a token that one person or pipeline has.
    Name(String),
    /// An address. Devices share a token, and are told apart by where they are; of an IPv6 address only the network counts.
    Address(IpAddr),
}

/// In thousandths of a request.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at: Millis,
}

/// A client may save up for that many seconds.
const BURST: u64 = 4;

const SHARDS: usize = 16;

/// A shard that has more buckets throws the full ones away, and all of them if that isn't enough.
const BUCKETS: usize = 8192;

impl Rates {
    /// So many requests per second; 0 for as many as they like.
    pub fn new(rate: u32) -> Self {
        Self { rate, shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// `rate_limited`, with the seconds until there is room.
    pub fn take(&self, client: Client, now: Millis) -> Result<(), Fault> {
        if self.rate == 0 {
            return Ok(());
        }
        let full = u64::from(self.rate) * BURST * 1000;
        let mut hasher = DefaultHasher::new();
        client.hash(&mut hasher);
        let shard = &self.shards[hasher.finish() as usize % SHARDS];
        let mut buckets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| bucket.filled(self.rate, now) < full);
            if buckets.len() >= BUCKETS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket { left: full, at: now });
        *bucket = Bucket { left: bucket.filled(self.rate, now), at: now };
        if bucket.left < 1000 {
            let wait = (1000 - bucket.left).div_ceil(u64::from(self.rate) * 1000).max(1);
            let message = "this client sends more than its share; wait as long as Retry-After says";
            return Err(Fault::new(Code::RateLimited, message).after(wait as u32));
        }
        bucket.left -= 1000;
        Ok(())
    }
}

impl Bucket {
    fn filled(&self, rate: u32, now: Millis) -> u64 {
        let rate = u64::from(rate);
        let gained = now.0.saturating_sub(self.at.0).saturating_mul(rate);
        self.left.saturating_add(gained).min(rate * BURST * 1000)
    }
}

impl Client {
    /// Of an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_its_rate_and_a_burst_and_is_told_when_to_come_again() {
        let rates = Rates::new(10);
        let client = || Client::at(IpAddr::from([1, 2, 3, 4]));
        for _ in 0..40 {
            rates.take(client(), Millis(5_000)).expect("a burst");
        }
        let fault = rates.take(client(), Millis(5_000)).expect_err("no room");
        assert_eq!(fault.code(), Code::RateLimited);
        rates.take(Client::Name("other".to_owned()), Millis(5_000)).expect("a bucket of its own");
        rates.take(client(), Millis(5_100)).expect("a tenth of a second later there is room for one");
        rates.take(client(), Millis(5_100)).expect_err("and for no more");
        rates.take(client(), Millis(4_000)).expect_err("a clock set back gives nothing");
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket_and_buckets_are_bounded() {
        let of = |text: &str| Client::at(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:1.2.3.4"), of("1.2.3.4"));
        let rates = Rates::new(1);
        for number in 0..200_000u32 {
            rates.take(Client::at(IpAddr::from(number.to_be_bytes())), Millis(0)).expect("its first request");
        }
        assert!(rates.shards.iter().all(|shard| shard.lock().expect("no panic").len() <= BUCKETS));
    }
}
