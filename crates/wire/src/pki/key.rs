//! Private keys of certificates, as text that wipes itself.

use rcgen::KeyPair;
use zeroize::Zeroizing;

/// A private key in PEM. It cannot be printed, compared or copied by accident, and is wiped when
/// dropped. The copies that TLS works with belong to the TLS library, which keeps them for as long
/// as it listens or dials.
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// Takes over the text of a key file.
    pub fn new(pem: String) -> Self {
        Self(Zeroizing::new(pem))
    }

    /// Takes over text that is wiped already when it goes.
    pub fn of_text(pem: Zeroizing<String>) -> Self {
        Self(pem)
    }

    pub(super) fn of(key: &KeyPair) -> Self {
        Self::new(key.serialize_pem())
    }

    /// The key itself, for writing its file or for TLS.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use static_assertions::assert_not_impl_any;

    use super::PrivateKeyPem;

    assert_not_impl_any!(PrivateKeyPem: Debug, Display, Clone, PartialEq, serde::Serialize);
}
