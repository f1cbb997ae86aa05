//! Encodings to blocks to pairs to comparison vectors to weights to clusters; deterministic.
