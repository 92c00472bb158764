//! What a publisher says of a model's release, signed with the target that it belongs to.
//!
//! A target is one `.dunlin` file under the path `<model>/<version>.dunlin`; its signed `custom` is a [`Release`]. To whom a release goes
//! is found out on the device, from a secret that never leaves it, so that a rollout tells a server nothing of anyone.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::hex::{self, Hash};
use crate::tuf::{Fault, Value};

/// A release of a model; sound by construction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Wire")]
pub struct Release {
    /// The model's name: up to 64 of `a-z`, `0-9`, `_` and `-`.
    pub model: String,
    /// Its version, counted from 1.
    pub version: u32,
    /// The least version of artifacts that a device's engine must read.
    pub runtime: u32,
    /// To whom it goes.
    pub rollout: Rollout,
    /// What it must show before a device keeps it; without, loading and golden outputs are enough.
    pub canary: Option<Canary>,
    /// Shorter ways to it from other releases.
    pub patches: Vec<Patch>,
    /// What is new, or why another release was taken back; for people.
    pub notes: Option<String>,
}

/// To whom a release goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// Makes this rollout's buckets independent of another's: 16 to 64 hexadecimal digits.
    #[serde(serialize_with = "hex::bytes::serialize")]
    pub salt: Vec<u8>,
    /// How many of a thousand devices get it.
    pub permille: u16,
    /// Only devices that are in one of these cohorts; without, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohorts: Option<Vec<String>>,
    /// Nobody else gets it for now. Who has it keeps it.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub held: bool,
}

/// What a release must show on a device, beside the model that it follows, before it is kept. Signed JSON has no fractions, so that
/// shares are written as whole thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Canary {
    /// For how many inputs both models are asked, 1 to 10,000.
    pub inputs: u32,
    /// The least share of inputs for which both find the same class, 0 to 1.
    #[serde(serialize_with = "thousandths")]
    pub agreement: f64,
    /// The largest share of inputs that it doesn't answer itself, 0 to 1.
    #[serde(serialize_with = "thousandths")]
    pub fallback: f64,
    /// The most milliseconds that 95 of 100 inputs may take, from 1.
    pub latency_ms: u32,
}

/// The difference between two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// The file that it starts from.
    pub from: Hash,
    /// The target's path, of `a-z`, `0-9`, `_`, `-`, `.` and `/`.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Hash,
}

/// What of a device decides whether a release is for it.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Random bytes that never leave the device.
    pub secret: &'a [u8; 16],
    /// The cohorts that the device is in.
    pub cohorts: &'a [String],
    /// The newest version of artifacts that the engine reads.
    pub runtime: u32,
}

impl Release {
    /// From a target's signed `custom`, with the path of the target.
    ///
    /// # Errors
    /// [`ReleaseError`]: the publisher's fault.
    pub fn of_target(path: &str, custom: &[u8]) -> Result<Self, ReleaseError> {
        let release = Self::parse(custom)?;
        if release.path() != path {
            return Err(ReleaseError::Path);
        }
        Ok(release)
    }

    /// From JSON.
    ///
    /// # Errors
    /// [`ReleaseError`]: the publisher's fault.
    pub fn parse(json: &[u8]) -> Result<Self, ReleaseError> {
        let wire = Value::parse(json, MOST_VALUES).and_then(|value| Wire::read(&value));
        wire.map_err(|_| ReleaseError::Json)?.try_into()
    }

    /// The path of its target.
    pub fn path(&self) -> String {
        alloc::format!("{}/{}.dunlin", self.model, self.version)
    }

    /// Whether a device may take it that doesn't have it yet.
    pub fn admits(&self, device: &Device<'_>) -> bool {
        let rollout = &self.rollout;
        let is_in = |cohorts: &Vec<String>| cohorts.iter().any(|cohort| device.cohorts.contains(cohort));
        !rollout.held
            && self.runtime <= device.runtime
            && rollout.cohorts.as_ref().is_none_or(is_in)
            && rollout.bucket(device.secret) < rollout.permille
    }

    /// The patch that starts from a file.
    pub fn patch_from(&self, from: &Hash) -> Option<&Patch> {
        self.patches.iter().find(|patch| patch.from == *from)
    }
}

impl Rollout {
    /// In which of a thousand buckets a device is: as probable as any other, and the same whenever it is asked.
    pub fn bucket(&self, secret: &[u8; 16]) -> u16 {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] =
            Sha256::new().chain_update(&self.salt).chain_update(secret).finalize().into();
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 1000) as u16
    }

    fn read(value: &Value) -> Result<Self, Fault> {
        Ok(Self {
            salt: hex::decode(value.text("salt")?).ok_or(Fault::Field("salt"))?,
            permille: number(value, "permille")?,
            cohorts: there(value, "cohorts")?.map(|_| value.texts("cohorts")).transpose()?,
            held: match value.optional("held")? {
                None => false,
                Some(Value::Bool(held)) => *held,
                Some(_) => return Err(Fault::Field("held")),
            },
        })
    }

    fn is_sound(&self) -> bool {
        let named = |cohorts: &Vec<String>| {
            (1..=MOST_COHORTS).contains(&cohorts.len()) && cohorts.iter().all(|cohort| is_name(cohort, "", 32))
        };
        (8..=32).contains(&self.salt.len()) && self.permille <= 1000 && self.cohorts.as_ref().is_none_or(named)
    }
}

impl Canary {
    /// From a value of JSON.
    ///
    /// # Errors
    /// A field that isn't there, or is no whole number in its range.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let share = |name| number::<u16>(value, name).map(|thousandths| f64::from(thousandths) / 1000.0);
        Ok(Self {
            inputs: number(value, "inputs")?,
            agreement: share("agreement")?,
            fallback: share("fallback")?,
            latency_ms: number(value, "latency_ms")?,
        })
    }

    /// As a value of JSON.
    pub fn value(&self) -> Value {
        let share = |share: f64| Some(u32::from(in_thousandths(share)).into());
        Value::of([
            ("inputs", Some(self.inputs.into())),
            ("agreement", share(self.agreement)),
            ("fallback", share(self.fallback)),
            ("latency_ms", Some(self.latency_ms.into())),
        ])
    }

    fn is_sound(&self) -> bool {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        (1..=10_000).contains(&self.inputs) && share(self.agreement) && share(self.fallback) && self.latency_ms > 0
    }
}

impl Patch {
    fn read(value: &Value) -> Result<Self, Fault> {
        let hash = |name| Hash::parse(value.text(name)?).ok_or(Fault::Field(name));
        let (path, length) = (value.text("path")?.into(), value.number("length")?);
        Ok(Self { from: hash("from")?, path, length, sha256: hash("sha256")? })
    }

    fn is_sound(&self) -> bool {
        let parts = || self.path.split('/');
        self.length > 0
            && is_name(&self.path, "./", 200)
            && parts().all(|part| !part.is_empty() && !part.starts_with('.'))
    }
}

/// Whether a text is a name: of `a-z`, `0-9`, `_`, `-` and `more`, and not too long.
fn is_name(text: &str, more: &str, most: usize) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-' || more.contains(c);
    (1..=most).contains(&text.len()) && text.chars().all(fits)
}

/// Whether a text may be a model's name: up to 64 of `a-z`, `0-9`, `_` and `-`.
pub fn is_model(name: &str) -> bool {
    is_name(name, "", 64)
}

/// A `custom` that is no sound release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseError {
    /// No JSON of the right form.
    Json,
    /// Of a later version of this format: the device's library is too old.
    Version,
    /// A field is out of its range.
    Field(&'static str),
    /// It belongs to another target.
    Path,
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("no release: the target's custom data isn't JSON of that form"),
            Self::Version => f.write_str("a release of a later format: update this program"),
            Self::Field(field) => write!(f, "no sound release: {field} is out of its range"),
            Self::Path => f.write_str("a release of another target: model and version don't fit the target's path"),
        }
    }
}

impl core::error::Error for ReleaseError {}

/// A release as it is written.
#[derive(Serialize)]
struct Wire {
    dunlin: u32,
    model: String,
    version: u32,
    runtime: u32,
    rollout: Rollout,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<Canary>,
    patches: Vec<Patch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

impl Wire {
    fn read(value: &Value) -> Result<Self, Fault> {
        let patches = there(value, "patches")?.map_or(Ok(&[][..]), |_| value.list("patches"))?;
        Ok(Self {
            dunlin: number(value, "dunlin")?,
            model: value.text("model")?.into(),
            version: number(value, "version")?,
            runtime: number(value, "runtime")?,
            rollout: Rollout::read(value.field("rollout")?)?,
            canary: there(value, "canary")?.map(Canary::read).transpose()?,
            patches: patches.iter().map(Patch::read).collect::<Result<_, _>>()?,
            notes: there(value, "notes")?.map(|_| value.text("notes")).transpose()?.map(Into::into),
        })
    }
}

/// A field that may be left out, or be `null`.
fn there<'a>(value: &'a Value, name: &'static str) -> Result<Option<&'a Value>, Fault> {
    Ok(value.optional(name)?.filter(|value| **value != Value::Null))
}

/// A field that is a whole number of its type's range.
fn number<T: TryFrom<u64>>(value: &Value, name: &'static str) -> Result<T, Fault> {
    value.number(name)?.try_into().map_err(|_| Fault::Field(name))
}

impl TryFrom<Wire> for Release {
    type Error = ReleaseError;

    fn try_from(wire: Wire) -> Result<Self, ReleaseError> {
        let Wire { dunlin, model, version, runtime, rollout, canary, patches, notes } = wire;
        if dunlin != FORMAT {
            return Err(ReleaseError::Version);
        }
        let sound = [
            ("model", is_model(&model)),
            ("version", version > 0),
            ("runtime", runtime > 0),
            ("rollout", rollout.is_sound()),
            ("canary", canary.as_ref().is_none_or(Canary::is_sound)),
            ("patches", patches.len() <= MOST_PATCHES && patches.iter().all(Patch::is_sound)),
            ("notes", notes.as_ref().is_none_or(|notes| notes.len() <= MOST_NOTES)),
        ];
        match sound.into_iter().find(|&(_, sound)| !sound) {
            Some((field, _)) => Err(ReleaseError::Field(field)),
            None => Ok(Self { model, version, runtime, rollout, canary, patches, notes }),
        }
    }
}

impl From<Release> for Wire {
    fn from(release: Release) -> Self {
        let Release { model, version, runtime, rollout, canary, patches, notes } = release;
        Self { dunlin: FORMAT, model, version, runtime, rollout, canary, patches, notes }
    }
}

fn in_thousandths(share: f64) -> u16 {
    libm::round(share * 1000.0) as u16
}

fn thousandths<S: serde::Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(in_thousandths(*share))
}

const FORMAT: u32 = 1;
const MOST_COHORTS: usize = 64;
const MOST_PATCHES: usize = 32;
const MOST_NOTES: usize = 4096;
/// Values in JSON: more than any release has.
const MOST_VALUES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const FULL: &str = r#"{"dunlin":1,"model":"sms_spam","version":3,"runtime":1,
        "rollout":{"salt":"00112233445566778899aabbccddeeff","permille":50,"cohorts":["de"]},
        "canary":{"inputs":50,"agreement":800,"fallback":500,"latency_ms":200},
        "patches":[{"from":"1111111111111111111111111111111111111111111111111111111111111111","path":"sms_spam/2-3.patch","length":9,
            "sha256":"2222222222222222222222222222222222222222222222222222222222222222"}],
        "notes":"new","later":true}"#;

    #[test]
    fn reads_what_it_writes() -> Result<(), ReleaseError> {
        let release = Release::of_target("sms_spam/3.dunlin", FULL.as_bytes())?;
        assert_eq!(release.patch_from(&Hash([0x11; 32])).map(|patch| patch.length), Some(9));
        let written = serde_json::to_vec(&release).map_err(|_| ReleaseError::Json)?;
        assert_eq!(Release::parse(&written)?, release);
        let least =
            r#"{"dunlin":1,"model":"m","version":1,"runtime":1,"rollout":{"salt":"0011223344556677","permille":1000}}"#;
        assert_eq!(Release::parse(least.as_bytes())?.canary, None);
        Ok(())
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        let cases = [
            (r#""dunlin":1"#, r#""dunlin":2"#, ReleaseError::Version),
            (r#""sms_spam","#, r#""../etc","#, ReleaseError::Field("model")),
            (r#""sms_spam","#, r#""","#, ReleaseError::Field("model")),
            (r#""version":3"#, r#""version":0"#, ReleaseError::Field("version")),
            (r#""version":3"#, r#""version":-1"#, ReleaseError::Json),
            (r#""version":3"#, r#""version":4"#, ReleaseError::Path),
            (r#""runtime":1"#, r#""runtime":0"#, ReleaseError::Field("runtime")),
            ("00112233445566778899aabbccddeeff", "0011", ReleaseError::Field("rollout")),
            ("00112233445566778899aabbccddeeff", "001", ReleaseError::Json),
            (r#""permille":50"#, r#""permille":1001"#, ReleaseError::Field("rollout")),
            (r#"["de"]"#, "[]", ReleaseError::Field("rollout")),
            (r#"["de"]"#, r#"["DE"]"#, ReleaseError::Field("rollout")),
            (r#""inputs":50"#, r#""inputs":0"#, ReleaseError::Field("canary")),
            (r#""inputs":50"#, r#""inputs":10001"#, ReleaseError::Field("canary")),
            (r#""agreement":800"#, r#""agreement":1100"#, ReleaseError::Field("canary")),
            (r#""agreement":800"#, r#""agreement":0.8"#, ReleaseError::Json),
            (r#""fallback":500"#, r#""fallback":-500"#, ReleaseError::Json),
            (r#""latency_ms":200"#, r#""latency_ms":0"#, ReleaseError::Field("canary")),
            ("sms_spam/2-3.patch", "sms_spam/../../x", ReleaseError::Field("patches")),
            ("sms_spam/2-3.patch", "/x", ReleaseError::Field("patches")),
            (r#""length":9"#, r#""length":0"#, ReleaseError::Field("patches")),
            ("1111", "111g", ReleaseError::Json),
            ("}", "", ReleaseError::Json),
        ];
        for (from, to, expected) in cases {
            let json = FULL.replacen(from, to, 1);
            assert_eq!(Release::of_target("sms_spam/3.dunlin", json.as_bytes()), Err(expected), "{to}");
            assert!(!expected.to_string().is_empty());
        }
    }

    fn device<'a>(secret: &'a [u8; 16], cohorts: &'a [String], runtime: u32) -> Device<'a> {
        Device { secret, cohorts, runtime }
    }

    #[test]
    fn a_rollout_reaches_its_share_of_devices_and_grows_without_changing_them() -> Result<(), ReleaseError> {
        let mut release = Release::parse(FULL.as_bytes())?;
        let (de, fr) = ([String::from("de")], [String::from("fr")]);
        let secrets =
            || (0..20_000_u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes());
        release.rollout.permille = 0;
        for permille in [0, 50, 500, 1000] {
            let before = release.clone();
            release.rollout.permille = permille;
            let taken = secrets().filter(|secret| release.admits(&device(secret, &de, 1))).count();
            // Five standard deviations.
            let mean = 20.0 * f64::from(permille);
            assert!((taken as f64 - mean).abs() <= 5.0 * libm::sqrt(mean), "{taken} of {mean}");
            let lost =
                |secret: &[u8; 16]| before.admits(&device(secret, &de, 1)) && !release.admits(&device(secret, &de, 1));
            assert!(!secrets().any(|secret| lost(&secret)), "{permille}");
        }
        let secret = [7; 16];
        assert!(release.admits(&device(&secret, &de, 1)));
        assert!(!release.admits(&device(&secret, &fr, 1)), "another cohort");
        assert!(!release.admits(&device(&secret, &[], 1)), "no cohort");
        assert!(!release.admits(&device(&secret, &de, 0)), "an engine that is too old");
        release.rollout.held = true;
        assert!(!release.admits(&device(&secret, &de, 1)), "held");
        Ok(())
    }

    #[test]
    fn a_bucket_follows_from_salt_and_secret() -> Result<(), ReleaseError> {
        // Frozen: publishers, devices and simulations must find the same. SHA-256 of 00 11 .. ff and 16 bytes of 7.
        let rollout = Release::parse(FULL.as_bytes())?.rollout;
        assert_eq!(rollout.bucket(&[7; 16]), 183);
        Ok(())
    }
}
