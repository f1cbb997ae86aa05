//! A custodian's daemon and command line.
