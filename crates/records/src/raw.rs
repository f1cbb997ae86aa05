//! What a registry wrote, held so that it cannot leak by accident: wiped on drop, and readable only
//! through a call that is named for what it does.

use zeroize::Zeroizing;

/// One recorded value, as the registry wrote it.
pub struct RawField(Zeroizing<String>);

/// The custodian's own key of a row. Leaves the node never; the vault keeps it under encryption.
pub struct LocalKey(Zeroizing<String>);

/// One row: its local key and the columns the plan asked for, in the plan's order.
pub struct RawRecord {
    /// The row's number in its source, counted from 1 without the header.
    pub row: u64,
    /// The custodian's key of the row.
    pub key: LocalKey,
    /// The values, empty where missing.
    pub fields: Vec<RawField>,
}

impl RawField {
    /// Takes a value over; the caller keeps no copy.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Every use outside this crate says why.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value, for normalising it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl LocalKey {
    /// Takes a key over; the caller keeps no copy.
    pub fn new(key: String) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key itself. Every use outside this crate says why.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(RawField: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(LocalKey: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(RawRecord: Debug, Display, Clone, PartialEq);
}
