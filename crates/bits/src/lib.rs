//! Bit vectors and exact similarity between them.
