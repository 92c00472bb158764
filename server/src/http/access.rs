//! Who a caller is: tokens, of which only digests are kept.

use std::sync::{Mutex, PoisonError, RwLock};

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::clock::Millis;
use crate::fault::{Code, Fault};
use crate::store::{Store, Urgency};

/// What a token lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Ask questions and send summaries.
    Device,
    /// Publish models, and see the fleet.
    Publisher,
    /// Review, and see the fleet.
    Reviewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Device, Self::Publisher, Self::Reviewer];

    /// Its name, as in `--new-token publisher`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Publisher => "publisher",
            Self::Reviewer => "reviewer",
        }
    }

    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The token's role; none without a token.
    pub role: Option<Role>,
    /// The token's name, by which reviewers are told apart; empty without a token.
    pub name: String,
}

/// A token that has just been made. It is shown once.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub role: Role,
    /// What it is called.
    pub name: String,
    /// What its holder sends as `Authorization: Bearer ...`.
    pub secret: String,
}

/// The digests of all tokens.
#[derive(Default)]
pub struct Keyring {
    keys: RwLock<Vec<Key>>,
    read: Mutex<Option<Millis>>,
}

#[derive(Clone)]
struct Key {
    digest: [u8; 32],
    caller: Caller,
}

/// How often a token that isn't known makes the server look for new ones, in milliseconds.
const AGAIN: u64 = 1000;

impl Keyring {
    /// Reads the tokens.
    ///
    /// # Errors
    /// `internal` when the database fails.
    pub async fn refresh(&self, store: &Store) -> Result<(), Fault> {
        let keys = store.read(keys).await?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Who holds a token. One that was made by another process a moment ago is found too.
    ///
    /// # Errors
    /// `unauthorized` for a token that isn't known.
    pub async fn caller(&self, store: &Store, secret: &str, now: Millis) -> Result<Caller, Fault> {
        let digest = digest(secret);
        if let Some(caller) = self.find(&digest) {
            return Ok(caller);
        }
        if self.may_look(now) {
            self.refresh(store).await?;
        }
        let unknown = || {
            Fault::new(Code::Unauthorized, "the server doesn't know this token; 'dunlin serve --new-token' makes one")
        };
        self.find(&digest).ok_or_else(unknown)
    }

    fn may_look(&self, now: Millis) -> bool {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let may = read.is_none_or(|last| now.0.abs_diff(last.0) >= AGAIN);
        if may {
            *read = Some(now);
        }
        may
    }

    /// Compares with all digests, each to its last byte, so that time tells nothing.
    fn find(&self, digest: &[u8; 32]) -> Option<Caller> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for key in keys.iter() {
            let differ = key.digest.iter().zip(digest).fold(0, |differ, (a, b)| differ | (a ^ b));
            if std::hint::black_box(differ) == 0 {
                found = Some(&key.caller);
            }
        }
        found.cloned()
    }
}

/// Makes a token and keeps its digest.
///
/// # Errors
/// `conflict` when there is one of that name, `bad_request` for a name that can't be one, `internal`.
pub async fn make(store: &Store, role: Role, name: &str, now: Millis) -> Result<NewToken, Fault> {
    if !crate::config::is_name(name) {
        return Err(Fault::bad("a token's name has letters, digits, '-', '_' and '.', at most 64 of them"));
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Fault::internal("the system's randomness", error))?;
    let secret = format!("dunlin-{}-{}", role.name(), crate::hex::of(&random));
    let token = NewToken { role, name: name.to_owned(), secret };
    let (digest, name) = (digest(&token.secret), name.to_owned());
    let write = move |connection: &Connection| {
        let taken: bool =
            connection.query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?)", [&name], |row| row.get(0))?;
        if taken {
            return Err(Fault::new(Code::Conflict, "there is a token of that name; give another with --name"));
        }
        connection
            .execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", params![digest, role.name(), name, now.stored()])?;
        Ok(())
    };
    store.write(Urgency::Control, write).await?;
    Ok(token)
}

/// Makes a token of each role if there is none at all.
///
/// # Errors
/// As for [`make`].
pub async fn first(store: &Store, now: Millis) -> Result<Vec<NewToken>, Fault> {
    if !store.read(keys).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push(make(store, role, role.name(), now).await?);
    }
    Ok(tokens)
}

fn keys(connection: &Connection) -> Result<Vec<Key>, Fault> {
    let mut rows = connection.prepare("SELECT hash, role, name FROM tokens")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))?;
    let key = |(digest, role, name): ([u8; 32], String, String)| Key {
        digest,
        caller: Caller { role: Role::of(&role), name },
    };
    rows.map(|row| Ok(key(row?))).collect()
}

/// Tokens have 32 random bytes, so that a plain digest gives nothing away.
fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
