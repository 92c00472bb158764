//! A whole refresh from bytes that anyone may have made, as `fuzz/` and the tests run it.

use std::collections::BTreeMap;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::sign::{SigningKey, sign};
use dunlin_protocol::tuf::{Answer, Keys, Limits, Place, Repository, Role, Step, Updater, Value};

/// What the first byte says: answers are what is signed, and the keys' owner signs it, so that what comes after the signatures is reached.
pub const SIGNED: u8 = 1;

/// The device has followed an honest publisher before.
pub const KEPT: u8 = 2;

/// The rest is the first root itself.
pub const ROOT: u8 = 4;

/// A length that stands for a file that isn't there.
const MISSING: u16 = u16::MAX;

/// Answers a device's questions one after the other: behind the first byte they stand, each behind its length in 16 bits.
///
/// # Panics
/// What is to be kept isn't what was answered, or has an unsafe name, or there is no end.
pub fn refresh(input: &[u8]) {
    let Some((&mode, mut rest)) = input.split_first() else { return };
    let honest = honest();
    let limits = Limits { values: 10_000, roots: 16, ..Limits::default() };
    let files = match mode {
        _ if mode & ROOT != 0 => BTreeMap::from([("root.json".to_string(), rest.to_vec())]),
        _ if mode & KEPT != 0 => honest,
        _ => honest.into_iter().filter(|(name, _)| name == "root.json").collect(),
    };
    let Ok(mut updater) = Updater::new(files, NOW, limits) else { return };
    let mut answer = Vec::new();
    let mut searched = false;
    for _ in 0..1000 {
        match updater.step() {
            Err(error) => return assert!(!error.to_string().is_empty()),
            Ok(Step::Done) if searched => return look(&updater),
            Ok(Step::Done) => {
                searched = true;
                updater.find(PATH).expect("the refresh is done");
            }
            Ok(Step::Commit(write)) => {
                assert_eq!(write.bytes, answer, "only what was checked is kept");
                let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
                assert!(write.name.bytes().all(plain) && write.name.ends_with(".json") && !write.name.starts_with('.'));
            }
            Ok(Step::Fetch(fetch)) => {
                assert_eq!(fetch.place, Place::Metadata);
                match next(&mut rest, mode) {
                    Some(bytes) => {
                        answer = bytes;
                        updater.handle(Answer::Bytes(&answer));
                    }
                    None => updater.handle(Answer::Missing),
                }
            }
        }
    }
    panic!("no end");
}

/// Whatever the metadata say, nothing but the file itself passes for it.
fn look(updater: &Updater) {
    if let Some(target) = updater.found() {
        if let Ok(fetch) = updater.fetch(PATH, target) {
            assert!(fetch.path.split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
        assert!(target.check(b"some").is_err() || target.length == 4);
    }
    assert!(updater.targets().count() <= 10_000);
}

/// The next answer.
fn next(rest: &mut &[u8], mode: u8) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let length = u16::from_le_bytes(*length);
    if length == MISSING {
        *rest = after;
        return None;
    }
    let (piece, after) = after.split_at(usize::from(length).min(after.len()));
    *rest = after;
    let signed = Value::parse(piece, 10_000).ok().filter(|_| mode & SIGNED != 0);
    Some(signed.map_or_else(|| piece.to_vec(), |value| sign(&value, &all().iter().collect::<Vec<_>>())))
}

/// 2027.
const NOW: u64 = 1_800_000_000;

const PATH: &str = "model/1.dunlin";

fn all() -> [SigningKey; 4] {
    [1, 2, 3, 4].map(|number| SigningKey::from_seed(&[number; 32]))
}

fn publisher() -> (Repository, Keys) {
    let mut keys = Keys::default();
    for (role, key) in Role::ALL.into_iter().zip(all()) {
        keys.set(role, key);
    }
    let mut repository = Repository::new(&keys).expect("all keys");
    repository.set(PATH, 4, &Hash([7; 32]), None);
    (repository, keys)
}

/// What a device has kept of the first publication.
fn honest() -> BTreeMap<String, Vec<u8>> {
    let (mut repository, keys) = publisher();
    let files = repository.seal(&keys, NOW, &Default::default()).expect("all keys");
    files.into_iter().map(|file| (file.name.trim_start_matches("1.").to_string(), file.bytes)).collect()
}

/// Inputs to begin with: sound refreshes, as what is signed and as files, and one through a delegation.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let (mut repository, keys) = publisher();
    let mut publish = |second: bool| {
        if second {
            Role::ALL.into_iter().for_each(|role| repository.renew(role));
        }
        let files = repository.seal(&keys, NOW, &Default::default()).expect("all keys");
        let [targets, snapshot, root, timestamp] = files.as_slice() else { panic!("all roles") };
        [root, timestamp, snapshot, targets].map(|file| file.bytes.clone())
    };
    let [root, timestamp, snapshot, targets] = publish(false);
    let newer = publish(true);
    let delegating = delegating(&targets);
    let bare = |signed: &[u8], change: fn(&mut BTreeMap<String, Value>)| {
        let Value::Object(mut fields) = signed_part(signed) else { panic!("an object") };
        change(&mut fields);
        Value::Object(fields).json()
    };
    let forget = |fields: &mut BTreeMap<String, Value>| {
        let infos = match fields.get_mut("meta") {
            Some(Value::Object(infos)) => infos,
            _ => panic!("an object"),
        };
        for name in ["a.json", "snapshot.json", "targets.json"] {
            infos.insert(name.into(), Value::Object([("version".into(), Value::Integer(1))].into()));
        }
    };
    let through = [bare(&timestamp, forget), bare(&snapshot, forget), delegating, signed_part(&targets).json()];
    let signed = newer.each_ref().map(|file| signed_part(file).json());
    let [newer_root, newer_rest @ ..] = &newer;
    let [signed_root, signed_rest @ ..] = &signed;
    vec![
        ("files", answers(0, [None, Some(&timestamp), Some(&snapshot), Some(&targets)])),
        ("newer-files", answers(KEPT, [Some(newer_root), None].into_iter().chain(newer_rest.iter().map(Some)))),
        (
            "newer-signed",
            answers(KEPT | SIGNED, [Some(signed_root), None].into_iter().chain(signed_rest.iter().map(Some))),
        ),
        ("delegation", answers(SIGNED, [None].into_iter().chain(through.iter().map(Some)))),
        ("root", [&[ROOT], root.as_slice()].concat()),
    ]
}

fn answers<'a>(mode: u8, files: impl IntoIterator<Item = Option<&'a Vec<u8>>>) -> Vec<u8> {
    let mut input = vec![mode];
    for file in files {
        let length = file.map_or(MISSING, |file| u16::try_from(file.len()).expect("a short file"));
        input.extend_from_slice(&length.to_le_bytes());
        input.extend(file.into_iter().flatten());
    }
    input
}

fn signed_part(file: &[u8]) -> Value {
    match Value::parse(file, 10_000) {
        Ok(Value::Object(mut fields)) => fields.remove("signed").expect("signed"),
        other => panic!("{other:?}"),
    }
}

/// Targets that have nothing and let a role vouch for everything.
fn delegating(targets: &[u8]) -> Vec<u8> {
    let [key, ..] = all();
    let (id, public) = (key.id(), String::from_utf8(key.public().json()).expect("text"));
    let role = format!(r#"{{"keyids":["{id}"],"name":"a","paths":["*/1.*"],"terminating":true,"threshold":1}}"#);
    let delegations = format!(r#"{{"keys":{{"{id}":{public}}},"roles":[{role}]}}"#);
    let Value::Object(mut fields) = signed_part(targets) else { panic!("an object") };
    fields.insert("delegations".into(), Value::parse(delegations.as_bytes(), 100).expect("JSON"));
    fields.insert("targets".into(), Value::Object(BTreeMap::new()));
    Value::Object(fields).json()
}
