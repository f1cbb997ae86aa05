//! Tests of the roles together: a run from batches to results, cut off and taken up again.

pub(crate) mod fixture;
