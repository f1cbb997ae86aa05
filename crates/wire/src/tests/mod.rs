//! Both sides against each other over real sockets, with faults put in: certificates that should
//! not pass, chunks that were changed, connections cut in the middle.

mod collecting;
mod cut;
pub(crate) mod fake;
mod handing_over;
mod identity;
mod uploading;
mod world;
