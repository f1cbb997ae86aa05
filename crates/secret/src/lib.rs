//! Key material: derive, tag, seal, key files; wiped, never printed.
//!
//! Every type here that holds a secret wipes it on drop and has no `Debug`, `Display`, `Clone` or
//! `==`; the test beside it fails to compile if one is added. The one limit is *ring*: its prepared
//! keys (inside [`Expander`] and the sealing ciphers) cannot be wiped, so these are kept no longer
//! than the work they serve.

pub mod cipher;
pub mod entropy;
pub mod equality;
pub mod hpke_box;
pub mod key;
pub mod key_file;
pub mod passphrase;
mod prf;
pub mod sealed_stream;
pub mod signing;
pub mod splitting;

mod hex;
mod unlock;

pub use cipher::Cipher;
pub use entropy::{Entropy, KeyedEntropy, SeededEntropy, SystemEntropy};
pub use equality::constant_time_eq;
pub use hpke_box::{RecipientKey, RecipientSecret};
pub use key::{Expander, Key32, expander};
pub use key_file::Purpose;
pub use passphrase::Passphrase;
pub use prf::Prf;
pub use sealed_stream::{StreamReader, StreamWriter};
pub use signing::SigningKey;
pub use unlock::Unlock;
