//! The store, stopped at every operation that writes: what was acknowledged is there, and no half of anything.

mod common;

use std::collections::BTreeMap;

use common::disk::{Disks, REACHES, SURVIVALS, Stop, Survives};
use dunlin_native::Store;
use dunlin_sync::StoreFailure;

type Commit = Vec<(String, Option<Vec<u8>>)>;
type Contents = BTreeMap<String, Vec<u8>>;

/// Small values, large ones, the same large one twice, replaced and removed ones, and enough of them for a new journal.
fn commits() -> Vec<Commit> {
    let value = |byte: u8, length: usize| Some(vec![byte; length]);
    let key = String::from;
    let mut commits = vec![
        vec![(key("state"), value(1, 10)), (key("slot/a"), value(2, 70_000))],
        vec![(key("slot/b"), value(2, 70_000)), (key("outbox/1"), value(3, 300))],
        vec![(key("slot/a"), value(4, 90_000)), (key("state"), value(5, 10))],
        vec![(key("slot/b"), None), (key("outbox/1"), None), (key("outbox/2"), value(6, 0))],
        vec![],
    ];
    commits.extend((0..6).map(|n| vec![(key("window/1"), value(n, 60_000)), (key("state"), value(n, 20))]));
    commits.push(vec![(key("slot/a"), None)]);
    commits
}

fn after(commits: &[Commit]) -> Contents {
    let mut contents = Contents::new();
    for (key, value) in commits.iter().flatten().cloned() {
        match value {
            Some(value) => contents.insert(key, value),
            None => contents.remove(&key),
        };
    }
    contents
}

fn contents(store: &mut Store<Disks>) -> Contents {
    let mut contents = store.stored().expect("a disk that runs");
    for key in ["slot/a", "slot/b"] {
        contents.extend(store.read(key).expect("a disk that runs").map(|value| (key.to_owned(), value)));
    }
    contents
}

/// Commits until the disk stops, and how many were acknowledged.
fn run(disk: &Disks, commits: &[Commit]) -> usize {
    let Ok(mut store) = Store::over(disk.clone()) else { return 0 };
    commits.iter().take_while(|commit| store.commit(commit.to_vec()).is_ok()).count()
}

#[test]
fn stopped_anywhere_it_has_what_was_acknowledged_and_no_half_of_anything() {
    let commits = commits();
    let whole = Disks::default();
    assert_eq!(run(&whole, &commits), commits.len());
    let operations = whole.operations();
    let mut stops = 0;
    for after_operations in 0..operations {
        for (reach, survives) in REACHES.into_iter().flat_map(|reach| SURVIVALS.map(|survives| (reach, survives))) {
            let disk = Disks::default();
            disk.stop(Some(Stop { after: after_operations, reach, for_good: true }));
            let acknowledged = run(&disk, &commits);
            disk.restart(survives);
            let mut store = Store::over(disk.clone()).expect("a store after any stop");
            let found = contents(&mut store);
            let next = (acknowledged + 1).min(commits.len());
            let name = format!("{after_operations} {reach:?} {survives:?}: {acknowledged} acknowledged");
            assert!([acknowledged, next].iter().any(|&n| found == after(&commits[..n])), "{name}");
            // What comes then is kept as well, and nothing lies about that no value needs.
            let more = vec![("state".to_owned(), Some(vec![9; 9]))];
            assert_eq!(store.commit(more), Ok(()), "{name}");
            drop(store);
            disk.restart(Survives::Nothing);
            let mut store = Store::over(disk.clone()).expect("a store");
            let mut expected = found;
            expected.insert("state".to_owned(), vec![9; 9]);
            assert_eq!(contents(&mut store), expected, "{name}");
            let large: std::collections::BTreeSet<_> = expected.values().filter(|value| value.len() > 65_536).collect();
            let mut names = dunlin_native::Disk::names(&mut disk.clone()).expect("names");
            names.retain(|name| name != "journal");
            assert_eq!(names.len(), large.len(), "{name}: {names:?}");
            stops += 1;
        }
    }
    println!("{operations} operations, {stops} stops");
    assert!(operations > 40, "{operations}");
}

#[test]
fn a_commit_that_failed_is_never_found() {
    let commits = commits();
    let whole = Disks::default();
    run(&whole, &commits);
    let (mut failures, mut broken) = (0, 0);
    for after_operations in 0..whole.operations() {
        for (reach, survives) in REACHES.into_iter().flat_map(|reach| SURVIVALS.map(|survives| (reach, survives))) {
            let disk = Disks::default();
            disk.stop(Some(Stop { after: after_operations, reach, for_good: false }));
            let Ok(mut store) = Store::over(disk.clone()) else { continue };
            let mut done = Vec::new();
            for commit in &commits {
                match store.commit(commit.clone()) {
                    Ok(()) => done.push(commit.clone()),
                    Err(failure) => {
                        failures += 1;
                        broken += usize::from(failure == StoreFailure::Broken);
                    }
                }
                assert_eq!(contents(&mut store), after(&done), "{after_operations} {reach:?}");
            }
            drop(store);
            disk.restart(survives);
            let mut store = Store::over(disk).expect("a store");
            assert_eq!(contents(&mut store), after(&done), "{after_operations} {reach:?} {survives:?}");
        }
    }
    println!("{failures} failed commits, {broken} of them because an earlier one couldn't be undone");
    assert!(failures > 100);
}

#[test]
fn one_folder_is_opened_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("a store");
    let again = Store::open(folder.path()).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(again, Err(std::io::ErrorKind::WouldBlock));
    let large = vec![7; 100_000];
    let changes = vec![("slot/a".to_owned(), Some(large.clone())), ("state".to_owned(), Some(vec![1]))];
    assert_eq!(store.commit(changes), Ok(()));
    let path = store.path("slot/a").expect("a file of its own");
    assert_eq!(std::fs::read(&path).expect("a file"), large);
    std::fs::write(folder.path().join("mine.txt"), "not the store's").expect("a file");
    drop(store);
    let mut store = Store::open(folder.path()).expect("a store again");
    assert_eq!(store.read("slot/a").expect("a file"), Some(large));
    assert_eq!(store.path("state"), None);
    assert_eq!(store.stored().expect("values").into_keys().collect::<Vec<_>>(), ["state"]);
    assert!(folder.path().join("mine.txt").exists());
    assert_eq!(store.commit(vec![("slot/a".to_owned(), None)]), Ok(()));
    assert!(!path.exists());
}

#[test]
fn what_is_no_journal_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("journal"), "something else").expect("a file");
    let error = Store::open(folder.path()).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(error, Err(std::io::ErrorKind::InvalidData));
}
