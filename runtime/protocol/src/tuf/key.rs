//! Keys that sign metadata.

use alloc::vec::Vec;

use super::Fault;
use super::json::Value;
use crate::hex;

/// A public key, and how it signs.
///
/// Two keys are the same if their bytes are, under whatever identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    scheme: Scheme,
    public: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Ed25519,
    #[cfg(feature = "native")]
    RsaPssSha256,
    #[cfg(feature = "native")]
    EcdsaP256,
    #[cfg(feature = "native")]
    EcdsaP384,
    /// Of no use here, and no reason to refuse metadata that other keys signed.
    Unknown,
}

impl Key {
    /// A key as metadata has it.
    pub(super) fn parse(key: &Value) -> Result<Self, Fault> {
        let (kind, scheme) = (key.text("keytype")?, key.text("scheme")?);
        let public = key.field("keyval")?.text("public")?;
        let known = match (kind, scheme) {
            ("ed25519", "ed25519") => hex::decode(public).map(|public| (Scheme::Ed25519, public)),
            #[cfg(feature = "native")]
            ("rsa", "rsassa-pss-sha256") => pem(public).map(|public| (Scheme::RsaPssSha256, public)),
            #[cfg(feature = "native")]
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                pem(public).map(|public| (Scheme::EcdsaP256, public))
            }
            #[cfg(feature = "native")]
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => {
                pem(public).map(|public| (Scheme::EcdsaP384, public))
            }
            _ => None,
        };
        let (scheme, public) = known.unwrap_or_else(|| (Scheme::Unknown, public.as_bytes().to_vec()));
        Ok(Self { scheme, public })
    }

    /// Whether the key made a signature over a message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let valid = match self.scheme {
            Scheme::Ed25519 => ed25519(&self.public, message, signature),
            #[cfg(feature = "native")]
            Scheme::RsaPssSha256 => native::rsa_pss_sha256(&self.public, message, signature),
            #[cfg(feature = "native")]
            Scheme::EcdsaP256 => native::ecdsa_p256(&self.public, message, signature),
            #[cfg(feature = "native")]
            Scheme::EcdsaP384 => native::ecdsa_p384(&self.public, message, signature),
            Scheme::Unknown => None,
        };
        valid.is_some()
    }
}

fn ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(public.try_into().ok()?).ok()?;
    let signature = ed25519_dalek::Signature::from_bytes(signature.try_into().ok()?);
    key.verify_strict(message, &signature).ok()
}

/// The bytes between the lines of a public key's PEM.
#[cfg(feature = "native")]
fn pem(text: &str) -> Option<Vec<u8>> {
    use spki::der::pem::PemLabel;
    let (label, bytes) = spki::der::pem::decode_vec(text.trim().as_bytes()).ok()?;
    (label == spki::SubjectPublicKeyInfoRef::PEM_LABEL).then_some(bytes)
}

/// What Dunlin's own repositories have no need of: others' do.
#[cfg(feature = "native")]
mod native {
    use rsa::signature::Verifier;
    use spki::DecodePublicKey;

    pub fn rsa_pss_sha256(public: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let key = rsa::PublicKey::from_public_key_der(public).ok()?;
        let key = rsa::pss::VerifyingKey::<sha2::Sha256>::new_with_auto_salt_len(key);
        key.verify(message, &signature.try_into().ok()?).ok()
    }

    pub fn ecdsa_p256(public: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(public).ok()?;
        key.verify(message, &p256::ecdsa::Signature::from_der(signature).ok()?).ok()
    }

    pub fn ecdsa_p384(public: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let key = p384::ecdsa::VerifyingKey::from_public_key_der(public).ok()?;
        key.verify(message, &p384::ecdsa::Signature::from_der(signature).ok()?).ok()
    }
}
