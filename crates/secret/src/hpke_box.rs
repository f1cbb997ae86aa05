//! Sealing to a recipient's public key: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, ChaCha20-Poly1305.
//!
//! A sealed box is the 32-byte encapsulated key, the ciphertext and its 16-byte tag. Base mode says
//! nothing about who sealed it; where that matters, the box travels in a message that is
//! authenticated.

use crate::entropy::Entropy;
use crate::hex;
use crate::key::Key32;
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Bytes a sealed box is longer than its plaintext.
pub const BOX_OVERHEAD: usize = ENCAPSULATED_BYTES + 16;

/// The longest `info`: it names a purpose, a project and a run, never data.
pub const MAX_INFO_BYTES: usize = 1024;

pub(crate) const ENCAPSULATED_BYTES: usize = 32;

type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>;
type Receiver = AeadCtxR<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>;

/// Why a box was not sealed or not opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// The public key is a point of small order, which no honest recipient has.
    #[error("the recipient key is not a usable X25519 key: ask the recipient for it again")]
    UnusableKey,
    /// The purpose string is over its limit.
    #[error("the info is {0} bytes long, the most is {MAX_INFO_BYTES}")]
    InfoTooLong(usize),
    /// Too short to hold even an empty plaintext.
    #[error("the sealed box has {0} bytes, too few to be one")]
    TooShort(usize),
    /// Altered, sealed to another key, or sealed for another purpose; these cannot be told apart.
    #[error(
        "the sealed box does not open: it was altered, or sealed to another key or for another use"
    )]
    Refused,
    /// The text is not 64 hexadecimal characters.
    #[error("a recipient key is 64 hexadecimal characters")]
    NotAKey,
}

/// The private half of a recipient's key pair.
pub struct RecipientSecret(<X25519HkdfSha256 as Kem>::PrivateKey);

impl RecipientSecret {
    /// Uses the bytes of `key` as the X25519 private key, as RFC 9180 §7.1.2 stores one.
    pub fn from_key(key: &Key32) -> Self {
        Self(private_key(key))
    }

    /// Draws a key pair that lives in memory only; one to keep is a [`Key32`] in a key file.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::from_key(&Key32::generate(entropy))
    }

    /// The public half.
    pub fn public(&self) -> RecipientKey {
        RecipientKey(X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into())
    }
}

#[expect(
    clippy::expect_used,
    reason = "X25519 takes every string of 32 bytes as a private key"
)]
fn private_key(key: &Key32) -> <X25519HkdfSha256 as Kem>::PrivateKey {
    Deserializable::from_bytes(key.bytes()).expect("32 bytes are a private key")
}

/// The public half of a recipient's key pair. Shown and parsed as hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientKey(pub [u8; 32]);

impl fmt::Display for RecipientKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl FromStr for RecipientKey {
    type Err = BoxError;

    fn from_str(text: &str) -> Result<Self, BoxError> {
        hex::decode(text.as_bytes())
            .map(|bytes| Self(*bytes))
            .ok_or(BoxError::NotAKey)
    }
}

/// Seals `plaintext` to `recipient` for the purpose `info` names, bound to `aad`.
///
/// # Errors
/// An unusable recipient key; an `info` over [`MAX_INFO_BYTES`].
pub fn seal(
    recipient: &RecipientKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, BoxError> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(&mut seed[..]);
    seal_with(recipient, info, aad, plaintext, &seed)
}

/// [`seal`] with its randomness given: `seed` is the `ikmE` of RFC 9180, and must never serve
/// twice.
///
/// # Errors
/// As [`seal`].
pub fn seal_with(
    recipient: &RecipientKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    seed: &[u8; 32],
) -> Result<Vec<u8>, BoxError> {
    let (encapsulated, mut sender) = set_up_sender(recipient, info, seed)?;
    // Fails only after 2^64 messages in one set-up, and this is the first.
    let ciphertext = sender.seal(plaintext, aad).map_err(|_| BoxError::Refused)?;
    Ok([&encapsulated[..], &ciphertext].concat())
}

/// Opens a box sealed with the same `info` and `aad`.
///
/// # Errors
/// [`BoxError::Refused`] for anything but exactly what was sealed.
pub fn open(
    secret: &RecipientSecret,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BoxError> {
    if sealed.len() < BOX_OVERHEAD {
        return Err(BoxError::TooShort(sealed.len()));
    }
    let (encapsulated, ciphertext) = sealed.split_at(ENCAPSULATED_BYTES);
    let mut receiver = set_up_receiver(secret, info, encapsulated)?;
    receiver
        .open(ciphertext, aad)
        .map(Zeroizing::new)
        .map_err(|_| BoxError::Refused)
}

/// RFC 9180 `SetupBaseS`: the encapsulated key to send, and the sending context.
pub(crate) fn set_up_sender(
    recipient: &RecipientKey,
    info: &[u8],
    seed: &[u8; 32],
) -> Result<([u8; ENCAPSULATED_BYTES], Sender), BoxError> {
    check_info(info)?;
    let public = Deserializable::from_bytes(&recipient.0).map_err(|_| BoxError::UnusableKey)?;
    let (encapsulated, sender) = hpke::setup_sender_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &public, info, &mut Given(seed))
    .map_err(|_| BoxError::UnusableKey)?;
    Ok((encapsulated.to_bytes().into(), sender))
}

/// RFC 9180 `SetupBaseR`.
pub(crate) fn set_up_receiver(
    secret: &RecipientSecret,
    info: &[u8],
    encapsulated: &[u8],
) -> Result<Receiver, BoxError> {
    check_info(info)?;
    let encapsulated = Deserializable::from_bytes(encapsulated).map_err(|_| BoxError::Refused)?;
    hpke::setup_receiver(&OpModeR::Base, &secret.0, &encapsulated, info)
        .map_err(|_| BoxError::Refused)
}

fn check_info(info: &[u8]) -> Result<(), BoxError> {
    match info.len() {
        0..=MAX_INFO_BYTES => Ok(()),
        length => Err(BoxError::InfoTooLong(length)),
    }
}

/// Hands HPKE the seed it was given in place of random bytes. HPKE draws exactly 32, once; the
/// published vector in the tests would show it if that changed.
struct Given<'a>(&'a [u8; 32]);

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut()
            .zip(self.0.iter().cycle())
            .for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use proptest::prelude::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(RecipientSecret: fmt::Debug, fmt::Display, Clone, PartialEq);

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    fn secret(seed: u64) -> RecipientSecret {
        RecipientSecret::generate(&mut SeededEntropy::new(seed))
    }

    /// RFC 9180 appendix A.2.1, sequence number 0.
    #[test]
    fn seals_and_opens_the_published_vector() {
        let mut private =
            *hex::decode(b"8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
                .unwrap();
        let secret = RecipientSecret::from_key(&Key32::from_bytes(&mut private));
        let public = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
        assert_eq!(secret.public().to_string(), public);
        let seed = hex::decode(b"909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b")
            .unwrap();
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let plaintext = bytes("4265617574792069732074727574682c20747275746820626561757479");

        let sealed = seal_with(
            &public.parse().unwrap(),
            &info,
            b"Count-0",
            &plaintext,
            &seed,
        )
        .unwrap();

        let encapsulated = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
        let ciphertext = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28";
        assert_eq!(sealed, bytes(&[encapsulated, ciphertext].concat()));
        assert_eq!(
            *open(&secret, &info, b"Count-0", &sealed).unwrap(),
            plaintext
        );
    }

    #[test]
    fn opens_only_with_its_own_key_info_and_aad() {
        let sealed = seal(
            &secret(1).public(),
            b"info",
            b"aad",
            b"text",
            &mut SeededEntropy::new(9),
        )
        .unwrap();
        assert_eq!(
            open(&secret(1), b"info", b"aad", &sealed).unwrap()[..],
            *b"text"
        );
        assert_eq!(
            open(&secret(2), b"info", b"aad", &sealed).err(),
            Some(BoxError::Refused)
        );
        assert_eq!(
            open(&secret(1), b"inf", b"aad", &sealed).err(),
            Some(BoxError::Refused)
        );
        assert_eq!(
            open(&secret(1), b"info", b"aa", &sealed).err(),
            Some(BoxError::Refused)
        );
    }

    #[test]
    fn refuses_keys_of_small_order_long_infos_and_short_boxes() {
        let mut entropy = SeededEntropy::new(9);
        let unusable = seal(&RecipientKey([0; 32]), b"", b"", b"", &mut entropy);
        assert_eq!(unusable, Err(BoxError::UnusableKey));
        let long = seal(
            &secret(1).public(),
            &[0; MAX_INFO_BYTES + 1],
            b"",
            b"",
            &mut entropy,
        );
        assert_eq!(long, Err(BoxError::InfoTooLong(MAX_INFO_BYTES + 1)));
        assert_eq!(
            open(&secret(1), b"", b"", &[0; 47]).err(),
            Some(BoxError::TooShort(47))
        );
    }

    #[test]
    fn recipient_keys_round_trip_as_hexadecimal() {
        let public = secret(3).public();
        assert_eq!(public.to_string().parse(), Ok(public));
        assert_eq!("abc".parse::<RecipientKey>(), Err(BoxError::NotAKey));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn round_trips_and_refuses_any_changed_bit(plaintext: Vec<u8>, at: usize, bit in 0u32..8) {
            let mut entropy = SeededEntropy::new(5);
            let mut sealed = seal(&secret(4).public(), b"i", b"a", &plaintext, &mut entropy).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + BOX_OVERHEAD);
            prop_assert_eq!(&*open(&secret(4), b"i", b"a", &sealed).unwrap(), &plaintext);
            // X25519 ignores the top bit of a public key, but HPKE binds the bytes as sent.
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open(&secret(4), b"i", b"a", &sealed).err(), Some(BoxError::Refused));
        }
    }
}
