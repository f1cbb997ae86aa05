//! Raw identifiers and local keys, and their normalisation.
