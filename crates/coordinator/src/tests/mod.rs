//! Tests of the roles together: a run from batches to results, cut off and taken up again.

mod agreement;
mod apart;
mod approval;
mod destroy;
mod disclosure;
pub(crate) mod fixture;
mod over_tls;
mod restart;
mod review;
mod run;
mod world;
