//! Repositories that others have made, as conformance/tuf keeps them, are read as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dunlin_protocol::tuf::{Answer, Error, Fault, Limits, Place, Step, Updater};

/// 2027.
const NOW: u64 = 1_800_000_000;

/// A folder that others have made.
struct Repository(PathBuf);

impl Repository {
    fn open(maker: &str) -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/tuf").join(maker))
    }

    fn read(&self, place: Place, path: &str) -> Option<Vec<u8>> {
        let folder = if place == Place::Metadata { "metadata" } else { "targets" };
        fs::read(self.0.join(folder).join(path)).ok()
    }

    fn refresh(&self, now: u64) -> Result<Updater, Error> {
        let first = self.read(Place::Metadata, "1.root.json").expect("a first root");
        let files = BTreeMap::from([("root.json".to_string(), first)]);
        let mut updater = Updater::new(files, now, Limits::default())?;
        self.drive(&mut updater)?;
        Ok(updater)
    }

    fn drive(&self, updater: &mut Updater) -> Result<(), Error> {
        loop {
            match updater.step()? {
                Step::Fetch(fetch) => match self.read(fetch.place, &fetch.path) {
                    Some(bytes) => updater.handle(Answer::Bytes(&bytes)),
                    None => updater.handle(Answer::Missing),
                },
                Step::Commit(_) => {}
                Step::Done => return Ok(()),
            }
        }
    }

    /// A target, found through delegations, fetched and checked.
    fn target(&self, updater: &mut Updater, path: &str) -> Result<Option<Vec<u8>>, Error> {
        updater.find(path)?;
        self.drive(updater)?;
        let Some(target) = updater.found().cloned() else { return Ok(None) };
        let fetch = updater.fetch(path, &target)?;
        let bytes = self.read(fetch.place, &fetch.path).expect("it is there");
        target.check(&bytes).map_err(|fault| Error { of: path.into(), fault })?;
        Ok(Some(bytes))
    }
}

#[test]
fn reads_what_python_tuf_made() {
    let repository = Repository::open("python");
    let mut updater = repository.refresh(NOW).expect("sound");
    for (path, expected) in [
        ("plain.txt", Some("made by python-tuf\n")),
        ("dir/only.512", Some("a digest of another kind\n")),
        ("dir/delegated.txt", Some("delegated by pattern\n")),
        ("hashed.txt", Some("delegated by hashed path\n")),
        ("dir/nothing.txt", None),
        ("nothing", None),
    ] {
        let found = repository.target(&mut updater, path);
        assert_eq!(found, Ok(expected.map(|text| text.as_bytes().to_vec())), "{path}");
    }
    updater.find("plain.txt").expect("ready");
    let custom = updater.found().and_then(|target| target.custom.clone()).expect("custom data");
    let custom: serde_json::Value = serde_json::from_slice(&custom).expect("JSON");
    assert_eq!(custom["greeting"], "grüß \"Gott\"\n\\");
    // 2099.
    assert_eq!(repository.refresh(4_070_908_800).map(drop), Err(Error { of: "root".into(), fault: Fault::Expired }));
}

#[test]
fn reads_what_tough_made() {
    let repository = Repository::open("tough");
    let mut updater = repository.refresh(NOW).expect("sound");
    assert_eq!(repository.target(&mut updater, "hello.txt"), Ok(Some(b"made by tough\n".to_vec())));
}
