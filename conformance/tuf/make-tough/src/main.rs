//! A repository as `tough` makes it: ed25519 for timestamp and snapshot, ECDSA for targets, the root signed by both. The keys are thrown away.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use tough::editor::RepositoryEditor;
use tough::editor::signed::{PathExists, SignedRole};
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::{KeyHolder, RoleKeys, RoleType, Root};
use tough::sign::{Sign, parse_keypair};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("usage: make-tough FOLDER")?);
    let inputs = out.join("inputs");
    fs::create_dir_all(&inputs)?;
    let rng = SystemRandom::new();
    let (ed25519, ecdsa) = (inputs.join("ed25519"), inputs.join("ecdsa"));
    fs::write(&ed25519, Ed25519KeyPair::generate_pkcs8(&rng)?)?;
    fs::write(&ecdsa, EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng)?)?;
    let keys = [&ed25519, &ecdsa];

    let root = root(keys)?;
    let signed = SignedRole::new(root.clone(), &KeyHolder::Root(root), &sources(keys), &rng).await?;
    fs::write(inputs.join("root.json"), signed.buffer())?;

    let targets = inputs.join("targets");
    fs::create_dir_all(&targets)?;
    fs::write(targets.join("hello.txt"), "made by tough\n")?;
    let mut editor = RepositoryEditor::new(inputs.join("root.json")).await?;
    let expires = EXPIRES.parse()?;
    editor.targets_expires(expires)?.targets_version(version(3)?)?;
    editor.snapshot_expires(expires).snapshot_version(version(2)?);
    editor.timestamp_expires(expires).timestamp_version(version(5)?);
    editor.add_target_path(targets.join("hello.txt")).await?;
    let signed = editor.sign(&sources(keys)).await?;
    signed.write(out.join("metadata")).await?;
    signed.copy_targets(&targets, out.join("targets"), PathExists::Fail).await?;
    Ok(fs::remove_dir_all(inputs)?)
}

const EXPIRES: &str = "2099-01-01T00:00:00Z";

fn root(keys: [&PathBuf; 2]) -> Result<Root> {
    let (mut all, mut ids) = (HashMap::new(), Vec::new());
    for path in keys {
        let key = parse_keypair(&fs::read(path)?)?.tuf_key();
        ids.push(key.key_id()?);
        all.insert(key.key_id()?, key);
    }
    let (ed25519, ecdsa) = (vec![ids[0].clone()], vec![ids[1].clone()]);
    let mut roles = HashMap::new();
    for (role, keyids, threshold) in [
        (RoleType::Root, ids, 2),
        (RoleType::Targets, ecdsa, 1),
        (RoleType::Snapshot, ed25519.clone(), 1),
        (RoleType::Timestamp, ed25519, 1),
    ] {
        roles.insert(role, RoleKeys { keyids, threshold: version(threshold)?, _extra: HashMap::new() });
    }
    Ok(Root {
        spec_version: "1.0.0".into(),
        consistent_snapshot: true,
        version: version(1)?,
        expires: EXPIRES.parse()?,
        keys: all,
        roles,
        _extra: HashMap::new(),
    })
}

fn sources(keys: [&PathBuf; 2]) -> Vec<Box<dyn KeySource>> {
    let source = |path: &Path| Box::new(LocalKeySource { path: path.to_owned() }) as Box<dyn KeySource>;
    keys.iter().map(|path| source(path)).collect()
}

fn version(number: u64) -> Result<NonZeroU64> {
    NonZeroU64::new(number).ok_or_else(|| "versions begin at 1".into())
}
