//! Key material: derive, tag, seal, key files; wiped, never printed.
//!
//! Every type here that holds a secret wipes it on drop and has no `Debug`, `Display`, `Clone` or
//! `==`; the test beside it fails to compile if one is added. The one limit is *ring*: its prepared
//! keys (inside [`Prf`], [`Expander`] and the ciphers) cannot be wiped, so these are kept no longer
//! than the work they serve.

pub mod cipher;
pub mod entropy;
pub mod equality;
pub mod hpke_box;
pub mod key;
pub mod key_file;
pub mod passphrase;
pub mod sealed_stream;
pub mod signing;
pub mod splitting;

mod hex;
mod unlock;

pub use cipher::Cipher;
pub use entropy::{Entropy, KeyedEntropy, SeededEntropy, SystemEntropy};
pub use equality::constant_time_eq;
pub use hpke_box::{RecipientKey, RecipientSecret};
pub use key::{Expander, Key32, Prf, expander};
pub use key_file::Purpose;
pub use passphrase::Passphrase;
pub use sealed_stream::{StreamReader, StreamWriter};
pub use signing::SigningKey;
pub use unlock::Unlock;
