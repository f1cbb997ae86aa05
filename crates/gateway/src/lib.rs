//! The coordinator's HTTP faces.
//!
//! [`anonlink`] is the REST API of the anonlink entity service, version 1: whoever links with
//! clkhash and anonlink today points the same client at it. The crate speaks HTTP and keeps bulk
//! data in flat files; what it needs beyond that, a [`anonlink::Catalogue`] of projects and runs, a
//! [`anonlink::Linker`] and a source of randomness, is handed to it.

pub mod anonlink;
