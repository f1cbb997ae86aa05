//! From the shared secret to two keys for each feature: HKDF (RFC 5869).

use hkdf::Hkdf;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::KeyError;
use super::schema::Kdf;

/// The secret the parties share, any bytes. It is wiped on drop and never printed.
pub struct ClkSecret(Zeroizing<Vec<u8>>);

impl ClkSecret {
    /// Takes the bytes of a secret.
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        Self(secret)
    }
}

/// The keys of one feature.
pub(super) struct FeatureKeys {
    /// For HMAC-SHA1, or for BLAKE2b.
    pub(super) first: Zeroizing<Vec<u8>>,
    /// For HMAC-MD5.
    pub(super) second: Zeroizing<Vec<u8>>,
}

/// Two keys for each of `features` features, from one output of HKDF.
pub(super) fn derive(
    secret: &ClkSecret,
    kdf: &Kdf,
    features: usize,
) -> Result<Vec<FeatureKeys>, KeyError> {
    let needed = 2 * features * kdf.key_bytes;
    let limit = 255 * if kdf.sha512 { 64 } else { 32 };
    let mut output = Zeroizing::new(vec![0; needed.min(limit)]);
    let (salt, secret) = (Some(kdf.salt.as_slice()), secret.0.as_slice());
    // An empty salt and none are the same to HMAC: a key of zeros.
    let expanded = if kdf.sha512 {
        Hkdf::<Sha512>::new(salt, secret).expand(&kdf.info, &mut output)
    } else {
        Hkdf::<Sha256>::new(salt, secret).expand(&kdf.info, &mut output)
    };
    if needed > limit || expanded.is_err() {
        return Err(KeyError::TooManyBytes { needed, limit });
    }
    let keys = output.chunks_exact(2 * kdf.key_bytes).map(|keys| {
        let (first, second) = keys.split_at(kdf.key_bytes);
        FeatureKeys {
            first: Zeroizing::new(first.to_vec()),
            second: Zeroizing::new(second.to_vec()),
        }
    });
    Ok(keys.collect())
}

/// Base64 as Python decodes it when it is not strict: other characters are skipped, full padding
/// ends the text; none when padding is missing or the text is not ASCII.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut digits, mut pads) = (0_u32, 0, 0);
    for byte in text.bytes() {
        if byte == b'=' {
            pads += 1;
            if digits >= 2 && digits + pads >= 4 {
                return Some(decoded);
            }
            continue;
        }
        let Some(value) = base64_digit(byte) else {
            continue;
        };
        pads = 0;
        bits = bits << 6 | u32::from(value);
        if digits > 0 {
            // The lowest byte is the one completed.
            let [.., low] = (bits >> (2 * (3 - digits))).to_be_bytes();
            decoded.push(low);
        }
        digits = (digits + 1) % 4;
    }
    (digits == 0).then_some(decoded)
}

fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(ClkSecret: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(FeatureKeys: Debug, Clone, PartialEq);

    #[test]
    fn base64_is_lenient_as_in_python() {
        for (text, bytes) in [
            ("", Some(&b""[..])),
            ("YWJj", Some(b"abc")),
            ("YW Jj\n!", Some(b"abc")),
            ("YWI=", Some(b"ab")),
            ("YQ==", Some(b"a")),
            ("YQ==YWJj", Some(b"a")),
            ("YQ=", None),
            ("YQ=a=", Some(b"a\x06")),
            ("YWJ", None),
            ("Y", None),
            ("=", Some(b"")),
            ("====", Some(b"")),
            ("é", None),
        ] {
            assert_eq!(decode_base64(text).as_deref(), bytes, "{text:?}");
        }
    }

    fn kdf(key_bytes: usize) -> Kdf {
        Kdf {
            sha512: false,
            salt: (0..=0x0c).collect(),
            info: (0xf0..=0xf9).collect(),
            key_bytes,
        }
    }

    #[test]
    fn derives_the_test_vector_of_the_rfc() {
        // RFC 5869, A.1: 42 bytes, here one feature with keys of 21.
        let secret = ClkSecret::new(Zeroizing::new(vec![0x0b; 22]));
        let keys = derive(&secret, &kdf(21), 1).unwrap();
        assert_eq!(&keys[0].first[..4], [0x3c, 0xb2, 0x5f, 0x25]);
        assert_eq!(&keys[0].second[17..], [0x87, 0x18, 0x58, 0x65]);
    }

    #[test]
    fn gives_no_more_than_hkdf_has() {
        let secret = || ClkSecret::new(Zeroizing::new(Vec::new()));
        assert_eq!(derive(&secret(), &kdf(64), 63).unwrap().len(), 63);
        assert!(derive(&secret(), &kdf(64), 64).is_err());
        assert!(derive(&secret(), &kdf(64), 0).unwrap().is_empty());
    }
}
